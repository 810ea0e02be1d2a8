"""Many say that an order is paid, at once, twice, too early or too late: Stripe is asked, and the order goes on once."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from models.errors import ProviderUnavailable
from models.order import CancelOutcome, OrderStatus
from models.production import ManufacturerOrderStatus, ProductionReport, ProductionStage
from tests.workflows.shop import CLERK, PACKER, Shop
from workflows.order import OrderWorkflow


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
        await shop.handle.cancel()
        gate.open()
        view = await reported.result()
        assert view.status is OrderStatus.CANCELED
        assert not view.accepted


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
    @pytest.mark.parametrize("ending", [OrderStatus.COMPLETED, OrderStatus.CANCELED])
    async def test_are_all_answered(self, shop: Shop, ending: OrderStatus) -> None:
        """Updates that are under way while the last step is written get an answer, and the order ends only then."""
        await shop.accepted()
        finish = await self._last_step(shop, ending)
        gate = shop.orders.faults.hold("record")
        finishing = asyncio.ensure_future(finish)
        await gate.reached.wait()

        reported = await shop.start_report()
        asked_again = asyncio.ensure_future(shop.checkout())
        changed = asyncio.ensure_future(shop.checkout(shop.request(amount=1)))
        if ending is OrderStatus.COMPLETED:
            assert await shop.handle.execute_update(OrderWorkflow.cancel, CLERK) is CancelOutcome.TOO_LATE
        await shop.handle.signal(OrderWorkflow.production_reported, self._old_news(shop))
        gate.open()

        assert (await reported.result()).authorized
        assert (await asked_again).session_id == "cs_1"
        with pytest.raises(WorkflowUpdateFailedError):
            await changed
        await finishing
        assert (await shop.result()).status is ending

    async def _last_step(self, shop: Shop, ending: OrderStatus):
        if ending is OrderStatus.CANCELED:
            shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.CANCELED
            return shop.handle.execute_update(OrderWorkflow.cancel, CLERK)
        await shop.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
        await shop.until(OrderStatus.TO_SHIP)
        await shop.mark_shipped()
        await shop.until(OrderStatus.SHIPPED)
        return shop.handle.execute_update(OrderWorkflow.mark_delivered, PACKER)

    def _old_news(self, shop: Shop) -> ProductionReport:
        return ProductionReport(
            reference=shop.reference,
            stage=ProductionStage.PRINTED,
            status=ManufacturerOrderStatus.PRINTED,
            at=shop.last.at,
        )
