"""Messages of others, written down before they are answered."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Computed, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.inbox import InboxSource, InboxState
from models.tables.base import Base, Id


class InboxMessage(Base):
    """A webhook or callback. It may be older than the order that it names, so `order_id` is no foreign key.

    Attributes:
        subject: What it is about, as far as it says so: at most one message of a subject is being delivered at a time,
            which the partial unique index on `subject` enforces.
        next_attempt_at: When to deliver it; NULL once it is settled.
        claimed_until: When a delivery that was begun counts as lost; NULL while nobody delivers it.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        Index("ix_inbox_due", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
        Index("ix_inbox_pending_subject", "subject", "id", postgresql_where=text("next_attempt_at IS NOT NULL")),
        Index("uq_inbox_claimed_subject", "subject", unique=True, postgresql_where=text("claimed_until IS NOT NULL")),
        Index(None, "order_id"),
    )

    id: Mapped[Id]
    source: Mapped[InboxSource]
    event_id: Mapped[str]
    kind: Mapped[str]
    order_id: Mapped[UUID | None]
    reference: Mapped[str | None]
    subject: Mapped[str] = mapped_column(
        Computed("coalesce(order_id::text, reference, source || ':' || event_id)", persisted=True)
    )
    payload: Mapped[dict[str, Any]]
    state: Mapped[InboxState]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_attempt_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(server_default="")
    received_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
