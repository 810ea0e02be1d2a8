"""From money to a printed case: print file, announcement, submission, capture, and what becomes of the print."""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.artwork import ArtworkActivities
    from activities.payment import PaymentActivities
    from activities.production import ProductionActivities
    from models.artwork import PrintFile
    from models.order import CancelOutcome, HoldReason, OrderStatus
    from models.payment import CapturePayment, Payment, PaymentState
    from models.production import (
        Announcement,
        AnnouncePayment,
        FindSubmission,
        PreparePrintFile,
        ProductionReport,
        ProductionStage,
        ReadProduction,
        Submission,
        SubmitOrder,
    )
    from workflows.life import OrderEnded, OrderLife, describe, failure_type
    from workflows.options import ANNOUNCE, MANUFACTURER_LOOK_UP, PRINT_FILE, STRIPE, SUBMIT

T = TypeVar("T")

UNKNOWN = {"OutcomeUnknown", "Timeout"}
"""A time-out of the last try tells nothing either."""
RESUBMIT_PAUSE = timedelta(seconds=5)
LONGEST_RESUBMIT_PAUSE = timedelta(minutes=10)
RANK = {
    ProductionStage.ACCEPTED: 0,
    ProductionStage.PRINTED: 1,
    ProductionStage.OUT_OF_MACHINE: 2,
}
"""A stage is never left backwards, however late its news comes."""


class Fulfilment:
    """The manufacturer's part of an order, and the moment the money is taken."""

    def __init__(self, life: OrderLife) -> None:
        self._life = life
        self._reached = ProductionStage.ACCEPTED
        self._reports: list[ProductionReport] = []

    def report(self, report: ProductionReport) -> None:
        """Take news of the print (a signal handler's work); the stage decides what is old."""
        self._reports.append(report)

    @property
    def is_out(self) -> bool:
        """Whether the case has left the machine."""
        return self._reached is ProductionStage.OUT_OF_MACHINE

    async def prepare_print_file(self) -> None:
        """Make the file that is printed out of exactly the picture that was approved."""
        life = self._life
        life.print_file = await life.insist(HoldReason.PRINT_FILE_FAILED, self._prepare)

    async def _prepare(self) -> PrintFile:
        life = self._life
        quote = life.order.quote
        request = PreparePrintFile(
            order_id=life.order_id,
            image=quote.image,
            approved_sha256=life.order.approved_sha256,
            shell_id=quote.product.shell_id,
            width_mm=quote.product.width_mm,
            height_mm=quote.product.height_mm,
            enters=life.progress.next(OrderStatus.PREPARING, "print file stored"),
        )
        print_file = await life.call(
            ArtworkActivities.prepare_print_file,
            request,
            PRINT_FILE,
            summary="print file from the approved picture",
            until=life.capture_deadline,
        )
        life.progress.entered(request.enters)
        return print_file

    async def announce(self) -> None:
        """Tell the manufacturer of the payment, once per order."""
        life = self._life
        life.announcement = await life.insist(HoldReason.ANNOUNCE_REFUSED, self._announce)

    async def _announce(self) -> Announcement:
        life = self._life
        quote = life.order.quote
        request = AnnouncePayment(
            order_id=life.order_id,
            product=quote.product,
            amount=quote.total,
            at=workflow.now(),
            enters=life.progress.next(OrderStatus.SUBMITTING, "payment announced to the manufacturer"),
        )
        announcement = await life.call(
            ProductionActivities.announce_payment,
            request,
            ANNOUNCE,
            summary="announce the payment",
            until=life.capture_deadline,
        )
        life.progress.entered(request.enters)
        return announcement

    async def submit(self) -> None:
        """Have it accepted: refusals wait for a person, lost answers are looked up, the same reference is sent again.

        Raises:
            OrderEnded: Canceled, or proven absent when the authorisation is about to run out.
        """
        life = self._life
        life.submission = None
        pause = RESUBMIT_PAUSE
        while life.submission is None:
            life.guard()
            try:
                life.submission = await self._submit()
            except ActivityError as failure:
                if failure_type(failure) not in UNKNOWN:
                    await life.hold(HoldReason.SUBMIT_REFUSED, describe(failure))
                    continue
                life.submission = await self._verify()
                if life.submission is None:
                    self._end_if_time_is_up()
                    await life.pause(pause, summary="the manufacturer does not have it: send it again")
                    pause = min(pause * 2, LONGEST_RESUBMIT_PAUSE)

    async def _submit(self) -> Submission:
        life = self._life
        request = SubmitOrder(
            order_id=life.order_id,
            print_attempt=life.print_attempt,
            payment_reference=_present(life.announcement).reference,
            product=life.order.quote.product,
            print_file=_present(life.print_file),
            at=workflow.now(),
            enters=life.progress.next(OrderStatus.IN_PRODUCTION, "accepted by the manufacturer"),
        )
        submission = await life.call(
            ProductionActivities.submit_order,
            request,
            SUBMIT,
            summary=f"submit print attempt {life.print_attempt}",
            until=life.capture_deadline,
        )
        life.progress.entered(request.enters, manufacturer_order_id=submission.manufacturer_order_id)
        return submission

    async def _verify(self) -> Submission | None:
        """Find out whether a submission whose answer was lost is there; None only if it is proven absent.

        When the authorisation is about to run out and the manufacturer still does not answer, the money is taken, and given
        back if the order proves absent: the one case of money before acceptance.
        """
        life = self._life
        while True:
            try:
                return await self._find()
            except ActivityError as failure:
                if life.capture_deadline is not None and workflow.now() >= life.capture_deadline:
                    await self.capture()
                    continue
                await life.hold(HoldReason.OUTCOME_UNKNOWN, describe(failure), gives_back=False)

    async def _find(self) -> Submission | None:
        life = self._life
        request = FindSubmission(
            order_id=life.order_id,
            print_attempt=life.print_attempt,
            device_id=life.order.quote.product.device_id,
            at=workflow.now(),
            enters=life.progress.next(OrderStatus.VERIFYING, "no answer: the manufacturer is asked whether it has the order"),
            finds=life.progress.next(OrderStatus.IN_PRODUCTION, "the manufacturer has it"),
        )
        life.progress.entered(request.enters)
        search = await life.call(
            ProductionActivities.find_submission,
            request,
            MANUFACTURER_LOOK_UP,
            summary=f"look for print attempt {life.print_attempt}",
            until=life.capture_deadline,
        )
        if search.submission is not None:
            life.progress.entered(request.finds, manufacturer_order_id=search.submission.manufacturer_order_id)
        return search.submission

    def _end_if_time_is_up(self) -> None:
        life = self._life
        deadline = life.capture_deadline
        if life.is_captured or (deadline is not None and workflow.now() >= deadline):
            raise OrderEnded(OrderStatus.CANCELED, "the manufacturer never had it, and the authorisation runs out: given back")

    async def capture(self) -> None:
        """Take the money that was authorised; nothing to do for an order that costs nothing."""
        life = self._life
        if life.payment is None or life.is_captured:
            return
        authorised = life.payment
        key_number = 0
        while life.payment.state is PaymentState.AUTHORIZED:
            key_number += 1
            try:
                life.payment = await self._capture(authorised, key_number)
            except ActivityError as failure:
                if failure_type(failure) == "StoredFailure":
                    await workflow.sleep(RESUBMIT_PAUSE * key_number, summary="the next idempotency key takes the money")
                    continue
                await life.hold(HoldReason.CAPTURE_FAILED, describe(failure), gives_back=False)
                if life.resolution is not None:
                    return

    async def _capture(self, authorised: Payment, key_number: int) -> Payment:
        life = self._life
        request = CapturePayment(
            order_id=life.order_id,
            session_id=authorised.session_id,
            payment_intent_id=_present(authorised.payment_intent_id),
            amount=life.order.quote.total,
            currency=life.order.quote.currency,
            key_number=key_number,
            enters=life.progress.next(
                life.progress.status or OrderStatus.IN_PRODUCTION, f"{life.order.quote.total} {authorised.currency} captured"
            ),
        )
        payment = await life.call(PaymentActivities.capture_payment, request, STRIPE, summary="take the money")
        life.progress.entered(request.enters)
        return payment

    async def follow(self) -> None:
        """Follow the print until the case is out of the machine.

        Raises:
            OrderEnded: It was not printed, and a person or the deadline decided to give the money back.
        """
        life = self._life
        while not self.is_out:
            until = workflow.now() + life.policy.production_limit
            heard = await life.wait(lambda: self._reports or life.cancel, until=until, summary="production takes too long")
            if self._reports:
                await self._advance(self._reports.pop(0))
            elif life.cancel is not None:
                await self.answer_cancel()
            elif not heard:
                await life.hold(
                    HoldReason.OVERDUE, "nothing was heard from the machine", gives_back=False, unless=lambda: self._reports
                )
        life.refuse_cancel()

    async def _advance(self, report: ProductionReport) -> None:
        life = self._life
        if report.reference != _present(life.submission).reference:
            return
        if report.stage is ProductionStage.UNPRINTED:
            if self._reached is ProductionStage.ACCEPTED:
                await self._print_again(report)
        elif RANK[report.stage] > RANK[self._reached]:
            self._reached = report.stage
            if report.stage is ProductionStage.PRINTED:
                await life.record(life.progress.next(OrderStatus.PRINTED, "printed"))

    async def _print_again(self, report: ProductionReport) -> None:
        """The manufacturer says that no case was made: a person orders a new print attempt, or the money goes back."""
        life = self._life
        await life.hold(HoldReason.PRINT_FAILED, f"the manufacturer says {report.status} ({report.status.name.lower()})")
        life.print_attempt += 1
        await self.submit()

    async def answer_cancel(self) -> None:
        """After acceptance only the manufacturer's word that nothing was printed cancels an order.

        Raises:
            OrderEnded: Nothing was printed.
        """
        life = self._life
        state = await life.insist(
            HoldReason.OUTCOME_UNKNOWN,
            lambda: life.call(
                ProductionActivities.read_production,
                ReadProduction(reference=_present(life.submission).reference),
                MANUFACTURER_LOOK_UP,
                summary="can it still be canceled?",
            ),
            gives_back=False,
        )
        by, life.cancel = life.cancel, None
        if state.status is not None and state.status.is_unprinted:
            raise OrderEnded(OrderStatus.CANCELED, f"not printed ({state.status.name.lower()}): given back", by=by)
        life.cancel_outcome = CancelOutcome.TOO_LATE
        current = OrderStatus.PRINTED if self._reached is ProductionStage.PRINTED else OrderStatus.IN_PRODUCTION
        await life.record(life.progress.next(current, "too late to cancel: the case is being made", by=by))


def _present(value: T | None) -> T:
    """Return what an earlier stage has made."""
    if value is None:
        raise RuntimeError("a stage ran before the one that it needs")
    return value
