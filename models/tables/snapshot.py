"""How old what we know of the manufacturer's lists is, and where they differ from our catalogue."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.stock import DifferenceKind
from models.tables.base import Base, Id


class Snapshot(Base):
    """One list of theirs: a brand in a machine, or without both the list of brands.

    Attributes:
        taken_at: Before the newest stored list was asked for; NULL where none was ever stored.
        failed_at: Before it was last asked for in vain, since `taken_at`; NULL once it was stored again.
    """

    __tablename__ = "snapshots"
    __table_args__ = (
        UniqueConstraint("device_id", "brand_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("(device_id IS NULL) = (brand_id IS NULL)", name="one_list"),
    )

    id: Mapped[Id]
    device_id: Mapped[str | None] = mapped_column(ForeignKey("devices.id"))
    brand_id: Mapped[str | None] = mapped_column(ForeignKey("brands.id"))
    taken_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    failure: Mapped[str] = mapped_column(server_default="")


class CatalogueDifference(Base):
    """A difference between a list and our catalogue, once for as long as it stands.

    Attributes:
        found_at: The age of the list that brought it.
        ended_at: The age of the list that no longer had it; NULL while it stands. What happens only once ends when it is found.
    """

    __tablename__ = "catalogue_differences"
    __table_args__ = (
        Index(
            "uq_catalogue_differences_standing",
            "device_id",
            "brand_id",
            "kind",
            "subject",
            "note",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "found_at"),
        CheckConstraint("ended_at >= found_at", name="period"),
    )

    id: Mapped[Id]
    device_id: Mapped[str | None] = mapped_column(ForeignKey("devices.id"))
    brand_id: Mapped[str | None] = mapped_column(ForeignKey("brands.id"))
    kind: Mapped[DifferenceKind]
    subject: Mapped[str]
    name: Mapped[str]
    note: Mapped[str]
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
