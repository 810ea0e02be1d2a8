"""What is on the shelf of each machine, and what of it is spoken for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Id


class StockLevel(Base):
    """The newest count of a shell in a machine, and how many of them are held for orders: `stock - held` can be sold.

    `held` is always the number of open rows in `stock_holds`. It stands here so that taking the last shell is one atomic
    `UPDATE … WHERE stock > held`, which two customers cannot both win. A new count may be lower than what is held.
    """

    __tablename__ = "stock_levels"
    __table_args__ = (
        CheckConstraint("stock >= 0", name="stock"),
        CheckConstraint("held >= 0", name="held"),
    )

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    shell_id: Mapped[str] = mapped_column(ForeignKey("shells.id"), primary_key=True)
    stock: Mapped[int]
    held: Mapped[int] = mapped_column(server_default=text("0"))
    taken_at: Mapped[datetime]


class StockHold(Base):
    """One shell kept for one order.

    It ends (`released_at`) when the order gives it up before anything was sent to be printed. Later it ends with a count that was
    asked for when we knew already that the shell had left the shelf (`picked_up_at`) or that the order was over: only such a
    count knows by itself what became of the shell.
    """

    __tablename__ = "stock_holds"
    __table_args__ = (
        UniqueConstraint("order_id"),
        Index("ix_stock_holds_open", "device_id", "shell_id", postgresql_where=text("released_at IS NULL")),
    )

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    shell_id: Mapped[str] = mapped_column(ForeignKey("shells.id"))
    held_at: Mapped[datetime]
    picked_up_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
