"""Whoever asks too often waits; whoever cannot come back is never turned away. Time is the test's own."""

import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI
from limits.aio.storage import MemoryStorage

from api.app import create_app
from api.middleware.rate_limit import RateLimits
from config.groups import ApiSettings
from config.settings import Settings
from tests.api.conftest import settings_for
from tests.api.world import API, assert_problem

Browse = Callable[[str], httpx.AsyncClient]


class Watch:
    """The time as the `limits` library sees it."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Time stands still until a test moves it."""
    watch = Watch()
    monkeypatch.setattr(time, "time", watch.time)
    return watch


@pytest.fixture
def limited() -> Settings:
    """Three requests a minute, two pictures, two photos, four per vending session, five new sessions."""
    settings = settings_for("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    values = {
        "rate_default": "3/minute",
        "rate_generate": "2/minute",
        "rate_photos": "2/minute",
        "rate_session": "4/minute",
        "rate_machine": "5/minute",
        "rate_partner": "6/minute",
        "trusted_proxies": "127.0.0.0/8",
    }
    return settings.model_copy(update={"api": ApiSettings.model_validate(values)})


class BrokenStorage(MemoryStorage):
    """A shared storage that is away."""

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        raise ConnectionError("redis is away")


@pytest.fixture
def limited_app(limited: Settings, watch: Watch) -> FastAPI:
    return create_app(limited)


@pytest.fixture
async def shop(limited_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=limited_app), base_url=API) as client:
        yield client


def coming_from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def test_every_answer_says_how_much_is_left_and_until_when(shop: httpx.AsyncClient, watch: Watch):
    headers = (await shop.get("/docs")).headers

    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("3", "2")
    assert float(headers["x-ratelimit-reset"]) == watch.now + 60


async def test_new_vending_sessions_have_a_limit_of_their_own(shop: httpx.AsyncClient):
    answer = await shop.post("/api/vending/create-session", json={})

    assert answer.headers["x-ratelimit-limit"] == "5"


async def test_one_request_too_many_is_told_how_long_to_wait(shop: httpx.AsyncClient):
    for _ in range(3):
        assert (await shop.get("/docs")).status_code == 200

    answer = await shop.get("/docs")

    assert_problem(answer, 429, code="rate_limited")
    assert answer.headers["retry-after"] == "60"
    assert answer.headers["x-ratelimit-remaining"] == "0"


async def test_after_the_wait_the_next_request_is_served(shop: httpx.AsyncClient, watch: Watch):
    answers = [await shop.get("/docs") for _ in range(4)]
    assert answers[-1].status_code == 429

    watch.now += 60

    assert (await shop.get("/docs")).status_code == 200


async def test_a_page_can_read_that_it_was_turned_away(shop: httpx.AsyncClient):
    answers = [await shop.get("/docs", headers={"Origin": "https://shop.test.example"}) for _ in range(4)]

    assert answers[-1].status_code == 429
    assert answers[-1].headers["access-control-allow-origin"] == "https://shop.test.example"


async def test_customers_behind_our_proxy_are_counted_one_by_one(shop: httpx.AsyncClient):
    for _ in range(3):
        await shop.get("/docs", headers=coming_from("198.51.100.1"))

    assert (await shop.get("/docs", headers=coming_from("198.51.100.1"))).status_code == 429
    assert (await shop.get("/docs", headers=coming_from("198.51.100.2"))).status_code == 200


async def test_nobody_gets_more_by_inventing_a_forwarded_address(shop: httpx.AsyncClient):
    answers = [await shop.get("/docs", headers=coming_from(f"203.0.113.{number}, 198.51.100.1")) for number in range(4)]

    assert answers[-1].status_code == 429


@pytest.mark.parametrize(("path", "kind"), [("/api/images/generate", "generate"), ("/api/photos", "photos")])
def test_pictures_and_photos_are_counted_apart_and_fewer(limited: Settings, path: str, kind: str):
    scope = {"type": "http", "method": "POST", "path": path, "client": ("198.51.100.1", 1), "headers": []}

    rule = RateLimits(limited.api).rule_for(scope)

    assert rule is not None
    assert (rule[0].amount, rule[1]) == (2, (kind, "198.51.100.1"))


async def test_a_vending_session_is_counted_by_itself_because_a_shops_wifi_is_one_address(shop: httpx.AsyncClient):
    first = [await shop.get("/api/vending/session/first/status") for _ in range(5)]
    second = await shop.get("/api/vending/session/second/status")

    assert [answer.status_code for answer in first] == [404, 404, 404, 404, 429]
    assert second.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "payment/PYEN260301000001/status",
        "print/OREN260301000001/status",
        "order/OREN260301000001/download-links",
        "images/batch-download",
        "equipment/CXYLOGD8OQUK/info",
        "models/stock-status",
    ],
)
def test_the_manufacturers_questions_have_a_limit_of_their_own(limited: Settings, path: str):
    """Its server asks for all machines and from one address, far more often than any customer."""
    scope = {"type": "http", "method": "GET", "path": f"/api/chinese/{path}", "client": ("198.51.100.1", 1), "headers": []}

    rule = RateLimits(limited.api).rule_for(scope)

    assert rule is not None
    assert (rule[0].amount, rule[1]) == (6, ("partner", "198.51.100.1"))


def test_the_manufacturer_may_ask_sixty_times_as_often_as_a_customer():
    usual = ApiSettings()

    assert (usual.rate_default, usual.rate_partner) == ("100/minute", "6000/minute")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/image/x.png"),
        ("OPTIONS", "/create-checkout-session"),
        ("POST", "/stripe-webhook"),
        ("POST", "/api/chinese/order/payStatus"),
        ("POST", "/api/chinese/order/status-update"),
        ("POST", "/api/chinese/order-status-update"),
        ("GET", "/health"),
    ],
)
def test_whoever_cannot_come_back_is_never_turned_away(limited: Settings, method: str, path: str):
    scope = {"type": "http", "method": method, "path": path, "client": ("127.0.0.1", 1), "headers": []}

    assert RateLimits(limited.api).rule_for(scope) is None


async def test_selling_goes_on_when_the_storage_of_the_counts_is_away(limited: Settings):
    app = create_app(limited, limits=RateLimits(limited.api, BrokenStorage()))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=API) as shop:
        assert [(await shop.get("/docs")).status_code for _ in range(5)] == [200] * 5
