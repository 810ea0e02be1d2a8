"""A storefront before a stand-in of the API, and a browser at its door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from dev.storefront_app.app import create_app
from tests.dev.storefront_app.api_stub import API, ApiStub
from tests.dev.storefront_app.browser import Browser


@pytest.fixture
def api() -> ApiStub:
    return ApiStub()


@asynccontextmanager
async def storefront(api: ApiStub | httpx.AsyncBaseTransport, state_file: Path | None = None) -> AsyncIterator[Browser]:
    """A storefront and a browser that has never been there; `api` may be only a way to reach one."""
    way = httpx.ASGITransport(api.app()) if isinstance(api, ApiStub) else api
    app = create_app(API, machines=("CXYLOGD8OQUK",), state_file=state_file, transport=way)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(base_url="http://shop.test", transport=transport) as http:
        yield Browser(http)


@pytest.fixture
async def browser(api: ApiStub) -> AsyncIterator[Browser]:
    async with storefront(api) as browser:
        yield browser
