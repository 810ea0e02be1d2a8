"""The documentation is a page for developers who may sit behind a closed network."""

import re

import httpx
import pytest


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_everything_that_a_page_loads_comes_from_us(stranded: httpx.AsyncClient, page: str):
    html = (await stranded.get(page)).text
    loaded = re.findall(r'(?:src|href)="([^"]+\.(?:js|css|png))"', html)

    assert len(loaded) >= 2
    for asset in loaded:
        assert asset.startswith("/docs/assets/")
        assert (await stranded.get(asset)).status_code == 200


async def test_nothing_beside_the_assets_is_served(stranded: httpx.AsyncClient):
    assert (await stranded.get("/docs/assets/%2e%2e/%2e%2e/__init__.py")).status_code == 404
