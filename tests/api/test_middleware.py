"""What is around every request: its id, its log line, headers, origins, sizes."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse
from structlog.testing import LogCapture

from api.middleware.client_address import client_address
from config.groups import ApiSettings
from tests.api.world import FORM, STOREFRONT, WEB_CHECKOUT, assert_problem

LIMIT = ApiSettings().body_limit


@pytest.fixture
def logged() -> Iterator[LogCapture]:
    """Everything that is logged, with its context."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture
    structlog.configure(**before)


async def test_every_answer_names_its_request(stranded: httpx.AsyncClient):
    first, second = await stranded.get("/"), await stranded.get("/")

    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_a_proxys_request_id_is_taken_over_unless_it_could_forge_log_lines(stranded: httpx.AsyncClient):
    assert (await stranded.get("/", headers={"X-Request-ID": "proxy-12345"})).headers["x-request-id"] == "proxy-12345"
    assert (await stranded.get("/", headers={"X-Request-ID": 'x" level="error'})).headers["x-request-id"] != 'x" level="error'


async def test_the_access_log_names_the_route_and_never_the_secret_in_its_path_or_query(
    stranded: httpx.AsyncClient, logged: LogCapture
):
    await stranded.get("/image/secret-name.png?token=secret-token")
    await stranded.get("/nothing/secret-path")

    lines = [entry for entry in logged.entries if entry["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/image/{name}", 400),
        ("GET", "(none)", 404),
    ]
    assert all(line["request_id"] for line in lines)
    assert "secret" not in str(logged.entries)


async def test_a_refused_checkout_logs_nothing_personal(browser: httpx.AsyncClient, logged: LogCapture):
    await browser.post("/create-checkout-session", json={**WEB_CHECKOUT, "final_image_url": "https://evil.example/x.png"})

    text = str(logged.entries)
    assert not [word for word in ("Ada", "ada@", "Analytical", "SW1A", "7700") if word in text]


async def test_browsers_are_told_what_answers_may_be_used_for(stranded: httpx.AsyncClient):
    headers = (await stranded.get("/")).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert "max-age" in headers["strict-transport-security"]


async def test_the_interactive_documentation_may_load_its_scripts(stranded: httpx.AsyncClient):
    assert "script-src 'self'" in (await stranded.get("/docs")).headers["content-security-policy"]


@pytest.mark.parametrize("origin", [STOREFRONT, "https://pr-12.preview.example"])
async def test_the_storefronts_origins_may_send_credentials(stranded: httpx.AsyncClient, origin: str):
    answer = await stranded.get("/", headers={"Origin": origin})

    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "X-RateLimit-Remaining" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://shop.test.example.evil.example", "https://pr-12.preview.example.evil"]
)
async def test_other_origins_may_not_read_anything(stranded: httpx.AsyncClient, origin: str):
    answer = await stranded.get("/", headers={"Origin": origin})

    assert "access-control-allow-origin" not in answer.headers


async def test_a_preflight_of_the_storefronts_checkout_is_answered(stranded: httpx.AsyncClient):
    asked = {"Origin": STOREFRONT, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}

    answer = await stranded.options("/create-checkout-session", headers=asked)

    assert answer.status_code == 200
    assert "POST" in answer.headers["access-control-allow-methods"]


async def test_a_body_over_the_limit_is_refused_by_its_announced_size(stranded: httpx.AsyncClient):
    answer = await stranded.post("/create-checkout-session", content=b"x" * (LIMIT + 1))

    assert_problem(answer, 413, code="body_too_large")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/create-checkout-session", "application/json"), ("/api/chinese/order/payStatus", "application/json")],
)
async def test_a_body_that_does_not_announce_its_size_is_refused_when_it_grows_past_the_limit(
    stranded: httpx.AsyncClient, path: str, content_type: str
):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 1000 + 2):
            yield b"x" * 1000
        raise AssertionError("it was read to its end")

    answer = await stranded.post(path, content=endless(), headers={"Content-Type": content_type})

    assert_problem(answer, 413, code="body_too_large")


async def test_an_endless_upload_is_refused_as_well(stranded: httpx.AsyncClient):
    async def endless() -> AsyncIterator[bytes]:
        yield b"final_image_data="
        for _ in range(21):
            yield b"x" * 1_000_000
        raise AssertionError("it was read to its end")

    assert_problem(await stranded.post("/api/images/upload-final", content=endless(), headers=FORM), 413)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:aaaa::1", None, "2001:db8:1:2::/64"),
        (None, "198.51.100.1", "unknown"),
    ],
)
def test_only_our_own_proxies_are_believed_about_who_is_calling(peer: str | None, forwarded: str | None, expected: str):
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope = {"type": "http", "client": (peer, 1234) if peer else None, "headers": headers}

    trusted = ApiSettings.model_validate({"trusted_proxies": "10.0.0.0/8"}).trusted_proxies

    assert client_address(scope, trusted) == expected


async def test_half_an_answer_is_cut_off_and_never_completed(stranded_app: FastAPI, stranded: httpx.AsyncClient):
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("the bucket broke off")

    @stranded_app.get("/half")
    async def half(request: Request) -> StreamingResponse:
        return StreamingResponse(chunks())

    with pytest.raises(RuntimeError, match="broke off"):
        await stranded.get("/half")
