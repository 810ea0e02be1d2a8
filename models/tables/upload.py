"""Pictures that customers sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.artwork import PictureKind
from models.tables.base import Base


class Asset(Base):
    """The bytes of a picture: one row and one object however often they are sent.

    Attributes:
        removed_at: Since when nobody needs it any more: it is not shown; the row stays for those who name it.
        erased_at: When its object was erased.
    """

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
    removed_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class Upload(Base):
    """A picture under a fresh name that nobody can guess; each sending of a final image is one attempt to order."""

    __tablename__ = "uploads"
    __table_args__ = (CheckConstraint("(kind = 'final') = (template_id IS NOT NULL)", name="template"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[PictureKind] = mapped_column(server_default=PictureKind.FINAL)
    asset_sha256: Mapped[str] = mapped_column(ForeignKey("assets.sha256"), index=True)
    template_id: Mapped[str | None] = mapped_column(ForeignKey("templates.id"))
    created_at: Mapped[datetime]


class Design(Base):
    """A design document under a token that nobody can guess, to go on with later.

    Attributes:
        final_name: The print file that was drawn of it; to order it is to order this.
    """

    __tablename__ = "designs"

    token: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    shell_id: Mapped[str] = mapped_column(ForeignKey("shells.id"))
    final_name: Mapped[str] = mapped_column(ForeignKey("uploads.name"), index=True)
    preview_name: Mapped[str] = mapped_column(ForeignKey("uploads.name"))
    renderer_version: Mapped[str]
    warnings: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime] = mapped_column(index=True)
