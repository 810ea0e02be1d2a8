"""In-memory ports: what an order's activities see when the world behaves, and, on demand, when it does not.

They are typed by `activities/ports.py`, so they cannot drift; how the real world speaks is tested against the emulators.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from models.artwork import PrintFile, RenderedImage, RenderRequest, StoredImage
from models.errors import AlreadyExists, NotThere
from models.order import OrderLine, OrderStatus, PlacedOrder, PlaceOrder, Product, Quote, Transition
from models.payment import (
    CapturePayment,
    CheckoutSession,
    ExpireCheckout,
    OpenCheckout,
    Payment,
    PaymentState,
    ReadRefund,
    Refund,
    RefundState,
    RequestRefund,
    VoidPayment,
)
from models.production import (
    Announcement,
    DueReference,
    ManufacturerBrand,
    ManufacturerOrderId,
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PaymentReference,
    PrintReference,
    ReferenceKind,
    ReferenceReading,
    StockLevel,
    Submission,
)

PICTURE = b"the picture that the customer approved"
PRODUCT = Product(
    brand_id="iphone",
    brand_name="iPhone",
    model_name="iPhone 15 Pro",
    model_id="MM020250224000010",
    shell_id="MS102509090019",
    device_id="DEFAULTUK001",
    template_id="classic",
    width_mm=69.43,
    height_mm=145.12,
)


class Faults:
    """Failures to come, per call: before the work is done, or after it (the answer is lost)."""

    def __init__(self) -> None:
        self._before: dict[str, deque[Exception]] = defaultdict(deque)
        self._after: dict[str, deque[Exception]] = defaultdict(deque)

    def fail(self, call: str, error: Exception, *, times: int = 1) -> None:
        """Refuse the next calls without doing anything."""
        self._before[call].extend([error] * times)

    def lose_answer(self, call: str, error: Exception, *, times: int = 1) -> None:
        """Do the work of the next calls, then fail."""
        self._after[call].extend([error] * times)

    def before(self, call: str) -> None:
        if self._before[call]:
            raise self._before[call].popleft()

    def after(self, call: str) -> None:
        if self._after[call]:
            raise self._after[call].popleft()


class FakeGateway:
    """Stripe as one order sees it, with a ledger of what was taken and given back."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.payments: dict[str, Payment] = {}
        self.sessions: list[CheckoutSession] = []
        self.by_key: dict[str, CheckoutSession] = {}
        self.captured: list[str] = []
        self.voided: list[str] = []
        self.refunds: dict[str, Refund] = {}
        self.refund_state = RefundState.SUCCEEDED
        self.pay_on_expire = False

    def pay(self, session_id: str, *, amount: int | None = None, capture_before: datetime | None = None) -> None:
        """Have the customer pay at the Session's page."""
        payment = self.payments[session_id]
        paid = payment.amount if amount is None else amount
        self.payments[session_id] = payment.model_copy(
            update={
                "state": PaymentState.AUTHORIZED,
                "payment_intent_id": f"pi_{session_id}",
                "amount": paid,
                "amount_authorized": paid,
                "capture_before": capture_before,
            }
        )

    @property
    def session(self) -> CheckoutSession:
        """The Session opened last."""
        return self.sessions[-1]

    async def open_checkout(self, request: OpenCheckout) -> CheckoutSession:
        self.faults.before("open_checkout")
        session = self.by_key.get(request.idempotency_key)
        if session is None:
            session = CheckoutSession(
                session_id=f"cs_{len(self.sessions) + 1}",
                url=f"https://checkout.example/{len(self.sessions) + 1}",
                expires_at=request.expires_at,
                key_number=request.key_number,
            )
            self.by_key[request.idempotency_key] = session
            self.sessions.append(session)
            self.payments[session.session_id] = Payment(
                state=PaymentState.OPEN,
                session_id=session.session_id,
                order_id=request.order_id,
                amount=request.total,
                currency=request.currency,
            )
        self.faults.after("open_checkout")
        return session

    async def find_checkout(self, order_id: UUID, *, since: datetime) -> CheckoutSession | None:
        open_sessions = [s for s in self.sessions if self.payments[s.session_id].state is PaymentState.OPEN]
        return open_sessions[-1] if open_sessions else None

    async def read_payment(self, session_id: str) -> Payment:
        self.faults.before("read_payment")
        if session_id not in self.payments:
            raise NotThere("no such Session", provider="stripe")
        return self.payments[session_id]

    async def expire_checkout(self, request: ExpireCheckout) -> Payment:
        self.faults.before("expire_checkout")
        if self.pay_on_expire:
            self.pay(request.session_id)
        payment = self.payments[request.session_id]
        if payment.state is PaymentState.OPEN:
            payment = payment.model_copy(update={"state": PaymentState.EXPIRED})
            self.payments[request.session_id] = payment
        return payment

    async def capture(self, request: CapturePayment) -> Payment:
        self.faults.before("capture")
        payment = self.payments[request.session_id]
        if payment.state is PaymentState.AUTHORIZED:
            self.captured.append(request.payment_intent_id)
            update = {"state": PaymentState.CAPTURED, "amount_captured": request.amount, "amount_authorized": 0}
            payment = payment.model_copy(update=update)
            self.payments[request.session_id] = payment
        self.faults.after("capture")
        return payment

    async def void(self, request: VoidPayment) -> Payment:
        self.faults.before("void")
        payment = self.payments[request.session_id]
        if payment.state is PaymentState.AUTHORIZED:
            self.voided.append(request.payment_intent_id)
            payment = payment.model_copy(update={"state": PaymentState.CANCELED, "amount_authorized": 0})
            self.payments[request.session_id] = payment
        self.faults.after("void")
        return payment

    async def refund(self, request: RequestRefund) -> Refund:
        self.faults.before("refund")
        refund = self.refunds.setdefault(
            request.idempotency_key,
            Refund(
                refund_id=f"re_{len(self.refunds) + 1}", state=self.refund_state, amount=request.amount, currency=request.currency
            ),
        )
        self.faults.after("refund")
        return refund

    async def find_refund(self, request: RequestRefund) -> Refund | None:
        return self.refunds.get(request.idempotency_key)

    async def read_refund(self, refund_id: str) -> Refund:
        self.faults.before("read_refund")
        key, refund = next((key, refund) for key, refund in self.refunds.items() if refund.refund_id == refund_id)
        self.refunds[key] = refund.model_copy(update={"state": self.refund_state})
        return self.refunds[key]


class FakeOrderBook:
    """The rows of orders, kept as the real ones are: one step per version, an older one never overwrites a newer one."""

    def __init__(self, *, total: int = 3500) -> None:
        self.faults = Faults()
        self.total = total
        self.placed: dict[UUID, PlacedOrder] = {}
        self.steps: dict[UUID, dict[int, Transition]] = defaultdict(dict)
        self.holds: set[UUID] = set()
        self.references: dict[tuple[ReferenceKind, UUID, int], str] = {}
        self.submissions: list[Submission] = []
        self.payments: list[Payment] = []
        self.refunds: list[Refund] = []

    def story(self, order_id: UUID) -> list[OrderStatus]:
        """The statuses in the order of their versions, repeats left out."""
        story: list[OrderStatus] = []
        for _, step in sorted(self.steps[order_id].items()):
            if not story or story[-1] is not step.status:
                story.append(step.status)
        return story

    def last(self, order_id: UUID) -> Transition:
        """The newest step."""
        return self.steps[order_id][max(self.steps[order_id])]

    async def place(self, request: PlaceOrder) -> PlacedOrder:
        self.faults.before("place")
        line = OrderLine(sku="case:classic", title="iPhone 15 Pro case", unit_amount=self.total)
        image = StoredImage(
            key="uploads/picture.png",
            sha256=sha256(PICTURE).hexdigest(),
            media_type="image/png",
            width=1390,
            height=2905,
            size=len(PICTURE),
        )
        placed = PlacedOrder(
            order_id=request.order_id,
            number="PMC-000123",
            public_token="an unguessable token",
            quote=Quote(
                channel=request.request.channel,
                product=PRODUCT,
                lines=(line,),
                total=self.total,
                currency="gbp",
                image=image,
            ),
            approved_sha256=image.sha256,
        )
        self.placed[request.order_id] = placed
        self.holds.add(request.order_id)
        await self.record(request.enters)
        return placed

    async def record(self, transition: Transition) -> None:
        self.faults.before("record")
        self.steps[transition.order_id].setdefault(transition.version, transition)

    async def record_checkout(self, request: OpenCheckout, session: CheckoutSession) -> None:
        await self.record(request.enters)

    async def record_payment(self, order_id: UUID, payment: Payment, enters: Transition | None) -> None:
        self.payments.append(payment)
        if enters is not None:
            await self.record(enters)

    async def reference(self, kind: ReferenceKind, *, order_id: UUID, attempt: int, at: datetime) -> str:
        number = len(self.references) + 1
        return self.references.setdefault((kind, order_id, attempt), f"{kind.value}{at:%y%m%d}{number:06}")

    async def find_print_file(self, *, approved_sha256: str, shell_id: str, renderer_version: str) -> PrintFile | None:
        return None

    async def record_print_file(self, order_id: UUID, print_file: PrintFile, enters: Transition) -> None:
        await self.record(enters)

    async def record_announcement(self, order_id: UUID, announcement: Announcement, enters: Transition) -> None:
        await self.record(enters)

    async def record_submission(self, order_id: UUID, submission: Submission, enters: Transition) -> None:
        self.submissions.append(submission)
        await self.record(enters)

    async def record_refund(self, request: RequestRefund | ReadRefund, refund: Refund) -> None:
        self.refunds.append(refund)

    async def release_hold(self, order_id: UUID, *, at: datetime) -> None:
        self.faults.before("release_hold")
        self.holds.discard(order_id)

    async def refundable(self, order_id: UUID, payment_intent_id: str) -> int:
        return self.total


class FakeStore:
    """A bucket with the approved picture in it."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.objects: dict[str, bytes] = {"uploads/picture.png": PICTURE}

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        self.objects[key] = data

    async def get(self, key: str) -> bytes:
        self.faults.before("get")
        if key not in self.objects:
            raise NotThere("no such object", provider="store")
        return self.objects[key]

    async def exists(self, key: str) -> bool:
        return key in self.objects


class FakeRenderer:
    """Says what it was given, so that every picture and shell has bytes of its own."""

    version = "fake-1"

    def __init__(self) -> None:
        self.faults = Faults()

    async def render(self, data: bytes, request: RenderRequest) -> RenderedImage:
        self.faults.before("render")
        rendered = data + f" at {request.width_mm}x{request.height_mm}".encode()
        height = round(1390 * request.height_mm / request.width_mm)
        return RenderedImage(
            data=rendered,
            sha256=sha256(rendered).hexdigest(),
            width=1390,
            height=height,
            renderer_version=self.version,
        )


class FakeLinks:
    """Links that lead into the fake bucket."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def for_print_file(self, print_file: PrintFile, *, order_id: UUID, expires_at: datetime) -> str:
        return f"https://api.example/image/{print_file.key}?token={order_id}"

    async def fetch(self, url: str) -> bytes:
        return await self._store.get(url.removeprefix("https://api.example/image/").split("?", maxsplit=1)[0])


class FakeManufacturer:
    """A partner that prints what it accepts, once per reference; tests move its machine."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.announced: list[PaymentReference] = []
        self.confirmed: list[PaymentReference] = []
        self.accepted: dict[PrintReference, str] = {}
        self.states: dict[PrintReference, ManufacturerOrderStatus] = {}

    async def announce_payment(
        self, *, reference: PaymentReference, model_id: str, device_id: str, amount: int, at_machine: bool
    ) -> Announcement:
        self.faults.before("announce_payment")
        if reference in self.announced:
            raise AlreadyExists("third_id already exists", provider="manufacturer")
        self.announced.append(reference)
        self.faults.after("announce_payment")
        return Announcement(reference=reference)

    async def confirm_payment(self, *, reference: PaymentReference, amount: int) -> None:
        self.faults.before("confirm_payment")
        self.confirmed.append(reference)

    async def payment_statuses(self, references: Sequence[PaymentReference]) -> dict[PaymentReference, ManufacturerPaymentStatus]:
        self.faults.before("payment_statuses")
        return {known: ManufacturerPaymentStatus.PAID for known in references if known in self.announced}

    async def submit_order(
        self, *, reference: PrintReference, payment_reference: PaymentReference, product: Product, picture_url: str
    ) -> Submission:
        self.faults.before("submit_order")
        if reference in self.accepted:
            raise AlreadyExists("third_id already exists", provider="manufacturer")
        self.accepted[reference] = picture_url
        self.states[reference] = ManufacturerOrderStatus.WAITING_TO_PRINT
        self.faults.after("submit_order")
        return self._submission(reference)

    def _submission(self, reference: PrintReference) -> Submission:
        return Submission(
            reference=reference,
            manufacturer_order_id=ManufacturerOrderId(f"MSOR{reference[4:]}"),
            queue_number="007",
            status=self.states[reference],
        )

    async def order_statuses(self, references: Sequence[PrintReference]) -> dict[PrintReference, ManufacturerOrderStatus]:
        self.faults.before("order_statuses")
        return {known: self.states[known] for known in references if known in self.states}

    async def print_queue(self, device_id: str) -> list[Submission]:
        self.faults.before("print_queue")
        return [self._submission(reference) for reference in self.accepted]

    async def brands(self) -> list[ManufacturerBrand]:
        return []

    async def stock(self, *, device_id: str, brand_id: str) -> list[StockLevel]:
        return []


class FakeReferenceBook:
    """Due references by hand."""

    def __init__(self) -> None:
        self.waiting: list[DueReference] = []
        self.stored: list[ReferenceReading] = []
        self.next_at: datetime | None = None

    async def due(self, *, at: datetime, limit: int) -> list[DueReference]:
        return self.waiting[:limit]

    async def store(self, readings: Sequence[ReferenceReading]) -> None:
        self.stored.extend(readings)

    async def next_due(self) -> datetime | None:
        return self.next_at
