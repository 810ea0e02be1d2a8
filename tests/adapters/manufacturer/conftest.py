"""The real client against the emulated manufacturer, over real sockets, in both dialects."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from adapters.manufacturer.client import connect
from dev.emulators.manufacturer.app import ManufacturerEmulator, create_app
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.serving import serving
from tests.adapters.manufacturer.world import World, settings_for


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["guide", "interface"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[tuple[ManufacturerEmulator, str]]:
    app = create_app(ManufacturerEmulatorSettings(dialect=request.param))
    async with serving(app) as url:
        yield app.state.emulator, url


@pytest_asyncio.fixture(loop_scope="module")
async def world(served: tuple[ManufacturerEmulator, str]) -> AsyncIterator[World]:
    """A client and an emulator that knows nothing of it yet."""
    emulator, url = served
    await emulator.controls.reset()
    emulator.controls.clock.freeze()
    async with connect(settings_for(url, emulator.settings.dialect)) as client:
        yield World(emulator, client, url)
