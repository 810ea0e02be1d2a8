"""What a person must do because no program may."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Currency, Id, Pence
from models.tracking import TaskKind


class OperatorTask(Base):
    """A task for an operator, with the money that it is about. `subject` (a dispute's id, a payment's reference) makes it one
    task however often its cause is reported.
    """

    __tablename__ = "operator_tasks"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed"),
        Index("ix_operator_tasks_open", "opened_at", postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[Id]
    kind: Mapped[TaskKind]
    subject: Mapped[str]
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"), index=True)
    amount: Mapped[Pence]
    currency: Mapped[Currency]
    note: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    closing_note: Mapped[str | None]
