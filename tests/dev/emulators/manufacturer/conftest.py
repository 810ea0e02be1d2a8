"""An emulated manufacturer under a real server; one server serves a module, and every test finds it as new."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Route

from dev.emulators.manufacturer.app import create_app
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.serving import serving
from tests.dev.emulators.manufacturer.world import Caller, Shop, Start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop_server() -> AsyncIterator[Shop]:
    shop = Shop()
    routes = [Route("/callback/{kind}", shop.callback, methods=["POST"]), Route("/image/{name}", shop.image)]
    async with serving(Starlette(routes=routes)) as shop.url:
        yield shop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partner_server(start: Start) -> AsyncIterator[Caller]:
    async with start() as caller:
        yield caller


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def start(shop_server: Shop) -> Start:
    """Start an emulator that calls us back; by default its clock stands still until the test moves it."""

    @contextlib.asynccontextmanager
    async def start(*, frozen: bool = True, **settings: Any) -> AsyncIterator[Caller]:
        callbacks = f"{shop_server.url}/callback"
        addresses = {"payment_callback_url": f"{callbacks}/payment", "order_callback_url": f"{callbacks}/order"}
        app = create_app(ManufacturerEmulatorSettings(**{**addresses, **settings}))
        if frozen:
            app.state.emulator.controls.clock.freeze()
        async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            yield Caller(app.state.emulator, http, picture_url=f"{shop_server.url}/image/a.png")

    return start


@pytest_asyncio.fixture(loop_scope="module")
async def shop(shop_server: Shop) -> Shop:
    """Our side, having heard nothing yet and acknowledging everything."""
    shop_server.reset()
    return shop_server


@pytest_asyncio.fixture(loop_scope="module")
async def partner(partner_server: Caller, shop: Shop) -> Caller:
    """The emulated manufacturer with the guide dialect and a clock that stands still."""
    await partner_server.control("POST", "reset")
    await partner_server.control("PUT", "clock", {"frozen": True})
    return partner_server
