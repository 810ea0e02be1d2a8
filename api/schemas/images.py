"""Answers about pictures."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints

from models.artwork import ImageLink, Upload
from models.design import DesignWarning

_FileName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Hours = Annotated[int, Field(ge=1)]


class Remark(BaseModel):
    """What the customer should know before paying; `message` can be shown as it is."""

    code: str
    message: str
    layer: str
    facts: dict[str, str | int | float]

    @classmethod
    def of(cls, warning: DesignWarning) -> Self:
        return cls(code=warning.code, message=warning.message, layer=warning.layer, facts=warning.facts)


class FinalImage(BaseModel):
    """Answer of `/api/images/upload-final`.

    Attributes:
        filename: Fresh and unguessable: it is this attempt to order.
        public_url: Shows the picture for as long as its token lives, and is what the checkout sends back.
        session_id: The storefront's own handle of the design.
        warnings: What the customer should know before paying; new, and empty where all is well.
    """

    success: bool
    filename: str
    file_path: str
    public_url: str
    session_id: str
    template_id: str
    order_id: str | None
    image_type: Literal["final_composed"]
    warnings: list[Remark]

    @classmethod
    def of(cls, upload: Upload, link: ImageLink, warnings: Sequence[DesignWarning], *, order_id: str | None) -> Self:
        return cls(
            success=True,
            filename=upload.name,
            file_path=f"/image/{upload.name}",
            public_url=link.url,
            session_id=order_id or f"session_{int(upload.created_at.timestamp())}",
            template_id=upload.template_id or "",
            order_id=order_id,
            image_type="final_composed",
            warnings=[Remark.of(warning) for warning in warnings],
        )


class Photo(BaseModel):
    """Answer of `/api/photos`.

    Attributes:
        filename: Fresh and unguessable; it is how a design names the photo.
        public_url: Shows the photo for as long as its token lives.
        width: Pixels, upright.
        height: Pixels, upright.
    """

    success: bool
    filename: str
    file_path: str
    public_url: str
    width: int
    height: int

    @classmethod
    def of(cls, upload: Upload, link: ImageLink) -> Self:
        return cls(
            success=True,
            filename=upload.name,
            file_path=f"/image/{upload.name}",
            public_url=link.url,
            width=upload.image.width,
            height=upload.image.height,
        )


class SecureLinkForm(BaseModel):
    """Form of `generate-secure-url`."""

    filename: _FileName
    partner_type: Annotated[str, StringConstraints(max_length=50)] = "end_user"
    expiry_hours: _Hours = 1


class SecureLink(BaseModel):
    """Answer of `generate-secure-url`.

    Attributes:
        expiry_hours: As granted, which may be less than was asked for.
    """

    success: bool
    secure_url: str
    filename: str
    partner_type: Literal["end_user"]
    expiry_hours: int
    expires_at: datetime

    @classmethod
    def of(cls, link: ImageLink, *, hours: int) -> Self:
        return cls(
            success=True,
            secure_url=link.url,
            filename=link.name,
            partner_type="end_user",
            expiry_hours=hours,
            expires_at=link.expires_at,
        )


class RefreshForm(BaseModel):
    """Form of `refresh-token`."""

    filename: _FileName
    current_token: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    additional_hours: _Hours = 1


class RefreshedLink(BaseModel):
    """Answer of `refresh-token`."""

    success: bool
    new_secure_url: str
    new_token: str
    filename: str
    partner_type: Literal["end_user"]
    expires_at: datetime

    @classmethod
    def of(cls, link: ImageLink, token: str) -> Self:
        return cls(
            success=True,
            new_secure_url=link.url,
            new_token=token,
            filename=link.name,
            partner_type="end_user",
            expires_at=link.expires_at,
        )
