"""The Gemini emulator as one ASGI app: `models/*:generateContent` at `/v1` and `/v1beta`, the controls at `/_emulator`.

It paints the photo in the look that the prompt opens with, so that a person sees which style ran. Its ledger has an entry
`generate_content` for every answer that the real one would charge for. Beyond the faults that all emulators have, it can be told
to answer as the real one does when it makes no picture:

* `refused`      no picture, with the finish reason `detail.reason` (IMAGE_SAFETY unless said) and perhaps `detail.text`
* `blocked`      no candidates, with the block reason `detail.reason` (PROHIBITED_CONTENT unless said; empty for none)
* `text_only`    words and no picture, finish reason STOP
* `malformed`    a picture that is none
* `quota`        429 with RetryInfo of `detail.seconds` (7 unless said)
"""

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import AsyncIterator
from hashlib import sha256

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from adapters.prompts.book import label_of
from dev.emulators.control import Controls, control_routes
from dev.emulators.faults import HTTP_FAULTS, Fault, suffer
from dev.emulators.gemini.painting import SCALES, SIZES, paint
from dev.emulators.gemini.settings import GeminiEmulatorSettings
from dev.emulators.gemini.wire import (
    GeminiApiError,
    GenerateContent,
    bare_answer,
    blocked_answer,
    error_body,
    invalid,
    parse,
    picture_answer,
)
from dev.emulators.state import Document

OPERATION = "generate_content"
REFUSED, BLOCKED, TEXT_ONLY, MALFORMED, QUOTA = "refused", "blocked", "text_only", "malformed", "quota"
KINDS = (*HTTP_FAULTS, REFUSED, BLOCKED, TEXT_ONLY, MALFORMED, QUOTA)

_CODES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


def create_app(settings: GeminiEmulatorSettings) -> FastAPI:
    """Build the emulator; `app.state.controls` steers it from the same process."""
    controls = Controls.open(settings.state_file, operations=(OPERATION,), kinds=KINDS)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        controls.close()

    app = FastAPI(title="Gemini emulator", lifespan=lifespan)
    app.state.controls = controls
    app.include_router(control_routes(controls))
    model = _Model(settings, controls)

    @app.post("/v1/models/{name}:generateContent")
    @app.post("/v1beta/models/{name}:generateContent")
    async def generate_content(name: str, request: Request) -> Response:
        fault = controls.faults.take(OPERATION)
        if fault is not None and fault.kind == QUOTA:
            return _quota(fault)

        async def work() -> Response:
            return JSONResponse(await model.answer(name, request, fault))

        return await suffer(fault, work, _error)

    @app.exception_handler(GeminiApiError)
    async def refused(_: Request, error: GeminiApiError) -> Response:
        return error.answer

    return app


class _Model:
    """Answers requests, and writes down what each would cost."""

    def __init__(self, settings: GeminiEmulatorSettings, controls: Controls) -> None:
        self._settings = settings
        self._ledger = controls.ledger

    async def answer(self, name: str, request: Request, fault: Fault | None) -> Document:
        """Return the body of a 200. Raises `GeminiApiError`."""
        self._check(name, request)
        asked = parse(await request.body())
        ratio, size = self._shape(name, asked)
        photo = asked.photo
        response_id = secrets.token_urlsafe(16)
        if fault is not None and fault.kind == BLOCKED:
            return blocked_answer(name, response_id, asked, reason=fault.detail.get("reason", "PROHIBITED_CONTENT"))
        label = label_of(asked.text)
        try:
            picture = await asyncio.to_thread(paint, photo, label=label, ratio=ratio, size=size)
        except ValueError as error:
            raise invalid(
                "Unable to process input image. Please retry or report in https://developers.generativeai.google"
            ) from error
        reason = _reason(fault)
        self._ledger.append(
            OPERATION,
            model=name,
            look=label,
            prompt_sha256=sha256(asked.text.encode()).hexdigest(),
            has_photo=photo is not None,
            aspect_ratio=ratio,
            image_size=size,
            finish_reason=reason or "STOP",
            response_id=response_id,
        )
        if reason:
            return bare_answer(name, response_id, asked, reason=reason, text=(fault.detail if fault else {}).get("text", ""))
        if fault is not None and fault.kind == MALFORMED:
            picture = b"\x89PNG but not really"
        return picture_answer(name, response_id, picture, size=size, request=asked)

    def _check(self, name: str, request: Request) -> None:
        key = request.headers.get("x-goog-api-key") or request.query_params.get("key") or ""
        if not key:
            raise GeminiApiError(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
        if not hmac.compare_digest(key.encode(), self._settings.api_key.encode()):
            detail = {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
            }
            raise GeminiApiError(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [detail])
        if name not in self._settings.models:
            raise GeminiApiError(404, "NOT_FOUND", f"models/{name} is not found for API version v1beta.")

    def _shape(self, name: str, asked: GenerateContent) -> tuple[str, str]:
        config = asked.generation_config
        if config is None or "IMAGE" not in (config.response_modalities or []):
            raise invalid("The requested combination of response modalities (TEXT) is not supported by the model.")
        image = config.image_config
        ratio = (image.aspect_ratio if image else None) or "1:1"
        size = (image.image_size if image else None) or "1K"
        if ratio not in SIZES:
            raise invalid(f"Invalid aspect ratio: {ratio}. Supported are {', '.join(SIZES)}.")
        if size not in SCALES:
            raise invalid(f"Invalid image size: {size}. Supported are {', '.join(SCALES)}.")
        if name in self._settings.sizeless and image and image.image_size:
            raise invalid("image_size is not supported by this model.")
        return ratio, size


def _reason(fault: Fault | None) -> str:
    """Return why there is no picture; empty where there is one."""
    if fault is not None and fault.kind == REFUSED:
        return str(fault.detail.get("reason", "IMAGE_SAFETY"))
    return "STOP" if fault is not None and fault.kind == TEXT_ONLY else ""


def _quota(fault: Fault) -> Response:
    seconds = fault.detail.get("seconds", 7)
    details: list[Document] = [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"},
    ]
    return GeminiApiError(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", details).answer


def _error(status: int) -> Response:
    return JSONResponse(error_body(status, _CODES.get(status, "INTERNAL"), "An internal error has occurred."), status)
