"""What becomes of the print: news in any order, no news at all, and a second try."""

from datetime import timedelta
from itertools import permutations

import pytest

from models.order import HoldReason, OrderStatus
from models.production import ManufacturerOrderStatus, PrintReference, ProductionStage
from tests.workflows.shop import CLERK, PACKER, Shop
from workflows.order import OrderWorkflow

ACCEPTED = (ProductionStage.ACCEPTED, ManufacturerOrderStatus.PRINTING)
PRINTED = (ProductionStage.PRINTED, ManufacturerOrderStatus.PRINTED)
OUT = (ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
FAILED = (ProductionStage.UNPRINTED, ManufacturerOrderStatus.PRINT_FAILED)
SCRIPTS = sorted(
    {*permutations((ACCEPTED, PRINTED, OUT)), (PRINTED, PRINTED, OUT), (OUT, OUT, PRINTED), (PRINTED, ACCEPTED, OUT)}
)


class TestNews:
    async def test_in_any_order_and_twice_leads_to_the_same_end(self, shop: Shop) -> None:
        """All permutations, repeats and steps backwards, each for an order of its own."""
        endings = set()
        for script in SCRIPTS:
            shop.new_order()
            await shop.accepted()
            for stage, status in script:
                await shop.machine_says(stage, status)
            await shop.until(OrderStatus.TO_SHIP)
            await shop.mark_shipped()
            await shop.until(OrderStatus.SHIPPED)
            await shop.handle.execute_update(OrderWorkflow.mark_delivered, PACKER)
            endings.add((await shop.result()).status)
        assert endings == {OrderStatus.COMPLETED}
        assert len(shop.manufacturer.accepted) == len(shop.gateway.captured) == len(SCRIPTS)

    async def test_of_another_print_attempt_changes_nothing(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.machine_says(*OUT, reference=PrintReference("OREN000000000000"))
        await shop.env.sleep(timedelta(hours=1))
        assert shop.last.status is OrderStatus.IN_PRODUCTION

    async def test_of_a_failure_after_the_case_was_printed_changes_nothing(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.machine_says(*PRINTED)
        await shop.until(OrderStatus.PRINTED)
        await shop.machine_says(*ACCEPTED)
        await shop.machine_says(*PRINTED)
        await shop.machine_says(*FAILED)
        await shop.env.sleep(timedelta(hours=1))
        assert shop.last.status is OrderStatus.PRINTED
        assert [step.status for step in shop.orders.steps[shop.order_id].values()].count(OrderStatus.PRINTED) == 1

    async def test_that_comes_before_the_money_is_taken_is_not_lost(self, shop: Shop) -> None:
        gate = shop.gateway.faults.hold("capture")
        await shop.place_and_pay()
        await shop.start_report()
        await gate.reached.wait()
        await shop.machine_says(*OUT)
        gate.open()
        await shop.until(OrderStatus.TO_SHIP)
        assert len(shop.gateway.captured) == 1


class TestSilence:
    async def test_needs_a_person_after_a_day_and_late_news_resumes_the_order(self, shop: Shop) -> None:
        await shop.accepted()
        accepted_at = await shop.env.get_current_time()
        await shop.until(HoldReason.OVERDUE, step=timedelta(minutes=30))
        assert shop.last.needs_attention
        assert shop.last.at - accepted_at >= timedelta(hours=23)
        await shop.env.sleep(timedelta(days=3))
        assert shop.last.hold_reason is HoldReason.OVERDUE

        result = await shop.print_and_deliver()

        assert result.status is OrderStatus.COMPLETED
        assert not shop.last.needs_attention

    async def test_of_the_packer_needs_a_person_and_shipping_resumes_the_order(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.machine_says(*OUT)
        await shop.until(HoldReason.SHIPMENT_OVERDUE, step=timedelta(hours=6))
        assert shop.last.needs_attention
        await shop.mark_shipped()
        await shop.until(OrderStatus.SHIPPED)
        assert (await shop.result(step=timedelta(days=1))).status is OrderStatus.COMPLETED


class TestPrintThatFailed:
    @pytest.mark.parametrize(
        "status",
        [ManufacturerOrderStatus.CANCELED, ManufacturerOrderStatus.PRINT_FAILED, ManufacturerOrderStatus.PRINT_CANCELED],
    )
    async def test_is_ordered_again_under_a_new_reference_and_the_same_payment(
        self, shop: Shop, status: ManufacturerOrderStatus
    ) -> None:
        await self._print_fails(shop, status)
        first = shop.reference
        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)

        result = await shop.print_and_deliver(attempt=2)

        assert result.status is OrderStatus.COMPLETED
        assert list(shop.manufacturer.accepted) == [first, shop.reference]
        assert first != shop.reference
        assert len(set(shop.manufacturer.payment_references)) == 1
        assert len(shop.gateway.captured) == 1
        assert len(shop.manufacturer.announced) == 1

    async def test_late_news_of_the_first_attempt_is_not_taken_for_the_second(self, shop: Shop) -> None:
        await self._print_fails(shop)
        first = shop.reference
        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
        await shop.until(lambda: len(shop.orders.submissions) == 2)
        await shop.machine_says(*FAILED, reference=first)
        await shop.machine_says(*OUT, reference=first)
        await shop.env.sleep(timedelta(hours=1))
        assert shop.last.status is OrderStatus.IN_PRODUCTION

    async def test_but_was_made_after_all_goes_on_and_is_not_printed_twice(self, shop: Shop) -> None:
        """The manufacturer took its word back while the order waited for a person."""
        await self._print_fails(shop)
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED
        assert len(shop.manufacturer.accepted) == 1
        assert shop.gateway.refunded == 0

    async def test_and_whose_second_answer_is_lost_is_looked_up_and_sent_again(self, shop: Shop) -> None:
        """The money is taken already, which is no reason to give up."""
        await self._print_fails(shop)
        shop.manufacturer.faults.fail("submit_order", shop.LOST, times=2)
        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
        await shop.until(lambda: len(shop.manufacturer.accepted) == 2, step=timedelta(seconds=5))
        assert shop.gateway.refunded == 0
        assert (await shop.print_and_deliver(attempt=2)).status is OrderStatus.COMPLETED

    async def _print_fails(self, shop: Shop, status: ManufacturerOrderStatus = ManufacturerOrderStatus.PRINT_FAILED) -> None:
        await shop.accepted()
        await shop.machine_says(ProductionStage.UNPRINTED, status)
        await shop.until(HoldReason.PRINT_FAILED)
