"""Stickers and backgrounds: what there is to choose from, and its pictures, which are everybody's."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.dependencies import Stickers
from api.problems import problems
from api.schemas.stickers import Backgrounds, StickerCategories, StickerLink
from models.decoration import DecorationKind

router = APIRouter(tags=["catalogue"], responses=problems(503))

CACHED_FOR = 86_400
"""Seconds that a browser shows a picture again without asking; after that an unchanged one costs a 304."""
SHOWN_WHILE_ASKING = 604_800
_PICTURE = {200: {"content": {"image/*": {}}, "description": "The picture"}, **problems(404)}


@router.get("/api/stickers/categories")
async def sticker_categories(stickers: Stickers) -> StickerCategories:
    """All packs of stickers."""
    return StickerCategories.of(await stickers.packs(DecorationKind.STICKER), stickers.url)


@router.get("/api/backgrounds")
async def backgrounds(stickers: Stickers) -> Backgrounds:
    """All packs of background pictures."""
    return Backgrounds.of(await stickers.packs(DecorationKind.BACKGROUND), stickers.url)


@router.get("/api/stickers/image/{path:path}", responses=_PICTURE, response_class=Response)
async def sticker_picture(path: str, stickers: Stickers, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """The picture of `<pack>/<number>.png`, `<pack>/highres/<number>.webp` or `<pack>/thumbnails/<number>.webp`."""
    image = await stickers.find(path)
    headers = {
        "ETag": f'"{image.sha256}"',
        "Cache-Control": f"public, max-age={CACHED_FOR}, stale-while-revalidate={SHOWN_WHILE_ASKING}",
    }
    if if_none_match is not None and headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    found = await stickers.read(image)
    if isinstance(found, bytes):
        return Response(found, media_type=image.media_type, headers=headers)
    return StreamingResponse(found, media_type=image.media_type, headers=headers | {"Content-Length": str(image.size)})


@router.get("/api/stickers/url/{path:path}", responses=problems(404))
async def sticker_url(path: str, stickers: Stickers, expires_in: Annotated[int, Query(ge=1, le=604_800)] = 86_400) -> StickerLink:
    """Where a picture can be had: for good, so for at least as long as was asked for."""
    return StickerLink(url=await stickers.link(path))
