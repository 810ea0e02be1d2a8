"""Gemini: makes pictures of pictures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx
import pyvips
from google import genai
from google.genai import types

from adapters.gemini.answers import picture_of
from adapters.gemini.errors import our_errors
from adapters.rendering import engine  # noqa: F401 - sets libvips up
from config.groups import GeminiSettings
from models.errors import OrderRefused, RefusalCode
from models.generation import ImageAnswer, ImagePrompt

RATIOS: Final = {
    "9:16": 9 / 16,
    "2:3": 2 / 3,
    "3:4": 3 / 4,
    "1:1": 1.0,
    "4:3": 4 / 3,
    "3:2": 3 / 2,
    "16:9": 16 / 9,
    "21:9": 21 / 9,
}
"""What the image models can make (https://ai.google.dev/gemini-api/docs/image-generation); drawing cuts off the rest."""

CONNECT_TIMEOUT_S: Final = 5.0

PHOTO_SIDE: Final = 1536
"""Pixels of the longer side of the photo that is sent: the model looks at less, and each request carries it."""
PHOTO_QUALITY: Final = 90

SIZELESS: Final = "2.5"
"""In the names of models that make pictures of one size only, and refuse to be asked for another."""


class GeminiGenerator:
    """The port `activities.ports.ImageGenerator`."""

    def __init__(self, client: genai.Client, settings: GeminiSettings) -> None:
        self._models = client.aio.models
        self._settings = settings

    @property
    def model(self) -> str:
        """Return the name of the model that is asked."""
        return self._settings.model

    async def generate(self, prompt: ImagePrompt) -> ImageAnswer:
        """Have one picture made, once: an answer is paid for when it is given, whether or not it arrives.

        Raises `GenerationRefused`, `NoPicture` (paid for, nothing usable in it), `OutcomeUnknown` (perhaps paid for, nothing
        came), `ProviderUnavailable` (nothing was done), `ProviderRejected` (key, model or request are wrong: our mistake).
        """
        parts: list[types.Part] = [types.Part.from_text(text=prompt.text)]
        if prompt.photo is not None:
            photo = await asyncio.to_thread(_as_sent, prompt.photo, prompt.media_type)
            parts.insert(0, types.Part.from_bytes(data=photo, mime_type="image/jpeg"))
        with our_errors():
            async with asyncio.timeout(self._settings.timeout.total_seconds()):
                answer = await self._models.generate_content(
                    model=self._settings.model,
                    contents=types.Content(role="user", parts=parts),
                    config=self._config(prompt.ratio),
                )
        return picture_of(answer, model=self._settings.model)

    def _config(self, ratio: float) -> types.GenerateContentConfig:
        return types.GenerateContentConfig(
            # With text too, a refusal comes with its reason.
            response_modalities=["TEXT", "IMAGE"],
            image_config=types.ImageConfig(
                aspect_ratio=nearest_ratio(ratio),
                image_size=None if SIZELESS in self._settings.model else self._settings.image_size,
            ),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )


def nearest_ratio(ratio: float) -> str:
    """Return the ratio that the models can make which loses least of the picture when it is cut to `ratio` (width ÷ height)."""
    return min(RATIOS, key=lambda name: max(RATIOS[name] / ratio, ratio / RATIOS[name]))


@asynccontextmanager
async def connect(settings: GeminiSettings) -> AsyncIterator[GeminiGenerator]:
    """Open the client; one for each process, because it holds the connections."""
    timeout = settings.timeout.total_seconds()
    # Our own client, because the SDK's default one sends a request again by itself when a connection breaks, and pays twice.
    async with httpx.AsyncClient(event_hooks={"request": [_limit_waiting]}) as http:
        client = genai.Client(
            vertexai=False,
            api_key=settings.api_key.get_secret_value(),
            http_options=types.HttpOptions(
                base_url=settings.base_url,
                timeout=int(timeout * 1000),
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=http,
            ),
        )
        try:
            yield GeminiGenerator(client, settings)
        finally:
            client.close()


async def _limit_waiting(request: httpx.Request) -> None:
    """Limit how long a connection may take to stand, which tells "never asked" from "not answered"; the SDK cannot say it."""
    waiting = dict.fromkeys(("connect", "pool"), CONNECT_TIMEOUT_S)
    request.extensions["timeout"] = {**request.extensions.get("timeout", {}), **waiting}


def _as_sent(data: bytes, media_type: str) -> bytes:
    """Return a stored photo (upright, sRGB) as a JPEG of the size that is sent; what was transparent is white."""
    load = {
        "image/jpeg": pyvips.Image.jpegload_buffer,
        "image/png": pyvips.Image.pngload_buffer,
        "image/webp": pyvips.Image.webpload_buffer,
    }[media_type]
    try:
        image = load(data)
        scale = PHOTO_SIDE / max(image.width, image.height)
        if scale < 1:
            image = image.resize(scale)
        if image.hasalpha():
            image = image.flatten(background=[255, 255, 255])
        jpeg: bytes = image.colourspace("srgb").jpegsave_buffer(Q=PHOTO_QUALITY, keep="none")
    except pyvips.Error as error:
        raise OrderRefused("Your photo could not be read. Please choose it again.", code=RefusalCode.UNKNOWN_PICTURE) from error
    return jpeg
