"""Print files, and the references under which the manufacturer knows our payments and print attempts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.production import ReferenceKind
from models.tables.base import Base, Id

REFERENCE_NUMBERS = Sequence("reference_numbers", metadata=Base.metadata)
"""The last six digits of every reference, PYEN and OREN alike, come from here (modulo 1 000 000)."""


class PrintFile(Base):
    """The proof that what is printed was made of what was approved: one file for one picture, shell and renderer.

    Attributes:
        removed_at: Since when nobody needs it any more; the proof stays.
        erased_at: When its object was erased.
    """

    __tablename__ = "print_files"
    __table_args__ = (
        UniqueConstraint("approved_sha256", "shell_id", "renderer_version"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
    )

    id: Mapped[Id]
    approved_sha256: Mapped[str] = mapped_column(ForeignKey("assets.sha256"))
    shell_id: Mapped[str] = mapped_column(ForeignKey("shells.id"))
    renderer_version: Mapped[str]
    sha256: Mapped[str]
    key: Mapped[str] = mapped_column(index=True)
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class ManufacturerReference(Base):
    """A PYEN or OREN of ours, and what the manufacturer last said of it.

    Attributes:
        attempt: 1 for a payment; the print attempt for an order.
        manufacturer_id: Their own id (`MSPY…`, `MSOR…`): shown to people, recognised when they call us by it, never sent back.
        last_rank: How far `last_status` is on the way; a reading of a lower rank changes nothing.
        next_due_at: When to ask again; NULL is never.
    """

    __tablename__ = "manufacturer_references"
    __table_args__ = (
        UniqueConstraint("kind", "order_id", "attempt"),
        Index(None, "order_id"),
        Index(None, "manufacturer_id"),
        Index("ix_manufacturer_references_due", "next_due_at", postgresql_where=text("next_due_at IS NOT NULL")),
    )

    reference: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[ReferenceKind]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    attempt: Mapped[int]
    manufacturer_id: Mapped[str | None]
    last_status: Mapped[int | None]
    last_rank: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    next_due_at: Mapped[datetime | None]
