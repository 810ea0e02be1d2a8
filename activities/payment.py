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
    RefundState,
    RequestRefund,
    VoidPayment,
)

CLOCK_SKEW = timedelta(minutes=5)
"""Stripe's clock and ours need not agree when its list is searched by creation time."""

NOT_GIVEN = {RefundState.FAILED, RefundState.CANCELED}
"""A refund in one of these states has moved no money: another one may be made."""


class PaymentActivities:
    """What is asked of Stripe for one order."""

    def __init__(self, gateway: PaymentGateway, orders: OrderBook) -> None:
        self._gateway = gateway
        self._orders = orders

    @activity.defn
    async def open_checkout(self, request: OpenCheckout) -> CheckoutSession:
        """Open the Session that the customer pays at.

        A later key number means that an earlier answer may have been lost: what it may have opened is closed first, and stands
        if it was paid in that moment.
        Raises `StoredFailure` only when the key is spent and no Session of the order exists: the next key number is safe.
        """
        since = request.first_opened_at - CLOCK_SKEW
        lost = await self._gateway.find_checkout(request.order_id, since=since) if request.key_number > 1 else None
        if lost is not None and lost.key_number != request.key_number:
            closed = await self._gateway.expire_checkout(ExpireCheckout(order_id=request.order_id, session_id=lost.session_id))
            if closed.is_paid:
                await self._orders.record_checkout(request, lost)
                return lost
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
        """Give captured money back; what an earlier try has given is found again and not given twice.

        Raises `StoredFailure` only when the key is spent and nothing went back, `AlreadyExists` when what is left is less.
        """
        is_repeat = request.key_number > 1 or activity.info().attempt > 1
        refund = await self._find_refund(request) if is_repeat else None
        if refund is None:
            try:
                refund = await self._gateway.refund(request)
            except (AlreadyExists, StoredFailure):
                refund = await self._find_refund(request)
                if refund is None:
                    raise
        await self._orders.record_refund(request, refund)
        return refund

    async def _find_refund(self, request: RequestRefund) -> Refund | None:
        """Find what an earlier try has given back; Stripe forgets keys after a day, its refunds it keeps."""
        found = await self._gateway.find_refund(request)
        return None if found is None or found.state in NOT_GIVEN else found

    @activity.defn
    async def read_refund(self, request: ReadRefund) -> Refund:
        """Ask how a refund stands."""
        refund = await self._gateway.read_refund(request.refund_id)
        await self._orders.record_refund(request, refund)
        return refund
