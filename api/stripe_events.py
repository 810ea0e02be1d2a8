"""Stripe's webhook at the door: nobody passes whose event Stripe did not sign."""

from collections.abc import Callable
from datetime import datetime

import structlog
from starlette.requests import Request

from adapters.stripe.webhooks import StripeWebhooks, WebhookRefusal, WebhookRefused
from api.errors import BadRequest, NotFound
from config.groups import StripeSettings
from models.inbox import NewMessage

log = structlog.get_logger(__name__)

_WHY = {
    WebhookRefusal.SIGNATURE: "The signature of this event is missing or wrong.",
    WebhookRefusal.STALE: "The signature of this event is too old.",
    WebhookRefusal.PAYLOAD: "This is not an event.",
    WebhookRefusal.LIVEMODE: "This event is of Stripe's other mode (test or live).",
}


class StripeEvents:
    """Reads a request's verified event. Without a signing secret there is no webhook: anybody could forge an event."""

    def __init__(self, settings: StripeSettings, *, clock: Callable[[], datetime]) -> None:
        self._webhooks = StripeWebhooks(
            [secret.get_secret_value() for secret in settings.webhook_secrets],
            tolerance=settings.webhook_tolerance,
            livemode=settings.livemode,
        )
        self._clock = clock

    async def read(self, request: Request) -> NewMessage:
        """Return the event, ready for the inbox. Raises `NotFound` without a secret, `BadRequest` for what is not Stripe's."""
        if not self._webhooks.is_enabled:
            raise NotFound("There is nothing at this address.")
        # The signature is over the bytes as they came in.
        body = await request.body()
        try:
            return self._webhooks.read(body, request.headers.get("Stripe-Signature"), received_at=self._clock())
        except WebhookRefused as refusal:
            if refusal.reason is WebhookRefusal.STALE:
                log.exception("genuine events arrive too late to be believed: check this machine's clock, and what is in between")
            elif refusal.reason is WebhookRefusal.LIVEMODE:
                log.exception("stripe's webhook is set up for the other mode")
            else:
                log.warning("a webhook was refused", reason=refusal.reason)
            raise BadRequest(_WHY[refusal.reason]) from refusal
