"""Money taken once and given back once, however often Stripe or a worker fails in between."""

from datetime import timedelta

import pytest

from models.errors import IntegrityBroken, OutcomeUnknown, PaymentDeclined, ProviderRejected, ProviderUnavailable
from models.order import CancelOutcome, HoldReason, OrderStatus
from models.payment import PaymentState, RefundRequest, RefundState, refund_workflow_id
from models.production import ManufacturerOrderStatus, ProductionStage
from tests.fakes.faults import Gate
from tests.workflows.shop import CLERK, Shop
from workflows.order import OrderWorkflow
from workflows.refund import RefundWorkflow

LOST = OutcomeUnknown("no answer", provider="stripe")
DOWN = ProviderUnavailable("down", provider="stripe")
FAVOUR = RefundRequest(operator="clerk@shop", reason="scratched", amount=1000)


async def cancel_after_acceptance(shop: Shop) -> None:
    """The manufacturer has canceled the print, so an operator may cancel the order."""
    shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.CANCELED
    await shop.handle.start_update(OrderWorkflow.cancel, CLERK, wait_for_stage=shop.ACCEPTED)


class TestMoneyThatGoesBackAtStripeBeforeTheOrderIsSent:
    """Somebody with access to the dashboard, or the bank, acts between the payment and the print."""

    async def paid_and_on_its_way(self, shop: Shop) -> Gate:
        gate = shop.manufacturer.faults.hold("confirm_payment")
        await shop.place_and_pay()
        await shop.start_report()
        await gate.reached.wait()
        return gate

    async def test_prints_nothing_and_closes_the_order_as_canceled(self, shop: Shop) -> None:
        gate = await self.paid_and_on_its_way(shop)
        shop.gateway.void_by_hand("cs_1")
        gate.open()
        result = await shop.result()
        assert result.status is OrderStatus.CANCELED
        assert "submit_order" not in shop.manufacturer.faults.calls
        assert shop.gateway.voided == []
        assert shop.gateway.refunded == 0
        assert not shop.orders.holds
        assert OrderStatus.ON_HOLD not in shop.story

    async def test_in_part_waits_for_a_person_and_gives_back_the_rest(self, shop: Shop) -> None:
        gate = await self.paid_and_on_its_way(shop)
        shop.gateway.capture_by_hand("cs_1", refunded=1000)
        gate.open()
        await shop.until(HoldReason.PAYMENT_MISMATCH)
        assert "1000 went back" in shop.last.note
        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
        await shop.until(lambda: shop.story.count(OrderStatus.ON_HOLD) == 2)
        assert await shop.handle.execute_update(OrderWorkflow.cancel, CLERK) is CancelOutcome.CANCELED
        assert "submit_order" not in shop.manufacturer.faults.calls
        assert shop.gateway.refunded == 2500

    async def test_after_the_device_was_away_for_days_is_still_noticed(self, shop: Shop) -> None:
        away = ProviderUnavailable("device is unavailable", provider="manufacturer")
        shop.manufacturer.faults.fail("submit_order", away, times=20)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(lambda: shop.manufacturer.faults.calls.count("submit_order") > 10, step=timedelta(minutes=5))
        shop.gateway.void_by_hand("cs_1")
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert not shop.manufacturer.accepted

    async def test_or_was_taken_by_hand_is_no_reason_not_to_print(self, shop: Shop) -> None:
        gate = await self.paid_and_on_its_way(shop)
        shop.gateway.capture_by_hand("cs_1")
        gate.open()
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED


class TestCapture:
    async def test_whose_answer_is_lost_takes_the_money_once(self, shop: Shop) -> None:
        shop.gateway.faults.lose_answer("capture", LOST, times=3)
        await shop.accepted()
        assert len(shop.gateway.captured) == 1
        assert {key for key in shop.gateway.keys if "capture" in key} == {f"order:{shop.order_id}:capture:1"}

    async def test_with_a_spent_key_that_took_the_money_is_not_repeated(self, shop: Shop) -> None:
        shop.gateway.spoil_key("capture", done=True)
        await shop.accepted()
        await shop.print_and_deliver()
        assert len(shop.gateway.captured) == 1
        assert f"order:{shop.order_id}:capture:2" not in shop.gateway.keys

    async def test_with_a_spent_key_that_took_nothing_uses_the_next(self, shop: Shop) -> None:
        shop.gateway.spoil_key("capture")
        await shop.place_and_pay()
        await shop.report_payment()
        await shop.until(lambda: shop.gateway.captured, step=timedelta(seconds=1))
        assert len(shop.gateway.captured) == 1
        assert [key for key in shop.gateway.keys if "capture" in key] == [
            f"order:{shop.order_id}:capture:{number}" for number in (1, 2)
        ]

    async def test_that_is_declined_waits_for_a_person_while_the_case_is_printed(self, shop: Shop) -> None:
        shop.gateway.faults.fail("capture", PaymentDeclined("withdrawn", provider="stripe"))
        await shop.place_and_pay()
        assert (await shop.report_payment()).accepted
        await shop.until(HoldReason.CAPTURE_FAILED)
        assert shop.last.deadline is None

        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
        await shop.until(lambda: shop.gateway.captured)
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED

    async def test_that_is_declined_for_good_can_be_settled_outside(self, shop: Shop) -> None:
        shop.gateway.faults.fail("capture", PaymentDeclined("withdrawn", provider="stripe"))
        await shop.place_and_pay()
        await shop.report_payment()
        await shop.until(HoldReason.CAPTURE_FAILED)
        await shop.handle.execute_update(OrderWorkflow.mark_resolved, CLERK)
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED
        assert not shop.gateway.captured

    @pytest.mark.parametrize(
        ("says", "outcome"),
        [(ManufacturerOrderStatus.PRINTING, CancelOutcome.TOO_LATE), (ManufacturerOrderStatus.CANCELED, CancelOutcome.CANCELED)],
    )
    async def test_that_failed_leaves_the_order_cancelable_by_the_manufacturers_word(
        self, shop: Shop, says: ManufacturerOrderStatus, outcome: CancelOutcome
    ) -> None:
        shop.gateway.faults.fail("capture", PaymentDeclined("withdrawn", provider="stripe"), times=2)
        await shop.place_and_pay()
        await shop.report_payment()
        await shop.until(HoldReason.CAPTURE_FAILED)
        shop.manufacturer.states[shop.reference] = says

        answered = await shop.passing(shop.handle.execute_update(OrderWorkflow.cancel, CLERK))

        assert answered is outcome
        assert bool(shop.gateway.voided) is (outcome is CancelOutcome.CANCELED)

    async def test_of_another_amount_is_never_taken_for_the_orders(self, shop: Shop) -> None:
        shop.gateway.faults.fail("capture", IntegrityBroken("3400 is captured, not 3500"))
        await shop.place_and_pay()
        await shop.report_payment()
        await shop.until(HoldReason.CAPTURE_FAILED)


class TestVoid:
    async def test_that_fails_fifty_times_is_done_once(self, shop: Shop) -> None:
        shop.gateway.faults.fail("void", DOWN, times=50)
        await self._canceled_before_submission(shop)
        result = await shop.result(step=timedelta(minutes=10))
        assert result.status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]

    @pytest.mark.parametrize("done", [True, False])
    async def test_with_a_spent_key_goes_back_all_the_same(self, shop: Shop, *, done: bool) -> None:
        shop.gateway.spoil_key("void", done=done)
        await self._canceled_before_submission(shop)
        result = await shop.result()
        assert result.status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]
        assert OrderStatus.ON_HOLD not in shop.story

    async def test_whose_answer_is_lost_is_asked_again_under_the_same_key(self, shop: Shop) -> None:
        shop.gateway.faults.lose_answer("void", LOST, times=3)
        await self._canceled_before_submission(shop)
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]
        assert {key for key in shop.gateway.keys if "void" in key} == {f"order:{shop.order_id}:void:1"}

    async def test_of_money_that_was_taken_after_all_is_followed_by_a_refund(self, shop: Shop) -> None:
        """Somebody pressed "capture" in Stripe's dashboard."""
        gate = await self._canceled_before_submission(shop, go_on=False)
        payment = shop.gateway.payments["cs_1"]
        shop.gateway.payments["cs_1"] = payment.model_copy(
            update={"state": PaymentState.CAPTURED, "amount_captured": 3500, "amount_authorized": 0}
        )
        gate.open()
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.refunded == 3500

    async def test_that_cannot_succeed_keeps_the_order_open_until_a_person_has_settled_it(self, shop: Shop) -> None:
        shop.gateway.faults.fail("void", ProviderRejected("locked", provider="stripe"))
        await self._canceled_before_submission(shop)
        await shop.until(HoldReason.REFUND_FAILED)
        assert shop.orders.holds
        await shop.handle.execute_update(OrderWorkflow.mark_resolved, CLERK)
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert not shop.orders.holds

    async def _canceled_before_submission(self, shop: Shop, *, go_on: bool = True):
        gate = shop.renderer.faults.hold("render")
        await shop.place_and_pay()
        await shop.start_report()
        await gate.reached.wait()
        await shop.handle.start_update(OrderWorkflow.cancel, CLERK, wait_for_stage=shop.ACCEPTED)
        if go_on:
            gate.open()
        return gate


class TestShell:
    async def test_goes_back_to_the_shelf_once_although_the_database_fails_fifty_times(self, shop: Shop) -> None:
        shop.orders.faults.fail("release_hold", ProviderUnavailable("down", provider="postgres"), times=50)
        await shop.checkout()
        result = await shop.result(step=timedelta(minutes=10))
        assert result.status is OrderStatus.EXPIRED
        assert not shop.orders.holds


class TestRefund:
    async def test_that_fails_fifty_times_is_made_once_although_workers_restart_all_the_time(self, forgetful_shop: Shop) -> None:
        shop = forgetful_shop
        await shop.accepted()
        shop.gateway.faults.fail("refund", DOWN, times=50)
        await cancel_after_acceptance(shop)
        result = await shop.result(step=timedelta(minutes=10))
        assert result.status is OrderStatus.CANCELED
        assert shop.gateway.refunded == 3500
        assert len(shop.gateway.refunds) == 1

    async def test_whose_answer_is_lost_is_found_and_not_made_twice(self, shop: Shop) -> None:
        await shop.accepted()
        shop.gateway.faults.lose_answer("refund", LOST, times=2)
        await cancel_after_acceptance(shop)
        assert (await shop.result(step=timedelta(minutes=1))).status is OrderStatus.CANCELED
        assert len(shop.gateway.refunds) == 1

    @pytest.mark.parametrize(("done", "keys"), [(True, 1), (False, 2)])
    async def test_with_a_spent_key_uses_the_next_only_when_nothing_went_back(self, shop: Shop, *, done: bool, keys: int) -> None:
        await shop.accepted()
        shop.gateway.spoil_key("refund", done=done)
        await cancel_after_acceptance(shop)
        assert (await shop.result(step=timedelta(minutes=1))).status is OrderStatus.CANCELED
        assert len(shop.gateway.refunds) == 1
        assert len({key for key in shop.gateway.keys if "refund" in key}) == keys

    async def test_that_is_pending_for_days_ends_when_it_has_succeeded(self, shop: Shop) -> None:
        await shop.accepted()
        shop.gateway.refund_state = RefundState.PENDING
        await cancel_after_acceptance(shop)
        await shop.env.sleep(timedelta(days=2))
        assert shop.last.status is not OrderStatus.CANCELED
        shop.gateway.refund_state = RefundState.SUCCEEDED
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert len(shop.gateway.refunds) == 1

    async def test_that_is_pending_is_read_again_as_soon_as_stripe_says_so(self, shop: Shop) -> None:
        await shop.accepted()
        shop.gateway.refund_state = RefundState.PENDING
        await cancel_after_acceptance(shop)
        await shop.until(lambda: shop.gateway.refunds)
        shop.gateway.refund_state = RefundState.SUCCEEDED
        started = await shop.env.get_current_time()
        await self._refund(shop).signal(RefundWorkflow.refund_reported)
        await shop.until(OrderStatus.CANCELED)
        assert await shop.env.get_current_time() - started < timedelta(minutes=30)

    async def test_that_fails_after_it_was_pending_waits_for_a_person_whose_retry_uses_the_next_key(self, shop: Shop) -> None:
        await shop.accepted()
        shop.gateway.refund_state = RefundState.PENDING
        await cancel_after_acceptance(shop)
        await shop.until(lambda: shop.gateway.refunds)
        shop.gateway.refund_state = RefundState.FAILED
        await shop.until(lambda: shop.gateway.refunded == 0, step=timedelta(minutes=30))
        await shop.env.sleep(timedelta(days=3))
        assert shop.last.status is not OrderStatus.CANCELED

        shop.gateway.refund_state = RefundState.SUCCEEDED
        await self._refund(shop).execute_update(RefundWorkflow.retry_step, CLERK)

        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.refunded == 3500
        assert [key for key in shop.gateway.keys if "refund" in key] == [
            f"order:{shop.order_id}:refund:1",
            f"order:{shop.order_id}:refund:1:2",
        ]

    async def test_that_is_disputed_stops_and_can_be_settled_outside(self, shop: Shop) -> None:
        await shop.accepted()
        shop.gateway.faults.fail("refund", ProviderRejected("charge_disputed", provider="stripe"))
        await cancel_after_acceptance(shop)
        await shop.until(lambda: "refund" in shop.gateway.faults.calls)
        await shop.env.sleep(timedelta(days=10))
        assert shop.gateway.faults.calls.count("refund") == 1

        await self._refund(shop).execute_update(RefundWorkflow.mark_resolved, CLERK)

        assert (await shop.result()).status is OrderStatus.CANCELED
        assert not shop.gateway.refunds

    async def test_goes_on_although_somebody_cancels_its_workflow(self, shop: Shop) -> None:
        await shop.accepted()
        gate = shop.gateway.faults.hold("refund")
        await cancel_after_acceptance(shop)
        await gate.reached.wait()
        await self._refund(shop).cancel()
        gate.open()
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.refunded == 3500

    def _refund(self, shop: Shop):
        return shop.client.get_workflow_handle_for(RefundWorkflow.run, refund_workflow_id(shop.order_id, 1))


class TestFavour:
    async def test_gives_part_of_the_money_back_and_the_order_goes_on(self, shop: Shop) -> None:
        await shop.accepted()
        result = await shop.handle.execute_update(OrderWorkflow.refund, FAVOUR)
        assert result.refunded == 1000
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED
        assert shop.gateway.refunded == 1000

    async def test_is_not_paid_a_second_time_when_the_order_is_canceled(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.handle.execute_update(OrderWorkflow.refund, FAVOUR)
        await cancel_after_acceptance(shop)
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.refunded == 3500
        assert [refund.amount for _, refund in shop.gateway.refunds] == [1000, 2500]

    async def test_that_is_still_pending_counts_as_given(self, shop: Shop) -> None:
        await shop.accepted()
        shop.gateway.refund_state = RefundState.PENDING
        await shop.handle.start_update(OrderWorkflow.refund, FAVOUR, wait_for_stage=shop.ACCEPTED)
        await shop.until(lambda: shop.gateway.refunds)
        await cancel_after_acceptance(shop)
        await shop.until(lambda: len(shop.gateway.refunds) == 2)
        shop.gateway.refund_state = RefundState.SUCCEEDED
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.refunded == 3500


class TestPrintThatFailed:
    async def test_and_that_nobody_orders_again_gives_the_money_back(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.machine_says(ProductionStage.UNPRINTED, ManufacturerOrderStatus.PRINT_FAILED)
        await shop.until(HoldReason.PRINT_FAILED)
        deadline = shop.last.deadline
        result = await shop.result()
        assert result.status is OrderStatus.CANCELED
        assert deadline is not None
        assert shop.last.at >= deadline
        assert shop.gateway.refunded == 3500
        assert not shop.orders.holds
