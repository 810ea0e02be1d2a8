"""Reads Stripe's webhooks: who sent them, how old they are, which of our objects they are about.

An event is a reason to look, never a proof: what it says of money is read again from Stripe before anything follows from it.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import stripe

from models.errors import OrderPipelineError
from models.inbox import InboxSource, NewMessage

_HEADER_TIME = "t="


class WebhookRefusal(StrEnum):
    """Why a webhook is not taken."""

    SIGNATURE = "signature"
    """No secret of ours made its signature."""
    STALE = "stale"
    """The signature is right and older than the tolerance: a queue in between, or a clock that is wrong."""
    PAYLOAD = "payload"
    """It is not a snapshot event."""
    LIVEMODE = "livemode"
    """It is of test mode and we are live, or the other way round."""


class WebhookRefused(OrderPipelineError):
    """A webhook that must not be taken; `reason` says why, `message` never quotes the body."""

    def __init__(self, message: str, *, reason: WebhookRefusal) -> None:
        super().__init__(message)
        self.reason = reason


class StripeWebhooks:
    """Turns raw requests into inbox messages.

    `secrets` are several while one is rolled over; without any, nothing can be verified and the endpoint must not exist.
    """

    def __init__(self, secrets: Sequence[str], *, tolerance: timedelta, livemode: bool) -> None:
        if any(not secret.strip() for secret in secrets):
            raise ValueError("an empty webhook secret would accept anybody's signature")
        self._secrets = tuple(secrets)
        self._tolerance = tolerance
        self._livemode = livemode

    @property
    def is_enabled(self) -> bool:
        """Whether there is a secret to verify with."""
        return bool(self._secrets)

    def read(self, body: bytes, signature: str | None, *, received_at: datetime) -> NewMessage:
        """Verify the raw body, exactly as it came, and say what it is about. Raises `WebhookRefused`.

        Source: https://docs.stripe.com/webhooks#verify-events.
        """
        self._verify(body, signature, received_at)
        event = _snapshot(body)
        if event["livemode"] is not self._livemode:
            raise WebhookRefused("the event is of the other mode, test or live", reason=WebhookRefusal.LIVEMODE)
        subject: dict[str, Any] = event["data"]["object"]
        return NewMessage(
            source=InboxSource.STRIPE,
            event_id=event["id"],
            kind=event["type"],
            order_id=_order_id(subject),
            reference=_reference(subject),
            payload=event,
            received_at=received_at,
        )

    def _verify(self, body: bytes, signature: str | None, received_at: datetime) -> None:
        if signature is None or not any(_is_signed_by(secret, body, signature) for secret in self._secrets):
            raise WebhookRefused("no secret of ours made this signature", reason=WebhookRefusal.SIGNATURE)
        sent_at = datetime.fromtimestamp(_sent_at(signature), UTC)
        if received_at - sent_at > self._tolerance:
            raise WebhookRefused(f"the signature is of {sent_at.isoformat()}", reason=WebhookRefusal.STALE)


def _is_signed_by(secret: str, body: bytes, signature: str) -> bool:
    if not signature.isascii():  # the SDK's comparison raises TypeError for it
        return False
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _sent_at(signature: str) -> int:
    """Return the time of a signature that has been verified, so it is there."""
    return next(int(part.removeprefix(_HEADER_TIME)) for part in signature.split(",") if part.startswith(_HEADER_TIME))


def _snapshot(body: bytes) -> dict[str, Any]:
    """Return the event; thin events of the v2 API and anything else are refused."""
    try:
        event = json.loads(body)
    except ValueError as error:
        raise WebhookRefused("the body is not JSON", reason=WebhookRefusal.PAYLOAD) from error
    is_snapshot = (
        isinstance(event, dict)
        and event.get("object") == "event"
        and isinstance(event.get("id"), str)
        and isinstance(event.get("type"), str)
        and isinstance(event.get("livemode"), bool)
        and isinstance(event.get("data"), dict)
        and isinstance(event["data"].get("object"), dict)
    )
    if not is_snapshot:
        raise WebhookRefused("the body is not a snapshot event", reason=WebhookRefusal.PAYLOAD)
    return dict(event)


def _order_id(subject: dict[str, Any]) -> UUID | None:
    """Return the order that the object names: Sessions, PaymentIntents, Charges and our own Refunds do."""
    metadata = subject.get("metadata")
    named = metadata.get("order_id") if isinstance(metadata, dict) else None
    try:
        return UUID(named) if isinstance(named, str) else None
    except ValueError:
        return None


def _reference(subject: dict[str, Any]) -> str | None:
    """Return the id by which we know the payment: the Session's own, else the PaymentIntent's."""
    if subject.get("object") in {"checkout.session", "payment_intent"}:
        return _text(subject.get("id"))
    return _text(subject.get("payment_intent")) or _text(subject.get("id"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
