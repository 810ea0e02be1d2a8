"""Pictures that customers sent."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class Asset(Base):
    """The bytes of a picture: one row and one object however often they are sent."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("width > 0 AND height > 0 AND size > 0", name="dimensions"),
    )

    sha256: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    created_at: Mapped[datetime]


class Upload(Base):
    """One sending of a final image under a fresh name that nobody can guess: one attempt to order."""

    __tablename__ = "uploads"

    name: Mapped[str] = mapped_column(primary_key=True)
    asset_sha256: Mapped[str] = mapped_column(ForeignKey("assets.sha256"), index=True)
    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id"))
    created_at: Mapped[datetime]
