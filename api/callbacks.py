"""The manufacturer's callbacks: unsigned and repeated.

Nothing in them is believed. Each is written down as a hint that it is time to ask about what it names.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from models.inbox import InboxSource, NewMessage

Kind = Literal["payment_status", "order_status", "payment_claim"]

LONGEST_REFERENCE = 200
_REFERENCES = ("third_id", "thirdId", "order_id", "orderId", "chinese_order_id", "chinese_payment_id", "third_pay_id", "id")
"""Spellings of what a callback is about."""
_FORMS = (re.compile(r"(PYEN|OREN)\d{12}"), re.compile(r"MS(OR|PY)[0-9A-Za-z]+"))
"""References of ours, and the manufacturer's own ids, which we know as well."""
_CLAIM = {"third_id", "device_id", "status"}


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
    """Return what an item is about: the first value that has the form of a name we know, else the first; None for none."""
    values = [item[name] for name in _REFERENCES if name in item]
    named = [str(value).strip() for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
    known = (name for form in _FORMS for name in named if form.fullmatch(name))
    return next(known, next(filter(None, named), ""))[:LONGEST_REFERENCE] or None


def is_storefront_claim(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it is the storefront that says "paid" after it lost patience: only its body names the machine and no payment."""
    return len(items) == 1 and items[0].keys() == _CLAIM and str(items[0]["status"]) == "3"
