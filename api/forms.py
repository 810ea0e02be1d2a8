"""Forms that carry a whole picture, which the framework's own parsing is too small, too slow and too early for."""

import asyncio
import json
from typing import Annotated, Any
from urllib.parse import parse_qsl

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


async def final_image_form(request: Request) -> FinalImageForm:
    """A dependency: the parsed form. Raises `RequestValidationError`, `Unprocessable` for a body that is no form."""
    media_type = _media_type(request)
    if media_type == _URLENCODED:
        fields = await _urlencoded(await request.body())
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


async def _urlencoded(body: bytes) -> dict[str, str]:
    """Parse in a thread: half a million percent escapes in the base64 of a large picture take the event loop's breath away."""
    try:
        return dict(await asyncio.to_thread(parse_qsl, body.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise Unprocessable("This form has too many fields.") from error


async def _multipart(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}
