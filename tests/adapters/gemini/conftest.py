"""The real SDK over the wire."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from adapters.gemini.generator import GeminiGenerator, connect
from config.groups import GeminiSettings
from dev.emulators.gemini.app import create_app
from dev.emulators.gemini.settings import GeminiEmulatorSettings
from dev.emulators.remote import Remote
from dev.emulators.serving import serving

KEY = "gemini-key-example"


@pytest.fixture
async def gemini() -> AsyncIterator[Remote]:
    async with serving(create_app(GeminiEmulatorSettings(api_key=KEY))) as url, Remote(url) as remote:
        yield remote


@pytest.fixture
def settings(gemini: Remote) -> GeminiSettings:
    return GeminiSettings(api_key=SecretStr(KEY), base_url=gemini.url, image_size="1K")


@pytest.fixture
async def generator(settings: GeminiSettings) -> AsyncIterator[GeminiGenerator]:
    async with connect(settings) as generator:
        yield generator
