"""What the front door's tests send, and what stands in for the outside."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import httpx
from PIL import Image

from adapters.r2 import StoredObject
from models.artwork import print_size, sha256_of
from models.errors import NotThere, ProviderUnavailable

API = "https://api.test.example"
STOREFRONT = "https://shop.test.example"
STRIPE_SECRET = "whsec_example-of-a-secret"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PARTNER_KEYS = ("the-manufacturers-key-of-last-year", "the-manufacturers-key-of-this-year")
IPHONE_15_PRO = (69.43, 145.12)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

WEB_CHECKOUT: dict[str, Any] = {
    "amount_pence": 3500,
    "brand": "APPLE",
    "model": "iPhone 15 Pro",
    "selected_add_ons": [],
    "add_ons_total": 0,
    "base_price": 35,
    "entry_source": "vanilla",
    "is_machine_collection": False,
    "customer_name": "Ada Lovelace",
    "customer_email": "ada@example.com",
    "customer_phone": "+447700900000",
    "shipping_address_line1": "1 Analytical Row",
    "shipping_address_line2": "",
    "shipping_city": "London",
    "shipping_postcode": "SW1A 1AA",
    "shipping_country": "United Kingdom",
}
"""As recorded from the published storefront, but for `final_image_url`."""

QR_CHECKOUT: dict[str, Any] = {
    "amount_pence": 4299,
    "brand": "APPLE",
    "model": "iPhone 15 Pro",
    "selected_add_ons": ["screen-protector"],
    "add_ons_total": 7.99,
    "base_price": 35,
    "entry_source": "qr",
    "is_machine_collection": True,
    "machine_id": "CXYLOGD8OQUK",
}
"""The same of a customer who scanned a machine."""


class Clock:
    """Says what a test wants to hear."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, duration: timedelta) -> None:
        self.now += duration


class MemoryStore:
    """The port `api.pictures.PictureStore`; `outage` is what it fails with."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.outage: ProviderUnavailable | None = None

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        await self.probe()
        self.objects[key] = (data, media_type)

    async def get(self, key: str) -> bytes:
        return b"".join([chunk async for chunk in (await self.stream(key)).chunks])

    async def exists(self, key: str) -> bool:
        await self.probe()
        return key in self.objects

    async def stream(self, key: str) -> StoredObject:
        await self.probe()
        if key not in self.objects:
            raise NotThere(f"no {key}", provider="memory")
        data, media_type = self.objects[key]

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 1000):
                yield data[start : start + 1000]

        return StoredObject(media_type=media_type, size=len(data), sha256=sha256_of(data), chunks=chunks())

    async def probe(self) -> None:
        if self.outage is not None:
            raise self.outage


def picture(size: tuple[int, int] = print_size(*IPHONE_15_PRO), *, kind: str = "PNG", colour: str = "teal") -> bytes:
    """Draw a design."""
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def upload_form(data: bytes | None = None, fields: Mapping[str, str] | None = None) -> str:
    """Return the storefront's form, as it travels."""
    form = {
        "template_id": "classic",
        "final_image_data": data_url(picture() if data is None else data),
        "metadata": '{"uploadTimestamp":1767225600,"source":"own_collection"}',
    }
    return urlencode({**form, **(fields or {})})


async def upload(browser: httpx.AsyncClient, data: bytes | None = None, **fields: str) -> dict[str, Any]:
    """Upload a design as the storefront does, and return the answer."""
    answer = await browser.post("/api/images/upload-final", content=upload_form(data, fields), headers=FORM)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def stripe_event(kind: str = "checkout.session.completed", **changes: Any) -> dict[str, Any]:
    """An event as Stripe sends it."""
    event = {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "livemode": False,
        "created": int(NOW.timestamp()),
        "data": {
            "object": {
                "id": "cs_test_1",
                "object": "checkout.session",
                "metadata": {"order_id": "6f1d7c1a-52a5-5a3f-9a0e-5b8f0c0e7d11"},
            }
        },
    }
    return {**event, **changes}


def signed(body: bytes, *, secret: str = STRIPE_SECRET, at: datetime = NOW) -> dict[str, str]:
    """Return the headers of a webhook as Stripe signs it."""
    timestamp = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={timestamp},v1={mac}", "Content-Type": "application/json"}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def assert_problem(answer: httpx.Response, status: int, *, code: str | None = None) -> dict[str, Any]:
    """Check that an answer is a problem of this status that a person can read; return its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert isinstance(body["detail"], str)
    assert body["detail"].endswith((".", ")"))
    assert " " in body["detail"]
    if code is not None:
        assert body["code"] == code
    return dict(body)


def path_of(url: str) -> str:
    return url.removeprefix(API)
