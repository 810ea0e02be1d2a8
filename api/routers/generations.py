"""AI pictures: asked for, and asked after."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.dependencies import Generations, GenerationWish, Pictures
from api.forms import GENERATION_BODY
from api.generations import Picture, Underway
from api.problems import problems
from api.schemas.generations import GeneratedPicture, StillGenerating

router = APIRouter(tags=["images"])

ASK_AGAIN_AFTER = 3
"""Seconds."""
_LATER: dict[int | str, dict[str, Any]] = {
    202: {"model": StillGenerating, "description": "It is being made: ask at `status_url`"}
}

OrderId = Annotated[str | None, Query(max_length=100)]


@router.post("/api/images/generate", responses={**_LATER, **problems(400, 413, 422, 429, 503)}, openapi_extra=GENERATION_BODY)
async def generate(
    wish: GenerationWish, generations: Generations, pictures: Pictures, response: Response
) -> GeneratedPicture | StillGenerating:
    """Have an AI make a picture of a photo. After `ARTWORK_GENERATE_WAIT` the answer is 202 with an address to ask at.

    The same request again while it runs, or within a minute of its success, is the same picture; it costs nothing.
    """
    asked, order_id = wish
    return _answer(await generations.generate(asked), pictures, response, order_id)


@router.get("/api/images/generations/{handle}", responses={**_LATER, **problems(404, 410, 422, 429, 503)})
async def generation(
    handle: str, generations: Generations, pictures: Pictures, response: Response, order_id: OrderId = None
) -> GeneratedPicture | StillGenerating:
    """Ask after a picture: the answer is what `generate` would have answered, 202 while it is being made."""
    return _answer(await generations.find(handle), pictures, response, order_id)


def _answer(
    found: Picture | Underway, pictures: Pictures, response: Response, order_id: str | None
) -> GeneratedPicture | StillGenerating:
    if isinstance(found, Underway):
        response.status_code = 202
        response.headers["Retry-After"] = str(ASK_AGAIN_AFTER)
        return StillGenerating.of(found, order_id=order_id)
    return GeneratedPicture.of(found, pictures.link_to_name(found.image.name), order_id=order_id)
