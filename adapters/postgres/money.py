"""The money of an order: what the provider says of each payment, and what that makes of the order's own columns.

`orders` carries the sums of its payments so that lists and checks need no join. Each statement locks the payment's row, and adds
the difference that it makes to the order: whatever runs at the same time, nothing is counted twice or lost.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import InstrumentedAttribute

from adapters.postgres.statements import change_order, insert_from, with_event
from models.order import Transition
from models.payment import CheckoutSession, OpenCheckout, PaymentState, ReadRefund, RefundState, RequestRefund
from models.payment import Payment as ReadPayment
from models.payment import Refund as ReadRefundState
from models.tables import Order, Payment, Refund

PAYMENT_RANKS = {
    PaymentState.OPEN: 0,
    PaymentState.EXPIRED: 1,
    PaymentState.AUTHORIZED: 2,
    PaymentState.CANCELED: 3,
    PaymentState.CAPTURED: 4,
}
"""A reading of a lower rank is older than what is written down."""

REFUND_RANKS = {
    RefundState.PENDING: 0,
    RefundState.REQUIRES_ACTION: 1,
    RefundState.SUCCEEDED: 2,
    RefundState.CANCELED: 3,
    RefundState.FAILED: 4,
}
"""The same for refunds: one that succeeded can still fail later, when the customer's bank sends it back."""

LOST_REFUNDS = {RefundState.CANCELED, RefundState.FAILED}


def checkout_opened(request: OpenCheckout, session: CheckoutSession) -> Select[Any]:
    """Make this Session the one that the order is paid by."""
    changed = change_order(request.order_id, request.enters, {"checkout_session_id": session.session_id})
    moved = changed.returning(Order.id).cte("changed")
    payment = insert_from(
        Payment,
        {
            "order_id": request.order_id,
            "attempt": request.key_number,
            "stripe_session_id": session.session_id,
            "state": PaymentState.OPEN,
            "amount": request.total,
            "currency": request.currency,
            "checkout_url": session.url,
            "expires_at": session.expires_at,
        },
        moved,
    ).on_conflict_do_nothing(index_elements=["stripe_session_id"])
    return with_event(moved, request.enters).add_cte(payment.cte("payment"))


def payment_adopted(order_id: UUID, payment: ReadPayment) -> Insert:
    """Write down a Session whose opening was never recorded, because the answer was lost."""
    row = insert(Payment).values(
        order_id=order_id,
        attempt=0,
        stripe_session_id=payment.session_id,
        state=PaymentState.OPEN,
        amount=payment.amount,
        currency=payment.currency,
    )
    return row.on_conflict_do_nothing(index_elements=["stripe_session_id"])


def payment_read(order_id: UUID, payment: ReadPayment, enters: Transition | None) -> Select[Any]:
    """Write what was read of a payment, unless something later was read before, and what it makes of the order."""
    before = select(Payment).where(Payment.stripe_session_id == payment.session_id, Payment.order_id == order_id)
    was = before.with_for_update().cte("was")
    is_news = case(PAYMENT_RANKS, value=was.c.state) <= PAYMENT_RANKS[payment.state]
    authorized = max(payment.amount_authorized, payment.amount_captured)
    # Stripe calls money that a void let go "refunded" too; only what was captured can be given back.
    reported = min(payment.amount_refunded, payment.amount_captured)
    written = (
        update(Payment)
        .where(Payment.id == was.c.id, is_news)
        .values(
            state=payment.state,
            payment_intent_id=func.coalesce(payment.payment_intent_id, was.c.payment_intent_id),
            charge_id=func.coalesce(payment.charge_id, was.c.charge_id),
            amount=payment.amount,
            authorized=authorized,
            captured=payment.amount_captured,
            refunds_reported=reported,
            capture_before=func.coalesce(literal(payment.capture_before, Payment.capture_before.type), was.c.capture_before),
        )
        .cte("payment")
    )
    refunded_before = _refunded(was.c.captured, was.c.refunds_reported, was.c.refunds_recorded)
    refunded_now = _refunded(literal(payment.amount_captured), literal(reported), was.c.refunds_recorded)

    def plus(column: InstrumentedAttribute[int], difference: ColumnElement[int]) -> ColumnElement[int]:
        return column + case((is_news, difference), else_=0)

    money = {
        "authorized": plus(Order.authorized, authorized - was.c.authorized),
        "captured": plus(Order.captured, payment.amount_captured - was.c.captured),
        "refunded": plus(Order.refunded, refunded_now - refunded_before),
    }
    changed = change_order(order_id, enters, money).where(Order.id == was.c.order_id).returning(Order.id).cte("changed")
    return with_event(changed, enters).add_cte(written)


def refund_begun(request: RequestRefund | ReadRefund, refund: ReadRefundState) -> Insert:
    """Make the row of a refund, if there is none; it counts for nothing yet."""
    row = insert(Refund).values(
        order_id=request.order_id,
        number=request.refund_number,
        stripe_refund_id=refund.refund_id,
        payment_intent_id=request.payment_intent_id,
        state=refund.state,
        amount=refund.amount,
        currency=refund.currency,
        recorded_at=request.at,
    )
    # Without a target: of two equal rows in the same moment, either unique index may be the one that refuses.
    return row.on_conflict_do_nothing()


def refund_read(request: RequestRefund | ReadRefund, refund: ReadRefundState) -> Select[Any]:
    """Write what was read of a refund, unless something later was read before; money on its way counts as given back."""
    counted = 0 if refund.state in LOST_REFUNDS else refund.amount
    before = select(Refund).where(Refund.order_id == request.order_id, Refund.number == request.refund_number)
    was = before.with_for_update().cte("was")
    is_news = (was.c.stripe_refund_id != refund.refund_id) | (case(REFUND_RANKS, value=was.c.state) <= REFUND_RANKS[refund.state])
    difference = case((is_news, counted - was.c.counted), else_=0)
    written = (
        update(Refund)
        .where(Refund.id == was.c.id, is_news)
        .values(
            stripe_refund_id=refund.refund_id,
            state=refund.state,
            amount=refund.amount,
            counted=counted,
            failure_reason=refund.failure_reason,
            recorded_at=request.at,
        )
        .cte("refund")
    )
    payment = (
        update(Payment)
        .where(Payment.payment_intent_id == was.c.payment_intent_id, Payment.order_id == was.c.order_id)
        .values(refunds_recorded=Payment.refunds_recorded + difference)
        .returning(
            Payment.order_id, Payment.captured, Payment.refunds_reported, Payment.refunds_recorded, difference.label("difference")
        )
        .cte("payment")
    )
    now, reported, captured = payment.c.refunds_recorded, payment.c.refunds_reported, payment.c.captured
    more = _refunded(captured, reported, now) - _refunded(captured, reported, now - payment.c.difference)
    changed = change_order(request.order_id, None, {"refunded": Order.refunded + more}).where(Order.id == payment.c.order_id)
    return with_event(changed.returning(Order.id).cte("changed"), None).add_cte(written)


def refundable(order_id: UUID, payment_intent_id: str) -> Select[int]:
    """Select what of a payment can still be given back."""
    left = Payment.captured - _refunded(Payment.captured, Payment.refunds_reported, Payment.refunds_recorded)
    return select(left).where(Payment.order_id == order_id, Payment.payment_intent_id == payment_intent_id)


def _refunded(captured: Any, reported: Any, recorded: Any) -> ColumnElement[int]:
    """What has gone back: Stripe's count has the dashboard's refunds, ours has those that Stripe was just asked for."""
    return func.least(captured, func.greatest(reported, recorded))
