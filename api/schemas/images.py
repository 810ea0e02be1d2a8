"""Answers about pictures."""

from typing import Literal, Self

from pydantic import BaseModel

from models.artwork import ImageLink, Upload


class FinalImage(BaseModel):
    """Answer of `/api/images/upload-final`.

    Attributes:
        filename: Fresh and unguessable: it is this attempt to order.
        public_url: Shows the picture for as long as its token lives, and is what the checkout sends back.
        session_id: The storefront's own handle of the design.
    """

    success: bool
    filename: str
    file_path: str
    public_url: str
    session_id: str
    template_id: str
    order_id: str | None
    image_type: Literal["final_composed"]

    @classmethod
    def of(cls, upload: Upload, link: ImageLink, *, order_id: str | None) -> Self:
        return cls(
            success=True,
            filename=upload.name,
            file_path=f"/image/{upload.name}",
            public_url=link.url,
            session_id=order_id or f"session_{int(upload.created_at.timestamp())}",
            template_id=upload.template_id or "",
            order_id=order_id,
            image_type="final_composed",
        )
