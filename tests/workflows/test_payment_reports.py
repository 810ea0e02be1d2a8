"""Many say that an order is paid, at once, twice, too early or too late: Stripe is asked, and the order goes on once."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from models.errors import ProviderUnavailable
from models.order import CancelOutcome, OrderStatus
from models.payment import PaymentReport, PaymentView, RefundRequest, RefundState
from models.production import ManufacturerOrderStatus, ProductionStage
from tests.workflows.shop import CLERK, PACKER, Shop
from workflows.order import MOST_WAITING_REPORTS, OrderWorkflow


class TestManyReports:
    async def test_at_once_lead_to_one_capture_one_submission_and_one_answer(self, shop: Shop) -> None:
        await shop.place_and_pay()

        views = await asyncio.gather(*(shop.report_payment() for _ in range(50)))

        assert {(view.authorized, view.accepted) for view in views} == {(True, True)}
        await shop.until(lambda: shop.gateway.captured)
        assert len(shop.gateway.captured) == 1
        assert shop.manufacturer.faults.calls.count("submit_order") == 1
        assert shop.manufacturer.faults.calls.count("announce_payment") == 1
        assert shop.gateway.faults.calls.count("read_payment") <= 2

    async def test_long_after_the_payment_change_nothing(self, shop: Shop) -> None:
        await shop.accepted()
        asked = list(shop.gateway.faults.calls)
        assert (await shop.report_payment()).accepted
        assert shop.gateway.faults.calls == asked


class TestEarlyReport:
    async def test_before_anything_is_paid_changes_nothing(self, shop: Shop) -> None:
        """A forged report, or the success page opened by hand."""
        await shop.checkout()
        view = await shop.report_payment()
        assert not view.authorized
        assert shop.story == [OrderStatus.AWAITING_PAYMENT]

        await shop.pay()
        assert (await shop.report_payment()).accepted

    async def test_while_stripe_is_away_is_answered_when_it_is_back(self, shop: Shop) -> None:
        shop.gateway.faults.fail("read_payment", ProviderUnavailable("down", provider="stripe"), times=4)
        await shop.place_and_pay()
        assert (await shop.passing(shop.report_payment(), step=timedelta(seconds=2))).accepted

    async def test_of_another_session_is_only_a_reason_to_look_at_ours(self, shop: Shop) -> None:
        await shop.checkout()
        view = await shop.report_payment("cs_of_somebody_else")
        assert not view.authorized


class TestReportOfAStandstill:
    async def test_is_answered_as_paid_although_nothing_is_accepted(self, shop: Shop) -> None:
        """The customer is not kept waiting for a person."""
        shop.store.objects["uploads/picture.png"] = b"another picture"
        await shop.place_and_pay()
        view = await shop.report_payment()
        assert view.authorized
        assert not view.accepted

    async def test_is_answered_when_the_order_is_canceled_meanwhile(self, shop: Shop) -> None:
        gate = shop.renderer.faults.hold("render")
        await shop.place_and_pay()
        reported = await shop.start_report()
        await gate.reached.wait()
        await shop.cancel_from_the_platform()
        gate.open()
        view = await reported.result()
        assert view.status is OrderStatus.CANCELED
        assert not view.accepted


class TestManyWhoWait:
    async def test_for_stripe_leave_room_for_operators_and_webhooks(self, shop: Shop) -> None:
        """Temporal takes ten updates at a time; who reloads a page is told to come again, who acts is not."""
        gate = shop.gateway.faults.hold("read_payment")
        await shop.place_and_pay()
        nudge = PaymentReport(session_id=shop.gateway.session.session_id, is_nudge=True)
        waiting = [
            await shop.handle.start_update(OrderWorkflow.report_payment, nudge, wait_for_stage=shop.ACCEPTED)
            for _ in range(MOST_WAITING_REPORTS)
        ]
        await gate.reached.wait()

        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await shop.handle.execute_update(OrderWorkflow.report_payment, nudge)
        assert isinstance(refusal.value.cause, ApplicationError)
        assert refusal.value.cause.type == ProviderUnavailable.__name__
        webhook = await shop.start_report()
        canceled = await shop.handle.start_update(OrderWorkflow.cancel, CLERK, wait_for_stage=shop.ACCEPTED)

        gate.open()
        assert await canceled.result() is CancelOutcome.CANCELED
        for report in (*waiting, webhook):
            assert (await report.result()).status is OrderStatus.CANCELED


class TestClosedOrder:
    async def test_is_never_started_a_second_time(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.print_and_deliver()
        calls = [list(port.faults.calls) for port in (shop.gateway, shop.orders, shop.manufacturer)]

        with pytest.raises((WorkflowAlreadyStartedError, RPCError)) as refusal:
            await shop.checkout(update_id="another")
        if isinstance(refusal.value, RPCError):
            assert refusal.value.status is RPCStatusCode.ALREADY_EXISTS
        with pytest.raises(RPCError) as unknown:
            await shop.report_payment()
        assert unknown.value.status is RPCStatusCode.NOT_FOUND

        assert [list(port.faults.calls) for port in (shop.gateway, shop.orders, shop.manufacturer)] == calls


class TestMessagesToAnOrderThatIsFinishing:
    async def test_are_all_answered_before_a_canceled_order_closes(self, shop: Shop) -> None:
        """The last step but one, the shell's way back to the shelf, is under way."""
        await shop.accepted()
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.CANCELED
        gate = shop.orders.faults.hold("release_hold")
        canceled = asyncio.ensure_future(shop.handle.execute_update(OrderWorkflow.cancel, CLERK))
        await gate.reached.wait()

        again = asyncio.ensure_future(shop.handle.execute_update(OrderWorkflow.cancel, CLERK))
        reported = await shop.start_report()
        asked_again = await shop.checkout()
        with pytest.raises(WorkflowUpdateFailedError):
            await shop.checkout(shop.request(amount=1))
        await shop.machine_says(ProductionStage.PRINTED, ManufacturerOrderStatus.PRINTED)
        gate.open()

        assert asked_again.session_id == "cs_1"
        assert (await reported.result()).authorized
        assert set(await asyncio.gather(canceled, again)) == {CancelOutcome.CANCELED}
        assert (await shop.result()).status is OrderStatus.CANCELED

    async def test_keep_a_completed_order_open_until_its_refund_has_arrived(self, shop: Shop) -> None:
        await shop.accepted()
        shop.gateway.refund_state = RefundState.PENDING
        favour = RefundRequest(operator="clerk@shop", reason="scratched", amount=1000)
        given = await shop.handle.start_update(OrderWorkflow.refund, favour, wait_for_stage=shop.ACCEPTED)
        finishing = asyncio.ensure_future(shop.print_and_deliver())
        await shop.until(OrderStatus.COMPLETED)
        assert (await shop.handle.describe()).close_time is None

        shop.gateway.refund_state = RefundState.SUCCEEDED
        result = await shop.passing(given.result())

        assert result.refunded == 1000
        assert (await finishing).status is OrderStatus.COMPLETED

    async def test_that_come_together_with_the_last_one_are_answered_or_told_that_it_is_over(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
        await shop.until(OrderStatus.TO_SHIP)
        await shop.mark_shipped()
        await shop.until(OrderStatus.SHIPPED)

        delivered, *answers = await asyncio.gather(
            shop.handle.execute_update(OrderWorkflow.mark_delivered, PACKER),
            *(shop.report_payment() for _ in range(5)),
            shop.handle.execute_update(OrderWorkflow.cancel, CLERK),
            return_exceptions=True,
        )

        assert delivered is None
        for answer in answers:
            if isinstance(answer, RPCError):
                assert answer.status is RPCStatusCode.NOT_FOUND
            else:
                assert answer is CancelOutcome.TOO_LATE or isinstance(answer, PaymentView)
        assert (await shop.result()).status is OrderStatus.COMPLETED
