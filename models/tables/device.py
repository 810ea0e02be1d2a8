"""The manufacturer's machines: they print, and most of them also sell."""

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class Device(Base):
    """A machine by the manufacturer's own id; web orders are printed on the one that is the default."""

    __tablename__ = "devices"
    __table_args__ = (Index("uq_devices_default", "is_default", unique=True, postgresql_where=text("is_default")),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    location: Mapped[str]
    is_default: Mapped[bool]
    is_active: Mapped[bool]
