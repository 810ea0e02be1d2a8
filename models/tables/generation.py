"""Pictures made by AI, and what they cost."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.generation import GenerationState
from models.order import Channel
from models.tables.base import Base, Pence


class Generation(Base):
    """One attempt at a picture. Written before the AI is asked, because that is what budgets are counted by.

    Attributes:
        subject: What makes two requests the same wish; attempts at it are numbered.
        client: Keyed hash of who asked over the web.
        session: Hash of the vending session that asked.
        cost: Reserved at the start, and what it did cost at the end.
        reason: Why there is no picture, as the customer was told.
        code: Why it was refused, for programs.
        answers_erased_at: When the AI's own answers were erased.
    """

    __tablename__ = "generations"
    __table_args__ = (
        UniqueConstraint("subject", "attempt"),
        CheckConstraint("attempt >= 1", name="attempt"),
        CheckConstraint("cost >= 0", name="cost"),
        CheckConstraint("(state = 'made') = (picture_name IS NOT NULL)", name="picture"),
        CheckConstraint("(state = 'started') = (finished_at IS NULL)", name="finished"),
        Index(None, "client", "started_at"),
        Index(None, "session", "started_at"),
        Index(None, "started_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str]
    attempt: Mapped[int]
    client: Mapped[str]
    session: Mapped[str]
    order_id: Mapped[UUID | None]
    channel: Mapped[Channel]
    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id"))
    style: Mapped[dict[str, Any]]
    photo_sha256: Mapped[str | None] = mapped_column(ForeignKey("assets.sha256"))
    state: Mapped[GenerationState]
    picture_name: Mapped[str | None] = mapped_column(ForeignKey("uploads.name"))
    prompt: Mapped[str] = mapped_column(server_default="")
    prompt_version: Mapped[str] = mapped_column(server_default="")
    model: Mapped[str] = mapped_column(server_default="")
    cost: Mapped[Pence]
    reason: Mapped[str] = mapped_column(server_default="")
    code: Mapped[str | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    answers_erased_at: Mapped[datetime | None]
