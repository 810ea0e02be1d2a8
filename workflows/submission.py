"""Having it printed: one print attempt accepted once, whatever becomes of the answers, and the money taken when it is."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.payment import PaymentActivities
    from activities.production import ProductionActivities
    from models.order import CancelOutcome, HoldReason, OrderStatus
    from models.payment import CapturePayment, ExpectedMoney, LookAtPayment, Payment, PaymentState
    from models.production import (
        FindSubmission,
        ProductionStage,
        ReadProduction,
        Submission,
        SubmitOrder,
    )
    from workflows.failures import describe, failure_type, is_stopped, mismatch, present
    from workflows.life import OrderEnded, OrderLife
    from workflows.options import MANUFACTURER_LOOK_UP, STRIPE, SUBMIT
    from workflows.progress import at_the_latest

UNKNOWN = {"OutcomeUnknown", "Timeout"}
"""A time-out of the last try tells nothing either."""
NOT_SENT = {"ProviderUnavailable", "ProviderRejected", "IntegrityBroken", "NotThere", "NotYet"}
"""Failures that prove that the manufacturer did not take the order. After any other it is asked."""
RESUBMIT_PAUSE = timedelta(seconds=5)
LONGEST_RESUBMIT_PAUSE = timedelta(minutes=10)
LOOK_AGAIN = timedelta(hours=12)
"""How long an unknown outcome waits for a person before the manufacturer is asked anew."""
LATE_REQUEST = timedelta(minutes=2)
"""How long a try that was given up may go on, and its request be on its way: so long after it "absent" may still become false."""
LAST_LOOK = timedelta(minutes=15)
"""How long the manufacturer is asked when an authorisation is about to run out; `capture_margin` is much longer."""


class Acceptance:
    """The two steps that belong together: the manufacturer has accepted, so the customer pays."""

    def __init__(self, life: OrderLife) -> None:
        self._life = life
        self._pause = RESUBMIT_PAUSE
        self._doubtful_until: datetime | None = None

    async def submit(self) -> None:
        """Have it accepted: refusals wait for a person, lost answers are looked up, the same reference is sent again.

        Raises:
            OrderEnded: Canceled, or proven absent when the authorisation is about to run out.
        """
        life = self._life
        life.submission = self._doubtful_until = None
        self._pause = RESUBMIT_PAUSE
        was_captured = life.is_captured
        while life.submission is None:
            await self._end_if_canceled()
            if life.submission is None:
                await self._try(was_captured=was_captured)

    async def _try(self, *, was_captured: bool) -> None:
        """Send it, and do what its failure asks for before it is sent again."""
        life = self._life
        try:
            life.submission = await self._submit()
        except ActivityError as failure:
            if is_stopped(failure):
                return
            if failure_type(failure) == "MoneyGone":
                await self._settle_payment()
            elif failure_type(failure) in NOT_SENT:
                await self._wait_refused(failure)
            else:
                await self._clear_up(failure, was_captured=was_captured)

    async def _clear_up(self, failure: ActivityError, *, was_captured: bool) -> None:
        """Find out what became of a try that does not prove that nothing was ordered."""
        life = self._life
        is_unknown = failure_type(failure) in UNKNOWN
        if is_unknown:
            self._doubtful_until = workflow.now() + LATE_REQUEST
        life.submission = await self._verify()
        if life.submission is None:
            await self._end_if_time_is_up(was_captured=was_captured)
        if life.submission is not None:
            return
        if is_unknown:
            await life.pause(self._pause, summary="the manufacturer does not have it: send it again")
            self._pause = min(self._pause * 2, LONGEST_RESUBMIT_PAUSE)
        else:
            await self._wait_refused(failure)

    async def _wait_refused(self, failure: ActivityError) -> None:
        """Wait for a person; the order may end here, so an earlier try of which nothing was heard is looked for first."""
        await self._look_once_more()
        if self._life.submission is None:
            await self._life.hold(HoldReason.SUBMIT_REFUSED, describe(failure))

    async def _end_if_canceled(self) -> None:
        """End an order that is to be canceled, unless a request that was late has made it known after all.

        Raises:
            OrderEnded: Canceled, and not there.
        """
        if self._life.is_to_be_canceled():
            await self._look_once_more()
        if self._life.submission is None:
            self._life.guard()

    async def _look_once_more(self) -> None:
        """Wait until no request can be on its way any more, and look again: what ends now is never sent again."""
        life = self._life
        left, self._doubtful_until = self._doubtful_until, None
        if left is None or left <= workflow.now():
            return
        await life.sleep(left - workflow.now(), summary="a request that was given up may still arrive")
        life.submission = await self._verify()

    async def _submit(self) -> Submission:
        life = self._life
        request = SubmitOrder(
            order_id=life.order_id,
            print_attempt=life.print_attempt,
            payment_reference=present(life.announcement).reference,
            product=life.order.quote.product,
            print_file=present(life.print_file),
            money=self._expected_money(),
            at=workflow.now(),
            enters=life.progress.next(OrderStatus.IN_PRODUCTION, "accepted by the manufacturer"),
        )
        submission = await life.call_until_canceled(
            ProductionActivities.submit_order,
            request,
            SUBMIT,
            summary=f"submit print attempt {life.print_attempt}",
            until=life.capture_deadline,
        )
        life.progress.entered(request.enters, manufacturer_order_id=submission.manufacturer_order_id)
        return submission

    def _expected_money(self) -> ExpectedMoney | None:
        """What must still be there; a further print attempt is granted by a person, whatever went back as a favour."""
        life = self._life
        if life.payment is None or life.print_attempt > 1:
            return None
        quote = life.order.quote
        return ExpectedMoney(session_id=life.payment.session_id, total=quote.total, currency=quote.currency)

    async def _settle_payment(self) -> None:
        """What was authorised is not all there any more: somebody has given it back at Stripe.

        Raises:
            OrderEnded: Nothing is left of it, or nobody decided what to do about a part.
        """
        life = self._life
        quote = life.order.quote
        look = LookAtPayment(
            order_id=life.order_id,
            session_id=present(life.payment).session_id,
            total=quote.total,
            currency=quote.currency,
            enters=life.progress.next(life.progress.status or OrderStatus.SUBMITTING, "the money is there"),
        )
        payment = life.payment = await life.insist(
            HoldReason.OUTCOME_UNKNOWN,
            lambda: life.call(PaymentActivities.look_at_payment, look, STRIPE, summary="what has become of the money?"),
            gives_back=False,
        )
        if look.is_matched_by(payment):
            life.progress.entered(look.enters)
            return
        if payment.is_all_gone:
            raise OrderEnded(OrderStatus.CANCELED, "the money had gone back at Stripe before the order was made")
        await life.hold(HoldReason.PAYMENT_MISMATCH, mismatch(payment, quote))

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
                if not self._is_time_up():
                    again = at_the_latest(life.capture_deadline, workflow.now() + LOOK_AGAIN)
                    await life.hold(HoldReason.OUTCOME_UNKNOWN, describe(failure), gives_back=False, until=again)
                if self._is_time_up():
                    await self.capture()

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
            until=self._last_look(),
        )
        if search.submission is not None:
            life.progress.entered(request.finds, manufacturer_order_id=search.submission.manufacturer_order_id)
        return search.submission

    def _last_look(self) -> datetime | None:
        """Return until when to look: an authorisation that is running out still leaves time for a last look."""
        deadline = self._life.capture_deadline
        return None if deadline is None else max(deadline, workflow.now() + LAST_LOOK)

    def _is_time_up(self) -> bool:
        deadline = self._life.capture_deadline
        return deadline is not None and workflow.now() >= deadline

    async def _end_if_time_is_up(self, *, was_captured: bool) -> None:
        """End an order that is proven absent when its authorisation is running out, or had to be taken meanwhile.

        Raises:
            OrderEnded: It is not there.
        """
        if not self._is_time_up() and (was_captured or not self._life.is_captured):
            return
        await self._look_once_more()
        if self._life.submission is None:
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
                    await life.sleep(RESUBMIT_PAUSE * key_number, summary="the next idempotency key takes the money")
                    continue
                await life.hold(HoldReason.CAPTURE_FAILED, describe(failure), gives_back=False, unless=self._may_cancel)
                if life.resolution is not None:
                    return
                if self._may_cancel():
                    await self.answer_cancel()

    async def _capture(self, authorised: Payment, key_number: int) -> Payment:
        life = self._life
        request = CapturePayment(
            order_id=life.order_id,
            session_id=authorised.session_id,
            payment_intent_id=present(authorised.payment_intent_id),
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

    def _may_cancel(self) -> bool:
        """Whether somebody wants to cancel what the manufacturer has accepted, and can be answered."""
        return self._life.cancel is not None and self._life.submission is not None

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
                ReadProduction(reference=present(life.submission).reference),
                MANUFACTURER_LOOK_UP,
                summary="can it still be canceled?",
            ),
            gives_back=False,
        )
        by, life.cancel = life.cancel, None
        if state.status is not None and state.status.is_unprinted:
            raise OrderEnded(OrderStatus.CANCELED, f"not printed ({state.status.name.lower()}): given back", by=by)
        life.cancel_outcome = CancelOutcome.TOO_LATE
        current = OrderStatus.PRINTED if life.stage is ProductionStage.PRINTED else OrderStatus.IN_PRODUCTION
        await life.record(life.progress.next(current, "too late to cancel: the case is being made", by=by))
