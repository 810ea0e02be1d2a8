"""A webhook endpoint that notes what it gets, and the order that every test opens a Session for."""

import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dev.emulators.serving import serving
from dev.emulators.stripe.app import create_app
from dev.emulators.stripe.remote import RemoteStripe
from dev.emulators.stripe.settings import StripeEmulatorSettings

KEY = "sk_test_emulator"
SECRET = "whsec_emulator"


@dataclass
class Receiver:
    """Answers with `statuses` first, then 200; verifies with Stripe's own code."""

    secret: str = SECRET
    statuses: deque[int] = field(default_factory=deque)
    requests: list[tuple[bytes, str]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.requests.append((await request.body(), request.headers["stripe-signature"]))
        return Response(status_code=self.statuses.popleft() if self.statuses else 200)

    def verified(self, number: int) -> bool:
        body, signature = self.requests[number]
        try:
            stripe.Webhook.construct_event(body, signature, self.secret)
        except stripe.SignatureVerificationError:
            return False
        return True

    @property
    def types(self) -> list[str]:
        return [stripe.Webhook.construct_event(body, signature, self.secret).type for body, signature in self.requests]


@dataclass
class World:
    """The emulator, somebody who steers it, the real SDK, and an endpoint for its webhooks."""

    client: stripe.StripeClient
    steer: RemoteStripe
    receiver: Receiver
    url: str

    async def open_session(self, key: str | None = None, **changes: Any) -> stripe.checkout.Session:
        params: Any = {**order(), **changes}
        options: Any = {"idempotency_key": key} if key else {}
        return await self.client.v1.checkout.sessions.create_async(params, options)

    async def authorized(self, card: str = "4242424242424242", **changes: Any) -> tuple[str, str]:
        """A Session that the customer has paid and its PaymentIntent: their ids."""
        session = await self.open_session(**changes)
        paid = await self.steer.pay(session.id, card)
        return session.id, paid["payment_intent"]

    async def captured(self, card: str = "4242424242424242") -> str:
        """A PaymentIntent whose money is taken: its id."""
        _, intent = await self.authorized(card)
        await self.client.v1.payment_intents.capture_async(intent)
        return intent


def order() -> dict[str, Any]:
    """Parameters of a Session as our own adapter sends them: two cases and delivery, £62.99, taken by hand."""
    return {
        "mode": "payment",
        "line_items": [
            {"price_data": {"currency": "gbp", "unit_amount": 3000, "product_data": {"name": "iPhone 17 case"}}, "quantity": 2},
            {"price_data": {"currency": "gbp", "unit_amount": 299, "product_data": {"name": "Delivery"}}, "quantity": 1},
        ],
        "allowed_payment_method_types": ["card"],
        "payment_intent_data": {"capture_method": "manual", "metadata": {"order_id": "o-1"}, "description": "PMC-000123"},
        "client_reference_id": "o-1",
        "metadata": {"order_id": "o-1"},
        "customer_email": "ada@example.com",
        "expires_at": int(time.time()) + 3600,
        "success_url": "http://shop.example/paid?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.example/back",
    }


@contextlib.asynccontextmanager
async def stripe_world(**settings: Any) -> AsyncIterator[World]:
    """Serve an emulator and a webhook endpoint over real sockets."""
    receiver = Receiver()
    endpoint = Starlette(routes=[Route("/hook", receiver.__call__, methods=["POST"])])
    async with serving(endpoint) as hook:
        given = {"webhook_urls": (f"{hook}/hook",), "redelivery_delays": (0.01, 0.01), **settings}
        app = create_app(StripeEmulatorSettings(**given))
        http = stripe.HTTPXClient(timeout=5, allow_sync_methods=False)
        async with serving(app) as url, RemoteStripe(url) as steer:
            client = stripe.StripeClient(KEY, base_addresses={"api": url}, http_client=http, max_network_retries=0)
            yield World(client, steer, receiver, url)
        await http.close_async()  # type: ignore[no-untyped-call]


async def status_of(call: Any) -> int:
    """The HTTP status with which a control call is refused."""
    try:
        await call
    except httpx.HTTPStatusError as error:
        return error.response.status_code
    return 200
