"""Money: what was authorised, taken, given back. Integer minor units, each with the provider's id."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from models.base import Contract, Instant, Minor
from models.order import OrderLine, OrderStatus, Transition


class Money(Contract):
    """The money axis of an order, in minor units of one currency."""

    currency: str = "gbp"
    authorized: Minor = 0
    captured: Minor = 0
    refunded: Minor = 0
    disputed: Minor = 0

    @property
    def at_risk(self) -> int:
        """What the customer has given and not got back: captured less refunded, or what is still only authorised."""
        return (self.captured - self.refunded) if self.captured else self.authorized


class CheckoutSession(Contract):
    """A Stripe Checkout Session; `url` is where the customer pays."""

    session_id: str
    url: str
    expires_at: Instant
    key_number: int = 0
    """The `key_number` of the request that opened it, kept as metadata at Stripe."""


class OpenCheckout(Contract):
    """Open a Session for the order; no other of the order may stay payable.

    Every field is frozen by the workflow: Stripe refuses the same idempotency key with other parameters.

    Attributes:
        key_number: The number in the idempotency key; each new Session and each stored failure takes the next.
        expires_at: Stripe allows 30 min to 24 h from creation.
        first_opened_at: Where the search begins for a Session whose answer was lost under an earlier key.
    """

    order_id: UUID
    number: str
    key_number: int
    lines: tuple[OrderLine, ...]
    total: Minor
    currency: str
    customer_email: str | None = None
    placed_at: Instant
    expires_at: Instant
    first_opened_at: Instant
    enters: Transition

    @property
    def idempotency_key(self) -> str:
        """A pure function of the order: a reset or a second worker makes the same one."""
        return f"order:{self.order_id}:checkout:{self.key_number}"


class PaymentState(StrEnum):
    """What Stripe says of a Session and its PaymentIntent together."""

    OPEN = "open"
    """Not paid, still payable."""
    AUTHORIZED = "authorized"
    """The Session is complete and its PaymentIntent is in `requires_capture` (whatever `payment_status` says)."""
    CAPTURED = "captured"
    """The PaymentIntent has succeeded."""
    EXPIRED = "expired"
    """Can never be paid any more."""
    CANCELED = "canceled"
    """The authorisation was voided or ran out."""


class Payment(Contract):
    """A payment as read from Stripe, never from an event.

    Attributes:
        amount: The Session's `amount_total`, minor units.
        amount_authorized: The PaymentIntent's `amount_capturable`, 0 unless authorised.
        capture_before: When the authorisation runs out (`payment_method_details.card.capture_before`).
    """

    state: PaymentState
    session_id: str
    order_id: UUID | None = None
    payment_intent_id: str | None = None
    charge_id: str | None = None
    amount: Minor = 0
    amount_authorized: Minor = 0
    amount_captured: Minor = 0
    amount_refunded: Minor = 0
    currency: str = "gbp"
    capture_before: Instant | None = None

    @property
    def is_paid(self) -> bool:
        """Whether the customer has done their part: the money is authorised or taken."""
        return self.state in {PaymentState.AUTHORIZED, PaymentState.CAPTURED}

    @property
    def is_all_gone(self) -> bool:
        """Whether nothing is left of it: voided, run out, or refunded in full."""
        return not self.is_paid or self.amount_refunded >= self.amount_captured > 0


class ExpectedMoney(Contract):
    """What must have been authorised or taken at a Session for an order to be made."""

    session_id: str
    total: Minor
    currency: str

    def is_matched_by(self, payment: Payment) -> bool:
        """Whether what was authorised is what the order costs, and none of it has gone back, e.g. in Stripe's dashboard."""
        given = max(payment.amount_authorized, payment.amount_captured) - payment.amount_refunded
        return payment.is_paid and payment.currency == self.currency and self.total == payment.amount == given


class LookAtPayment(ExpectedMoney):
    """Re-read a Session; `enters` is written only if the answer is an authorisation of exactly `total`."""

    order_id: UUID
    enters: Transition


class ExpireCheckout(Contract):
    """Close a Session so that it can never be paid; a Session that turns out to be complete is returned as it is."""

    order_id: UUID
    session_id: str
    enters: Transition | None = None


class CapturePayment(Contract):
    """Take the authorised money: key `order:<id>:capture:<n>`."""

    order_id: UUID
    session_id: str
    payment_intent_id: str
    amount: Minor
    currency: str
    key_number: int = 1
    enters: Transition

    @property
    def idempotency_key(self) -> str:
        """See `OpenCheckout.idempotency_key`."""
        return f"order:{self.order_id}:capture:{self.key_number}"


class VoidPayment(Contract):
    """Give an authorisation back: key `order:<id>:void:<n>`. Money that turns out to be captured is reported, not voided."""

    order_id: UUID
    session_id: str
    payment_intent_id: str
    key_number: int = 1

    @property
    def idempotency_key(self) -> str:
        """See `OpenCheckout.idempotency_key`."""
        return f"order:{self.order_id}:void:{self.key_number}"


class RefundState(StrEnum):
    """Stripe's words for a Refund, https://docs.stripe.com/api/refunds/object."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class RequestRefund(Contract):
    """Give captured money back: key `order:<id>:refund:<n>` with the refund's own number."""

    order_id: UUID
    payment_intent_id: str
    refund_number: int
    key_number: int = 1
    amount: Minor
    currency: str
    reason: str
    at: Instant

    @property
    def idempotency_key(self) -> str:
        """See `OpenCheckout.idempotency_key`; the refund's number and the key's own number make it one."""
        key_suffix = "" if self.key_number == 1 else f":{self.key_number}"
        return f"order:{self.order_id}:refund:{self.refund_number}{key_suffix}"


class ReadRefund(Contract):
    """Re-read refund `refund_number` of the order."""

    order_id: UUID
    payment_intent_id: str
    refund_number: int
    refund_id: str
    at: Instant


class Refund(Contract):
    """A refund as Stripe has it."""

    refund_id: str
    state: RefundState
    amount: Minor
    currency: str
    failure_reason: str | None = None


class RefundInput(Contract):
    """What a RefundWorkflow is started with."""

    order_id: UUID
    refund_number: int
    session_id: str
    payment_intent_id: str
    amount: Minor
    currency: str
    reason: str
    operator: str | None = None


class RefundResult(Contract):
    """How a RefundWorkflow ended."""

    state: RefundState
    refunded: Minor
    refund_id: str | None = None


class RefundRequest(Contract):
    """An operator's wish: who, why, how much (None: everything that is left)."""

    operator: str
    reason: str
    amount: Minor | None = None


def refund_workflow_id(order_id: UUID, refund_number: int) -> str:
    """Return the id of the one workflow that is this refund."""
    return f"refund-{order_id}-{refund_number}"


def stripe_timestamp(at: datetime) -> int:
    """Return Unix seconds, Stripe's only way of telling time."""
    return int(at.timestamp())


class PaymentReport(Contract):
    """Somebody says that this Session was paid: a reason to look, never a proof."""

    session_id: str
    is_nudge: bool = False
    """Somebody looks at a page and may look again: refused while others wait already, which a webhook never is."""


class PaymentView(Contract):
    """What is known after looking: `authorized` is Stripe's word, `accepted` the manufacturer's."""

    status: OrderStatus
    authorized: bool
    accepted: bool
