"""The manufacturer's callbacks: unsigned, repeated, an object or a list of them, as JSON or as a form.

Nothing in them is believed. Each is written down as a hint that it is time to ask about what it names.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.requests import Request

from models.inbox import InboxSource, NewMessage

Kind = Literal["payment_status", "order_status", "payment_claim"]

MAX_ITEMS = 200
LONGEST_REFERENCE = 200
_REFERENCES = ("third_id", "thirdId", "order_id", "orderId", "chinese_order_id")
"""Spellings of what a callback is about, our own reference first."""


async def read_items(request: Request) -> list[dict[str, Any]]:
    """Return what a callback says, item by item; a body that cannot be read is kept as text, for a person to look at."""
    body = await request.body()
    text = body.decode("utf-8", errors="replace").replace("\x00", "")
    if not text.strip():
        return []
    if "form-urlencoded" in request.headers.get("Content-Type", "").lower():
        return [dict(parse_qsl(text, keep_blank_values=True))]
    try:
        said = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        said = None
    items = said if isinstance(said, list) else [said]
    if len(items) > MAX_ITEMS or not all(isinstance(item, dict) for item in items):
        return [{"unreadable": text[:2000]}]
    return [_storable(item) for item in items]


def to_messages(kind: Kind, items: Sequence[Mapping[str, Any]], *, at: datetime) -> list[NewMessage]:
    """Return the inbox messages of a callback.

    The event id is the hash of kind and content, so that a repeat is the same message, and a forged one with other content
    cannot take the place of a genuine one.
    """
    return [
        NewMessage(
            source=InboxSource.MANUFACTURER,
            event_id=sha256(json.dumps([kind, item], sort_keys=True).encode()).hexdigest(),
            kind=kind,
            reference=reference_of(item),
            payload=dict(item),
            received_at=at,
        )
        for item in items
    ]


def reference_of(item: Mapping[str, Any]) -> str | None:
    """Return what an item is about; None where it names nothing."""
    for name in _REFERENCES:
        value = item.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()[:LONGEST_REFERENCE]
    return None


def is_storefront_claim(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it is the storefront that says "paid" after it lost patience: only its body names the machine."""
    return len(items) == 1 and "device_id" in items[0]


def _storable(value: Any) -> Any:
    """Take out what JSON allows and PostgreSQL does not: the character NUL, and lone surrogates."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return value
