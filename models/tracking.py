"""What is shown of an order: where it stands, how it came there, what a person must do about it."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from models.base import Contract, Instant, Minor, Sha256
from models.order import Channel, Customer, HoldReason, OrderLine, OrderStatus, Product
from models.payment import Money


class TimelineKind(StrEnum):
    """Who moved."""

    TRANSITION = "transition"
    """The order took a step."""
    PROGRESS = "progress"
    """The manufacturer said something in between."""


class TimelineEntry(Contract):
    """One line of an order's story. `operator` and `reason` are for operators only."""

    kind: TimelineKind
    at: Instant
    status: OrderStatus | None = None
    hold_reason: HoldReason | None = None
    reference: str | None = None
    manufacturer_status: int | None = None
    note: str = ""
    operator: str | None = None
    reason: str | None = None


class OrderSummary(Contract):
    """An order in a list."""

    order_id: UUID
    number: str
    channel: Channel
    status: OrderStatus
    hold_reason: HoldReason | None
    needs_attention: bool
    entered_at: Instant
    deadline: Instant | None
    placed_at: Instant
    device_id: str
    brand_name: str
    model_name: str
    template_id: str
    total: Minor
    money: Money
    queue_number: str | None
    payment_reference: str | None
    print_reference: str | None
    manufacturer_order_id: str | None


class OrderView(OrderSummary):
    """An order with everything that is written down of it.

    Attributes:
        checkout_session_id: What the storefront knows it by: the Stripe Session, or `free_<public token>`.
        customer: Personal data: for the customer and for operators, never for logs.
        timeline: Oldest first.
    """

    public_token: str
    checkout_session_id: str | None
    product: Product
    lines: tuple[OrderLine, ...]
    upload_name: str
    approved_sha256: Sha256
    print_sha256: str | None
    promotion_id: str | None
    manufacturer_payment_id: str | None
    manufacturer_status: int | None
    carrier: str | None
    tracking: str | None
    customer: Customer | None
    timeline: tuple[TimelineEntry, ...]


class PaymentStanding(Contract):
    """What is known of a payment that somebody asks about by its reference.

    Attributes:
        reading: The state that the manufacturer told when we asked (`ManufacturerPaymentStatus`); None while it has told none.
    """

    order_id: UUID
    number: str
    channel: Channel
    status: OrderStatus
    hold_reason: HoldReason | None
    total: Minor
    money: Money
    reading: int | None


PRINT_FILE_SHOWN = timedelta(days=7)
"""How long after the print its file is still given out."""


class PrintFileStanding(Contract):
    """Whether the print file of an order may still be fetched.

    Attributes:
        printed_at: When the print attempt accepted last was printed; None while it is not.
    """

    status: OrderStatus
    printed_at: Instant | None

    @property
    def must_not_be_printed(self) -> bool:
        """Whether the order ended without a case: its money went back, so nothing may be made of it any more."""
        return self.status.is_final and self.status is not OrderStatus.COMPLETED

    def is_shown(self, at: datetime) -> bool:
        """Whether a link opens the file at this moment."""
        return not self.must_not_be_printed and (self.printed_at is None or at - self.printed_at <= PRINT_FILE_SHOWN)


class PrintJob(PrintFileStanding):
    """An order as those see it who print it: no customer, no money, no design.

    Attributes:
        names: Every PYEN, OREN, `MSPY…` and `MSOR…` of the order, those of earlier print attempts included.
        print_reference: The OREN that was accepted last; None for an order that the manufacturer does not have.
    """

    order_id: UUID
    number: str
    names: tuple[str, ...]
    entered_at: Instant
    placed_at: Instant
    device_id: str
    brand_name: str
    model_name: str
    shell_id: str
    payment_reference: str | None
    print_reference: str | None
    manufacturer_order_id: str | None
    manufacturer_status: int | None
    queue_number: str | None
    print_sha256: Sha256 | None

    def is_called(self, name: str) -> bool:
        """Say whether somebody who says `name` means this order."""
        return name in self.names or name.upper() == self.number or name.lower() == str(self.order_id)


class OrderFilter(Contract):
    """Which orders to list, newest first; everything given must hold.

    Attributes:
        text: An order number, a reference, a Session or the customer's e-mail address, whole.
    """

    status: OrderStatus | None = None
    needs_attention: bool | None = None
    device_id: str | None = None
    text: str | None = None
    limit: int = 50
    offset: int = 0


class TaskKind(StrEnum):
    """Why a person must act."""

    UNKNOWN_PAYMENT = "unknown_payment"
    """Money came in that no order expects."""
    LATE_PAYMENT = "late_payment"
    """Money came in after its order had ended."""
    WRONG_AMOUNT = "wrong_amount"
    """Somebody states another amount than the order's."""
    REFUND_DUE = "refund_due"
    """Money taken at a machine must be given back by hand."""
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"


class NewTask(Contract):
    """A task for an operator; the same kind and subject is the same task."""

    kind: TaskKind
    subject: str
    order_id: UUID | None
    amount: Minor
    currency: str = "gbp"
    note: str
    opened_at: Instant


class Task(NewTask):
    """A task that was opened, and perhaps closed."""

    id: int
    closed_at: Instant | None
    closed_by: str | None
    closing_note: str | None
