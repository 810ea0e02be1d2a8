"""The process starts, and stays useful, whatever of the world around it is away."""

import httpx
import pytest
from structlog.testing import capture_logs
from temporalio.client import Client
from temporalio.common import SearchAttributeKey

from api.app import create_app, warn_of_missing_attributes
from config.settings import Settings
from config.temporal import connect
from tests.api.conftest import browser_of


async def test_with_the_real_adapters_it_starts_and_answers_while_temporal_and_the_bucket_are_away(settings: Settings):
    app = create_app(settings)

    async with app.router.lifespan_context(app), browser_of(app) as browser:
        health = await browser.get("/health")
        brands = await browser.get("/api/brands")

    assert health.json() == {
        "status": "degraded",
        "database": "ok",
        "temporal": "unavailable",
        "object_store": "unavailable",
        "stock": "stale",
        "artwork": "ok",
    }
    assert brands.json()["brands"]


async def test_with_everything_there_it_is_healthy_but_for_the_bucket(settings: Settings, temporal_address: str):
    there = settings.model_copy(update={"temporal": settings.temporal.model_copy(update={"address": temporal_address})})
    app = create_app(there)

    with capture_logs() as logs:
        async with app.router.lifespan_context(app), browser_of(app) as browser:
            health = await browser.get("/health")

    assert health.json()["temporal"] == "ok"
    assert not [line for line in logs if "search attribute" in line["event"]]


def test_nothing_is_connected_before_the_lifespan_so_that_a_process_may_fork(settings: Settings):
    app = create_app(settings)

    assert not hasattr(app.state, "services")


async def test_a_temporal_that_is_away_is_a_warning(temporal: Client):
    with capture_logs() as logs:
        await warn_of_missing_attributes(temporal)

    assert [(line["log_level"], line["event"][:27]) for line in logs] == [("warning", "temporal does not answer ye")]


async def test_missing_search_attributes_are_named_in_a_warning(
    settings: Settings, temporal_address: str, monkeypatch: pytest.MonkeyPatch
):
    client = await connect(settings.temporal.model_copy(update={"address": temporal_address}))
    monkeypatch.setattr("api.app.SEARCH_ATTRIBUTES", (SearchAttributeKey.for_keyword("NobodyKnowsMe"),))

    with capture_logs() as logs:
        await warn_of_missing_attributes(client)

    assert [line["missing"] for line in logs] == [["NobodyKnowsMe"]]


async def test_errors_keep_their_shape_without_a_lifespan(settings: Settings):
    transport = httpx.ASGITransport(app=create_app(settings))

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        assert (await browser.get("/nothing")).headers["content-type"] == "application/problem+json"
