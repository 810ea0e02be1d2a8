"""Money in and money out. Every step may run twice: Stripe sees the same key, the database the same fact."""

from datetime import timedelta

from temporalio import activity

from activities.ports import OrderBook, PaymentGateway
from models.errors import AlreadyExists, IntegrityBroken, StoredFailure
from models.payment import (
    CapturePayment,
    CheckoutSession,
    ExpireCheckout,
    LookAtPayment,
    OpenCheckout,
    Payment,
    PaymentState,
    ReadRefund,
    Refund,
    RequestRefund,
    VoidPayment,
)

CLOCK_SKEW = timedelta(minutes=5)
"""Stripe's clock and ours need not agree when its list is searched by creation time."""


class PaymentActivities:
    """What is asked of Stripe for one order."""

    def __init__(self, gateway: PaymentGateway, orders: OrderBook) -> None:
        self._gateway = gateway
        self._orders = orders

    @activity.defn
    async def open_checkout(self, request: OpenCheckout) -> CheckoutSession:
        """Open the Session that the customer pays at.

        A later key number means that an earlier answer may have been lost: what it may have opened is closed first.
        Raises `StoredFailure` only when the key is spent and no Session of the order exists: the next key number is safe.
        """
        since = request.first_opened_at - CLOCK_SKEW
        lost = await self._gateway.find_checkout(request.order_id, since=since) if request.key_number > 1 else None
        if lost is not None and lost.key_number != request.key_number:
            await self._gateway.expire_checkout(ExpireCheckout(order_id=request.order_id, session_id=lost.session_id))
        try:
            session = await self._gateway.open_checkout(request)
        except StoredFailure:
            found = await self._gateway.find_checkout(request.order_id, since=since)
            if found is None:
                raise
            session = found
        await self._orders.record_checkout(request, session)
        return session

    @activity.defn
    async def look_at_payment(self, request: LookAtPayment) -> Payment:
        """Re-read the Session; the order becomes paid only by an authorisation of exactly its total."""
        payment = await self._gateway.read_payment(request.session_id)
        if payment.state in {PaymentState.AUTHORIZED, PaymentState.CAPTURED} and request.is_matched_by(payment):
            await self._orders.record_payment(request.order_id, payment, request.enters)
        elif payment.state is not PaymentState.OPEN:
            await self._orders.record_payment(request.order_id, payment, None)
        return payment

    @activity.defn
    async def expire_checkout(self, request: ExpireCheckout) -> Payment:
        """Make the Session unpayable; one that was paid in the same second is returned as paid."""
        payment = await self._gateway.expire_checkout(request)
        await self._orders.record_payment(request.order_id, payment, None)
        return payment

    @activity.defn
    async def capture_payment(self, request: CapturePayment) -> Payment:
        """Take the money. After a stored failure the PaymentIntent itself says whether it was taken."""
        try:
            payment = await self._gateway.capture(request)
        except StoredFailure:
            payment = await self._gateway.read_payment(request.session_id)
            if payment.state is not PaymentState.CAPTURED:
                raise
        if (payment.amount_captured, payment.currency) != (request.amount, request.currency):
            raise IntegrityBroken(
                f"captured {payment.amount_captured} {payment.currency}, the order says {request.amount} {request.currency}"
            )
        await self._orders.record_payment(request.order_id, payment, request.enters)
        return payment

    @activity.defn
    async def void_payment(self, request: VoidPayment) -> Payment:
        """Give the authorisation back; if the money was taken after all, the answer says so and a refund must follow."""
        try:
            payment = await self._gateway.void(request)
        except StoredFailure:
            payment = await self._gateway.read_payment(request.session_id)
            if payment.state is PaymentState.AUTHORIZED:
                raise
        await self._orders.record_payment(request.order_id, payment, None)
        return payment

    @activity.defn
    async def request_refund(self, request: RequestRefund) -> Refund:
        """Give captured money back, never more than is left; money that went back before counts as given."""
        try:
            refund = await self._gateway.refund(request)
        except (AlreadyExists, StoredFailure):
            found = await self._gateway.find_refund(request)
            if found is None:
                raise
            refund = found
        await self._orders.record_refund(request, refund)
        return refund

    @activity.defn
    async def read_refund(self, request: ReadRefund) -> Refund:
        """Ask how a refund stands."""
        refund = await self._gateway.read_refund(request.refund_id)
        await self._orders.record_refund(request, refund)
        return refund
