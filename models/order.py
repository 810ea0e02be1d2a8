"""An order: what was asked, what was frozen, where it stands."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import Field, StringConstraints

from models.artwork import StoredImage
from models.base import Contract, Instant, Minor, Sha256

_ORDERS = UUID("6f1d7c1a-52a5-5a3f-9a0e-5b8f0c0e7d11")
"""Namespace of order ids. Changing it lets every open order be placed a second time."""


def order_id_for(upload_name: str, attempt: int) -> UUID:
    """Return the id of the order that an upload leads to.

    A storefront that asks again reaches the same order. `attempt` begins at 1 and grows when the earlier order of the same upload
    is paid or has ended, so that the same picture can be bought again.
    """
    return uuid5(_ORDERS, f"{upload_name}#{attempt}")


def designed_order_id(request_id: str) -> UUID:
    """Return the id of the order that a page opens with a design; `request_id` is the page's own: nobody can guess it."""
    return uuid5(_ORDERS, f"request:{request_id}")


def order_workflow_id(order_id: UUID) -> str:
    """Return the id of the one workflow that is this order."""
    return f"order-{order_id}"


class Channel(StrEnum):
    """Where the order was opened, which decides who takes the money and where the case goes."""

    WEB = "web"
    """Paid by card on the web, posted to an address."""
    APP = "app"
    """A machine's QR code was scanned, paid by card on the phone, collected from that machine."""
    MACHINE = "machine"
    """Paid at the machine, collected from it."""


class OrderStatus(StrEnum):
    """Where an order stands; the one list for database, API and search attribute.

    Money is another axis (`models.payment.Money`): an order can be `on_hold` with money authorised or captured.
    """

    GENERATING = "generating"
    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    PREPARING = "preparing"
    SUBMITTING = "submitting"
    VERIFYING = "verifying"
    IN_PRODUCTION = "in_production"
    PRINTED = "printed"
    READY_FOR_COLLECTION = "ready_for_collection"
    TO_SHIP = "to_ship"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    ON_HOLD = "on_hold"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELED = "canceled"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows: the workflow closes in this status."""
        return self in {OrderStatus.COMPLETED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.FAILED}


class HoldReason(StrEnum):
    """Why an order waits for a person."""

    PAYMENT_MISMATCH = "payment_mismatch"
    """Stripe's amount or currency is not the order's."""
    PRINT_FILE_FAILED = "print_file_failed"
    ANNOUNCE_REFUSED = "announce_refused"
    SUBMIT_REFUSED = "submit_refused"
    OUTCOME_UNKNOWN = "outcome_unknown"
    """The manufacturer may or may not have the order, and look-ups do not settle it."""
    CAPTURE_FAILED = "capture_failed"
    """The case is being printed and the money was not taken."""
    PRINT_FAILED = "print_failed"
    """The manufacturer says 2, 13 or 14: cancelled or not printed."""
    OVERDUE = "overdue"
    """Accepted, but nothing was heard for longer than production ever takes."""
    SHIPMENT_OVERDUE = "shipment_overdue"
    """Printed, and nobody has posted it."""
    REFUND_FAILED = "refund_failed"


Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Address(Contract):
    """Where a web order is posted to."""

    line1: Text
    line2: Text = ""
    city: Text
    postcode: Text
    country: Text


class Customer(Contract):
    """Who ordered. Personal data: stands in the database and in encrypted payloads only, never in ids, attributes or logs."""

    name: Text
    email: Text
    phone: Text = ""
    address: Address | None = None


class CheckoutRequest(Contract):
    """What the storefront asks for, as it claims it. Nothing in it is trusted: every name is resolved against the catalogue.

    Attributes:
        upload_name: File name that the upload route gave out; resolved to the stored picture, never fetched.
        amount: What the storefront shows the customer, in minor units. Compared with our price, never charged.
        device_id: The scanned machine for `app`; None for `web`, which prints on the default device.
        customer: Required with an address for `web`.
    """

    channel: Channel
    upload_name: Text
    brand: Text
    model: Text
    amount: Minor
    currency: str = "gbp"
    template_id: str | None = None
    add_ons: tuple[Text, ...] = ()
    device_id: Text | None = None
    customer: Customer | None = None


class OrderLine(Contract):
    """One line of the order with its frozen price."""

    sku: str
    title: str
    unit_amount: Minor
    quantity: Annotated[int, Field(ge=1, le=100)] = 1

    @property
    def amount(self) -> int:
        """The line's price in minor units."""
        return self.unit_amount * self.quantity


class Product(Contract):
    """The case itself, resolved once and frozen.

    Attributes:
        model_id: The manufacturer's `MM…`.
        shell_id: The manufacturer's `MS…`: one model can have several shells of different size.
        width_mm: Printable width of the shell.
        height_mm: Printable height of the shell.
    """

    brand_id: str
    brand_name: str
    model_name: str
    model_id: str
    shell_id: str
    device_id: str
    template_id: str
    width_mm: float
    height_mm: float


class Quote(Contract):
    """A request resolved and priced by our catalogue; nothing is held or written yet."""

    channel: Channel
    product: Product
    lines: tuple[OrderLine, ...]
    total: Minor
    currency: str
    image: StoredImage
    promotion_id: str | None = None


class PlaceOrder(Contract):
    """Ask: price it, hold a shell, write it down.

    The same `order_id` again gives the same answer; another request re-prices it.
    """

    order_id: UUID
    request: CheckoutRequest
    upload_attempt: int = 1
    enters: "Transition"


class StandingCheckout(Contract):
    """The Stripe Session that an order had opened last when it was placed once more."""

    session_id: str
    url: str
    expires_at: Instant
    key_number: int


class PlacedOrder(Contract):
    """An order that is written down: price, product and picture are frozen.

    Attributes:
        checkout: The newest Session of an order that was written down before, e.g. by a run of the workflow that was reset since.
        version: The newest step that is written.
        number: What people see, `PMC-000123`.
        public_token: Unguessable; opens the customer's own view of the order.
        approved_sha256: The picture that the customer approved; nothing else is ever printed.
    """

    order_id: UUID
    number: str
    public_token: str
    quote: Quote
    approved_sha256: Sha256
    checkout: StandingCheckout | None = None
    version: int = 0

    @property
    def is_free(self) -> bool:
        """Whether a promotion of ours makes it cost nothing, so that Stripe is not involved."""
        return self.quote.total == 0


class ReleaseHold(Contract):
    """Give the order's shell back to the stock."""

    order_id: UUID
    at: Instant


class Transition(Contract):
    """A step of the story: the order enters `status`.

    Written once per (order, version), by the activity whose result brings the order there, in that result's own transaction;
    an older version never overwrites a newer one. `note` is shown to operators and on the timeline: no personal data.
    """

    order_id: UUID
    version: Annotated[int, Field(ge=1)]
    status: OrderStatus
    at: Instant
    note: str = ""
    hold_reason: HoldReason | None = None
    needs_attention: bool = False
    operator: str | None = None
    reason: str | None = None
    deadline: Instant | None = None
    """When the order goes on by itself, e.g. gives the money back."""
    carrier: str | None = None
    tracking: str | None = None


class OrderPolicy(Contract):
    """How long an order waits for whom; frozen at its start, so that a changed setting never moves a promise already made.

    Attributes:
        approval_limit: How long a design waits to be approved; nothing is held for it.
        checkout_lifetime: How long a Checkout Session stays payable; Stripe allows 30 min to 24 h.
        hold_deadline: How long an order waits for a person before the money goes back by itself.
        production_limit: Silence after acceptance that needs a person's eye.
        packing_limit: How long a printed web order may wait for the packer before it needs a person's eye.
        collection_limit: After this a case that lies ready at a machine counts as collected.
        delivery_limit: After this a posted case counts as delivered.
        capture_margin: How long before an authorisation runs out its fate is decided.
    """

    approval_limit: timedelta = timedelta(hours=24)
    checkout_lifetime: timedelta = timedelta(minutes=60)
    hold_deadline: timedelta = timedelta(hours=48)
    production_limit: timedelta = timedelta(hours=24)
    packing_limit: timedelta = timedelta(days=5)
    collection_limit: timedelta = timedelta(hours=24)
    delivery_limit: timedelta = timedelta(days=14)
    capture_margin: timedelta = timedelta(hours=12)


class OrderInput(Contract):
    """What an OrderWorkflow is started with.

    Attributes:
        opens_with_design: Whether its picture is still to be made and approved.
    """

    order_id: UUID
    channel: Channel
    upload_attempt: int = 1
    policy: OrderPolicy = OrderPolicy()
    opens_with_design: bool = False


class Checkout(Contract):
    """The answer to a checkout: where the customer pays.

    `checkout_url` is None for an order that costs nothing: its `session_id` is `free_<public token>` and the storefront's own
    success page is where the customer goes.
    """

    order_id: UUID
    number: str
    public_token: str
    checkout_url: str | None
    session_id: str


class OrderResult(Contract):
    """How an order ended."""

    order_id: UUID
    status: OrderStatus
    note: str = ""


class Operator(Contract):
    """Who acts, and why: both are recorded, neither may be empty."""

    operator: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


class Shipment(Operator):
    """The packer's word that the parcel has left."""

    carrier: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]
    tracking: Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)]


class CancelOutcome(StrEnum):
    """The answer to a request to cancel."""

    CANCELED = "canceled"
    TOO_LATE = "too_late"


PlaceOrder.model_rebuild()
