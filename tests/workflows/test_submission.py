"""Having it printed: exactly one case for one payment, whatever becomes of the answers."""

from datetime import timedelta

import pytest

from models.errors import AlreadyExists, NeedsPerson, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from models.order import CancelOutcome, HoldReason, OrderStatus
from models.production import ManufacturerOrderStatus, PrintReference, ReferenceKind
from tests.workflows.shop import CLERK, Shop
from workflows.order import OrderWorkflow

LOST = OutcomeUnknown("no answer", provider="manufacturer")
DOWN = ProviderUnavailable("connection refused", provider="manufacturer", retry_after=timedelta(hours=1))
NO_DATABASE = ProviderUnavailable("the database cannot be reached", provider="postgres", retry_after=timedelta(hours=1))
LONG_OUTAGE = 10_000


async def until_decided(shop: Shop) -> None:
    """Let days pass until the order has ended or follows its print."""
    await shop.until(lambda: shop.gateway.captured or shop.gateway.voided, step=timedelta(hours=2))


def assert_one_paid_case(shop: Shop) -> None:
    assert len(shop.manufacturer.accepted) == 1
    assert len(shop.gateway.captured) == 1
    assert not shop.gateway.voided
    assert not shop.gateway.refunds


class TestLostAnswer:
    async def test_of_an_order_that_arrived_is_looked_up_and_not_sent_again(self, shop: Shop) -> None:
        shop.manufacturer.faults.lose_answer("submit_order", LOST)
        await shop.place_and_pay()
        assert (await shop.report_payment()).accepted
        await until_decided(shop)
        assert shop.story[-2:] == [OrderStatus.VERIFYING, OrderStatus.IN_PRODUCTION]
        assert shop.manufacturer.faults.calls.count("submit_order") == 1
        assert_one_paid_case(shop)

    async def test_of_an_order_that_never_arrived_sends_the_same_reference_again(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", LOST, times=3)
        await shop.place_and_pay()
        assert (await shop.passing(shop.report_payment(), step=timedelta(seconds=5))).accepted
        await until_decided(shop)
        assert_one_paid_case(shop)
        assert [key[2] for key in shop.orders.references] == [1, 1]

    async def test_gives_nothing_back_while_nobody_can_be_asked(self, shop: Shop) -> None:
        """The manufacturer took the order, then went away for two days: the order waits, then goes on."""
        shop.manufacturer.faults.lose_answer("submit_order", LOST)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=40)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(HoldReason.OUTCOME_UNKNOWN, step=timedelta(hours=1))
        assert shop.last.needs_attention
        assert not shop.gateway.voided

        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
        await until_decided(shop)

        assert_one_paid_case(shop)

    async def test_that_says_already_known_but_is_not_found_is_looked_for_again(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", AlreadyExists("third_id already exists", provider="manufacturer"))
        await shop.place_and_pay()
        assert (await shop.passing(shop.report_payment(), step=timedelta(seconds=5))).accepted
        await until_decided(shop)
        assert_one_paid_case(shop)

    async def test_is_not_taken_for_a_refusal_because_the_look_up_fails(self, shop: Shop) -> None:
        """Known at the manufacturer, which then cannot be asked: this is not "nothing was done"."""
        shop.manufacturer.faults.lose_answer("submit_order", LOST)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=LONG_OUTAGE)
        await shop.place_and_pay(capture_before=await shop.in_time(timedelta(hours=30)))
        await shop.start_report()
        await until_decided(shop)
        assert_one_paid_case(shop)


class TestLateRequest:
    """A request that we gave up, and that was not there when we looked, arrives after all."""

    async def test_of_an_order_that_is_to_be_canceled_is_found_before_its_money_goes_back(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", LOST)
        looked_for = shop.manufacturer.faults.hold("order_statuses")
        await shop.place_and_pay()
        await shop.start_report()
        await looked_for.reached.wait()
        canceling = await shop.handle.start_update(OrderWorkflow.cancel, CLERK, wait_for_stage=shop.ACCEPTED)
        looked_for.open()
        await shop.until(lambda: "print_queue" in shop.manufacturer.faults.calls)
        await arrives_late(shop)

        assert await shop.passing(canceling.result(), step=timedelta(seconds=10)) is CancelOutcome.TOO_LATE

        await until_decided(shop)
        assert_one_paid_case(shop)

    async def test_that_never_comes_lets_the_order_be_canceled(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", LOST, times=2)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(OrderStatus.VERIFYING)
        canceled = shop.handle.execute_update(OrderWorkflow.cancel, CLERK)
        assert await shop.passing(canceled, step=timedelta(seconds=10)) is CancelOutcome.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]
        assert not shop.manufacturer.accepted

    async def test_of_an_order_whose_authorisation_runs_out_is_found_before_its_money_goes_back(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", LOST)
        shop.manufacturer.faults.fail("order_statuses", DOWN)
        await shop.place_and_pay(capture_before=await shop.in_time(timedelta(hours=12, seconds=20)))
        await shop.start_report()
        await until_decided_soon(shop)
        await shop.until(lambda: "print_queue" in shop.manufacturer.faults.calls)
        await arrives_late(shop)
        await shop.until(lambda: shop.orders.submissions, step=timedelta(seconds=10))
        assert_one_paid_case(shop)

    async def test_is_found_before_the_refusal_of_the_next_try_gives_the_money_back(self, shop: Shop) -> None:
        refusal = ProviderRejected("no permission for this machine", provider="manufacturer")
        shop.manufacturer.faults.fail("submit_order", LOST)
        shop.manufacturer.faults.fail("submit_order", refusal)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(lambda: shop.manufacturer.faults.calls.count("submit_order") == 2)
        await arrives_late(shop)
        await shop.until(lambda: shop.orders.submissions, step=timedelta(seconds=10))
        await until_decided(shop)
        assert_one_paid_case(shop)
        assert OrderStatus.ON_HOLD not in shop.story


async def until_decided_soon(shop: Shop) -> None:
    """Let seconds pass until the order's money is taken or given back."""
    await shop.until(lambda: shop.gateway.captured or shop.gateway.voided, step=timedelta(seconds=1))


async def arrives_late(shop: Shop) -> None:
    """The manufacturer takes the request that it had not answered."""
    reference = next(name for key, name in shop.orders.references.items() if key[0] is ReferenceKind.PRINT)
    shop.manufacturer.accepted[PrintReference(reference)] = "the link of the request that was given up"
    shop.manufacturer.states[PrintReference(reference)] = ManufacturerOrderStatus.WAITING_TO_PRINT


class TestAcceptanceThatCannotBeWrittenDown:
    async def test_never_gives_the_money_back(self, shop: Shop) -> None:
        """The case is being made although our database is away for longer than any budget."""
        shop.orders.faults.fail("record_submission", NO_DATABASE, times=LONG_OUTAGE)
        await shop.place_and_pay()
        await shop.start_report()
        await until_decided(shop)
        assert shop.gateway.voided == []
        assert len(shop.manufacturer.accepted) == 1


class TestOutage:
    async def test_is_waited_out(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", DOWN, times=8)
        await shop.place_and_pay()
        await shop.start_report()
        await until_decided(shop)
        assert_one_paid_case(shop)
        assert OrderStatus.ON_HOLD not in shop.story

    async def test_that_lasts_waits_for_a_person_then_gives_the_money_back(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", DOWN, times=LONG_OUTAGE)
        await shop.place_and_pay()
        await shop.start_report()
        await shop.until(HoldReason.SUBMIT_REFUSED, step=timedelta(hours=1))
        deadline = shop.last.deadline
        assert deadline == shop.last.at + timedelta(hours=48)

        result = await shop.result()

        assert result.status is OrderStatus.CANCELED
        assert shop.last.at >= deadline
        assert shop.gateway.voided == ["pi_cs_1"]
        assert not shop.orders.holds

    async def test_that_outlasts_the_authorisation_voids_it_in_time_and_prints_nothing(self, shop: Shop) -> None:
        runs_out = await shop.in_time(timedelta(hours=20))
        shop.manufacturer.faults.fail("submit_order", DOWN, times=LONG_OUTAGE)
        await shop.place_and_pay(capture_before=runs_out)
        await shop.start_report()

        result = await shop.result(step=timedelta(minutes=30))

        assert result.status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]
        assert shop.last.at <= runs_out - timedelta(hours=11)
        assert not shop.manufacturer.accepted
        assert OrderStatus.VERIFYING not in shop.story


class TestUnknownOutcomeWhenTheAuthorisationRunsOut:
    async def test_takes_the_money_and_keeps_it_when_the_order_is_found(self, shop: Shop) -> None:
        runs_out = await shop.in_time(timedelta(hours=20))
        shop.manufacturer.faults.lose_answer("submit_order", LOST)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=24)
        await shop.place_and_pay(capture_before=runs_out)
        await shop.start_report()
        await until_decided(shop)
        assert await shop.env.get_current_time() < runs_out
        assert not shop.orders.submissions

        await shop.until(lambda: shop.orders.submissions, step=timedelta(hours=2))
        assert_one_paid_case(shop)

    async def test_takes_the_money_and_refunds_it_when_the_order_proves_absent(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", LOST)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=24)
        await shop.place_and_pay(capture_before=await shop.in_time(timedelta(hours=20)))
        await shop.start_report()

        result = await shop.result()

        assert result.status is OrderStatus.CANCELED
        assert len(shop.gateway.captured) == 1
        assert shop.gateway.refunded == 3500
        assert not shop.manufacturer.accepted

    async def test_takes_the_money_even_while_the_order_waits_for_a_person(self, shop: Shop) -> None:
        """Looked for in vain for a day, on hold for days: the authorisation does not run out meanwhile."""
        runs_out = await shop.in_time(timedelta(days=7))
        shop.manufacturer.faults.lose_answer("submit_order", LOST)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=LONG_OUTAGE)
        await shop.place_and_pay(capture_before=runs_out)
        await shop.start_report()
        await shop.until(HoldReason.OUTCOME_UNKNOWN, step=timedelta(hours=1))
        assert not shop.gateway.captured

        await until_decided(shop)

        assert await shop.env.get_current_time() < runs_out
        assert_one_paid_case(shop)


class TestPaymentNotYetKnown:
    async def test_at_the_manufacturer_is_tried_again_until_it_is_and_submitted_once(self, shop: Shop) -> None:
        not_yet = ProviderUnavailable("payment information does not exist", provider="manufacturer")
        shop.manufacturer.faults.fail("submit_order", not_yet, times=4)
        await shop.place_and_pay()
        assert (await shop.passing(shop.report_payment(), step=timedelta(seconds=5))).accepted
        await until_decided(shop)
        assert_one_paid_case(shop)


class TestRefusal:
    @pytest.mark.parametrize("error", [ProviderRejected, NeedsPerson])
    async def test_waits_for_a_person_whose_retry_sends_the_same_reference(
        self, shop: Shop, error: type[ProviderRejected]
    ) -> None:
        shop.manufacturer.faults.fail("submit_order", error("no permission for this machine", provider="manufacturer"))
        await shop.place_and_pay()
        view = await shop.report_payment()
        assert not view.accepted
        await shop.until(HoldReason.SUBMIT_REFUSED)
        assert "no permission for this machine" in shop.last.note

        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
        await until_decided(shop)

        assert_one_paid_case(shop)
        assert any(step.operator == CLERK.operator for step in shop.orders.steps[shop.order_id].values())

    async def test_that_nobody_understands_is_looked_up_before_anything_is_given_back(self, shop: Shop) -> None:
        shop.manufacturer.faults.lose_answer("submit_order", NeedsPerson("¿?", provider="manufacturer"))
        await shop.place_and_pay()
        assert (await shop.report_payment()).accepted
        await until_decided(shop)
        assert_one_paid_case(shop)

    async def test_that_nobody_settles_gives_the_money_back(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", ProviderRejected("signature", provider="manufacturer"))
        await shop.place_and_pay()
        await shop.report_payment()
        result = await shop.result()
        assert result.status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]

    async def test_can_be_canceled(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("submit_order", ProviderRejected("signature", provider="manufacturer"))
        await shop.place_and_pay()
        await shop.report_payment()
        await shop.until(HoldReason.SUBMIT_REFUSED)
        assert await shop.handle.execute_update(OrderWorkflow.cancel, CLERK) is CancelOutcome.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]


class TestAnnouncement:
    @pytest.mark.parametrize("call", ["announce_payment", "confirm_payment"])
    async def test_whose_answer_is_lost_is_made_once_and_needs_nobody(self, shop: Shop, call: str) -> None:
        shop.manufacturer.faults.lose_answer(call, LOST)
        await shop.place_and_pay()
        assert (await shop.passing(shop.report_payment(), step=timedelta(seconds=5))).accepted
        assert len(shop.manufacturer.announced) == 1
        assert OrderStatus.ON_HOLD not in shop.story

    @pytest.mark.parametrize("call", ["announce_payment", "confirm_payment"])
    async def test_that_never_arrived_is_sent_again_and_needs_nobody(self, shop: Shop, call: str) -> None:
        shop.manufacturer.faults.fail(call, LOST)
        shop.manufacturer.faults.fail("payment_statuses", DOWN)
        await shop.place_and_pay()
        await shop.passing(shop.report_payment(), step=timedelta(hours=1))
        assert len(shop.manufacturer.announced) == 1
        assert shop.manufacturer.confirmed
        assert OrderStatus.ON_HOLD not in shop.story

    async def test_that_is_refused_waits_for_a_person_and_can_be_repeated(self, shop: Shop) -> None:
        shop.manufacturer.faults.fail("announce_payment", ProviderRejected("signature", provider="manufacturer"))
        await shop.place_and_pay()
        assert not (await shop.report_payment()).accepted
        await shop.until(HoldReason.ANNOUNCE_REFUSED)
        await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
        await until_decided(shop)
        assert_one_paid_case(shop)


class TestPictures:
    async def test_another_stored_picture_than_the_approved_one_is_never_submitted(self, shop: Shop) -> None:
        shop.store.objects["uploads/picture.png"] = b"another picture"
        await shop.place_and_pay()
        await shop.report_payment()
        await shop.until(HoldReason.PRINT_FILE_FAILED)
        result = await shop.result()
        assert result.status is OrderStatus.CANCELED
        assert not shop.manufacturer.announced
        assert shop.gateway.voided == ["pi_cs_1"]

    async def test_a_link_that_serves_other_bytes_is_never_submitted(self, shop: Shop) -> None:
        gate = shop.manufacturer.faults.hold("announce_payment")
        await shop.place_and_pay()
        reported = await shop.start_report()
        await gate.reached.wait()
        (key,) = [key for key in shop.store.objects if key.startswith("print/")]
        shop.store.objects[key] = b"an error page"
        gate.open()
        await reported.result()
        await shop.until(HoldReason.SUBMIT_REFUSED)
        assert "submit_order" not in shop.manufacturer.faults.calls
