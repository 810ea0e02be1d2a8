"""The rows of orders in memory."""

from collections import defaultdict
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from models.artwork import PrintFile, StoredImage
from models.errors import IntegrityBroken, OrderRefused, RefusalCode
from models.order import (
    CheckoutRequest,
    OrderLine,
    OrderStatus,
    PlacedOrder,
    PlaceOrder,
    Product,
    Quote,
    StandingCheckout,
    Transition,
)
from models.payment import (
    CheckoutSession,
    OpenCheckout,
    Payment,
    ReadRefund,
    Refund,
    RequestRefund,
)
from models.production import (
    Announcement,
    ReferenceKind,
    Submission,
)
from tests.fakes.faults import Faults

ADD_ON = 500
"""What an add-on costs, whichever it is."""
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


class FakeOrderBook:
    """The rows of orders, kept as the real ones are: one step per version, an older one never overwrites a newer one."""

    def __init__(self, *, total: int = 3500) -> None:
        self.faults = Faults()
        self.total = total
        self.placed: dict[UUID, PlacedOrder] = {}
        self.checkouts: dict[UUID, StandingCheckout] = {}
        self.steps: dict[UUID, dict[int, Transition]] = defaultdict(dict)
        self.holds: set[UUID] = set()
        self.uploads: dict[str, StoredImage] = {}
        """Pictures other than `PICTURE`, which every other upload leads to."""
        self.references: dict[tuple[ReferenceKind, UUID, int], str] = {}
        self.submissions: list[Submission] = []
        self.payments: list[Payment] = []
        self.print_files: list[PrintFile] = []
        self.refunds: list[Refund] = []
        self._requests: dict[UUID, CheckoutRequest] = {}

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
        await self.faults.before("place")
        if self._requests.get(request.order_id) == request.request:
            await self.faults.after("place")
            standing = {"checkout": self.checkouts.get(request.order_id), "version": max(self.steps[request.order_id])}
            return self.placed[request.order_id].model_copy(update=standing)
        if request.order_id in self.placed and self.last(request.order_id).status is not OrderStatus.AWAITING_PAYMENT:
            raise OrderRefused("paid already", code=RefusalCode.ALREADY_PAID)
        total = self.total + ADD_ON * len(request.request.add_ons)
        line = OrderLine(sku="case:classic", title="iPhone 15 Pro case", unit_amount=total)
        image = self.uploads.get(request.request.upload_name) or StoredImage(
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
                total=total,
                currency="gbp",
                image=image,
            ),
            approved_sha256=image.sha256,
            version=request.enters.version,
        )
        self.placed[request.order_id] = placed
        self._requests[request.order_id] = request.request
        self.holds.add(request.order_id)
        self._write(request.enters)
        await self.faults.after("place")
        return placed

    async def record(self, transition: Transition) -> None:
        await self.faults.before("record")
        self._write(transition)
        await self.faults.after("record")

    def _write(self, transition: Transition) -> None:
        if transition.order_id not in self.placed:
            raise IntegrityBroken("the order was never placed")
        self.steps[transition.order_id].setdefault(transition.version, transition)

    async def record_checkout(self, request: OpenCheckout, session: CheckoutSession) -> None:
        await self.faults.before("record_checkout")
        self._write(request.enters)
        self.checkouts[request.order_id] = StandingCheckout(**session.model_dump())
        await self.faults.after("record_checkout")

    async def record_payment(self, order_id: UUID, payment: Payment, enters: Transition | None) -> None:
        await self.faults.before("record_payment")
        self.payments.append(payment)
        if enters is not None:
            self._write(enters)
        await self.faults.after("record_payment")

    async def reference(self, kind: ReferenceKind, *, order_id: UUID, attempt: int, at: datetime) -> str:
        number = len(self.references) + 1
        return self.references.setdefault((kind, order_id, attempt), f"{kind.value}{at:%y%m%d}{number:06}")

    async def find_print_file(self, *, approved_sha256: str, shell_id: str, renderer_version: str) -> PrintFile | None:
        wanted = (approved_sha256, shell_id, renderer_version)
        made = (file for file in self.print_files if (file.approved_sha256, file.shell_id, file.renderer_version) == wanted)
        return next(made, None)

    async def record_print_file(self, order_id: UUID, print_file: PrintFile, enters: Transition) -> None:
        await self.faults.before("record_print_file")
        self.print_files.append(print_file)
        self._write(enters)
        await self.faults.after("record_print_file")

    async def record_announcement(self, order_id: UUID, announcement: Announcement, enters: Transition) -> None:
        await self.faults.before("record_announcement")
        self._write(enters)
        await self.faults.after("record_announcement")

    async def record_submission(self, order_id: UUID, submission: Submission, enters: Transition) -> None:
        await self.faults.before("record_submission")
        self.submissions.append(submission)
        self._write(enters)
        await self.faults.after("record_submission")

    async def record_refund(self, request: RequestRefund | ReadRefund, refund: Refund) -> None:
        self.refunds.append(refund)

    async def release_hold(self, order_id: UUID, *, at: datetime) -> None:
        await self.faults.before("release_hold")
        self.holds.discard(order_id)
        await self.faults.after("release_hold")

    async def refundable(self, order_id: UUID, payment_intent_id: str) -> int:
        return self.total
