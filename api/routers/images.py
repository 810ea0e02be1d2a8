"""Final images and photos in; pictures out, to browsers and to the manufacturer."""

from typing import Annotated

from fastapi import APIRouter, Form, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.dependencies import EndUserLinks, FinalImageUpload, PhotoUpload, Pictures
from api.end_user_links import MAX_HOURS
from api.forms import FINAL_IMAGE_BODY, PHOTO_BODY
from api.problems import problems
from api.schemas.images import FinalImage, Photo, RefreshedLink, RefreshForm, SecureLink, SecureLinkForm

router = APIRouter(tags=["images"])

Token = Annotated[str | None, Query(max_length=500)]

CACHED_FOR = 3600
"""Seconds that a browser may show a picture again without asking, and never longer than its link is good."""
_PICTURE = {200: {"content": {"image/*": {}}, "description": "The picture"}, **problems(400, 401, 403, 404, 503)}


@router.post("/api/images/upload-final", responses=problems(413, 422, 503), openapi_extra=FINAL_IMAGE_BODY)
async def upload_final(form: FinalImageUpload, pictures: Pictures) -> FinalImage:
    """Take a finished design. Its file name is this attempt to order; the same picture sent again is another attempt."""
    upload, link, warnings = await pictures.accept(form.final_image_data, template_id=form.template_id)
    return FinalImage.of(upload, link, warnings, order_id=form.order_id)


@router.post("/api/photos", responses=problems(400, 413, 422, 503), openapi_extra=PHOTO_BODY)
async def add_photo(data: PhotoUpload, pictures: Pictures) -> Photo:
    """Take a photo to design with: JPEG, PNG, WebP or HEIC. What is kept is upright, in sRGB, and says nothing but its pixels."""
    upload = await pictures.accept_photo(data)
    return Photo.of(upload, pictures.link_to(upload))


@router.post("/api/images/generate-secure-url", responses=problems(400, 403, 404, 503))
@router.post("/api/image/generate-secure-url", responses=problems(400, 403, 404, 503))
async def generate_secure_url(form: Annotated[SecureLinkForm, Form()], links: EndUserLinks) -> SecureLink:
    """Give a browser another link to a picture that it made within the last hours; at most four hours are granted."""
    link = await links.by_name(form.filename, audience=form.partner_type, hours=form.expiry_hours)
    return SecureLink.of(link, hours=min(form.expiry_hours, MAX_HOURS))


@router.post("/api/images/refresh-token", responses=problems(400, 403, 404, 503))
async def refresh_token(form: Annotated[RefreshForm, Form()], links: EndUserLinks) -> RefreshedLink:
    """Exchange a link that is still good for one that is good for at least as long, within the week after the upload."""
    return RefreshedLink.of(*await links.by_link(form.filename, form.current_token, hours=form.additional_hours))


@router.get("/image/{name}", responses=_PICTURE, response_class=Response)
async def picture(
    name: str, pictures: Pictures, token: Token = None, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Show a picture to whoever has its link. It is passed on from the bucket as it comes, not redirected to."""
    opened = await pictures.open(name, token)
    headers = {
        "ETag": f'"{opened.sha256}"',
        "Cache-Control": f"private, max-age={min(CACHED_FOR, pictures.seconds_left(opened))}",
    }
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    found = await pictures.read(opened)
    return StreamingResponse(found.chunks, media_type=found.media_type, headers=headers | {"Content-Length": str(found.size)})


@router.head("/image/{name}", responses=_PICTURE, response_class=Response, include_in_schema=False)
async def picture_facts(name: str, pictures: Pictures, token: Token = None) -> Response:
    """Say of what kind and size a picture is."""
    found = await pictures.read(await pictures.open(name, token))
    async for _ in found.chunks:  # read to its end, because that is what gives the connection back
        pass
    return Response(media_type=found.media_type, headers={"Content-Length": str(found.size)})
