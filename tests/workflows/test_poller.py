"""The poller asks for all orders at once, tells only what matters, and never stops."""

import logging
import uuid
from datetime import timedelta
from itertools import pairwise

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle

from models.errors import NeedsPerson, ProviderUnavailable
from models.order import HoldReason, OrderStatus
from models.production import DueReference, ManufacturerOrderStatus, PollerInput, ReferenceKind
from tests.workflows.shop import Shop
from workflows import poller
from workflows.attributes import NEEDS_ATTENTION
from workflows.options import ORDERS_TASK_QUEUE
from workflows.poller import STATUS_POLLER_ID, StatusPoller

DOWN = ProviderUnavailable("down", provider="manufacturer")


async def start(shop: Shop) -> "WorkflowHandle[StatusPoller, None]":
    return await shop.client.start_workflow(StatusPoller.run, PollerInput(), id=STATUS_POLLER_ID, task_queue=ORDERS_TASK_QUEUE)


async def due(shop: Shop, *, status: ManufacturerOrderStatus | None = None, reference: str | None = None) -> None:
    shop.references.waiting.append(
        DueReference(
            reference=reference or shop.reference,
            kind=ReferenceKind.PRINT,
            order_id=shop.order_id,
            last_status=status,
            created_at=await shop.env.get_current_time(),
        )
    )


async def times_told(shop: Shop) -> int:
    events = (await shop.handle.fetch_history()).events
    return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for event in events)


class TestRound:
    async def test_asks_about_everything_in_one_call_and_tells_each_order_its_own(self, shop: Shop) -> None:
        orders = []
        for _ in range(3):
            shop.new_order()
            await shop.accepted()
            orders.append((shop.order_id, shop.reference))
            await due(shop, status=ManufacturerOrderStatus.PRINTING)
        shop.manufacturer.states[orders[0][1]] = ManufacturerOrderStatus.DELIVERED
        shop.manufacturer.states[orders[1][1]] = ManufacturerOrderStatus.PRINT_FAILED
        shop.manufacturer.states[orders[2][1]] = ManufacturerOrderStatus.PICKED_UP

        await start(shop)
        await shop.until(lambda: shop.references.stored)
        await shop.until(lambda: shop.orders.last(orders[0][0]).status is OrderStatus.TO_SHIP)
        await shop.until(lambda: shop.orders.last(orders[1][0]).hold_reason is HoldReason.PRINT_FAILED)

        assert shop.orders.last(orders[2][0]).status is OrderStatus.IN_PRODUCTION
        assert shop.manufacturer.faults.calls.count("order_statuses") == 1
        assert len(shop.references.stored) == 3

    async def test_does_not_tell_what_stands_between_two_steps(self, shop: Shop) -> None:
        await shop.accepted()
        await due(shop, status=ManufacturerOrderStatus.WAITING_TO_PRINT)
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.DELIVERING
        await start(shop)
        await shop.until(lambda: shop.references.stored)
        assert await times_told(shop) == 0

    async def test_does_not_repeat_what_it_told_before(self, shop: Shop) -> None:
        await shop.accepted()
        await due(shop, status=ManufacturerOrderStatus.PRINTED)
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.PRINTED
        await start(shop)
        await shop.until(lambda: shop.references.stored)
        assert await times_told(shop) == 0

    async def test_of_an_order_that_has_ended_is_no_error(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.print_and_deliver()
        await due(shop)
        await start(shop)
        await shop.until(lambda: shop.references.stored)
        assert len(shop.references.asked_at) == 1

    async def test_of_an_order_that_never_was_is_no_error(self, shop: Shop) -> None:
        await shop.accepted()
        reference = shop.reference
        shop.manufacturer.states[reference] = ManufacturerOrderStatus.DELIVERED
        shop.order_id = uuid.uuid4()
        await due(shop, reference=reference)
        await start(shop)
        await shop.until(lambda: shop.references.stored)


class TestSleep:
    async def test_lasts_until_the_next_reference_is_due(self, shop: Shop) -> None:
        shop.references.next_in = timedelta(minutes=3)
        await start(shop)
        await shop.until(lambda: len(shop.references.asked_at) == 3, step=timedelta(seconds=10))
        first, second, third = shop.references.asked_at
        assert second - first >= timedelta(minutes=3)
        assert third - second >= timedelta(minutes=3)
        assert third - first < timedelta(minutes=7)

    async def test_of_a_poller_with_nothing_to_do_is_long_but_ends(self, shop: Shop) -> None:
        await start(shop)
        await shop.until(lambda: len(shop.references.asked_at) == 2, step=timedelta(minutes=1))
        first, second = shop.references.asked_at
        assert second - first >= timedelta(minutes=10)

    async def test_is_ended_by_a_signal(self, shop: Shop) -> None:
        handle = await start(shop)
        await shop.until(lambda: shop.references.asked_at)
        await handle.signal(StatusPoller.wake)
        await shop.until(lambda: len(shop.references.asked_at) == 2)
        first, second = shop.references.asked_at
        assert second - first < timedelta(minutes=1)

    async def test_is_not_begun_when_the_signal_came_during_the_round(self, shop: Shop) -> None:
        gate = shop.references.faults.hold("due")
        handle = await start(shop)
        await gate.reached.wait()
        await handle.signal(StatusPoller.wake)
        gate.open()
        await shop.until(lambda: len(shop.references.asked_at) == 2)
        first, second = shop.references.asked_at
        assert second - first < timedelta(minutes=1)


class TestEndurance:
    @pytest.mark.parametrize(
        "error",
        [
            ProviderUnavailable("down", provider="manufacturer", retry_after=timedelta(minutes=5)),
            DOWN,
            NeedsPerson("¿?", provider="manufacturer"),
        ],
    )
    async def test_an_outage_of_the_manufacturer_is_outlived(self, shop: Shop, error: Exception) -> None:
        await shop.accepted()
        await due(shop, status=ManufacturerOrderStatus.PRINTING)
        shop.manufacturer.faults.fail("order_statuses", error, times=12)
        shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.DELIVERED
        await start(shop)
        await shop.until(OrderStatus.TO_SHIP, step=timedelta(minutes=1))

    async def test_signals_in_a_burst_are_answered_by_few_rounds(self, shop: Shop) -> None:
        """Every callback of every order is one."""
        handle = await start(shop)
        await shop.until(lambda: shop.references.asked_at)
        for _ in range(10):
            await handle.signal(StatusPoller.wake)
            await shop.env.sleep(timedelta(milliseconds=50))
        await shop.until(lambda: shop.references.asked_at[-1] - shop.references.asked_at[0] >= timedelta(milliseconds=500))
        await shop.env.sleep(timedelta(seconds=2))
        assert len(shop.references.asked_at) <= 4
        pauses = [later - earlier for earlier, later in pairwise(shop.references.asked_at)]
        assert all(pause >= timedelta(milliseconds=500) for pause in pauses)

    async def test_a_manufacturer_that_is_away_is_not_knocked_at_by_every_callback(self, shop: Shop) -> None:
        await shop.accepted()
        await due(shop, status=ManufacturerOrderStatus.PRINTING)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=100)
        handle = await start(shop)
        for _ in range(10):
            await handle.signal(StatusPoller.wake)
            await shop.env.sleep(timedelta(seconds=6))
        assert shop.manufacturer.faults.calls.count("order_statuses") <= 2

    async def test_it_goes_on_in_a_fresh_run_before_its_history_is_long(
        self, patchable_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(poller, "ROUNDS_A_RUN", 2)
        shop = patchable_shop
        shop.references.next_in = timedelta(minutes=1)
        handle = await start(shop)
        await shop.until(lambda: len(shop.references.asked_at) == 7, step=timedelta(seconds=10))
        description = await shop.client.get_workflow_handle(STATUS_POLLER_ID).describe()
        assert description.run_id != handle.first_execution_run_id
        assert description.close_time is None
        assert len((await shop.client.get_workflow_handle(STATUS_POLLER_ID).fetch_history()).events) < 40


class TestTrouble:
    async def test_that_lasts_is_shown_to_whoever_looks_for_what_needs_a_person(
        self, shop: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        """And the alarm is raised again now and then, not with every round."""
        await shop.accepted()
        await due(shop, status=ManufacturerOrderStatus.PRINTING)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=100)
        handle = await start(shop)

        await shop.env.sleep(timedelta(minutes=5))
        assert not await needs_attention(handle)
        await shop.until(lambda: errors(caplog), step=timedelta(minutes=1))
        await shop.env.sleep(timedelta(minutes=20))

        assert await needs_attention(handle)
        assert len(errors(caplog)) == 1
        assert "prints" in errors(caplog)[0]
        assert "ProviderUnavailable: down" in errors(caplog)[0]
        assert "ProviderUnavailable: down" in await details(handle)
        await shop.env.sleep(timedelta(minutes=20))
        assert len(errors(caplog)) == 2

    async def test_that_is_over_needs_nobody_any_more(self, shop: Shop) -> None:
        await shop.accepted()
        await due(shop, status=ManufacturerOrderStatus.PRINTING)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=100)
        handle = await start(shop)
        await shop.env.sleep(timedelta(minutes=15))
        assert await needs_attention(handle)

        shop.manufacturer.faults.mend("order_statuses")
        await shop.env.sleep(timedelta(minutes=2))

        assert not await needs_attention(handle)
        assert "fail" not in await details(handle)

    async def test_with_the_database_is_trouble_of_the_poller_too(self, shop: Shop) -> None:
        shop.references.faults.fail("due", ProviderUnavailable("all connections are busy", provider="postgres"), times=1000)
        handle = await start(shop)
        await shop.env.sleep(timedelta(minutes=20))
        assert await needs_attention(handle)
        assert "all connections are busy" in await details(handle)

    async def test_survives_a_fresh_run(self, patchable_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(poller, "ROUNDS_A_RUN", 3)
        shop = patchable_shop
        await shop.accepted()
        await due(shop, status=ManufacturerOrderStatus.PRINTING)
        shop.manufacturer.faults.fail("order_statuses", DOWN, times=100)
        await start(shop)
        await shop.env.sleep(timedelta(minutes=15))
        assert await needs_attention(shop.client.get_workflow_handle_for(StatusPoller.run, STATUS_POLLER_ID))


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def needs_attention(handle: "WorkflowHandle[StatusPoller, None]") -> bool:
    return bool((await handle.describe()).typed_search_attributes.get(NEEDS_ATTENTION))


async def details(handle: "WorkflowHandle[StatusPoller, None]") -> str:
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)
