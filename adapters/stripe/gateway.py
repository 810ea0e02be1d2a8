"""Takes money through Stripe Checkout and gives it back: authorised at checkout, captured by hand.

Every POST carries an idempotency key that the caller fixed before its first attempt, and parameters that depend on nothing but
the request: Stripe refuses a key that comes back with other parameters. Retries belong to the caller; the SDK makes none.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import httpx
import stripe

from adapters.stripe.answers import expect, to_checkout_session, to_payment, to_refund
from adapters.stripe.errors import translated
from config.settings import StorefrontSettings, StripeSettings
from models.errors import (
    IntegrityBroken,
    ProviderRejected,
    StoredFailure,
)
from models.payment import (
    CapturePayment,
    CheckoutSession,
    ExpireCheckout,
    OpenCheckout,
    Payment,
    PaymentState,
    Refund,
    RequestRefund,
    VoidPayment,
    stripe_timestamp,
)

_CONNECT_TIMEOUT_S = 5.0
_EXPIRE_KEYS = 3
"""Expiring twice does no harm, so a key that is spent on a server error is simply followed by the next."""
_WHOLE_PAYMENT = ["payment_intent.latest_charge"]
_PAGE = 100


@asynccontextmanager
async def connect(settings: StripeSettings, storefront: StorefrontSettings) -> AsyncIterator["StripeGateway"]:
    """Open a gateway with connections of its own while the block lasts."""
    # The SDK would write an id into the home folder and send it with every request; it has no other switch.
    stripe.enable_telemetry = False
    timeout = httpx.Timeout(settings.timeout.total_seconds(), connect=_CONNECT_TIMEOUT_S)
    http = stripe.HTTPXClient(timeout=timeout, allow_sync_methods=False)
    client = stripe.StripeClient(
        settings.api_key.get_secret_value(),
        base_addresses={"api": str(settings.api_base).rstrip("/")},
        http_client=http,
        max_network_retries=0,
    )
    try:
        yield StripeGateway(client, storefront_url=str(storefront.url))
    finally:
        await http.close_async()  # type: ignore[no-untyped-call]


class StripeGateway:
    """The port `PaymentGateway`, spoken to Stripe."""

    def __init__(self, client: stripe.StripeClient, *, storefront_url: str) -> None:
        self._api = client.v1
        self._storefront_url = storefront_url.rstrip("/")

    async def open_checkout(self, request: OpenCheckout) -> CheckoutSession:
        """Create a Session; an answer that comes from the key's memory may describe one that has been paid meanwhile.

        Raises `IntegrityBroken` when the lines do not add up to the total, `StoredFailure`, `OutcomeUnknown`,
        `ProviderUnavailable` and `ProviderRejected`.
        """
        if sum(line.amount for line in request.lines) != request.total:
            raise IntegrityBroken(f"the lines of order {request.number} do not add up to {request.total}")
        with translated(writes=True):
            session = await self._api.checkout.sessions.create_async(
                self._checkout_params(request), {"idempotency_key": request.idempotency_key}
            )
        expect(session, "checkout.session", writes=True)
        return to_checkout_session(session)

    async def find_checkout(self, order_id: UUID, *, since: datetime) -> CheckoutSession | None:
        """Find the newest open Session of the order among those created since `since`."""
        with translated(writes=False):
            page = await self._api.checkout.sessions.list_async(
                {"created": {"gte": stripe_timestamp(since)}, "status": "open", "limit": _PAGE}
            )
            expect(page, "list", writes=False)
            async for session in page.auto_paging_iter():
                if session.client_reference_id == str(order_id):
                    return to_checkout_session(session)
        return None

    async def read_payment(self, session_id: str) -> Payment:
        """Re-read Session, PaymentIntent and latest charge.

        Raises `NotThere` for an unknown Session, `NotYet` while a bank still thinks, `NeedsPerson` for a state that cards and
        wallets do not have.
        """
        with translated(writes=False):
            session = await self._api.checkout.sessions.retrieve_async(session_id, {"expand": _WHOLE_PAYMENT})
        expect(session, "checkout.session", writes=False)
        return to_payment(session)

    async def expire_checkout(self, request: ExpireCheckout) -> Payment:
        """Make a Session unpayable and return what it is now, paid included."""
        for number in range(1, _EXPIRE_KEYS + 1):
            key = f"order:{request.order_id}:expire:{request.session_id}:{number}"
            try:
                with translated(writes=True):
                    await self._api.checkout.sessions.expire_async(request.session_id, {}, {"idempotency_key": key})
            except (StoredFailure, ProviderRejected) as error:
                payment = await self.read_payment(request.session_id)
                if payment.state is not PaymentState.OPEN:
                    return payment
                if isinstance(error, ProviderRejected) or number == _EXPIRE_KEYS:
                    raise
            else:
                break
        return await self.read_payment(request.session_id)

    async def capture(self, request: CapturePayment) -> Payment:
        """Take the authorised money and return the payment as it is afterwards.

        Raises `IntegrityBroken` when another amount was taken before, `PaymentDeclined` when the bank withdrew its promise,
        `ProviderRejected` when the authorisation is gone.
        """
        try:
            with translated(writes=True):
                await self._api.payment_intents.capture_async(
                    request.payment_intent_id,
                    {"amount_to_capture": request.amount},
                    {"idempotency_key": request.idempotency_key},
                )
        except ProviderRejected as refusal:
            if refusal.code != "payment_intent_unexpected_state":
                raise
            payment = await self.read_payment(request.session_id)
            if payment.state is not PaymentState.CAPTURED:
                raise
        else:
            payment = await self.read_payment(request.session_id)
        if (payment.amount_captured, payment.currency) != (request.amount, request.currency):
            raise IntegrityBroken(
                f"{payment.amount_captured} {payment.currency} is captured, not {request.amount} {request.currency}"
            )
        return payment

    async def void(self, request: VoidPayment) -> Payment:
        """Cancel the PaymentIntent and return the payment as it is afterwards, captured included."""
        try:
            with translated(writes=True):
                await self._api.payment_intents.cancel_async(
                    request.payment_intent_id,
                    {"cancellation_reason": "abandoned"},
                    {"idempotency_key": request.idempotency_key},
                )
        except ProviderRejected as refusal:
            if refusal.code != "payment_intent_unexpected_state":
                raise
            payment = await self.read_payment(request.session_id)
            if payment.state not in {PaymentState.CANCELED, PaymentState.CAPTURED, PaymentState.EXPIRED}:
                raise
            return payment
        return await self.read_payment(request.session_id)

    async def refund(self, request: RequestRefund) -> Refund:
        """Give captured money back; the answer may be `pending` or `failed`.

        Raises `AlreadyExists` when nothing is left to refund, `ProviderRejected` when the charge is disputed or less is left.
        """
        with translated(writes=True):
            refund = await self._api.refunds.create_async(
                {
                    "payment_intent": request.payment_intent_id,
                    "amount": request.amount,
                    "reason": "requested_by_customer",
                    "metadata": _refund_metadata(request),
                },
                {"idempotency_key": request.idempotency_key},
            )
        expect(refund, "refund", writes=True)
        return to_refund(refund)

    async def find_refund(self, request: RequestRefund) -> Refund | None:
        """Find the newest refund that carries this order's and this refund's number."""
        wanted = _refund_metadata(request)
        with translated(writes=False):
            page = await self._api.refunds.list_async({"payment_intent": request.payment_intent_id, "limit": _PAGE})
            expect(page, "list", writes=False)
            async for refund in page.auto_paging_iter():
                metadata = refund.metadata.to_dict() if refund.metadata else {}
                if wanted.items() <= metadata.items():
                    return to_refund(refund)
        return None

    async def read_refund(self, refund_id: str) -> Refund:
        """Re-read a refund. Raises `NotThere`."""
        with translated(writes=False):
            refund = await self._api.refunds.retrieve_async(refund_id)
        expect(refund, "refund", writes=False)
        return to_refund(refund)

    def _checkout_params(self, request: OpenCheckout) -> stripe.params.checkout.SessionCreateParams:
        """Make the parameters out of the request alone.

        `allowed_payment_method_types` took the place of `payment_method_types` in the API version 2026-09-30.endive; "card"
        brings Apple Pay and Google Pay with it.
        """
        order = {"order_id": str(request.order_id), "order_number": request.number}
        params: stripe.params.checkout.SessionCreateParams = {
            "mode": "payment",
            "allowed_payment_method_types": ["card"],
            "line_items": [
                {
                    "price_data": {
                        "currency": request.currency,
                        "unit_amount": line.unit_amount,
                        "product_data": {"name": line.title},
                    },
                    "quantity": line.quantity,
                }
                for line in request.lines
            ],
            "payment_intent_data": {"capture_method": "manual", "description": request.number, "metadata": order},
            "client_reference_id": str(request.order_id),
            "metadata": {**order, "key_number": str(request.key_number)},
            "expires_at": stripe_timestamp(request.expires_at),
            "locale": "en-GB",
            "success_url": f"{self._storefront_url}/payment-success?session_id={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self._storefront_url}/payment-cancel",
        }
        if request.customer_email is not None:
            params["customer_email"] = request.customer_email
        return params


def _refund_metadata(request: RequestRefund) -> dict[str, str]:
    return {"order_id": str(request.order_id), "refund_number": str(request.refund_number)}
