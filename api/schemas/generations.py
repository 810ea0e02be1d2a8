"""Answers about AI pictures."""

from typing import Literal, Self
from urllib.parse import urlencode

from pydantic import BaseModel

from api.generations import Picture, Underway
from models.artwork import ImageLink


class GeneratedPicture(BaseModel):
    """Answer of `/api/images/generate`.

    Attributes:
        filename: Unguessable; it is how a design names the picture.
        public_url: Shows the picture for as long as its token lives.
        prompt: What the AI was told.
        style_params: As the catalogue spells them.
        order_id: Echoed.
    """

    success: bool
    filename: str
    file_path: str
    prompt: str
    template_id: str
    style_params: dict[str, str]
    order_id: str | None
    public_url: str

    @classmethod
    def of(cls, picture: Picture, link: ImageLink, *, order_id: str | None) -> Self:
        return cls(
            success=True,
            filename=picture.image.name,
            file_path=f"/image/{picture.image.name}",
            prompt=picture.image.prompt,
            template_id=picture.template_id,
            style_params=picture.style,
            order_id=order_id,
            public_url=link.url,
        )


class StillGenerating(BaseModel):
    """The same where it takes longer: the picture is not lost, whoever leaves.

    Attributes:
        status_url: Where to ask, on this server.
    """

    status: Literal["generating"]
    status_url: str

    @classmethod
    def of(cls, underway: Underway, *, order_id: str | None) -> Self:
        query = f"?{urlencode({'order_id': order_id})}" if order_id else ""
        return cls(status="generating", status_url=f"/api/images/generations/{underway.handle}{query}")
