"""The manufacturer: announce the payment, submit the order, find out what became of it."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from temporalio import activity

from activities.ports import AssetStore, DeviceTurns, ImageLinks, Manufacturer, OrderBook, PaymentGateway
from activities.seats import Seats
from models.artwork import PrintFile, sha256_of
from models.errors import AlreadyExists, IntegrityBroken, MoneyGone, OrderPipelineError, OutcomeUnknown, ProviderUnavailable
from models.production import (
    Announcement,
    AnnouncePayment,
    FindSubmission,
    ManufacturerPaymentStatus,
    PaymentReference,
    PrintReference,
    ProductionState,
    ReadProduction,
    ReferenceKind,
    Submission,
    SubmissionSearch,
    SubmitOrder,
)

T = TypeVar("T")

PICTURE_LINK_LIFETIME = timedelta(days=30)
"""Longer than an order ever waits to be printed. The front door closes it earlier: when the case is printed, or never will be."""


class ProductionActivities:
    """What is asked of the manufacturer for one order. References are allocated once and are the same on every try."""

    def __init__(
        self,
        manufacturer: Manufacturer,
        orders: OrderBook,
        gateway: PaymentGateway,
        links: ImageLinks,
        store: AssetStore,
        turns: DeviceTurns,
        *,
        seats_per_device: int,
    ) -> None:
        self._manufacturer = manufacturer
        self._orders = orders
        self._gateway = gateway
        self._links = links
        self._store = store
        self._turns = turns
        self._seats = Seats(seats_per_device)

    @activity.defn
    async def announce_payment(self, request: AnnouncePayment) -> Announcement:
        """payData, and payStatus (3) unless the machine takes the money; what they know already is not announced twice."""
        reference = PaymentReference(
            await self._orders.reference(ReferenceKind.PAYMENT, order_id=request.order_id, attempt=1, at=request.at)
        )
        with self._seats.taken(request.product.device_id):
            announcement = await self._announce(request, reference)
            if request.confirm:
                await self._confirm(reference, request.amount)
        await self._orders.record_announcement(request.order_id, announcement, request.enters)
        return announcement

    async def _announce(self, request: AnnouncePayment, reference: PaymentReference) -> Announcement:
        try:
            return await uninterrupted(
                self._manufacturer.announce_payment(
                    reference=reference,
                    model_id=request.product.model_id,
                    device_id=request.product.device_id,
                    amount=request.amount,
                    at_machine=not request.confirm,
                )
            )
        except (AlreadyExists, OutcomeUnknown):
            if not await self._knows_payment(reference):
                raise
            return Announcement(reference=reference)

    async def _confirm(self, reference: PaymentReference, amount: int) -> None:
        try:
            await self._manufacturer.confirm_payment(reference=reference, amount=amount)
        except OutcomeUnknown:
            statuses = await self._manufacturer.payment_statuses([reference])
            if statuses.get(reference) is not ManufacturerPaymentStatus.PAID:
                raise

    async def _knows_payment(self, reference: PaymentReference) -> bool:
        statuses = await self._manufacturer.payment_statuses([reference])
        return reference in statuses

    @activity.defn
    async def submit_order(self, request: SubmitOrder) -> Submission:
        """Have it printed, exactly the file that was approved, if the money is still there.

        Raises `IntegrityBroken` when the print file or what its link serves has other bytes, `MoneyGone`, `OutcomeUnknown` when
        the answer was lost or could not be written down: look it up, then send the same reference again. Every other error, and
        a cancelled try, says that nothing was ordered.
        """
        reference = PrintReference(
            await self._orders.reference(
                ReferenceKind.PRINT, order_id=request.order_id, attempt=request.print_attempt, at=request.at
            )
        )
        with self._seats.taken(request.product.device_id):
            picture_url = await self._checked_link(request.order_id, request.print_file, request.at)
            return await uninterrupted(self._take_turn(request, reference, picture_url))

    async def _take_turn(self, request: SubmitOrder, reference: PrintReference, picture_url: str) -> Submission:
        async with self._turns.of(request.product.device_id):
            await self._check_money(request)
            if activity.is_cancelled():
                raise asyncio.CancelledError
            return await self._order(request, reference, picture_url)

    async def _check_money(self, request: SubmitOrder) -> None:
        """Look once more, right before the step that cannot be taken back: hours may have passed since it was authorised."""
        if request.money is None:
            return
        payment = await self._gateway.read_payment(request.money.session_id)
        if not request.money.is_matched_by(payment):
            raise MoneyGone(
                f"{payment.state}: {payment.amount_authorized or payment.amount_captured} {payment.currency}, of which "
                f"{payment.amount_refunded} went back; the order costs {request.money.total} {request.money.currency}"
            )

    async def _order(self, request: SubmitOrder, reference: PrintReference, picture_url: str) -> Submission:
        try:
            submission = await self._manufacturer.submit_order(
                reference=reference,
                payment_reference=request.payment_reference,
                product=request.product,
                picture_url=picture_url,
            )
        except AlreadyExists as known:
            with _ordered(reference):
                submission = await self._found(reference, request.product.device_id, known)
        except OrderPipelineError:
            raise
        except Exception as bug:
            raise OutcomeUnknown(f"{reference} may have been sent: {bug!r}", provider="manufacturer") from bug
        with _ordered(reference):
            await self._orders.record_submission(request.order_id, submission, request.enters)
        return submission

    async def _found(self, reference: PrintReference, device_id: str, known: AlreadyExists) -> Submission:
        found = await self._find(reference, device_id)
        if found is None:
            message = f"{reference} is refused as known, yet cannot be found"
            raise OutcomeUnknown(message, provider=known.provider, code=known.code) from known
        return found

    async def _checked_link(self, order_id: UUID, print_file: PrintFile, at: datetime) -> str:
        url = self._links.for_print_file(print_file, order_id=order_id, expires_at=at + PICTURE_LINK_LIFETIME)
        try:
            served = sha256_of(await self._links.fetch(url))
        except ProviderUnavailable:
            await self._check_object(print_file)
            raise
        if served != print_file.sha256:
            raise IntegrityBroken(f"the picture's link serves {served}, the print file is {print_file.sha256}")
        return url

    async def _check_object(self, print_file: PrintFile) -> None:
        """Tell a front door that is away from one that will not serve other bytes than were stored: that does not pass."""
        stored = sha256_of(await self._store.get(print_file.key))
        if stored != print_file.sha256:
            raise IntegrityBroken(f"{print_file.key} holds {stored}")

    @activity.defn
    async def find_submission(self, request: FindSubmission) -> SubmissionSearch:
        """Find out whether a print attempt whose answer was lost is there."""
        await self._orders.record(request.enters)
        reference = PrintReference(
            await self._orders.reference(
                ReferenceKind.PRINT, order_id=request.order_id, attempt=request.print_attempt, at=request.at
            )
        )
        submission = await self._find(reference, request.device_id)
        if submission is not None:
            await self._orders.record_submission(request.order_id, submission, request.finds)
        return SubmissionSearch(submission=submission)

    async def _find(self, reference: PrintReference, device_id: str) -> Submission | None:
        """Ask both ways: the order's state is certain, its queue number stands in the machine's list only."""
        statuses = await self._manufacturer.order_statuses([reference])
        queue = await self._manufacturer.print_queue(device_id)
        queued = next((entry for entry in queue if entry.reference == reference), None)
        if queued is not None:
            return queued
        status = statuses.get(reference)
        return Submission(reference=reference, status=status) if status is not None else None

    @activity.defn
    async def read_production(self, request: ReadProduction) -> ProductionState:
        """Ask how a print attempt stands right now."""
        statuses = await self._manufacturer.order_statuses([request.reference])
        return ProductionState(status=statuses.get(request.reference))


@contextmanager
def _ordered(reference: PrintReference) -> Iterator[None]:
    """From here on the manufacturer has the order: no failure may be read as if nothing had been done."""
    try:
        yield
    except OutcomeUnknown:
        raise
    except Exception as failure:
        message = f"the manufacturer has {reference}, but then: {failure}"
        raise OutcomeUnknown(message, provider="manufacturer") from failure


async def uninterrupted(call: Coroutine[Any, Any, T]) -> T:
    """Let an irreversible call finish although its order is cancelled or the worker is told to stop.

    Its outcome must not be lost half-way, so what it returns or raises is the only answer, however often it is interrupted.
    """
    task = asyncio.ensure_future(call)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    return task.result()
