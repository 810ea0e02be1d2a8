"""One round of asking the manufacturer for everything that is due, in batches, and telling only the workflows it matters to."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from temporalio import activity
from temporalio.service import RPCError, RPCStatusCode

from activities.ports import Manufacturer, ReferenceBook
from models.order import order_workflow_id
from models.production import (
    DueReference,
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PaymentReference,
    PollDue,
    PollOutcome,
    PrintReference,
    ProductionReport,
    ProductionStage,
    ReferenceKind,
    ReferenceReading,
)

CADENCE = (
    (timedelta(minutes=2), timedelta(seconds=5)),
    (timedelta(minutes=15), timedelta(seconds=15)),
    (timedelta(hours=2), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=5)),
)
"""(up to this age, ask this often)."""
SLOWEST = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=30)
"""Nobody asks for longer than this: the order's own timers brought a person long before."""

STAGES = {
    ManufacturerOrderStatus.PRINTED: ProductionStage.PRINTED,
    ManufacturerOrderStatus.DELIVERED: ProductionStage.OUT_OF_MACHINE,
    ManufacturerOrderStatus.CANCELED: ProductionStage.UNPRINTED,
    ManufacturerOrderStatus.PRINT_FAILED: ProductionStage.UNPRINTED,
    ManufacturerOrderStatus.PRINT_CANCELED: ProductionStage.UNPRINTED,
}
"""The states whose order takes its next step; all others only stand on the timeline."""

LAST_STATES = {ManufacturerOrderStatus.DELIVERED} | {status for status in ManufacturerOrderStatus if status.is_unprinted}


class PollerActivities:
    """The poller's one activity; its cost grows with calls, not with orders times time."""

    def __init__(self, manufacturer: Manufacturer, references: ReferenceBook) -> None:
        self._manufacturer = manufacturer
        self._references = references

    @activity.defn
    async def poll_due(self, request: PollDue) -> PollOutcome:
        """Ask for what is due, store the answers, report the steps they mean. Safe to repeat: a report is a fact with a name."""
        due = await self._references.due(at=request.at, limit=request.limit)
        readings = await self._read(due, request.at)
        news = _news(due, readings)
        # Told before it is stored: a worker that dies in between tells it again, which changes nothing.
        for order_id, report in news:
            await _tell(order_workflow_id(order_id), report)
        if readings:
            await self._references.store(readings)
        next_due = await self._references.next_due()
        sleep = None if next_due is None else max(next_due - request.at, timedelta(0))
        return PollOutcome(asked=len(due), reported=len(news), sleep=sleep)

    async def _read(self, due: Iterable[DueReference], at: datetime) -> list[ReferenceReading]:
        payments = [entry for entry in due if entry.kind is ReferenceKind.PAYMENT]
        prints = [entry for entry in due if entry.kind is ReferenceKind.PRINT]
        readings: list[ReferenceReading] = []
        if payments:
            paid = await self._manufacturer.payment_statuses([PaymentReference(entry.reference) for entry in payments])
            readings += [_reading(entry, paid.get(PaymentReference(entry.reference)), at) for entry in payments]
        if prints:
            made = await self._manufacturer.order_statuses([PrintReference(entry.reference) for entry in prints])
            readings += [_reading(entry, made.get(PrintReference(entry.reference)), at) for entry in prints]
        return readings


def cadence(age: timedelta) -> timedelta:
    """Return how long to wait before asking again about something of this age."""
    return next((every for limit, every in CADENCE if age < limit), SLOWEST)


def _reading(
    entry: DueReference, status: ManufacturerOrderStatus | ManufacturerPaymentStatus | None, at: datetime
) -> ReferenceReading:
    age = at - entry.created_at
    settled = status in LAST_STATES if entry.kind is ReferenceKind.PRINT else status == ManufacturerPaymentStatus.PAID
    return ReferenceReading(
        reference=entry.reference,
        kind=entry.kind,
        order_id=entry.order_id,
        status=status,
        at=at,
        next_at=None if settled or age > GIVE_UP_AFTER else at + cadence(age),
    )


def _news(due: Sequence[DueReference], readings: Iterable[ReferenceReading]) -> list[tuple[UUID, ProductionReport]]:
    before = {entry.reference: entry.last_status for entry in due}
    changed = [reading for reading in readings if reading.status != before[reading.reference]]
    return [report for report in map(_report, changed) if report is not None]


def _report(reading: ReferenceReading) -> tuple[UUID, ProductionReport] | None:
    if reading.kind is not ReferenceKind.PRINT or reading.status is None:
        return None
    status = ManufacturerOrderStatus(reading.status)
    stage = STAGES.get(status)
    if stage is None:
        return None
    return reading.order_id, ProductionReport(reference=reading.reference, stage=stage, status=status, at=reading.at)


async def _tell(workflow_id: str, report: ProductionReport) -> None:
    try:
        await activity.client().get_workflow_handle(workflow_id).signal("production_reported", report)
    except RPCError as refusal:
        # An order that has ended needs no news; its row and timeline have it.
        if refusal.status is not RPCStatusCode.NOT_FOUND:
            raise
