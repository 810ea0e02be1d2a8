"""From money to a printed case: print file, announcement, and what becomes of the print once it is accepted."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.artwork import ArtworkActivities
    from activities.production import ProductionActivities
    from models.artwork import PrintFile
    from models.order import HoldReason, OrderStatus
    from models.production import (
        Announcement,
        AnnouncePayment,
        PreparePrintFile,
        ProductionReport,
        ProductionStage,
    )
    from workflows.failures import present
    from workflows.life import OrderLife
    from workflows.options import ANNOUNCE, PRINT_FILE
    from workflows.submission import Acceptance

RANK = {
    ProductionStage.ACCEPTED: 0,
    ProductionStage.PRINTED: 1,
    ProductionStage.OUT_OF_MACHINE: 2,
}
"""A stage is never left backwards, however late its news comes."""


class Fulfilment:
    """The manufacturer's part of an order."""

    def __init__(self, life: OrderLife, acceptance: Acceptance) -> None:
        self._life = life
        self._acceptance = acceptance
        self._reports: list[ProductionReport] = []

    def report(self, report: ProductionReport) -> None:
        """Take news of the print (a signal handler's work); what is old wakes nobody."""
        if not self._is_old(report):
            self._reports.append(report)

    def _is_old(self, report: ProductionReport) -> bool:
        submission = self._life.submission
        is_current = submission is not None and report.reference == submission.reference
        return is_current and report.stage in RANK and RANK[report.stage] <= RANK[self._life.stage]

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
        print_file = await life.call_until_canceled(
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
        announcement = await life.call_until_canceled(
            ProductionActivities.announce_payment,
            request,
            ANNOUNCE,
            summary="announce the payment",
            until=life.capture_deadline,
        )
        life.progress.entered(request.enters)
        return announcement

    async def follow(self) -> None:
        """Follow the print until the case is out of the machine.

        Raises:
            OrderEnded: It was not printed, and a person or the deadline decided to give the money back; or a person has settled
                what nothing was heard of.
        """
        life = self._life
        until = workflow.now() + life.policy.production_limit
        while not life.is_out:
            heard = await life.wait(lambda: self._reports or life.cancel, until=until, summary="production takes too long")
            if self._reports:
                attempt = life.print_attempt
                await self._advance(self._reports.pop(0))
                if life.print_attempt != attempt:
                    until = workflow.now() + life.policy.production_limit
            elif life.cancel is not None:
                await self._acceptance.answer_cancel()
            elif not heard:
                await life.hold(
                    HoldReason.OVERDUE,
                    "nothing was heard from the machine",
                    gives_back=False,
                    unless=lambda: self._reports or life.cancel,
                )
                life.end_if_settled()
                until = workflow.now() + life.policy.production_limit
        life.refuse_cancel()

    async def _advance(self, report: ProductionReport) -> None:
        life = self._life
        if report.reference != present(life.submission).reference:
            return
        if report.stage is ProductionStage.UNPRINTED:
            if life.stage is ProductionStage.ACCEPTED:
                await self._print_again(report)
        elif RANK[report.stage] > RANK[life.stage]:
            life.stage = report.stage
            if report.stage is ProductionStage.PRINTED:
                await life.record(life.progress.next(OrderStatus.PRINTED, "printed"))

    async def _print_again(self, report: ProductionReport) -> None:
        """The manufacturer says that no case was made: a person orders a new print attempt, or the money goes back."""
        life = self._life
        reference = present(life.submission).reference
        await life.hold(
            HoldReason.PRINT_FAILED,
            f"the manufacturer says {report.status} ({report.status.name.lower()})",
            unless=lambda: any(news.reference == reference and news.stage in RANK for news in self._reports),
        )
        if life.retry is None:
            return
        life.print_attempt += 1
        await self._acceptance.submit()
