"""Requests and answers as `models/*:generateContent` has them, https://ai.google.dev/api/generate-content.

Field names come in camelCase from SDKs, and the real API takes snake_case too; unknown fields are refused, as the real one does.
"""

import base64
import binascii
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse

from dev.emulators.state import Document

TOKENS_OF_PICTURE = {"1K": 1120, "2K": 1120, "4K": 2000}
"""What a picture counts, https://ai.google.dev/gemini-api/docs/pricing."""
TOKENS_OF_PHOTO = 560

_TO_STANDARD = str.maketrans("-_", "+/")


class GeminiApiError(Exception):
    """A refusal with HTTP status and `google.rpc.Code`."""

    def __init__(self, status: int, code: str, message: str, details: list[Document] | None = None) -> None:
        super().__init__(message)
        self.answer = JSONResponse(error_body(status, code, message, details), status)


def error_body(status: int, code: str, message: str, details: list[Document] | None = None) -> Document:
    """Return Google's error body."""
    error: Document = {"code": status, "message": message, "status": code}
    return {"error": error | ({"details": details} if details else {})}


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Blob(_Message):
    """A file inside the request, in base64."""

    mime_type: str
    data: str


class Part(_Message):
    """A text or a file."""

    text: str | None = None
    inline_data: Blob | None = None


class Content(_Message):
    """What one side said."""

    parts: list[Part]
    role: str | None = None


class ImageConfig(_Message):
    """The shape of the picture that is wanted."""

    aspect_ratio: str | None = None
    image_size: str | None = None


class GenerationConfig(_Message):
    """How the answer is to be made."""

    response_modalities: list[str] | None = None
    image_config: ImageConfig | None = None
    temperature: float | None = None
    candidate_count: int | None = None


class GenerateContent(_Message):
    """The body; what is not listed here is not emulated, and refused rather than ignored."""

    contents: list[Content]
    generation_config: GenerationConfig | None = None
    safety_settings: list[Document] | None = None

    @property
    def text(self) -> str:
        """What is asked, all texts together."""
        return "\n".join(part.text for content in self.contents for part in content.parts if part.text)

    @property
    def photo(self) -> bytes | None:
        """The first picture. Raises `GeminiApiError`."""
        blobs = [part.inline_data for content in self.contents for part in content.parts if part.inline_data]
        if not blobs:
            return None
        if blobs[0].mime_type not in {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}:
            raise invalid(f"Unsupported MIME type: {blobs[0].mime_type}")
        try:
            # Both alphabets are taken; the SDK sends the one that is safe in URLs.
            return base64.b64decode(blobs[0].data.translate(_TO_STANDARD), validate=True)
        except binascii.Error as error:
            raise invalid(
                "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed"
            ) from error


def invalid(message: str) -> GeminiApiError:
    """Return the refusal of a request that makes no sense."""
    return GeminiApiError(400, "INVALID_ARGUMENT", message)


def parse(body: bytes) -> GenerateContent:
    """Read a request. Raises `GeminiApiError`."""
    try:
        request = GenerateContent.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        unknown = f'Invalid JSON payload received. Unknown name "{where}": Cannot find field.'
        raise invalid(unknown if first["type"] == "extra_forbidden" else f"Invalid value at '{where}': {first['msg']}") from error
    if not request.contents or not request.text:
        raise invalid("* GenerateContentRequest.contents: contents is not specified")
    return request


def picture_answer(model: str, response_id: str, picture: bytes, *, size: str, request: GenerateContent) -> Document:
    """Return an answer with a picture in it."""
    blob = {"mimeType": "image/jpeg", "data": base64.b64encode(picture).decode()}
    parts: list[Document] = [{"text": "Here is your artwork."}, {"inlineData": blob}]
    return _answer(model, response_id, request, _candidate("STOP", parts), TOKENS_OF_PICTURE[size])


def bare_answer(model: str, response_id: str, request: GenerateContent, *, reason: str, text: str) -> Document:
    """Return an answer without a picture."""
    parts: list[Document] = [{"text": text}] if text else []
    return _answer(model, response_id, request, _candidate(reason, parts), len(text) // 4)


def blocked_answer(model: str, response_id: str, request: GenerateContent, *, reason: str) -> Document:
    """Return an answer without candidates: the prompt itself was refused."""
    answer = _answer(model, response_id, request, None, 0)
    return answer | ({"promptFeedback": {"blockReason": reason}} if reason else {})


def _candidate(reason: str, parts: list[Document]) -> Document:
    content: Document = {"content": {"parts": parts, "role": "model"}} if parts else {}
    return {**content, "finishReason": reason, "index": 0}


def _answer(model: str, response_id: str, request: GenerateContent, candidate: Any, tokens: int) -> Document:
    asked = len(request.text) // 4 + (TOKENS_OF_PHOTO if request.photo else 0)
    usage = {"promptTokenCount": asked, "candidatesTokenCount": tokens, "totalTokenCount": asked + tokens}
    candidates = {"candidates": [candidate]} if candidate else {}
    return {**candidates, "usageMetadata": usage, "modelVersion": model, "responseId": response_id}
