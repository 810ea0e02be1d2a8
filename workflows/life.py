"""What one order knows while it lives, and how it waits: for an activity, for a person, for the outside world."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.order import OrderActivities
    from models.artwork import PrintFile
    from models.order import (
        CancelOutcome,
        Channel,
        HoldReason,
        Operator,
        OrderInput,
        OrderStatus,
        PlacedOrder,
        Transition,
    )
    from models.payment import Payment, PaymentState
    from models.production import Announcement, ProductionStage, Submission
    from workflows.failures import describe
    from workflows.options import ROW, ActivityOptions
    from workflows.progress import Progress, at_the_latest, remaining

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

SHORTEST_BUDGET = timedelta(seconds=1)
"""Temporal reads a budget of nothing as no limit."""
REASON_LENGTH = 500


class OrderEnded(Exception):
    """The order is over: whatever was done is undone, in reverse, and it closes in `status`."""

    def __init__(self, status: OrderStatus, note: str, *, by: Operator | None = None) -> None:
        super().__init__(note)
        self.status = status
        self.note = note
        self.by = by


class StepNotWritten(Exception):
    """The database refused a step of the order's story."""


class OrderLife:
    """The state of one order, shared by the stages of its life."""

    def __init__(self, order: OrderInput) -> None:
        self.order_id = order.order_id
        self.channel = order.channel
        self.upload_attempt = order.upload_attempt
        self.opens_with_design = order.opens_with_design
        self.policy = order.policy
        self.progress = Progress(order.order_id)
        self.placed: PlacedOrder | None = None
        self.payment: Payment | None = None
        self.print_file: PrintFile | None = None
        self.announcement: Announcement | None = None
        self.submission: Submission | None = None
        self.print_attempt = 1
        self.refunds_started = 0
        self.refunding = 0
        self.refunded = 0
        self.undo: list[Callable[[], Awaitable[None]]] = []
        self.holding: HoldReason | None = None
        self.retry: Operator | None = None
        self.resolution: Operator | None = None
        self.cancel: Operator | None = None
        self.cancel_outcome: CancelOutcome | None = None
        self.is_closing = False
        """Its last step has its number: no step may follow, or the row would never say how it ended."""
        self.ended: OrderStatus | None = None
        self.stage = ProductionStage.ACCEPTED
        self._platform_cancel_noted = False
        self._platform_cancel_swallowed = False

    @property
    def order(self) -> PlacedOrder:
        """The order as it was placed; only asked for once it is."""
        if self.placed is None:
            raise RuntimeError("the order has not been placed yet")
        return self.placed

    @property
    def is_posted(self) -> bool:
        """Whether a packer posts the case; otherwise the customer takes it out of the machine."""
        return self.channel is Channel.WEB

    @property
    def is_captured(self) -> bool:
        """Whether the customer's money is ours."""
        return self.payment is not None and self.payment.state is PaymentState.CAPTURED

    @property
    def is_authorized(self) -> bool:
        """Whether the customer has done their part: paid what the order costs, or it costs nothing."""
        free = self.placed is not None and self.placed.is_free
        return free or (self.payment is not None and self.holding is not HoldReason.PAYMENT_MISMATCH)

    @property
    def refundable(self) -> int:
        """Captured, less what went back (by others before the payment was read, by us since) or is on its way; minor units."""
        if self.payment is None or not self.is_captured:
            return 0
        return max(self.payment.amount_captured - self.payment.amount_refunded - self.refunded - self.refunding, 0)

    @property
    def capture_deadline(self) -> datetime | None:
        """When the fate of an authorisation is decided; None where there is none."""
        payment = self.payment
        if payment is None or payment.state is not PaymentState.AUTHORIZED or payment.capture_before is None:
            return None
        return payment.capture_before - self.policy.capture_margin

    @property
    def is_out(self) -> bool:
        """Whether the case has left the machine."""
        return self.stage is ProductionStage.OUT_OF_MACHINE

    def is_to_be_canceled(self) -> bool:
        """Whether somebody wants the order to end, the platform included."""
        self._note_platform_cancel()
        return self.cancel is not None

    def guard(self) -> None:
        """Stand before every step that cannot be taken back: a cancelled order goes no further."""
        if self.is_to_be_canceled():
            raise OrderEnded(OrderStatus.CANCELED, "canceled before it was submitted", by=self.cancel)

    async def answer_to_cancel(self) -> CancelOutcome:
        """Wait until the order's own story has come to a point where the answer is known."""
        await workflow.wait_condition(lambda: self.cancel_outcome is not None)
        return self.cancel_outcome or CancelOutcome.TOO_LATE

    def refuse_cancel(self) -> None:
        """Answer a wish to cancel that came when the case was already out of the machine."""
        if self.cancel is not None:
            self.cancel, self.cancel_outcome = None, CancelOutcome.TOO_LATE

    async def call(
        self,
        step: Callable[[Any, A], Awaitable[R]],
        request: A,
        options: ActivityOptions,
        *,
        summary: str,
        until: datetime | None = None,
    ) -> R:
        """Run one activity to its end, within its budget and not beyond `until`."""
        options = _within(options, until)
        return await self.undisturbed(workflow.execute_activity_method(step, request, summary=summary, **options))

    async def call_until_canceled(
        self,
        step: Callable[[Any, A], Awaitable[R]],
        request: A,
        options: ActivityOptions,
        *,
        summary: str,
        until: datetime | None = None,
    ) -> R:
        """Run one activity as `call` does, but try no more once the order is to be canceled.

        Between two tries it stops at once, and fails with a cause that `is_stopped` knows. A try that is under way hears of it
        with its next heartbeat and says itself whether anything was done.
        """
        running = workflow.start_activity_method(
            step,
            request,
            summary=summary,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            **_within(options, until),
        )
        await self.wait(lambda: running.done() or self.cancel, until=None, summary="")
        if not running.done():
            running.cancel()
        return await self.undisturbed(running)

    async def undisturbed(self, work: Awaitable[R]) -> R:
        """See something through although the platform cancels: the cancel is noted, and the next `guard` acts on it."""
        running = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if not self._is_platform_cancel():
                raise
            return await running

    async def wait(self, condition: Callable[[], object], *, until: datetime | None, summary: str) -> bool:
        """Wait for `condition`; False when `until` comes first."""
        try:
            await workflow.wait_condition(
                lambda: bool(condition()), timeout=remaining(until), timeout_summary=summary if until else None
            )
        except asyncio.CancelledError:
            if not self._is_platform_cancel():
                raise
            return await self.wait(condition, until=until, summary=summary)
        except TimeoutError:
            return False
        return True

    def end_if_settled(self) -> None:
        """Take a person's word that nothing is left to do for this order.

        Raises:
            OrderEnded: Completed, if somebody said so.
        """
        if self.resolution is not None:
            raise OrderEnded(OrderStatus.COMPLETED, "settled outside of the system", by=self.resolution)

    async def pause(self, duration: timedelta, *, summary: str) -> None:
        """Let some time pass, or less if the order is cancelled meanwhile."""
        await self.wait(lambda: self.cancel, until=workflow.now() + duration, summary=summary)

    async def sleep(self, duration: timedelta, *, summary: str) -> None:
        """Let some time pass, whoever cancels meanwhile."""
        await self.wait(lambda: False, until=workflow.now() + duration, summary=summary)

    def _note_platform_cancel(self) -> bool:
        """Turn the platform's cancel into ours, once; it can be known before it is raised anywhere."""
        reason = workflow.cancellation_reason()
        if reason is not None and not self._platform_cancel_noted:
            self._platform_cancel_noted = True
            why = reason[:REASON_LENGTH] or "canceled from the Temporal Web UI"
            self.cancel = self.cancel or Operator(operator="temporal", reason=why)
        return reason is not None

    def _is_platform_cancel(self) -> bool:
        """Say whether what was just raised is the platform's one cancel; anything else (an eviction) is not ours to swallow."""
        if self._platform_cancel_swallowed or not self._note_platform_cancel():
            return False
        self._platform_cancel_swallowed = True
        return True

    async def record(self, transition: Transition) -> None:
        """Write and show a step that no other activity writes.

        A local activity: one quick statement costs one event instead of six. A step that the database refuses is a bug, which
        stops the workflow task and not the order.

        Raises:
            StepNotWritten: The database has no such order, or knows better.
        """
        try:
            await self.undisturbed(
                workflow.execute_local_activity_method(OrderActivities.record, transition, summary=transition.status.value, **ROW)
            )
        except ApplicationError as refusal:
            raise StepNotWritten(f"{transition.status}: {refusal.message}") from refusal
        self.progress.entered(transition)

    async def insist(self, reason: HoldReason, step: Callable[[], Awaitable[R]], *, gives_back: bool = True) -> R:
        """Do a step; when it is refused the order waits for a person, and the step is tried again when told to."""
        while True:
            if gives_back:
                self.guard()
            try:
                return await step()
            except ActivityError as failure:
                if gives_back:
                    self.guard()
                await self.hold(reason, describe(failure), gives_back=gives_back)

    async def hold(
        self,
        reason: HoldReason,
        why: str,
        *,
        gives_back: bool = True,
        unless: Callable[[], object] = lambda: False,
        until: datetime | None = None,
    ) -> None:
        """Wait for a person, or for `unless`; return when there is something new to try.

        Args:
            reason: Why the order waits.
            why: What operators read.
            gives_back: Whether the order may end here, by `cancel` or by the deadline. False where the outcome is unknown or the
                case is being printed.
            unless: A fact that ends the wait by itself.
            until: When there is something new to try although nobody decided.

        Raises:
            OrderEnded: Canceled, or nobody decided in time.
        """
        before = self.progress.status or OrderStatus.ON_HOLD
        deadline = at_the_latest(workflow.now() + self.policy.hold_deadline, self.capture_deadline) if gives_back else until
        self.retry = self.resolution = None
        self.holding = reason
        try:
            await self.record(
                self.progress.next(OrderStatus.ON_HOLD, why, hold_reason=reason, needs_attention=True, deadline=deadline)
            )
            decided = await self.wait(
                lambda: self.retry or self.resolution or unless() or (gives_back and self.cancel),
                until=deadline,
                summary=f"on hold: {reason}",
            )
        finally:
            self.holding = None
        if gives_back:
            self.guard()
            if not decided:
                raise OrderEnded(OrderStatus.CANCELED, f"nobody decided in time ({reason}): given back")
        await self.record(self._resumed(before))

    def _resumed(self, before: OrderStatus) -> Transition:
        by = self.retry or self.resolution
        return self.progress.next(before, "a person lets it go on" if by else "goes on by itself", by=by)


def _within(options: ActivityOptions, until: datetime | None) -> ActivityOptions:
    """Return the options with a budget that does not go beyond `until`."""
    left = remaining(until)
    if left is None:
        return options
    budget = options.get("schedule_to_close_timeout", left)
    return {**options, "schedule_to_close_timeout": max(min(budget, left), SHORTEST_BUDGET)}
