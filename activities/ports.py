"""What the activities need of the outside world, in their own words.

An adapter fits a port by shape alone; `worker.py` is where mypy proves it. All methods raise `models.errors` and nothing else
that is meant to be handled. Every method of `OrderBook` is one transaction and is safe to repeat.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from models.artwork import PrintFile, RenderedImage, RenderRequest
from models.design import ComposedDesign, ComposeRequest, DesignDocument, KeptDesign, StyleParameters
from models.generation import CleanPicture, GenerateImage, GenerationResult, ImageAnswer, ImagePrompt, Prompt
from models.inbox import InboxMessage, InboxState, Settlement
from models.order import PlacedOrder, PlaceOrder, Product, Transition
from models.payment import (
    CapturePayment,
    CheckoutSession,
    ExpireCheckout,
    OpenCheckout,
    Payment,
    ReadRefund,
    Refund,
    RequestRefund,
    VoidPayment,
)
from models.production import (
    Announcement,
    Backlog,
    DueReferences,
    ManufacturerBrand,
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PaymentReference,
    PrintReference,
    ReferenceKind,
    ReferenceReading,
    StockLevel,
    Submission,
)
from models.retention import Erased, EraseObjects, GivenUp, GiveUp
from models.stock import Findings, StockCount, StockedBrand
from models.tracking import NewTask


class PaymentGateway(Protocol):
    """Takes money from customers and gives it back (Stripe)."""

    async def open_checkout(self, request: OpenCheckout) -> CheckoutSession:
        """Create a Session under `request.idempotency_key`: cards and wallets, captured by hand, `client_reference_id` and
        metadata `order_id` on the Session and on its PaymentIntent.

        Raises `StoredFailure` when the key is spent on a failure, `OutcomeUnknown` and `ProviderUnavailable` when the same key
        may be tried again.
        """

    async def find_checkout(self, order_id: UUID, *, since: datetime) -> CheckoutSession | None:
        """Find an open Session of the order by listing those created since `since`: Stripe has no filter by our own id."""

    async def read_payment(self, session_id: str) -> Payment:
        """Re-read Session, PaymentIntent and latest charge. Raises `NotThere` for an unknown Session."""

    async def expire_checkout(self, request: ExpireCheckout) -> Payment:
        """Make a Session unpayable and return what it is now; one that is complete or already expired is simply returned."""

    async def capture(self, request: CapturePayment) -> Payment:
        """Take the authorised money; a PaymentIntent that has already succeeded is success after an amount check."""

    async def void(self, request: VoidPayment) -> Payment:
        """Cancel the PaymentIntent; one that is already canceled is success, one that has succeeded is returned as captured."""

    async def refund(self, request: RequestRefund) -> Refund:
        """Give captured money back. Raises `AlreadyExists` when it was refunded before, `ProviderRejected` when disputed."""

    async def find_refund(self, request: RequestRefund) -> Refund | None:
        """Find the refund that this request may have made before, by its metadata `refund_number`."""

    async def read_refund(self, refund_id: str) -> Refund:
        """Re-read a refund."""


class AssetStore(Protocol):
    """Keeps pictures under names made of their content (Cloudflare R2, S3)."""

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Store the bytes; the same key again is the same content and is not sent twice."""

    async def get(self, key: str) -> bytes:
        """Read an object. Raises `NotThere`."""

    async def exists(self, key: str) -> bool:
        """Say whether the object is there, without reading it."""


Remove = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
"""`ObjectRemover.delete`."""


class ObjectRemover(Protocol):
    """Removes what `AssetStore` keeps."""

    async def delete(self, keys: Collection[str]) -> Mapping[str, str]:
        """Remove objects and return why each that may still be there could not be; an absent one is removed already."""


class RetentionBook(Protocol):
    """Knows which pictures somebody needs."""

    async def give_up(self, request: GiveUp) -> GivenUp:
        """Mark what nobody needs; the same again is harmless."""

    async def erase(self, request: EraseObjects, remove: Remove) -> Erased:
        """Have the next objects removed whose grace is over, while nobody can take them up again, and write that down."""

    async def erase_answers(self, request: EraseObjects, remove: Remove) -> Erased:
        """Have some of the AI's own answers of long ago removed, and write that down."""


class Renderer(Protocol):
    """Makes the file that is printed out of the picture that was approved."""

    @property
    def version(self) -> str:
        """Name what decides the output's bytes: renderer and library versions."""

    async def render(self, data: bytes, request: RenderRequest) -> RenderedImage:
        """Scale to the shell, exactly the same bytes every time. Raises `OrderRefused` for a picture that is not one."""


class DesignRenderer(Protocol):
    """Draws design documents."""

    @property
    def version(self) -> str:
        """Name what decides the output's bytes: renderer, libraries and fonts."""

    async def compose(self, document: DesignDocument, request: ComposeRequest, pictures: Mapping[str, bytes]) -> ComposedDesign:
        """Draw the print file and its preview, exactly the same bytes every time.

        `pictures` has the bytes of everything that the document names. Raises `OrderRefused` for what cannot be printed well.
        """


class ImageGenerator(Protocol):
    """Makes pictures of pictures by AI (Gemini)."""

    @property
    def model(self) -> str:
        """Name the model that is asked."""

    async def generate(self, prompt: ImagePrompt) -> ImageAnswer:
        """Have one picture made; it is paid for when it is answered.

        Raises `GenerationRefused` (never again with this input), `NoPicture` (answered and paid for, without a picture),
        `ProviderUnavailable` (not done; later, perhaps with `retry_after`), `OutcomeUnknown` (the answer was lost, and perhaps
        paid for), `ProviderRejected` (our mistake).
        """


class PictureCleaner(Protocol):
    """Looks at pictures that others made, and writes them anew."""

    async def clean(self, data: bytes) -> CleanPicture:
        """Return the picture as we keep it, the same bytes every time. Raises `OrderRefused` for one that cannot be used."""


class Prompts(Protocol):
    """What the AI is told for each template and style."""

    def prompt(self, template_id: str, style: StyleParameters) -> Prompt:
        """Return the words for a choice that was resolved. Raises `OrderRefused` (`unknown_style`) with what may be chosen."""


class DesignBook(Protocol):
    """Design documents that were drawn."""

    async def keep(self, kept: KeptDesign) -> None:
        """Write document, print file and preview under their names; harmless when they are written already."""


class GenerationBook(Protocol):
    """What is written down of generations. Each method is one transaction and safe to repeat."""

    async def begin(self, request: GenerateImage) -> None:
        """Write the attempt and reserve its price.

        Raises `OrderRefused` (`budget_spent`) where a budget has no room for it; the attempt is then written as refused. Its
        facts name the `budget`, and say as `retry_at` (ISO 8601) from when on there may be room again.
        """

    async def finish(self, request: GenerateImage, result: GenerationResult, *, at: datetime) -> None:
        """Write how it ended: the picture with its public name, or why there is none, and what it cost; the first end stands."""


class ImageLinks(Protocol):
    """Signs the links under which the manufacturer fetches print files from us."""

    def for_print_file(self, print_file: PrintFile, *, order_id: UUID, expires_at: datetime) -> str:
        """Return the public `/image/<name>?token=…` of a print file."""

    async def fetch(self, url: str) -> bytes:
        """Read a link of ours as a stranger would, through the front door. Raises `ProviderUnavailable` or `ProviderRejected`."""


class Manufacturer(Protocol):
    """Prints the cases; speaks the partner's dialects, whichever is configured."""

    async def announce_payment(
        self,
        *,
        reference: PaymentReference,
        model_id: str,
        device_id: str,
        amount: int,
        at_machine: bool,
    ) -> Announcement:
        """PayData. `amount` in minor units. Raises `AlreadyExists`, `OutcomeUnknown`."""

    async def confirm_payment(self, *, reference: PaymentReference, amount: int) -> None:
        """PayStatus (3): the money was taken by us. Never for a payment at the machine."""

    async def payment_statuses(self, references: Sequence[PaymentReference]) -> dict[PaymentReference, ManufacturerPaymentStatus]:
        """getPayStatus; a reference that they do not know is missing from the answer."""

    async def submit_order(
        self,
        *,
        reference: PrintReference,
        payment_reference: PaymentReference,
        product: Product,
        picture_url: str,
    ) -> Submission:
        """Send orderData.

        Raises `AlreadyExists` (look it up), `OutcomeUnknown` (look it up), `ProviderUnavailable` (device offline, payment not yet
        known there: try again), `ProviderRejected`, `NeedsPerson`.
        """

    async def order_statuses(self, references: Sequence[PrintReference]) -> dict[PrintReference, ManufacturerOrderStatus]:
        """getOrderStatus; a reference that they do not know is missing from the answer."""

    async def print_queue(self, device_id: str) -> list[Submission]:
        """PrintList of a machine."""

    async def brands(self) -> list[ManufacturerBrand]:
        """brand/list."""

    async def stock(self, *, device_id: str, brand_id: str) -> list[StockLevel]:
        """stock/list of one brand in one machine."""


class DeviceTurns(Protocol):
    """One submission at a time per machine, whichever worker makes it."""

    def of(self, device_id: str) -> AbstractAsyncContextManager[None]:
        """Hold the machine's turn while the block lasts. Raises `NotYet` when others hold it for too long."""


class OrderBook(Protocol):
    """What is written down of orders. Each method is one transaction; a transition already written is not written twice."""

    async def place(self, request: PlaceOrder) -> PlacedOrder:
        """Resolve, price, hold a shell, write the order with its lines and first event.

        The same order id and body returns what stands; another body of an unpaid order re-prices it and moves the hold.
        Raises `OrderRefused`.
        """

    async def record(self, transition: Transition) -> None:
        """Write a step that no other activity writes: entered by a timer or an update."""

    async def record_checkout(self, request: OpenCheckout, session: CheckoutSession) -> None:
        """Write the Session as the one that the order is paid by."""

    async def record_payment(self, order_id: UUID, payment: Payment, enters: Transition | None) -> None:
        """Write what Stripe says of a payment, and where that brings the order."""

    async def reference(self, kind: ReferenceKind, *, order_id: UUID, attempt: int, at: datetime) -> str:
        """Return the reference of (kind, order, attempt), allocated on the first call in its own short transaction."""

    async def find_print_file(self, *, approved_sha256: str, shell_id: str, renderer_version: str) -> PrintFile | None:
        """Return the print file that was made of this picture for this shell before."""

    async def record_print_file(self, order_id: UUID, print_file: PrintFile, enters: Transition) -> None:
        """Write the proof that approved equals printed."""

    async def record_announcement(self, order_id: UUID, announcement: Announcement, enters: Transition) -> None:
        """Write that the manufacturer knows of the payment."""

    async def record_submission(self, order_id: UUID, submission: Submission, enters: Transition) -> None:
        """Write the acceptance, and make its reference due for polling."""

    async def record_refund(self, request: RequestRefund | ReadRefund, refund: Refund) -> None:
        """Write a refund and the order's money."""

    async def release_hold(self, order_id: UUID, *, at: datetime) -> None:
        """Give the shell back to the stock; harmless when nothing is held."""

    async def refundable(self, order_id: UUID, payment_intent_id: str) -> int:
        """Return captured less refunded (pending refunds count as refunded), in minor units."""


class ReferenceBook(Protocol):
    """The references that are still to be asked about."""

    async def due(self, *, at: datetime, limit: int) -> DueReferences:
        """Return what is due, the longest waiting first, and when the next one will be."""

    async def store(self, readings: Sequence[ReferenceReading]) -> None:
        """Write the readings (never backwards), with a timeline entry for each that changed the status."""

    async def backlog(self, *, before: datetime) -> Backlog:
        """Return what should have been asked about before `before`."""


class StockBook(Protocol):
    """What the manufacturer's lists said, and when they were asked for; one as old as what is stored changes nothing."""

    async def brands_to_count(self) -> list[StockedBrand]:
        """Return the brands whose shells are counted."""

    async def known_gone(self, device_id: str) -> list[int]:
        """Return the open holds of a machine whose shells are known to have left its shelf: to be asked before the machine is."""

    async def store_stock(self, count: StockCount) -> Findings:
        """Write a machine's list of a brand, end the holds that it must know of, and return what differs from before."""

    async def store_brands(self, brands: Sequence[ManufacturerBrand], *, taken_at: datetime) -> Findings:
        """Write the list of brands, and return what differs from before."""

    async def record_failure(
        self, reason: str, *, at: datetime, device_id: str | None = None, brand_id: str | None = None
    ) -> datetime | None:
        """Write that a list could not be had, and return how old the one is that stands; None where there is none."""


class Inbox(Protocol):
    """Webhooks and callbacks that wait to be delivered to their workflow."""

    async def claim(self, *, at: datetime, limit: int) -> list[InboxMessage]:
        """Lease what is due, oldest first, one message per order at a time (`FOR UPDATE SKIP LOCKED`).

        A claimed message comes back by itself when its lease runs out, so a worker that dies loses nothing.
        """

    async def settle(self, settled: Sequence[Settlement], *, at: datetime) -> None:
        """Write how messages ended."""

    async def postpone(self, message_id: int, *, until: datetime, state: InboxState, note: str) -> None:
        """Put a message back, to be tried again."""

    async def order_of(self, reference: str) -> UUID | None:
        """Return the order that a Session, PaymentIntent, PYEN or OREN belongs to."""

    async def has_ended(self, order_id: UUID) -> bool:
        """Say whether the order is over; this is known for longer than Temporal keeps its history."""

    async def record_dispute(self, task: NewTask, *, disputed: int, is_over: bool) -> bool:
        """Write how much of the order's money (minor units) is disputed now, and open the task; False if it was opened before."""

    async def make_due(self, reference: str, *, at: datetime) -> bool:
        """Have the poller ask about a PYEN or OREN now; False for one that we never gave out."""

    async def next_due(self) -> datetime | None:
        """Return when the next message is due."""
