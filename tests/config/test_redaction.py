"""What is private appears in no log line, under whatever key and however deep it was logged."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import SecretBytes, SecretStr

from config.redaction import HIDDEN, TEXT_LIMIT, is_private, redact, redact_event, redact_text
from models.order import Address, Customer


@pytest.mark.parametrize(
    "key",
    [
        "email",
        "customer_email",
        "receipt_email",
        "customerEmail",
        "name",
        "customer_name",
        "phone",
        "customer_phone",
        "shipping_address_line1",
        "address",
        "postcode",
        "shipping_city",
        "token",
        "public_token",
        "Authorization",
        "authorization",
        "X-Machine-Signature",
        "Stripe-Signature",
        "sign",
        "password",
        "card",
        "card_number",
        "session_id",
        "sessionId",
        "client_secret",
        "api_key",
        "fixed_key",
        "Set-Cookie",
    ],
)
def test_a_value_under_a_private_key_is_hidden(key: str):
    assert redact_event(None, "info", {"event": "x", key: "Ada"}) == {"event": "x", key: HIDDEN}
    assert redact({key: {"nested": ["Ada", 7]}}) == {key: HIDDEN}


@pytest.mark.parametrize(
    "key",
    [
        "event",
        "order_id",
        "machine_id",
        "machine_name",
        "workflow_id",
        "design",
        "assigned",
        "cardinal",
        "amount",
        "status",
        "tokenizer",
    ],
)
def test_a_fact_that_operators_need_is_shown(key: str):
    assert not is_private(key)
    assert redact({key: "value"}) == {key: "value"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("paid by ada.lovelace+shop@mail.example.co.uk today", f"paid by {HIDDEN} today"),
        ("GET /image/a.png?token=1:x:y&size=2", f"GET /image/a.png?token={HIDDEN}&size=2"),
        ("{'sign': '7c6d6b0d', 'pay_type': 10}", f"{{'sign': '{HIDDEN}', 'pay_type': 10}}"),
        ('{"password": "p4ss", "account": "a"}', f'{{"password": "{HIDDEN}", "account": "a"}}'),
        ("public_token=abc", f"public_token={HIDDEN}"),
        ("payment-success?session_id=free_123", f"payment-success?session_id={HIDDEN}"),
        ("Authorization: Bearer abc.def.ghi", f"Authorization: Bearer {HIDDEN}"),
        ("basic YW5uYTpzZWNyZXQ=", f"basic {HIDDEN}"),
        ("key sk_live_51abc and whsec_abc", f"key {HIDDEN} and {HIDDEN}"),
        ("session cs_test_a1B2", f"session {HIDDEN}"),
        ("pi_3Abc_secret_xyz of pi_3Abc", f"{HIDDEN} of pi_3Abc"),
        ("postgresql+asyncpg://shop:p4ss@db/shop", f"postgresql+asyncpg://{HIDDEN}@db/shop"),
        ("a design: red; basic edition; no sign of it", "a design: red; basic edition; no sign of it"),
        ("PYEN260101000001 at 12:30 is 35.0", "PYEN260101000001 at 12:30 is 35.0"),
    ],
)
def test_a_text_loses_what_looks_private_and_nothing_else(text: str, expected: str):
    assert redact_text(text) == expected


def test_contracts_and_secrets_can_be_logged_by_mistake():
    customer = Customer(
        name="Ada",
        email="ada@example.com",
        address=Address(line1="12 Square", city="London", postcode="SW1Y", country="GB"),
    )

    assert redact({"customer": customer, "keys": [SecretStr("s"), SecretBytes(b"b")]}) == {
        "customer": {"name": HIDDEN, "email": HIDDEN, "phone": HIDDEN, "address": HIDDEN},
        "keys": [HIDDEN, HIDDEN],
    }


def test_what_is_harmless_stays_readable():
    order_id = UUID("7c6d6b0d-a250-4086-8474-4de5c8436a11")

    assert redact(
        {"order_id": order_id, "at": datetime(2026, 1, 1, tzinfo=UTC), "n": 3, "ok": True, "none": None, "picture": b"\x89PNG"}
    ) == {
        "order_id": str(order_id),
        "at": "2026-01-01 00:00:00+00:00",
        "n": 3,
        "ok": True,
        "none": None,
        "picture": "<4 bytes>",
    }


def test_an_object_is_shown_as_text_without_what_is_private():
    assert redact({"error": ValueError("no account ada@example.com")}) == {"error": f"no account {HIDDEN}"}


def test_data_that_contains_itself_ends():
    endless: dict[str, object] = {}
    endless["again"] = endless

    assert HIDDEN in str(redact(endless))


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text", ["a" * 5_000_000, "a@" * 1_000_000, "token" * 1_000_000, "://a:" * 1_000_000, "sk_live_" * 500_000]
)
def test_a_huge_text_is_cut_and_costs_no_time(text: str):
    """An expression that backtracks would let a customer stop the process with one long word."""
    assert len(redact_text(text)) <= TEXT_LIMIT * 2
