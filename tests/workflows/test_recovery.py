"""Bugs, deployments and resets: an order survives those who look after it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from config import interceptors
from models.errors import ProviderUnavailable
from models.order import CancelOutcome, HoldReason, OrderStatus
from models.production import ManufacturerOrderStatus, ProductionStage
from tests.workflows.shop import CLERK, Shop
from workflows.fulfilment import Fulfilment
from workflows.options import ROW, SUBMIT
from workflows.order import OrderWorkflow


class TestBugInAWorkflow:
    async def test_does_not_fail_the_order_which_goes_on_when_it_is_mended(
        self, patchable_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = patchable_shop
        stumbled = asyncio.Event()

        async def stumble(_self: Fulfilment) -> None:
            stumbled.set()
            raise KeyError("a bug")

        with monkeypatch.context() as patch:
            patch.setattr(Fulfilment, "announce", stumble)
            await shop.place_and_pay()
            reported = await shop.start_report()
            await stumbled.wait()
        assert (await shop.handle.describe()).close_time is None

        assert (await shop.passing(reported.result(), step=timedelta(seconds=1))).accepted
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED


class TestDatabaseOutage:
    async def test_of_hours_stops_an_order_loses_nothing_and_does_not_flood_its_history(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(ROW, "local_retry_threshold", timedelta(milliseconds=500))
        await shop.accepted()
        before = len((await shop.handle.fetch_history()).events)
        shop.orders.faults.fail("record", ProviderUnavailable("down", provider="postgres"), times=10_000)
        await shop.machine_says(ProductionStage.PRINTED, ManufacturerOrderStatus.PRINTED)
        for _ in range(12):
            await shop.env.sleep(timedelta(minutes=20))
        assert len((await shop.handle.fetch_history()).events) - before < 250
        assert (await shop.handle.describe()).close_time is None

        shop.orders.faults.mend("record")
        await shop.until(OrderStatus.PRINTED, step=timedelta(minutes=1))
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED


@pytest.fixture
async def real_shop(temporal_address: str) -> AsyncIterator[Shop]:
    """A shop on the real server, where time passes by itself."""
    client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
    shop = Shop(WorkflowEnvironment.from_client(client))
    async with shop.open():
        yield shop


class TestSubmissionOnTheRealServer:
    """How time-outs are named and when they count as the last try is the server's own; the time-skipping one differs."""

    async def test_a_try_that_is_never_answered_is_looked_up_and_not_repeated(
        self, real_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The worker died, or the line did, after the manufacturer had the order."""
        shop = real_shop
        monkeypatch.setitem(SUBMIT, "start_to_close_timeout", timedelta(seconds=1))
        gate = shop.manufacturer.faults.hold("submit_order", when_done=True)
        await shop.place_and_pay()
        assert (await shop.report_payment()).accepted
        gate.open()
        assert OrderStatus.VERIFYING in shop.story
        assert shop.manufacturer.faults.calls.count("submit_order") == 1
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED

    async def test_an_outage_that_uses_up_the_budget_is_known_to_have_ordered_nothing(
        self, real_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = real_shop
        monkeypatch.setitem(SUBMIT, "schedule_to_close_timeout", timedelta(seconds=5))
        shop.manufacturer.faults.fail("submit_order", ProviderUnavailable("down", provider="manufacturer"), times=100)
        await shop.place_and_pay()
        assert not (await shop.report_payment()).accepted
        await shop.until(HoldReason.SUBMIT_REFUSED)
        assert OrderStatus.VERIFYING not in shop.story
        await shop.handle.execute_update(OrderWorkflow.cancel, CLERK)
        assert (await shop.handle.result()).status is OrderStatus.CANCELED
        assert shop.gateway.voided == ["pi_cs_1"]

    async def test_a_budget_that_runs_out_during_a_try_is_not_read_as_the_failure_before_it(
        self, real_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first try was refused a connection, the second one has ordered the case when the time is up."""
        shop = real_shop
        monkeypatch.setitem(SUBMIT, "schedule_to_close_timeout", timedelta(seconds=4))
        shop.manufacturer.faults.fail("submit_order", ProviderUnavailable("down", provider="manufacturer"))
        gate = shop.manufacturer.faults.hold("submit_order", when_done=True)
        await shop.place_and_pay()
        view = await shop.report_payment()
        gate.open()
        assert view.accepted
        assert OrderStatus.VERIFYING in shop.story
        assert OrderStatus.ON_HOLD not in shop.story
        assert len(shop.manufacturer.accepted) == 1
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED

    async def test_a_try_whose_worker_falls_silent_is_looked_up_long_before_it_times_out(
        self, real_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = real_shop
        monkeypatch.setitem(SUBMIT, "heartbeat_timeout", timedelta(seconds=1))
        monkeypatch.setattr(interceptors, "_beat", silence)
        gate = shop.manufacturer.faults.hold("submit_order", when_done=True)
        await shop.place_and_pay()
        assert (await shop.report_payment()).accepted
        gate.open()
        assert OrderStatus.VERIFYING in shop.story
        assert shop.manufacturer.faults.calls.count("submit_order") == 1

    async def test_a_try_that_has_not_sent_anything_yet_hears_of_a_cancel_and_sends_nothing(
        self, real_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = real_shop
        monkeypatch.setitem(SUBMIT, "heartbeat_timeout", timedelta(seconds=1))
        announced = shop.manufacturer.faults.hold("announce_payment")
        await shop.place_and_pay()
        await shop.start_report()
        await announced.reached.wait()
        reading_the_picture = shop.store.faults.hold("get")
        announced.open()
        await reading_the_picture.reached.wait()

        assert await shop.handle.execute_update(OrderWorkflow.cancel, CLERK) is CancelOutcome.CANCELED

        assert "submit_order" not in shop.manufacturer.faults.calls
        assert shop.gateway.voided == ["pi_cs_1"]

    @pytest.mark.parametrize("when_done", [False, True], ids=["before", "after"])
    async def test_a_platform_cancel_that_meets_a_try_under_way_never_loses_what_it_did(
        self, real_shop: Shop, monkeypatch: pytest.MonkeyPatch, *, when_done: bool
    ) -> None:
        """The cancel and the result of the try are on their way at once, in every order."""
        shop = real_shop
        monkeypatch.setitem(SUBMIT, "heartbeat_timeout", timedelta(seconds=1))
        shop.manufacturer.first_state = ManufacturerOrderStatus.PRINT_FAILED
        for pause in (0, 0, 1, 5, 20, 100, 1200):
            shop.new_order()
            gate = shop.manufacturer.faults.hold("submit_order", when_done=when_done)
            await shop.place_and_pay()
            await shop.start_report()
            await gate.reached.wait()
            await shop.handle.cancel()
            await shop.env.sleep(timedelta(milliseconds=pause))
            gate.open()
            assert (await shop.handle.result()).status is OrderStatus.CANCELED
            assert shop.orders.submissions
            assert not shop.orders.holds
        assert len(shop.manufacturer.accepted) == len(shop.gateway.captured) == 7
        assert shop.gateway.refunded == 7 * 3500


async def silence(_pause: timedelta) -> None:
    """A worker that lives and does not say so."""


class TestDeployment:
    async def test_a_cancel_that_came_together_with_a_result_while_no_worker_ran_is_heeded(self, temporal_address: str) -> None:
        """Both reach the workflow in one task: the result must not carry it past the cancel."""
        client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
        shop = Shop(WorkflowEnvironment.from_client(client))
        artwork, _, manufacturer = shop.partners_workers()
        async with artwork, manufacturer:
            async with shop.orders_worker():
                gate = shop.manufacturer.faults.hold("announce_payment")
                await shop.place_and_pay()
                await shop.start_report()
                await gate.reached.wait()
            gate.open()
            await self._until_the_last_activity_is_done(shop)
            await shop.handle.cancel()
            async with shop.orders_worker():
                result = await shop.handle.result()
        assert result.status is OrderStatus.CANCELED
        assert "submit_order" not in shop.manufacturer.faults.calls
        assert shop.gateway.voided == ["pi_cs_1"]

    async def _until_the_last_activity_is_done(self, shop: Shop) -> None:
        last = None
        while last != EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
            await shop.env.sleep(timedelta(milliseconds=20))
            last = (await shop.handle.fetch_history()).events[-1].event_type


class TestReset:
    @pytest.mark.parametrize("step", ["place_order", "open_checkout", "look_at_payment", "announce_payment", "submit_order"])
    async def test_to_whichever_step_prints_and_charges_nothing_twice(self, real_shop: Shop, step: str) -> None:
        """Every reference and key is a function of the order, so what runs again is recognised."""
        shop = real_shop
        await shop.accepted()
        before = (await shop.handle.describe()).run_id

        await self._reset_to_the_step_before(shop, step)
        await shop.until(lambda: shop.manufacturer.faults.calls.count("submit_order") == 2)
        result = await shop.print_and_deliver()

        assert (await shop.handle.describe()).run_id != before
        assert result.status is OrderStatus.COMPLETED
        assert len(shop.manufacturer.accepted) == 1
        assert len(shop.gateway.captured) == 1
        assert len(shop.gateway.sessions) == 1
        assert len(shop.orders.references) == 2
        assert {key for key in shop.gateway.keys if "capture" in key} == {f"order:{shop.order_id}:capture:1"}

    async def test_to_the_first_step_of_an_order_that_was_changed_before_it_was_paid_goes_on_as_it_was_paid(
        self, real_shop: Shop
    ) -> None:
        shop = real_shop
        await shop.checkout()
        await shop.checkout(shop.request(add_ons=("wood",), amount=4000))
        await shop.pay()
        await shop.report_payment()
        await shop.until(lambda: shop.gateway.captured)

        await self._reset_to_the_step_before(shop, "place_order")
        await shop.until(lambda: shop.manufacturer.faults.calls.count("submit_order") == 2)

        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED
        assert len(shop.gateway.sessions) == 2
        assert len(shop.gateway.captured) == len(shop.manufacturer.accepted) == 1

    async def _reset_to_the_step_before(self, shop: Shop, activity: str) -> None:
        history = await shop.handle.fetch_history()
        scheduled = next(
            event for event in history.events if event.activity_task_scheduled_event_attributes.activity_type.name == activity
        )
        request = ResetWorkflowExecutionRequest(
            namespace=shop.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=shop.handle.id),
            reason="a person made a mistake",
            workflow_task_finish_event_id=scheduled.activity_task_scheduled_event_attributes.workflow_task_completed_event_id,
            request_id="reset",
        )
        await shop.client.workflow_service.reset_workflow_execution(request)
