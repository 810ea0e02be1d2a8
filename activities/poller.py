"""One round of asking the manufacturer about everything that is due, and telling only the workflows it matters to."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.service import RPCError, RPCStatusCode

from activities.inquiry import LARGEST_CALL, WHY_LENGTH, Answer, Inquiry
from activities.ports import Manufacturer, ReferenceBook
from models.order import order_workflow_id
from models.production import (
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PollDue,
    PollerDuty,
    PollOutcome,
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
"""(up to this age, ask this often). Each divides the next, so that all fall due together and share their calls."""
SLOWEST = timedelta(hours=1)
GIVE_UP_AFTER = {ReferenceKind.PAYMENT: timedelta(days=1), ReferenceKind.PRINT: timedelta(days=30)}
"""Nobody asks by itself for longer than this: the order's own timers brought a person long before. A callback still counts."""
AFTER_A_FAILURE = timedelta(minutes=1)
"""What could not be asked, or not be told, is tried again no sooner."""
LONGEST_ROUND = timedelta(seconds=60)
"""A round that is not done by then is continued by the next one; well under its time-out, a slow last call included."""
ORDERS_TOLD_AT_ONCE = 10

STAGES = {
    ManufacturerOrderStatus.PRINTED: ProductionStage.PRINTED,
    ManufacturerOrderStatus.DELIVERED: ProductionStage.OUT_OF_MACHINE,
    ManufacturerOrderStatus.CANCELED: ProductionStage.UNPRINTED,
    ManufacturerOrderStatus.PRINT_FAILED: ProductionStage.UNPRINTED,
    ManufacturerOrderStatus.PRINT_CANCELED: ProductionStage.UNPRINTED,
}
"""The states whose order takes its next step; all others only stand on the timeline."""

LAST_STATES = {ManufacturerOrderStatus.DELIVERED} | {status for status in ManufacturerOrderStatus if status.is_unprinted}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PollerActivities:
    """The poller's one activity; its cost grows with calls, not with orders times time."""

    def __init__(
        self,
        manufacturer: Manufacturer,
        references: ReferenceBook,
        *,
        batch_size: int = LARGEST_CALL,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """`batch_size` is how many references the manufacturer takes in one call."""
        self._manufacturer = manufacturer
        self._references = references
        self._batch_size = batch_size
        self._stopwatch = stopwatch

    @activity.defn
    async def poll_due(self, request: PollDue) -> PollOutcome:
        """Ask, tell and store, portion by portion, until nothing is due or the round has taken long enough.

        What fails is put off, and nothing else with it. Safe to repeat: a report is a fact with a name.
        """
        ends_at = self._stopwatch() + LONGEST_ROUND.total_seconds()

        def is_over() -> bool:
            return self._stopwatch() >= ends_at or activity.is_worker_shutdown()

        inquiry = Inquiry(self._manufacturer, batch_size=self._batch_size, is_over=is_over)
        round_ = _Round(request.at, inquiry)
        while True:
            due = await self._references.due(at=request.at, limit=request.limit)
            readings = await round_.work_off(await inquiry.ask(due.references))
            if readings:
                await self._references.store(readings)
            if len(due.references) < request.limit and not is_over():
                return round_.outcome(until=due.next_at)
            if is_over() or inquiry.is_hopeless:
                return round_.outcome(until=request.at)


class _Round:
    """What is made of the answers of one round, and what it comes to."""

    def __init__(self, at: datetime, inquiry: Inquiry) -> None:
        self._at = at
        self._inquiry = inquiry
        self._asked = self._unknown = self._reported = 0
        self._upcoming: list[datetime] = []
        self._news_failure = ""

    async def work_off(self, answers: Sequence[Answer]) -> list[ReferenceReading]:
        """Tell the orders what is news to them, and return the readings to be stored.

        Told before it is stored: a worker that dies in between tells it again, which changes nothing. What an order could not be
        told is not stored, so that it is still news next time.
        """
        readings = {answer.entry.reference: self._reading(answer) for answer in answers}
        seats = asyncio.Semaphore(ORDERS_TOLD_AT_ONCE)

        async def tell(report: ProductionReport, workflow_id: str) -> None:
            async with seats:
                refusal = await _tell(workflow_id, report)
            if refusal is None:
                self._reported += 1
            else:
                self._news_failure = f"{workflow_id}: {refusal}"
                readings[report.reference] = self._put_off(readings[report.reference])

        reports = [(report, order_workflow_id(answer.entry.order_id)) for answer in answers if (report := self._report(answer))]
        await asyncio.gather(*(tell(*each) for each in reports))
        self._count(answers)
        self._upcoming += [reading.next_at for reading in readings.values() if reading.next_at is not None]
        return list(readings.values())

    def outcome(self, *, until: datetime | None) -> PollOutcome:
        """Sum the round up; `until` is when the next reference is due that was not read."""
        upcoming = [*self._upcoming, *([until] if until else [])]
        duties = self._inquiry.done | ({PollerDuty.NEWS} if self._reported else set())
        failures = dict(self._inquiry.failures)
        if self._news_failure:
            failures[PollerDuty.NEWS] = self._news_failure
        return PollOutcome(
            asked=self._asked,
            reported=self._reported,
            unknown=self._unknown,
            sleep=max(min(upcoming) - self._at, timedelta(0)) if upcoming else None,
            done=tuple(sorted(duties)),
            failures=failures,
        )

    def _count(self, answers: Sequence[Answer]) -> None:
        unknown = [answer.entry.reference for answer in answers if answer.is_answered and answer.status is None]
        self._asked += sum(answer.is_answered for answer in answers)
        self._unknown += len(unknown)
        if unknown:
            activity.logger.warning("the manufacturer does not know %d references of ours, %s first", len(unknown), unknown[0])

    def _reading(self, answer: Answer) -> ReferenceReading:
        entry = answer.entry
        age = self._at - entry.created_at
        reading = ReferenceReading(
            reference=entry.reference,
            kind=entry.kind,
            order_id=entry.order_id,
            status=answer.status,
            at=self._at,
            next_at=next_look(self._at, age),
            is_answered=answer.is_answered,
        )
        if _is_last(entry.kind, answer.status) or age > GIVE_UP_AFTER[entry.kind]:
            return reading.model_copy(update={"next_at": None})
        return reading if answer.is_answered else self._put_off(reading, answer.retry_after)

    def _put_off(self, reading: ReferenceReading, retry_after: timedelta | None = None) -> ReferenceReading:
        next_at = max(reading.next_at or self._at, self._at + AFTER_A_FAILURE, self._at + (retry_after or timedelta(0)))
        return reading.model_copy(update={"status": None, "next_at": next_at, "is_answered": False})

    def _report(self, answer: Answer) -> ProductionReport | None:
        """Return the news for the order, None where its next step does not follow from the answer."""
        if answer.entry.kind is not ReferenceKind.PRINT or answer.status in (None, answer.entry.last_status):
            return None
        status = ManufacturerOrderStatus(answer.status)
        if status not in STAGES:
            return None
        return ProductionReport(reference=answer.entry.reference, stage=STAGES[status], status=status, at=self._at)


def cadence(age: timedelta) -> timedelta:
    """Return how long to wait before asking again about something of this age."""
    return next((every for limit, every in CADENCE if age < limit), SLOWEST)


def next_look(at: datetime, age: timedelta) -> datetime:
    """Return when to ask next: within the cadence of its age, at a moment that all references of that age share.

    Else each would be due by itself, and a thousand of them would cost a thousand calls instead of ten.
    """
    every = cadence(age)
    return at + every - (at - _EPOCH) % every


def _is_last(kind: ReferenceKind, status: int | None) -> bool:
    return status in LAST_STATES if kind is ReferenceKind.PRINT else status == ManufacturerPaymentStatus.PAID


async def _tell(workflow_id: str, report: ProductionReport) -> str | None:
    """Signal an order; return why that was not possible."""
    try:
        await activity.client().get_workflow_handle(workflow_id).signal("production_reported", report)
    except RPCError as refusal:
        # An order that has ended needs no news; its row and timeline have it.
        if refusal.status is not RPCStatusCode.NOT_FOUND:
            return f"{refusal.status.name}: {refusal.message}"[:WHY_LENGTH]
    return None
