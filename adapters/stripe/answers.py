"""What Stripe answers, as our contracts: its words end here."""

from datetime import UTC, datetime
from uuid import UUID

import stripe

from adapters.stripe.errors import PROVIDER
from models.errors import NeedsPerson, NotYet, OutcomeUnknown, ProviderUnavailable
from models.payment import CheckoutSession, Payment, PaymentState, Refund, RefundState


def expect(answer: stripe.StripeObject, kind: str, *, writes: bool) -> None:
    """Refuse an answer that is not what was asked for, such as an error page with status 200."""
    found = getattr(answer, "object", None)
    if found != kind:
        doubt = OutcomeUnknown if writes else ProviderUnavailable
        raise doubt(f"Stripe's answer is {found or 'nothing that we know'}, not a {kind}", provider=PROVIDER)


def to_checkout_session(session: stripe.checkout.Session) -> CheckoutSession:
    if session.url is None:
        raise NeedsPerson(f"Checkout Session {session.id} has no page to pay at", provider=PROVIDER, code=session.status)
    metadata = session.metadata.to_dict() if session.metadata else {}
    return CheckoutSession(
        session_id=session.id,
        url=session.url,
        expires_at=_at(session.expires_at),
        key_number=int(metadata.get("key_number", 0)),
    )


def to_payment(session: stripe.checkout.Session) -> Payment:
    intent, charge = _money_of(session)
    card = charge.payment_method_details.card if charge and charge.payment_method_details else None
    capture_before = card.capture_before if card else None
    return Payment(
        state=_state(session, intent),
        session_id=session.id,
        order_id=_order_id(session.client_reference_id),
        payment_intent_id=intent.id if intent else None,
        charge_id=charge.id if charge else None,
        amount=session.amount_total or 0,
        amount_authorized=intent.amount_capturable if intent else 0,
        amount_captured=charge.amount_captured if charge else 0,
        amount_refunded=charge.amount_refunded if charge else 0,
        currency=session.currency or "",
        capture_before=_at(capture_before) if capture_before else None,
    )


def _money_of(session: stripe.checkout.Session) -> tuple[stripe.PaymentIntent | None, stripe.Charge | None]:
    """Return the expanded PaymentIntent and its charge, if the charge is one that succeeded."""
    intent = session.payment_intent
    if not isinstance(intent, stripe.PaymentIntent):
        return None, None
    charge = intent.latest_charge
    return intent, charge if isinstance(charge, stripe.Charge) and charge.status == "succeeded" else None


def _state(session: stripe.checkout.Session, intent: stripe.PaymentIntent | None) -> PaymentState:
    """Say what Session and PaymentIntent mean together; `payment_status` stays `unpaid` until capture and decides nothing."""
    if session.status == "open":
        return PaymentState.OPEN
    if session.status == "expired":
        return PaymentState.EXPIRED
    match intent.status if intent else None:
        case "requires_capture":
            return PaymentState.AUTHORIZED
        case "succeeded":
            return PaymentState.CAPTURED
        case "canceled":
            return PaymentState.CANCELED
        case "processing":
            raise NotYet(f"the payment of Checkout Session {session.id} is still being processed")
        case other:
            raise NeedsPerson(
                f"Checkout Session {session.id} is {session.status} with a PaymentIntent in {other}",
                provider=PROVIDER,
                code=other,
            )


def to_refund(refund: stripe.Refund) -> Refund:
    return Refund(
        refund_id=refund.id,
        state=RefundState(refund.status or ""),
        amount=refund.amount,
        currency=refund.currency,
        failure_reason=getattr(refund, "failure_reason", None),
    )


def _order_id(reference: str | None) -> UUID | None:
    """Return the order that a Session names; Sessions of other shops on the same account name none of ours."""
    try:
        return UUID(reference or "")
    except ValueError:
        return None


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
