"""Keeps personal data and secrets out of the logs, whoever logs them and however deep they lie.

Two nets: a value under a private key is hidden whole, and texts lose what looks like an e-mail address, a credential or a
signed link. What has no private key and no such shape (a customer's name in the middle of a sentence) is not recognised: code
logs facts by key.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr
from structlog.typing import EventDict

HIDDEN = "[hidden]"
TEXT_LIMIT = 20_000
"""Characters of one text; a body that somebody logs must neither fill the disk nor keep the expressions below busy."""
DEPTH_LIMIT = 8

_PRIVATE_WORDS = frozenset(
    {
        "address",
        "authorization",
        "card",
        "cookie",
        "email",
        "mail",
        "password",
        "phone",
        "postcode",
        "secret",
        "secrets",
        "sign",
        "signature",
        "token",
        "tokens",
    }
)
"""A key is private if one of its words is one of these: `customer_email`, `X-Machine-Signature`, `publicToken`."""
_PRIVATE_KEYS = frozenset(
    {
        "api_key",
        "city",
        "customer_name",
        "first_name",
        "fixed_key",
        "full_name",
        "last_name",
        "line1",
        "line2",
        "name",
        "session_id",
        "shipping_city",
        "shipping_name",
    }
)
"""Keys that are private as a whole; their single words are harmless elsewhere (`machine_name`, `order_id`)."""

_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PRIVATE_TEXT = (
    # token=… in an address, "password": "…" in JSON or a repr that somebody put into a message
    (
        re.compile(
            r"""(?ix) ( (?<![a-z0-9]) (?:token|sign|signature|secret|password|api_?key|session_?id) ["']? \s*[=:]\s* ["']? )
                [^\s"'&,;})\]]+"""
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    # "basic edition" is a phone case, "Basic YW5u…" is a sign-in
    (re.compile(r"\b([Bb]asic)\s+(?=[a-z+/]*[A-Z0-9=])[\w+/=]{6,}"), rf"\1 {HIDDEN}"),
    # Stripe's keys and signing secrets; a Checkout Session's id opens the customer's success page
    (re.compile(r"\b(?:(?:sk|rk|cs)_(?:live|test)_|whsec_|pi_[A-Za-z0-9]+_secret_)[\w-]+"), HIDDEN),
    # user:password@ in an address
    (re.compile(r"(?<=://)[^\s/@:]{0,128}:[^\s/@]{1,256}@"), f"{HIDDEN}@"),
)


def redact_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Redact a log line; a structlog processor, to stand right before the renderer."""
    return {str(key): redact(value, key=str(key)) for key, value in event.items()}


def redact(value: Any, *, key: str = "", depth: int = 0) -> Any:
    """Return `value` as plain data in which everything private is hidden; `key` is what it is called."""
    if value is None:
        return None
    if isinstance(value, SecretStr | SecretBytes) or is_private(key) or depth > DEPTH_LIMIT:
        return HIDDEN
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        return {str(name): redact(item, key=str(name), depth=depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [redact(item, depth=depth + 1) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return redact_text(str(value))


def redact_text(text: str) -> str:
    """Return `text` without e-mail addresses and credentials, cut to `TEXT_LIMIT`."""
    text = text[:TEXT_LIMIT]
    for expression, replacement in _PRIVATE_TEXT:
        text = expression.sub(replacement, text)
    return _EMAIL.sub(HIDDEN, text) if "@" in text else text


def is_private(key: str) -> bool:
    """Say whether what is called `key` may be shown to nobody."""
    words = _NO_WORD.split(_CAMEL_HUMP.sub("_", key).lower())
    return not _PRIVATE_WORDS.isdisjoint(words) or "_".join(words) in _PRIVATE_KEYS
