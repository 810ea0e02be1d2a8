"""Forms that carry a whole picture, which the framework's own parsing is too small, too slow and too early for."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final
from urllib.parse import unquote_to_bytes

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from api.errors import BadRequest, Unprocessable

MAX_FIELDS = 20
MAX_FIELD = 20_000_000
"""Bytes of a field; the body limit is what really bounds it."""

_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_BASE64_ESCAPES: Final = ((b"%2B", b"+"), (b"%2F", b"/"), (b"%3D", b"="), (b"%2b", b"+"), (b"%2f", b"/"), (b"%3d", b"="))
"""Every % begins an escape and none of these results in one, so they may be undone before the others."""

Unpacked = Callable[[Callable[[bytearray], dict[str, str]], bytearray], Awaitable[dict[str, str]]]
"""Runs what takes a form apart, in its turn."""


class FinalImageForm(BaseModel):
    """Form of `/api/images/upload-final`.

    Attributes:
        final_image_data: `data:image/png;base64,…`.
        metadata: JSON text about texts, fonts and colours; nothing follows from it.
        order_id: Echoed.
    """

    model_config = ConfigDict(extra="ignore")

    template_id: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    final_image_data: Annotated[str, StringConstraints(min_length=1)]
    metadata: Annotated[str, StringConstraints(max_length=100_000)] = ""
    order_id: Annotated[str, StringConstraints(max_length=100)] | None = None


FINAL_IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": FinalImageForm.model_json_schema(ref_template="#/components/schemas/{model}")}
            for media_type in (_URLENCODED, _MULTIPART)
        },
    }
}
"""The form in OpenAPI; the framework does not see it, because it is read here."""


PHOTO_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            _MULTIPART: {
                "schema": {
                    "type": "object",
                    "properties": {"image": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or HEIC"}},
                    "required": ["image"],
                }
            }
        },
    }
}
"""The same of `/api/photos`."""


class GenerationForm(BaseModel):
    """Form of `/api/images/generate`.

    Attributes:
        style: From `style_params`, JSON text of an object: `{"keyword": "…"}`.
        image: The photo as it was sent.
        quality: Ignored, as `size` is: pictures are made for a case, always as good as they are printed.
        order_id: Echoed.
        session_id: Of the vending session that it is for.
    """

    model_config = ConfigDict(extra="ignore")

    template_id: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    style: dict[str, str]
    image: bytes | None = None
    quality: Annotated[str, StringConstraints(max_length=100)] = ""
    size: Annotated[str, StringConstraints(max_length=100)] = ""
    order_id: Annotated[str, StringConstraints(max_length=100)] | None = None
    session_id: Annotated[str, StringConstraints(max_length=200)] | None = None


GENERATION_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            _MULTIPART: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "template_id": {"type": "string"},
                        "style_params": {"type": "string", "description": 'JSON text of an object, {"keyword": "…"}'},
                        "image": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or HEIC"},
                        "quality": {"type": "string", "description": "Ignored"},
                        "size": {"type": "string", "description": "Ignored"},
                        "order_id": {"type": "string", "description": "Echoed"},
                        "session_id": {"type": "string", "description": "Of a vending session; also taken from the query"},
                    },
                    "required": ["template_id", "style_params"],
                }
            }
        },
    }
}
"""The same of `/api/images/generate`."""


async def generation_form(request: Request) -> GenerationForm:
    """A dependency: the parsed form.

    Raises `RequestValidationError`, `BadRequest` for style parameters that are none, `Unprocessable` for a body that is no form.
    """
    if _media_type(request) != _MULTIPART:
        raise Unprocessable(f"Send a form ({_MULTIPART}).")
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        fields: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str) and value}
        photo = form.get("image")
        image = await photo.read() if isinstance(photo, UploadFile) else None
    fields.setdefault("session_id", request.query_params.get("session_id"))
    if "style_params" not in fields:
        raise RequestValidationError([{"type": "missing", "loc": ("body", "style_params"), "msg": "Field required"}])
    try:
        return GenerationForm.model_validate({**fields, "style": _style(fields["style_params"]), "image": image or None})
    except ValidationError as error:
        raise _invalid(error) from error


def _style(text: str) -> dict[str, str]:
    """Parse what the storefront sends as JSON text; a number is as good as its digits, and nothing is as good as not sent."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("`style_params` is not valid JSON.") from error
    if not isinstance(found, dict) or not all(isinstance(value, str | int | float | None) for value in found.values()):
        raise BadRequest('`style_params` must be a JSON object of texts, such as {"keyword": "…"}.')
    return {name: str(value) for name, value in found.items() if value is not None}


async def photo_form(request: Request) -> bytes:
    """A dependency: the file in the field `image`, whatever its name and type say. Raises `Unprocessable`."""
    if _media_type(request) != _MULTIPART:
        raise Unprocessable(f"Send a form ({_MULTIPART}).")
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        photo = form.get("image")
        if not isinstance(photo, UploadFile):
            raise Unprocessable("`image` is missing: send the photo as a file.")
        return await photo.read()


async def final_image_form(request: Request, unpacked: Unpacked) -> FinalImageForm:
    """A dependency: the parsed form. Raises `RequestValidationError`, `Unprocessable` for a body that is no form.

    `unpacked` runs in a thread: half a million escapes in the base64 of a large picture take the event loop's breath away.
    """
    media_type = _media_type(request)
    if media_type == _URLENCODED:
        body = bytearray()
        async for chunk in request.stream():  # not `request.body()`, which would be kept until the answer is sent
            body += chunk
        fields = await unpacked(_urlencoded, body)
    elif media_type == _MULTIPART:
        fields = await _multipart(request)
    else:
        raise Unprocessable(f"Send a form ({_URLENCODED} or {_MULTIPART}).")
    try:
        return FinalImageForm.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> RequestValidationError:
    """Say of which fields of the body the errors are."""
    details = error.errors(include_input=False, include_url=False)
    return RequestValidationError([{**detail, "loc": ("body", *detail["loc"])} for detail in details])


def _media_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _urlencoded(body: bytearray) -> dict[str, str]:
    """Take the fields apart and leave nothing of the body; of a name that comes twice the last value counts."""
    fields = bytes(body).split(b"&", MAX_FIELDS)
    body.clear()
    if len(fields) > MAX_FIELDS:
        raise Unprocessable("This form has too many fields.")
    pairs = (field.partition(b"=") for field in fields if field)
    return {_text(name): _text(value) for name, _, value in pairs}


def _text(value: bytes) -> str:
    """Undo the escaping; that of base64 first, which makes a tenth of the memory and of the time of the general way."""
    value = value.replace(b"+", b" ")
    for escaped, meant in _BASE64_ESCAPES:
        value = value.replace(escaped, meant)
    return (unquote_to_bytes(value) if b"%" in value else value).decode(errors="replace")


async def _multipart(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}
