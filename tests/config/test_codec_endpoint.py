"""The Web UI and the CLI can read payloads for an operator, and for nobody else."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from google.protobuf.json_format import MessageToDict
from pydantic import SecretBytes, SecretStr
from starlette.middleware.cors import CORSMiddleware
from temporalio.api.common.v1 import Payload, Payloads

from api.routers.codec import CodecCORSMiddleware, codec_router, operator_of
from config.codec import EncryptedPayloadCodec
from config.fields import Account, Key
from config.groups import OperatorSettings, TemporalSettings

KEY = Key(id="k1", secret=SecretBytes(b"k" * 32))
CODEC = EncryptedPayloadCodec([KEY])
ANNA = Account(name="anna", secret=SecretStr("a secret: with a colon"))
BERT = Account(name="bert", secret=SecretStr("another secret"))
UI = "https://temporal.example"
STOREFRONT = "https://shop.example"

CLEAR = {
    "payloads": [
        {"metadata": {"encoding": base64.b64encode(b"json/plain").decode()}, "data": base64.b64encode(b'"Ada"').decode()}
    ]
}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


@asynccontextmanager
async def client(
    *accounts: Account,
    open_on_loopback: bool = False,
    credentials: bool = False,
    address: str = "127.0.0.1",
    host: str = "127.0.0.1:8000",
) -> AsyncIterator[httpx.AsyncClient]:
    settings = TemporalSettings(
        address="temporal:7233",
        namespace="shop",
        codec_keys=(KEY,),
        ui_origins=(UI,),
        codec_include_credentials=credentials,
    )
    app = FastAPI()
    app.include_router(codec_router(CODEC, settings, OperatorSettings(accounts=accounts), open_on_loopback=open_on_loopback))
    app.add_middleware(CORSMiddleware, allow_origins=[STOREFRONT], allow_credentials=True, allow_methods=["*"])
    app.add_middleware(CodecCORSMiddleware, settings=settings)
    transport = httpx.ASGITransport(app, client=(address, 50000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as session:
        yield session


async def test_what_the_endpoint_encodes_it_decodes():
    async with client(open_on_loopback=True) as session:
        encoded = await session.post("/codec/encode", json=CLEAR, headers={"X-Namespace": "shop"})
        decoded = await session.post("/codec/decode", content=encoded.content, headers={"X-Namespace": "shop"})

    assert encoded.status_code == decoded.status_code == 200
    assert encoded.json() != CLEAR
    assert decoded.json() == CLEAR
    assert decoded.headers["content-type"] == "application/json"
    assert decoded.headers["cache-control"] == "no-store"


async def test_the_endpoint_reads_what_a_worker_wrote():
    (sealed,) = await CODEC.encode([Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada"')])
    body = Payloads(payloads=[sealed])

    async with client(open_on_loopback=True) as session:
        answer = await session.post("/codec/decode", json=MessageToDict(body))

    assert answer.json() == CLEAR


async def test_without_accounts_the_endpoint_does_not_exist():
    """Production without operators must not decrypt for whoever asks."""
    async with client() as session:
        answers = [
            await session.post("/codec/decode", json=CLEAR, headers=header)
            for header in ({}, basic("", ""), {"Authorization": "Bearer "})
        ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        ("127.0.0.1", "127.0.0.1:8000", 200),
        ("::1", "localhost:8000", 200),
        ("192.168.0.7", "127.0.0.1:8000", 404),
        ("127.0.0.1", "rebound.attacker.example", 404),
    ],
)
async def test_in_development_it_is_open_to_this_machine_only(address: str, host: str, status: int):
    async with client(open_on_loopback=True, address=address, host=host) as session:
        assert (await session.post("/codec/decode", json=CLEAR)).status_code == status


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        (basic("anna", "a secret: with a colon"), 200),
        (basic("bert", "another secret"), 200),
        (basic("anna", "another secret"), 401),
        (basic("anna", ""), 401),
        (basic("eve", "another secret"), 401),
        ({"Authorization": "Basic ???"}, 401),
        ({"Authorization": "Basic "}, 401),
        ({"Authorization": "Bearer another secret"}, 200),
        ({"Authorization": "bearer another secret"}, 200),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "another secret"}, 401),
        ({"Authorization": "Digest another secret"}, 401),
    ],
)
async def test_where_there_are_operators_one_must_sign_in_even_on_loopback(header: dict[str, str], status: int):
    async with client(ANNA, BERT, open_on_loopback=True) as session:
        answer = await session.post("/codec/decode", json=CLEAR, headers=header)

    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) is (status == 401)


async def test_a_stranger_learns_nothing_of_the_body():
    """Who is not signed in gets the same answer for good and bad payloads."""
    async with client(ANNA) as session:
        answers = [await session.post("/codec/decode", content=body) for body in (b"{}", b"not json")]

    assert [answer.status_code for answer in answers] == [401, 401]


async def test_the_browser_can_be_signed_in_on_a_page():
    async with client(ANNA) as session:
        assert (await session.get("/codec/sign-in")).status_code == 401
        assert (await session.get("/codec/sign-in", headers=basic("anna", "a secret: with a colon"))).status_code == 200


def test_the_operators_name_is_known_after_signing_in():
    header = basic("anna", "a secret: with a colon")["Authorization"]

    assert operator_of(header, [ANNA, BERT]) == "anna"
    assert operator_of("Bearer another secret", [ANNA, BERT]) == "bert"
    assert operator_of(None, [ANNA, BERT]) is None


@pytest.mark.parametrize("body", [b"", b"not json", b'{"payloads": 3}', b'{"events": []}', b"\xff"])
async def test_a_body_without_payloads_is_refused(body: bytes):
    async with client(open_on_loopback=True) as session:
        assert (await session.post("/codec/decode", content=body)).status_code == 400


async def test_another_namespace_is_refused():
    async with client(open_on_loopback=True) as session:
        answer = await session.post("/codec/decode", json=CLEAR, headers={"X-Namespace": "staging"})

    assert (answer.status_code, answer.json()["detail"]) == (400, "this codec serves namespace shop")


async def test_a_payload_of_a_retired_key_is_refused_by_name():
    (sealed,) = await EncryptedPayloadCodec([Key(id="gone", secret=SecretBytes(b"g" * 32))]).encode([Payload(data=b"x")])

    async with client(open_on_loopback=True) as session:
        answer = await session.post("/codec/decode", json=MessageToDict(Payloads(payloads=[sealed])))

    assert answer.status_code == 400
    assert "'gone'" in answer.json()["detail"]


@pytest.mark.parametrize(("origin", "allowed"), [(UI, True), (STOREFRONT, False), ("https://eve.example", False)])
async def test_only_the_web_uis_pages_may_call(origin: str, allowed: bool):
    """The storefront's own CORS rules stand inside and must neither refuse the Web UI nor let the storefront in."""
    preflight = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
    }
    async with client(ANNA, credentials=True) as session:
        answer = await session.options("/codec/decode", headers=preflight)

    assert (answer.status_code == 200) is allowed
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


@pytest.mark.parametrize("credentials", [True, False])
async def test_the_browser_sends_a_sign_in_only_where_settings_say_so(credentials: bool):
    preflight = {"Origin": UI, "Access-Control-Request-Method": "POST"}
    async with client(ANNA, credentials=credentials) as session:
        answer = await session.options("/codec/decode", headers=preflight)

    assert (answer.headers.get("access-control-allow-credentials") == "true") is credentials


async def test_a_refusal_can_be_read_by_the_web_ui():
    """Without the header on errors, the Web UI could only say that the network failed."""
    async with client(ANNA) as session:
        answer = await session.post("/codec/decode", json=CLEAR, headers={"Origin": UI})

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == UI


async def test_the_web_ui_may_call_nothing_but_the_codec():
    async with client(ANNA) as session:
        answer = await session.options("/api/orders", headers={"Origin": UI, "Access-Control-Request-Method": "GET"})

    assert answer.status_code == 400
