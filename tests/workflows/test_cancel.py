"""Whoever cancels, and whenever: not printed and not charged, or printed and charged; never anything in between."""

import asyncio
from datetime import timedelta
from enum import StrEnum

import pytest

from models.errors import ProviderUnavailable
from models.order import CancelOutcome, HoldReason, OrderStatus
from models.production import ManufacturerOrderStatus, ProductionStage
from tests.fakes.faults import Faults, Gate
from tests.workflows.shop import CLERK, Shop
from workflows.options import ROW
from workflows.order import OrderWorkflow


class Who(StrEnum):
    OPERATOR = "operator"
    PLATFORM = "platform"


BEFORE_PAYMENT = [
    ("orders", "place"),
    ("gateway", "open_checkout"),
    ("orders", "record_checkout"),
]
BEFORE_SUBMISSION = [
    ("gateway", "read_payment"),
    ("orders", "record_payment"),
    ("renderer", "render"),
    ("store", "put"),
    ("orders", "record_print_file"),
    ("manufacturer", "announce_payment"),
    ("manufacturer", "confirm_payment"),
    ("orders", "record_announcement"),
]
FROM_SUBMISSION = [
    ("manufacturer", "submit_order"),
    ("orders", "record_submission"),
    ("gateway", "capture"),
]


async def cancel(shop: Shop, who: Who) -> "asyncio.Future[CancelOutcome] | None":
    """Ask to cancel; the wish has reached the workflow when this returns."""
    if who is Who.PLATFORM:
        await shop.cancel_from_the_platform()
        return None
    update = await shop.handle.start_update(OrderWorkflow.cancel, CLERK, wait_for_stage=shop.ACCEPTED)
    return asyncio.ensure_future(update.result())


def hold(shop: Shop, port: str, call: str, *, when_done: bool) -> Gate:
    faults: Faults = getattr(shop, port).faults
    return faults.hold(call, when_done=when_done)


@pytest.mark.parametrize("who", Who)
@pytest.mark.parametrize("when_done", [False, True], ids=["before", "after"])
class TestInTheMiddleOf:
    @pytest.mark.parametrize(("port", "call"), BEFORE_PAYMENT)
    async def test_opening_a_checkout_leaves_nothing_payable(
        self, shop: Shop, port: str, call: str, who: Who, *, when_done: bool
    ) -> None:
        gate = hold(shop, port, call, when_done=when_done)
        asked = asyncio.ensure_future(shop.checkout())
        await gate.reached.wait()
        outcome = await cancel(shop, who)
        gate.open()

        result = await shop.result()
        await asyncio.gather(asked, return_exceptions=True)

        assert result.status is OrderStatus.CANCELED
        assert outcome is None or await outcome is CancelOutcome.CANCELED
        assert shop.gateway.payable == []
        assert not shop.orders.holds
        assert shop.last.status is OrderStatus.CANCELED

    @pytest.mark.parametrize(("port", "call"), BEFORE_SUBMISSION)
    async def test_a_step_before_submission_prints_nothing_and_gives_the_money_back(
        self, shop: Shop, port: str, call: str, who: Who, *, when_done: bool
    ) -> None:
        await shop.place_and_pay()
        gate = hold(shop, port, call, when_done=when_done)
        reported = await shop.start_report()
        await gate.reached.wait()
        outcome = await cancel(shop, who)
        gate.open()

        result = await shop.result()

        assert result.status is OrderStatus.CANCELED
        assert outcome is None or await outcome is CancelOutcome.CANCELED
        assert not (await reported.result()).accepted
        assert "submit_order" not in shop.manufacturer.faults.calls
        assert shop.gateway.voided == ["pi_cs_1"]
        assert shop.gateway.captured == []
        assert not shop.orders.holds

    @pytest.mark.parametrize(("port", "call"), FROM_SUBMISSION)
    async def test_a_submission_is_too_late_once_the_case_is_being_made(
        self, shop: Shop, port: str, call: str, who: Who, *, when_done: bool
    ) -> None:
        outcome = await self._cancel_while_submitting(shop, port, call, who, ManufacturerOrderStatus.PRINTING, done=when_done)
        await shop.until(lambda: shop.gateway.captured)
        assert outcome is None or await shop.passing(outcome) is CancelOutcome.TOO_LATE

        result = await shop.print_and_deliver()

        assert result.status is OrderStatus.COMPLETED
        assert len(shop.manufacturer.accepted) == len(shop.gateway.captured) == 1
        assert shop.gateway.refunded == 0
        assert not shop.gateway.voided

    @pytest.mark.parametrize(("port", "call"), FROM_SUBMISSION)
    async def test_a_submission_gives_the_money_back_when_the_manufacturer_says_that_nothing_was_printed(
        self, shop: Shop, port: str, call: str, who: Who, *, when_done: bool
    ) -> None:
        says = ManufacturerOrderStatus.PRINT_FAILED
        outcome = await self._cancel_while_submitting(shop, port, call, who, says, done=when_done)

        result = await shop.result()

        assert result.status is OrderStatus.CANCELED
        assert outcome is None or await outcome is CancelOutcome.CANCELED
        assert shop.gateway.refunded == 3500
        assert shop.manufacturer.faults.calls.count("submit_order") == 1

    async def _cancel_while_submitting(
        self, shop: Shop, port: str, call: str, who: Who, says: ManufacturerOrderStatus, *, done: bool
    ) -> "asyncio.Future[CancelOutcome] | None":
        shop.manufacturer.first_state = says
        await shop.place_and_pay()
        gate = hold(shop, port, call, when_done=done)
        await shop.start_report()
        await gate.reached.wait()
        outcome = await cancel(shop, who)
        gate.open()
        return outcome


UNPRINTED = {ManufacturerOrderStatus.CANCELED, ManufacturerOrderStatus.PRINT_FAILED, ManufacturerOrderStatus.PRINT_CANCELED}


class TestInProduction:
    @pytest.mark.parametrize(
        ("who", "says"),
        [
            *((Who.OPERATOR, says) for says in ManufacturerOrderStatus),
            (Who.PLATFORM, ManufacturerOrderStatus.PRINTING),
            (Who.PLATFORM, ManufacturerOrderStatus.PRINT_FAILED),
        ],
    )
    async def test_the_manufacturer_decides(self, shop: Shop, who: Who, says: ManufacturerOrderStatus) -> None:
        """Only its word that nothing was printed gives money back: 2, 13 and 14."""
        await shop.accepted()
        shop.manufacturer.states[shop.reference] = says

        outcome = await cancel(shop, who)

        if says in UNPRINTED:
            assert (await shop.result()).status is OrderStatus.CANCELED
            assert shop.gateway.refunded == 3500
        else:
            await shop.until(lambda: "too late" in shop.last.note)
            assert shop.last.status is OrderStatus.IN_PRODUCTION
            assert shop.gateway.refunded == 0
        expected = CancelOutcome.CANCELED if says in UNPRINTED else CancelOutcome.TOO_LATE
        assert outcome is None or await outcome is expected


@pytest.mark.parametrize("who", Who)
class TestBetweenSteps:
    async def test_while_nobody_has_paid(self, shop: Shop, who: Who) -> None:
        await shop.checkout()
        outcome = await cancel(shop, who)
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert outcome is None or await outcome is CancelOutcome.CANCELED
        assert shop.gateway.payable == []

    async def test_when_the_customer_has_just_paid_and_nobody_told_us(self, shop: Shop, who: Who) -> None:
        """Closing the Session finds the payment, which goes back."""
        await shop.place_and_pay()
        await cancel(shop, who)
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]

    async def test_while_the_case_is_on_its_way_to_the_customer_is_too_late(self, shop: Shop, who: Who) -> None:
        await shop.accepted()
        await shop.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
        await shop.until(OrderStatus.TO_SHIP)
        outcome = await cancel(shop, who)
        assert outcome is None or await outcome is CancelOutcome.TOO_LATE
        await shop.mark_shipped()
        assert (await shop.result(step=timedelta(days=1))).status is OrderStatus.COMPLETED
        assert shop.gateway.refunded == 0

    async def test_while_production_is_overdue_asks_the_manufacturer(self, shop: Shop, who: Who) -> None:
        await shop.accepted()
        await shop.until(HoldReason.OVERDUE, step=timedelta(hours=1))
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.PRINT_FAILED
        await cancel(shop, who)
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.refunded == 3500

    async def test_while_the_print_has_failed_gives_the_money_back(self, shop: Shop, who: Who) -> None:
        await shop.accepted()
        await shop.machine_says(ProductionStage.UNPRINTED, ManufacturerOrderStatus.PRINT_FAILED)
        await shop.until(HoldReason.PRINT_FAILED)
        before = await shop.env.get_current_time()
        await cancel(shop, who)
        assert (await shop.result(step=timedelta(minutes=1))).status is OrderStatus.CANCELED
        assert await shop.env.get_current_time() - before < timedelta(hours=1)
        assert shop.gateway.refunded == 3500

    async def test_while_money_goes_back_does_not_stop_it(self, shop: Shop, who: Who) -> None:
        await shop.accepted()
        await shop.machine_says(ProductionStage.UNPRINTED, ManufacturerOrderStatus.PRINT_FAILED)
        await shop.until(HoldReason.PRINT_FAILED)
        gate = shop.gateway.faults.hold("refund")
        await cancel(shop, Who.OPERATOR)
        await gate.reached.wait()
        await cancel(shop, who)
        gate.open()
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.refunded == 3500

    async def test_while_the_outcome_is_unknown_waits_for_the_truth(self, shop: Shop, who: Who) -> None:
        """Nothing is given back before the manufacturer has said whether it has the order."""
        gate = shop.manufacturer.faults.hold("print_queue")
        shop.manufacturer.faults.lose_answer("submit_order", shop.LOST)
        shop.manufacturer.first_state = ManufacturerOrderStatus.PRINTING
        await shop.place_and_pay()
        await shop.start_report()
        await gate.reached.wait()
        outcome = await cancel(shop, who)
        assert not shop.gateway.voided
        gate.open()
        await shop.until(lambda: shop.gateway.captured)
        assert outcome is None or await shop.passing(outcome) is CancelOutcome.TOO_LATE
        assert not shop.gateway.voided

    async def test_while_an_absent_order_waits_to_be_sent_again_prints_nothing(self, shop: Shop, who: Who) -> None:
        shop.manufacturer.faults.fail("submit_order", shop.LOST, times=1_000)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(lambda: shop.manufacturer.faults.calls.count("submit_order") == 4, step=timedelta(seconds=1))
        await cancel(shop, who)
        assert (await shop.result(step=timedelta(minutes=1))).status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]
        assert not shop.manufacturer.accepted


@pytest.mark.parametrize("who", Who)
class TestWhileTheManufacturerIsDown:
    """Nobody has to wait for the partner to be told what the partner has no say in."""

    DOWN = ProviderUnavailable("not sent", provider="manufacturer")

    @pytest.mark.parametrize("call", ["announce_payment", "confirm_payment", "submit_order"])
    async def test_an_order_that_it_does_not_have_is_canceled_at_once(self, shop: Shop, who: Who, call: str) -> None:
        await self._paid_while_down(shop, call)
        before = await shop.env.get_current_time()

        outcome = await cancel(shop, who)
        result = await shop.handle.result()

        assert result.status is OrderStatus.CANCELED
        assert outcome is None or await outcome is CancelOutcome.CANCELED
        assert await shop.env.get_current_time() - before < timedelta(minutes=1)
        assert shop.gateway.voided == ["pi_cs_1"]
        assert not shop.orders.holds
        assert OrderStatus.ON_HOLD not in shop.story
        tries = len(shop.manufacturer.faults.calls)
        await shop.env.sleep(timedelta(hours=1))
        assert len(shop.manufacturer.faults.calls) == tries

    async def test_the_order_says_at_once_that_a_cancel_is_under_way(self, shop: Shop, who: Who) -> None:
        await self._paid_while_down(shop, "submit_order")
        await cancel(shop, who)
        await shop.handle.result()
        asked = OrderStatus.CANCEL_REQUESTED in shop.story
        assert asked is (who is Who.OPERATOR)

    async def test_a_picture_that_cannot_be_made_does_not_keep_anybody_waiting(self, shop: Shop, who: Who) -> None:
        shop.store.faults.fail("get", ProviderUnavailable("down", provider="bucket"), times=1_000)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(lambda: len(shop.store.faults.calls) > 3, step=timedelta(seconds=1))
        before = await shop.env.get_current_time()
        await cancel(shop, who)
        assert (await shop.handle.result()).status is OrderStatus.CANCELED
        assert await shop.env.get_current_time() - before < timedelta(minutes=1)

    async def _paid_while_down(self, shop: Shop, call: str) -> None:
        """An order that has been sent in vain for hours, and is between two tries."""
        shop.manufacturer.faults.fail(call, self.DOWN, times=1_000)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(lambda: shop.manufacturer.faults.calls.count(call) > 12, step=timedelta(minutes=5))


class TestTwoCancels:
    async def test_at_once_get_the_same_answer(self, shop: Shop) -> None:
        await shop.accepted()
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.PRINTING
        answers = await asyncio.gather(*(shop.handle.execute_update(OrderWorkflow.cancel, CLERK) for _ in range(3)))
        assert set(answers) == {CancelOutcome.TOO_LATE}

    async def test_one_after_the_other_are_both_asked_about(self, shop: Shop) -> None:
        await shop.accepted()
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.PRINTING
        assert await shop.handle.execute_update(OrderWorkflow.cancel, CLERK) is CancelOutcome.TOO_LATE
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.PRINT_FAILED
        assert await shop.handle.execute_update(OrderWorkflow.cancel, CLERK) is CancelOutcome.CANCELED
        assert shop.gateway.refunded == 3500

    async def test_a_platform_cancel_that_came_too_late_does_not_stop_a_later_print_attempt(self, shop: Shop) -> None:
        await shop.accepted()
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.PRINTING
        await shop.handle.cancel()
        await shop.until(lambda: "too late" in shop.last.note)
        await shop.machine_says(ProductionStage.UNPRINTED, ManufacturerOrderStatus.PRINT_FAILED)
        await shop.until(HoldReason.PRINT_FAILED)
        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
        assert (await shop.print_and_deliver(attempt=2)).status is OrderStatus.COMPLETED


class TestWhileTheEndIsBeingWritten:
    async def test_a_second_cancel_leaves_the_end_of_the_order_as_it_is(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The database is away when the order ends; a row that said `cancel_requested` for ever would keep its link open."""
        monkeypatch.setitem(ROW, "local_retry_threshold", timedelta(milliseconds=500))
        shop.manufacturer.faults.fail("submit_order", ProviderUnavailable("down", provider="manufacturer"), times=10_000)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(OrderStatus.SUBMITTING)
        shop.orders.faults.fail("record", ProviderUnavailable("down", provider="postgres"), times=10_000)
        first = await cancel(shop, Who.OPERATOR)
        await shop.until(lambda: shop.gateway.voided and not shop.orders.holds, step=timedelta(seconds=1))
        await shop.env.sleep(timedelta(minutes=1))
        second = await cancel(shop, Who.OPERATOR)
        shop.orders.faults.mend("record")

        assert (await shop.result()).status is OrderStatus.CANCELED
        assert first is not None
        assert second is not None
        assert {await first, await second} == {CancelOutcome.CANCELED}
        assert shop.last.status is OrderStatus.CANCELED
