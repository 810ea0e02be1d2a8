"""Until there is money: one payable Session at most, and only Stripe's word counts."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.errors import OrderRefused, OutcomeUnknown, ProviderRejected, ProviderUnavailable, RefusalCode
from models.order import HoldReason, OrderStatus
from models.payment import PaymentState
from tests.workflows.shop import CLERK, Shop
from workflows.order import OrderWorkflow

LOST = OutcomeUnknown("no answer", provider="stripe")
DEARER = {"add_ons": ("wood",), "amount": 4000}


def cause(refusal: pytest.ExceptionInfo[WorkflowUpdateFailedError]) -> ApplicationError:
    error = refusal.value.cause
    assert isinstance(error, ApplicationError)
    return error


def code(refusal: pytest.ExceptionInfo[WorkflowUpdateFailedError]) -> str:
    return str(cause(refusal).details[0]["code"])


class TestSameRequest:
    async def test_asked_again_gets_the_same_session(self, shop: Shop) -> None:
        first = await shop.checkout()
        again = await shop.checkout()
        assert first == again
        assert len(shop.gateway.sessions) == 1

    async def test_asked_by_many_at_once_opens_one_session(self, shop: Shop) -> None:
        answers = await asyncio.gather(*(shop.checkout() for _ in range(9)))
        assert len({answer.session_id for answer in answers}) == 1
        assert len(shop.gateway.sessions) == 1

    async def test_asked_again_when_paid_still_gets_its_session(self, shop: Shop) -> None:
        first = await shop.checkout()
        await shop.pay()
        await shop.report_payment()
        assert await shop.checkout() == first


class TestChangedRequest:
    async def test_closes_the_old_session_prices_anew_and_opens_a_second(self, shop: Shop) -> None:
        first = await shop.checkout()
        second = await shop.checkout(shop.request(**DEARER))

        assert first.session_id != second.session_id
        assert shop.gateway.payable == [second.session_id]
        assert shop.gateway.payments[first.session_id].state is PaymentState.EXPIRED
        assert shop.gateway.payments[second.session_id].amount == 4000
        assert shop.gateway.keys == [f"order:{shop.order_id}:checkout:{number}" for number in (1, 2)]

    async def test_is_refused_when_the_old_session_was_just_paid_and_that_payment_stands(self, shop: Shop) -> None:
        await shop.checkout()
        await shop.pay()

        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await shop.checkout(shop.request(**DEARER))

        assert code(refusal) == RefusalCode.ALREADY_PAID
        await shop.until(lambda: shop.gateway.captured)
        assert len(shop.gateway.sessions) == 1
        assert len(shop.manufacturer.accepted) == 1

    async def test_that_cannot_be_had_leaves_nothing_payable_and_the_old_request_may_be_asked_again(self, shop: Shop) -> None:
        await shop.checkout()
        shop.orders.faults.fail("place", OrderRefused("sold out", code=RefusalCode.OUT_OF_STOCK))

        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await shop.checkout(shop.request(**DEARER))
        assert code(refusal) == RefusalCode.OUT_OF_STOCK
        assert shop.gateway.payable == []

        again = await shop.checkout()
        assert shop.gateway.payable == [again.session_id]

    async def test_is_refused_once_the_order_is_paid(self, shop: Shop) -> None:
        await shop.accepted()
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await shop.checkout(shop.request(**DEARER))
        assert code(refusal) == RefusalCode.ALREADY_PAID


class TestFirstRequest:
    async def test_that_is_refused_ends_the_order_and_holds_nothing(self, shop: Shop) -> None:
        shop.orders.faults.fail("place", OrderRefused("sold out", code=RefusalCode.OUT_OF_STOCK))
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await shop.checkout()
        assert code(refusal) == RefusalCode.OUT_OF_STOCK
        assert (await shop.result()).status is OrderStatus.FAILED
        assert not shop.orders.holds

    async def test_whose_answer_is_lost_for_good_gives_its_shell_back_and_is_written_as_failed(self, shop: Shop) -> None:
        """The row and the hold may be there although nobody was told."""
        shop.orders.faults.lose_answer("place", ProviderUnavailable("connection lost", provider="postgres"), times=100)
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await shop.passing(shop.checkout(), step=timedelta(seconds=5))
        assert cause(refusal).type == "ProviderUnavailable"
        result = await shop.result()
        assert result.status is OrderStatus.FAILED
        assert not shop.orders.holds
        assert shop.last.status is OrderStatus.FAILED

    async def test_that_never_comes_ends_the_order(self, shop: Shop) -> None:
        await shop.start_unasked()
        assert (await shop.result()).status is OrderStatus.EXPIRED
        assert not shop.orders.steps[shop.order_id]


class TestStripeInTrouble:
    async def test_a_lost_answer_is_asked_for_again_under_the_same_key(self, shop: Shop) -> None:
        shop.gateway.faults.lose_answer("open_checkout", LOST, times=2)
        checkout = await shop.passing(shop.checkout(), step=timedelta(seconds=1))
        assert shop.gateway.payable == [checkout.session_id]
        assert set(shop.gateway.keys) == {f"order:{shop.order_id}:checkout:1"}

    async def test_a_key_spent_on_a_failure_that_opened_the_session_all_the_same_uses_that_session(self, shop: Shop) -> None:
        shop.gateway.spoil_key("open_checkout", done=True)
        checkout = await shop.checkout()
        assert shop.gateway.payable == [checkout.session_id]
        assert len(shop.gateway.sessions) == 1

    async def test_a_key_spent_on_a_failure_is_followed_by_the_next_when_nothing_was_opened(self, shop: Shop) -> None:
        shop.gateway.spoil_key("open_checkout")

        checkout = await shop.checkout()

        assert shop.gateway.payable == [checkout.session_id]
        assert shop.gateway.keys[-1] == f"order:{shop.order_id}:checkout:2"

    async def test_a_session_whose_answer_never_came_is_closed_before_the_next_is_opened(self, shop: Shop) -> None:
        shop.gateway.faults.lose_answer("open_checkout", LOST, times=1_000)
        with pytest.raises(WorkflowUpdateFailedError):
            await shop.passing(shop.checkout(), step=timedelta(seconds=5))
        shop.gateway.faults.mend("open_checkout")

        checkout = await shop.passing(shop.checkout(), step=timedelta(seconds=1))

        assert shop.gateway.payable == [checkout.session_id]
        assert len(shop.gateway.sessions) == 2

    async def test_a_final_refusal_ends_the_order_and_gives_the_shell_back(self, shop: Shop) -> None:
        shop.gateway.faults.fail("open_checkout", ProviderRejected("account closed", provider="stripe"))
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await shop.checkout()
        assert cause(refusal).type == "ProviderUnavailable"
        assert (await shop.result()).status is OrderStatus.FAILED
        assert not shop.orders.holds


class TestExpiry:
    async def test_closes_the_session_and_gives_the_shell_back(self, shop: Shop) -> None:
        await shop.checkout()
        result = await shop.result()
        assert result.status is OrderStatus.EXPIRED
        assert not shop.orders.holds
        assert shop.gateway.payable == []

    async def test_of_a_session_that_is_paid_in_the_same_second_is_no_expiry(self, shop: Shop) -> None:
        """Paid after the clock struck, before Stripe closed the Session."""
        await shop.checkout()
        shop.gateway.pay_on_expire = True
        await shop.until(lambda: shop.gateway.captured, step=timedelta(minutes=10))
        assert len(shop.manufacturer.accepted) == 1

    async def test_finds_a_payment_that_nobody_reported(self, shop: Shop) -> None:
        """Paid before the bell, and the webhook was lost."""
        await shop.place_and_pay()
        await shop.until(lambda: shop.gateway.captured, step=timedelta(minutes=10))
        assert len(shop.manufacturer.accepted) == 1

    async def test_waits_until_stripe_can_be_asked(self, shop: Shop) -> None:
        down = ProviderUnavailable("down", provider="stripe", retry_after=timedelta(minutes=30))
        shop.gateway.faults.fail("expire_checkout", down, times=5)
        await shop.place_and_pay()
        await shop.until(lambda: shop.gateway.captured, step=timedelta(minutes=30))
        assert OrderStatus.EXPIRED not in shop.story


class TestAnotherAmount:
    @pytest.mark.parametrize("paid", [{"amount": 3499}, {"amount": 3501}, {"currency": "eur"}])
    async def test_than_the_order_costs_is_never_printed_and_goes_back_at_the_deadline(
        self, shop: Shop, paid: dict[str, object]
    ) -> None:
        await shop.checkout()
        shop.gateway.pay("cs_1", **paid)  # type: ignore[arg-type]
        view = await shop.report_payment()
        assert not view.authorized
        await shop.until(HoldReason.PAYMENT_MISMATCH)
        assert shop.last.needs_attention

        result = await shop.result(step=timedelta(hours=6))

        assert result.status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]
        assert not shop.manufacturer.announced
        assert not shop.orders.holds

    async def test_goes_back_at_once_when_an_operator_cancels(self, shop: Shop) -> None:
        await shop.checkout()
        shop.gateway.pay("cs_1", amount=1)
        await shop.report_payment()
        await shop.until(HoldReason.PAYMENT_MISMATCH)
        await shop.handle.execute_update(OrderWorkflow.cancel, CLERK)
        assert (await shop.result()).status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]
