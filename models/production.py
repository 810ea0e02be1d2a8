"""The manufacturer's side of an order, in our words: references, announcements, submissions, states."""

from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import NewType
from uuid import UUID

from pydantic import Field

from models.artwork import PrintFile, StoredImage
from models.base import Contract, Instant, Minor, Sha256
from models.order import Product, Transition
from models.payment import ExpectedMoney

PaymentReference = NewType("PaymentReference", str)
"""Our own id of a payment at the manufacturer, `PYEN` + yyMMdd + 6 digits: what `third_pay_id` means."""

PrintReference = NewType("PrintReference", str)
"""Our own id of one print attempt at the manufacturer, `OREN` + yyMMdd + 6 digits."""

ManufacturerPaymentId = NewType("ManufacturerPaymentId", str)
"""The manufacturer's id of a payment (`MSPY…`): shown to people, never sent back."""

ManufacturerOrderId = NewType("ManufacturerOrderId", str)
"""The manufacturer's id of an order (`MSOR…`)."""


class ReferenceKind(StrEnum):
    """What a reference names."""

    PAYMENT = "PYEN"
    PRINT = "OREN"


class ManufacturerPaymentStatus(IntEnum):
    """Contract, section 3.5. `UNKNOWN` is any number that the contract does not name."""

    UNKNOWN = 0
    WAITING = 1
    PAYING = 2
    PAID = 3
    FAILED = 4
    ABNORMAL = 5


class ManufacturerOrderStatus(IntEnum):
    """Contract, section 3.5. `UNKNOWN` is any number that the contract does not name: nothing follows from it."""

    UNKNOWN = 0
    WAITING_FOR_PAYMENT = 1
    CANCELED = 2
    PAYING = 3
    PAID = 4
    PAYMENT_FAILED = 5
    REFUNDING = 6
    REFUNDED = 7
    WAITING_TO_PRINT = 8
    PICKING_UP = 9
    PICKED_UP = 10
    PRINTING = 11
    PRINTED = 12
    PRINT_FAILED = 13
    PRINT_CANCELED = 14
    DELIVERING = 15
    DELIVERED = 16

    @property
    def is_unprinted(self) -> bool:
        """Whether it proves that no case was made: the only states that give money back."""
        return self in {self.CANCELED, self.PRINT_FAILED, self.PRINT_CANCELED}


class ProductionStage(StrEnum):
    """What an order's workflow needs to know of production; everything between goes to the timeline only."""

    ACCEPTED = "accepted"
    PRINTED = "printed"
    OUT_OF_MACHINE = "out_of_machine"
    UNPRINTED = "unprinted"


class PreparePrintFile(Contract):
    """Make the print file of the approved picture for one shell."""

    order_id: UUID
    image: StoredImage
    approved_sha256: Sha256
    shell_id: str
    width_mm: float
    height_mm: float
    enters: Transition


class AnnouncePayment(Contract):
    """Tell the manufacturer of the payment: payData, then payStatus (3) where the money is not taken at the machine.

    Attributes:
        confirm: False for a machine payment, whose payStatus is never ours to send.
        pay_type: 12 for money taken online or no money at all; the dialect's own for the machine (setting).
    """

    order_id: UUID
    product: Product
    amount: Minor
    confirm: bool = True
    at: Instant
    enters: Transition


class Announcement(Contract):
    """A payment that the manufacturer knows of."""

    reference: PaymentReference
    manufacturer_payment_id: ManufacturerPaymentId | None = None


class SubmitOrder(Contract):
    """Have it printed: orderData under the OREN of this print attempt.

    `enters` is where acceptance brings the order; it is written in the transaction that stores the acceptance.

    Attributes:
        money: What must still be there when the order is sent; None where nothing was paid through us, or it was sent before.
    """

    order_id: UUID
    print_attempt: int = 1
    payment_reference: PaymentReference
    product: Product
    print_file: PrintFile
    money: ExpectedMoney | None = None
    at: Instant
    enters: Transition


class Submission(Contract):
    """An order that the manufacturer has accepted."""

    reference: PrintReference
    manufacturer_order_id: ManufacturerOrderId | None = None
    queue_number: str | None = None
    status: ManufacturerOrderStatus = ManufacturerOrderStatus.WAITING_TO_PRINT


class FindSubmission(Contract):
    """Is print attempt `print_attempt` there? Asks getOrderStatus, then the machine's print list.

    Attributes:
        enters: Written before asking: the order is `verifying`.
        finds: Written with the acceptance, if there is one.
    """

    order_id: UUID
    print_attempt: int
    device_id: str
    at: Instant
    enters: Transition
    finds: Transition


class ReadProduction(Contract):
    """Ask for the state of a print attempt now, e.g. because a customer wants to cancel."""

    reference: PrintReference


class ProductionState(Contract):
    """The manufacturer's answer; None where it does not know the reference."""

    status: ManufacturerOrderStatus | None


class SubmissionSearch(Contract):
    """`submission` is None only if the manufacturer was asked by both ways and knows nothing of it: proven absent."""

    submission: Submission | None


class ProductionReport(Contract):
    """A fact for the workflow: what the poller heard, verified by asking the manufacturer."""

    reference: str
    stage: ProductionStage
    status: ManufacturerOrderStatus
    at: Instant


class DueReference(Contract):
    """A reference that it is time to ask about."""

    reference: str
    kind: ReferenceKind
    order_id: UUID
    last_status: int | None = None
    created_at: Instant


class DueReferences(Contract):
    """A portion of what is due, the longest waiting first, and when the next one that is not due yet will be."""

    references: tuple[DueReference, ...]
    next_at: Instant | None


class ReferenceReading(Contract):
    """What the manufacturer answered for a reference, and when to ask next (None: never again).

    Attributes:
        status: None where nothing was heard: the manufacturer does not know the reference, or did not answer at all.
        is_answered: False where it did not answer at all.
    """

    reference: str
    kind: ReferenceKind
    order_id: UUID
    status: int | None
    at: Instant
    next_at: Instant | None
    is_answered: bool = True


class Backlog(Contract):
    """How many references should have been asked about before a moment, and since when the first of them waits."""

    count: int
    since: Instant | None


class PollerDuty(StrEnum):
    """What the poller does, each of which can fail by itself while the others go on."""

    PAYMENTS = "payments"
    """getPayStatus."""
    PRINTS = "prints"
    """getOrderStatus."""
    NEWS = "news"
    """Telling orders what was heard."""
    ROUNDS = "rounds"
    """Anything at all: reading what is due, and writing down what was heard."""


class PollerInput(Contract):
    """What a StatusPoller is started with, and carries from run to run: since when which of its duties fails."""

    failing_since: dict[PollerDuty, Instant] = Field(default_factory=dict)


class PollDue(Contract):
    """Ask about everything that is due at `at`, read in portions of at most `limit` references."""

    at: Instant
    limit: int = 400


class PollOutcome(Contract):
    """What one round of the poller did.

    Attributes:
        asked: References that the manufacturer was asked about.
        reported: Orders that were told of a step.
        unknown: References that the manufacturer was asked about and does not know.
        sleep: How long after the round's `at` the next reference is due; None: nothing is waiting.
        done: The duties that something was done of.
        failures: The duties that something failed of, and why.
    """

    asked: int = 0
    reported: int = 0
    unknown: int = 0
    sleep: timedelta | None = None
    done: tuple[PollerDuty, ...] = ()
    failures: dict[PollerDuty, str] = Field(default_factory=dict)


class StockLevel(Contract):
    """One shell in one machine as the manufacturer counts it; sizes in mm, None where the manufacturer gives none."""

    model_id: str
    model_name: str
    shell_id: str
    width_mm: float | None
    height_mm: float | None
    stock: int


class ManufacturerBrand(Contract):
    """A brand as the manufacturer lists it."""

    brand_id: str
    name: str
    english_name: str
