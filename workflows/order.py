"""An order's life, from the first click to the case in the customer's hand."""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError

with workflow.unsafe.imports_passed_through():
    from models.approval import ApproveArtwork, ArtworkView, SubmitDesign
    from models.errors import RefusalCode
    from models.order import (
        CancelOutcome,
        Checkout,
        CheckoutRequest,
        HoldReason,
        Operator,
        OrderInput,
        OrderResult,
        OrderStatus,
        Shipment,
        Transition,
    )
    from models.payment import (
        PaymentReport,
        PaymentView,
        RefundRequest,
        RefundResult,
    )
    from models.production import ProductionReport
    from workflows.artwork import ArtworkDesk
    from workflows.checkout import CheckoutDesk, refusal
    from workflows.delivery import Delivery
    from workflows.failures import busy, describe, named, refused
    from workflows.fulfilment import Fulfilment
    from workflows.handlers import update
    from workflows.life import OrderEnded, OrderLife, StepNotWritten
    from workflows.money_back import MoneyBack
    from workflows.submission import Acceptance

RESOLVABLE = {HoldReason.OVERDUE, HoldReason.SHIPMENT_OVERDUE, HoldReason.CAPTURE_FAILED, HoldReason.REFUND_FAILED}
"""What a person can settle outside of the system; everything else needs the step itself."""

MOST_WAITING_REPORTS = 4
"""Temporal lets ten updates of a workflow be under way: pages that are reloaded while Stripe is away leave room for operators."""

ASKS_FIRST = {OrderStatus.SUBMITTING, OrderStatus.VERIFYING, OrderStatus.IN_PRODUCTION}
"""Where a wish to cancel has to wait for the manufacturer's answer."""


@workflow.defn
class OrderWorkflow:
    """One order. Whatever crashes, repeats, comes late or lies: no money without a case, no case without money."""

    @workflow.init
    def __init__(self, order: OrderInput) -> None:
        self._life = OrderLife(order)
        self._money_back = MoneyBack(self._life)
        self._checkout = CheckoutDesk(self._life, self._money_back)
        self._artwork = ArtworkDesk(self._life, self._checkout)
        self._acceptance = Acceptance(self._life)
        self._fulfilment = Fulfilment(self._life, self._acceptance)
        self._delivery = Delivery(self._life)
        self._reports_waiting = 0

    @workflow.run
    async def run(self, order: OrderInput) -> OrderResult:
        """Live the order: every line is a stage, and any stage may end it."""
        try:
            await self._artwork.make_and_approve()
            await self._checkout.collect_payment()
            await self._fulfilment.prepare_print_file()
            await self._fulfilment.announce()
            await self._acceptance.submit()
            await self._acceptance.capture()
            await self._fulfilment.follow()
            note = await self._delivery.hand_over()
            result = await self._close(OrderStatus.COMPLETED, note)
        except OrderEnded as ended:
            await (self._checkout.release_hold() if ended.status is OrderStatus.COMPLETED else self._undo())
            result = await self._close(ended.status, ended.note, by=ended.by)
        await self._life.wait(workflow.all_handlers_finished, until=None, summary="")
        return result

    @update("Take the design that this order is opened with, or another one while none is approved. Sent by the storefront.")
    async def submit_design(self, design: SubmitDesign) -> ArtworkView:
        """Make the picture and return it, or why there is none; the same design again is not made again."""
        return await self._artwork.submit(design)

    @update("The customer approves exactly this picture: its checkout is opened. Sent by the storefront.")
    async def approve_artwork(self, approval: ApproveArtwork) -> Checkout:
        """Freeze the picture and return where the customer pays; the same again gets the same Session."""
        return await self._artwork.approve(approval)

    @workflow.query(description="The picture of an order that was opened with a design.")
    def artwork(self) -> ArtworkView:
        """Return the preview and its print file, or why there is none."""
        return self._artwork.view

    @update("Open, or open again, the checkout of this order. Sent by the storefront's checkout call.")
    async def checkout(self, request: CheckoutRequest) -> Checkout:
        """Price the order and return where the customer pays; the same request again gets the same Session."""
        return await self._checkout.ask(request)

    @update("Somebody says that the order is paid: Stripe is asked. Sent by webhooks and the success page.")
    async def report_payment(self, report: PaymentReport) -> PaymentView:
        """Look, and if it is paid wait until the manufacturer has accepted the order or it stands still."""
        life = self._life
        self._reports_waiting += 1
        try:
            await self._checkout.report()
            if life.is_authorized:
                await workflow.wait_condition(lambda: bool(life.submission or life.holding or life.ended))
        finally:
            self._reports_waiting -= 1
        return PaymentView(
            status=life.progress.status or OrderStatus.AWAITING_PAYMENT,
            authorized=life.is_authorized,
            accepted=life.submission is not None,
        )

    @workflow.signal(description="News of the print, verified by the status poller.")
    def production_reported(self, report: ProductionReport) -> None:
        """Take news of the print; old news changes nothing."""
        self._fulfilment.report(report)

    @update("Try again what the order is on hold for. After a failed print this orders a new print attempt.")
    async def retry_step(self, by: Operator) -> None:
        """Let an order that is on hold go on."""
        self._life.retry = by

    @update("Cancel: money goes back unless the case is being made. Answers canceled or too_late.")
    async def cancel(self, by: Operator) -> CancelOutcome:
        """Cancel before submission; afterwards ask the manufacturer, whose answer decides."""
        life = self._life
        if life.is_out:
            return CancelOutcome.TOO_LATE
        life.cancel, life.cancel_outcome = by, None
        if life.progress.status in ASKS_FIRST and not life.is_closing:
            await life.record(life.progress.next(OrderStatus.CANCEL_REQUESTED, "the manufacturer decides", by=by))
        return await life.answer_to_cancel()

    @update("Give captured money back (amount in pence, or all that is left). The order goes on.")
    async def refund(self, request: RefundRequest) -> RefundResult:
        """Give money back as a favour; to stop an order use `cancel`."""
        return await self._money_back.refund(request.amount or self._life.refundable, request.reason, operator=request.operator)

    @update("The parcel has left: carrier and tracking number.")
    async def mark_shipped(self, shipment: Shipment) -> None:
        """Take the packer's word."""
        self._delivery.shipment = shipment

    @update("The parcel has arrived: completes the order.")
    async def mark_delivered(self, by: Operator) -> None:
        """Complete a posted order."""
        self._delivery.delivered = by

    @update("The customer has taken the case out of the machine: completes the order.")
    async def mark_collected(self, by: Operator) -> None:
        """Complete an order that was collected."""
        self._delivery.collected = by

    @update("The matter that the order is on hold for was settled by a person outside of the system.")
    async def mark_resolved(self, by: Operator) -> None:
        """Take over from a person who has settled what the order could not."""
        self._life.resolution = by

    @submit_design.validator
    def _may_submit_design(self, design: SubmitDesign) -> None:
        self._artwork.check_submission()

    @approve_artwork.validator
    def _may_approve(self, approval: ApproveArtwork) -> None:
        self._artwork.check_approval(approval)

    @checkout.validator
    def _may_check_out(self, request: CheckoutRequest) -> None:
        if self._life.opens_with_design:
            raise refusal(RefusalCode.NOT_APPROVED)

    @report_payment.validator
    def _may_look(self, report: PaymentReport) -> None:
        if report.is_nudge and self._reports_waiting >= MOST_WAITING_REPORTS:
            raise busy("others wait already to hear whether it is paid")

    @retry_step.validator
    def _may_retry(self, by: Operator) -> None:
        named(by)
        if self._life.holding is None:
            raise refused(f"nothing to try again: the order is {self._life.progress.status}, not on hold")

    @cancel.validator
    def _may_cancel(self, by: Operator) -> None:
        named(by)
        if self._life.ended is not None:
            raise refused(f"the order has ended: {self._life.ended}")

    @refund.validator
    def _may_refund(self, request: RefundRequest) -> None:
        named(request)
        left = self._life.refundable
        if left == 0:
            raise refused("no captured money is left to give back; before the capture use `cancel`")
        if request.amount is not None and not 0 < request.amount <= left:
            raise refused(f"between 1 and {left} (minor units) can be given back, not {request.amount}")

    @mark_shipped.validator
    def _may_ship(self, shipment: Shipment) -> None:
        named(shipment)
        if not (shipment.carrier and shipment.tracking):
            raise refused("carrier and tracking number are needed: the customer is told both")
        if not self._life.is_posted:
            raise refused("this order is collected at a machine, not posted")
        if not self._life.is_out or self._delivery.shipment is not None or self._life.ended:
            raise refused(f"nothing to post: the order is {self._life.progress.status}")

    @mark_delivered.validator
    def _may_deliver(self, by: Operator) -> None:
        named(by)
        if self._delivery.shipment is None or self._life.ended:
            raise refused(f"only a shipped order is delivered; this one is {self._life.progress.status}")

    @mark_collected.validator
    def _may_collect(self, by: Operator) -> None:
        named(by)
        if self._life.is_posted or not self._life.is_out or self._life.ended:
            raise refused(f"only what lies ready is collected; this order is {self._life.progress.status}")

    @mark_resolved.validator
    def _may_resolve(self, by: Operator) -> None:
        named(by)
        if self._life.holding not in RESOLVABLE:
            raise refused(f"only {', '.join(sorted(RESOLVABLE))} can be settled outside of the system")

    async def _undo(self) -> None:
        """Take back what was done, in reverse; the order does not close before each is done or a person has settled it."""
        self._checkout.close()
        for step in reversed(self._life.undo):
            await self._insist_on(step)

    async def _insist_on(self, step: Callable[[], Awaitable[None]]) -> None:
        life = self._life
        settled_outside = False
        while not settled_outside:
            try:
                await step()
            except (ActivityError, ChildWorkflowError) as failure:
                await life.hold(HoldReason.REFUND_FAILED, describe(failure), gives_back=False)
                settled_outside = life.resolution is not None
            else:
                return

    async def _close(self, status: OrderStatus, note: str, *, by: Operator | None = None) -> OrderResult:
        """Write how it ended and answer whoever still waits."""
        life = self._life
        life.is_closing = True
        ending = life.progress.next(status, note, by=by)
        await self._write_down(ending)
        life.ended = status
        life.cancel_outcome = CancelOutcome.TOO_LATE if status is OrderStatus.COMPLETED else CancelOutcome.CANCELED
        return OrderResult(order_id=life.order_id, status=status, note=note)

    async def _write_down(self, ending: Transition) -> None:
        """Record an ending. An order that could not be placed may be written down all the same: the answer is what failed."""
        life = self._life
        try:
            if life.undo:
                await life.record(ending)
        except StepNotWritten:
            if life.placed is not None:
                raise
        life.progress.entered(ending)
