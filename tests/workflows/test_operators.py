"""People act by updates: each with a name and a reason, and only where there is something to do."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.order import Channel, HoldReason, Operator, OrderStatus, Shipment
from models.payment import RefundInput, RefundRequest, refund_workflow_id
from models.production import ManufacturerOrderStatus, ProductionStage
from tests.workflows.shop import CLERK, PACKER, Shop
from workflows.options import ORDERS_TASK_QUEUE
from workflows.order import RESOLVABLE, OrderWorkflow
from workflows.refund import RefundWorkflow

PARCEL = Shipment(**PACKER.model_dump(), carrier="Royal Mail", tracking="AB123456789GB")
MONEY = RefundRequest(operator="clerk@shop", reason="scratched")


async def refused(shop: Shop, update: str, request: object) -> str:
    """Send an update that must be refused, and return why."""
    events = len((await shop.handle.fetch_history()).events)
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await shop.handle.execute_update(update, request)
    assert isinstance(refusal.value.cause, ApplicationError)
    assert refusal.value.cause.type == "UpdateRefused"
    history = (await shop.handle.fetch_history()).events
    assert not any(event.HasField("workflow_execution_update_accepted_event_attributes") for event in history[events:])
    return refusal.value.cause.message


class TestNamelessActs:
    async def test_are_refused_and_leave_no_trace(self, shop: Shop) -> None:
        await shop.accepted()
        for nobody in ({"operator": " ", "reason": "because"}, {"operator": "clerk@shop", "reason": "  "}):
            for update in ("retry_step", "cancel", "mark_delivered", "mark_collected", "mark_resolved"):
                assert "must both be given" in await refused(shop, update, Operator(**nobody))
            assert "must both be given" in await refused(shop, "refund", RefundRequest(**nobody, amount=1))
            parcel = Shipment(**nobody, carrier="Royal Mail", tracking="AB123456789GB")
            assert "must both be given" in await refused(shop, "mark_shipped", parcel)


class TestUntimelyActs:
    async def test_before_payment(self, shop: Shop) -> None:
        await shop.checkout()
        assert "not on hold" in await refused(shop, "retry_step", CLERK)
        assert "use `cancel`" in await refused(shop, "refund", MONEY)
        assert "nothing to post" in await refused(shop, "mark_shipped", PARCEL)
        assert "only a shipped order" in await refused(shop, "mark_delivered", CLERK)
        assert "only what lies ready" in await refused(shop, "mark_collected", CLERK)
        assert "settled outside" in await refused(shop, "mark_resolved", CLERK)

    async def test_more_money_than_is_left(self, shop: Shop) -> None:
        await shop.accepted()
        for amount in (0, 3501):
            assert "between 1 and 3500" in await refused(shop, "refund", MONEY.model_copy(update={"amount": amount}))
        await shop.handle.execute_update(OrderWorkflow.refund, MONEY)
        assert "no captured money is left" in await refused(shop, "refund", MONEY)

    async def test_posting_what_is_collected(self, shop: Shop) -> None:
        await shop.accepted(channel=Channel.APP)
        await shop.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
        await shop.until(OrderStatus.READY_FOR_COLLECTION)
        assert "collected at a machine" in await refused(shop, "mark_shipped", PARCEL)
        await shop.handle.execute_update(OrderWorkflow.mark_collected, CLERK)
        await shop.result()

    async def test_posting_without_a_tracking_number_and_posting_twice(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
        await shop.until(OrderStatus.TO_SHIP)
        assert "tracking" in await refused(shop, "mark_shipped", PARCEL.model_copy(update={"tracking": ""}))
        await shop.mark_shipped()
        assert "nothing to post" in await refused(shop, "mark_shipped", PARCEL)

    async def test_settling_what_only_the_step_itself_can_settle(self, shop: Shop) -> None:
        shop.store.objects["uploads/picture.png"] = b"another picture"
        await shop.place_and_pay()
        await shop.report_payment()
        await shop.until(HoldReason.PRINT_FILE_FAILED)
        assert HoldReason.PRINT_FILE_FAILED not in RESOLVABLE
        assert "can be settled outside" in await refused(shop, "mark_resolved", CLERK)


class TestSettledOutside:
    async def test_an_order_that_nothing_was_heard_of_is_completed_and_its_shell_is_free(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.until(HoldReason.OVERDUE, step=timedelta(hours=1))
        await shop.handle.execute_update(OrderWorkflow.mark_resolved, CLERK)
        assert (await shop.handle.result()).status is OrderStatus.COMPLETED
        assert (shop.last.operator, shop.last.reason) == (CLERK.operator, CLERK.reason)
        assert shop.gateway.refunded == 0
        assert not shop.orders.holds

    async def test_a_case_that_was_handed_over_without_the_post_completes_the_order(self, shop: Shop) -> None:
        await shop.accepted()
        await shop.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
        await shop.until(HoldReason.SHIPMENT_OVERDUE, step=timedelta(hours=1))
        await shop.handle.execute_update(OrderWorkflow.mark_resolved, CLERK)
        assert (await shop.handle.result()).status is OrderStatus.COMPLETED
        assert OrderStatus.SHIPPED not in shop.story
        assert shop.gateway.refunded == 0


class TestRefundByHand:
    async def test_cannot_be_retried_while_nothing_is_wrong_nor_by_nobody(self, shop: Shop) -> None:
        await shop.accepted()
        gate = shop.gateway.faults.hold("refund")
        handle = await shop.client.start_workflow(
            RefundWorkflow.run,
            RefundInput(
                order_id=shop.order_id,
                refund_number=1,
                session_id="cs_1",
                payment_intent_id="pi_cs_1",
                amount=3500,
                currency="gbp",
                reason="late",
            ),
            id=refund_workflow_id(shop.order_id, 1),
            task_queue=ORDERS_TASK_QUEUE,
        )
        await gate.reached.wait()
        for update, by in (("retry_step", CLERK), ("mark_resolved", Operator(operator="", reason="x"))):
            with pytest.raises(WorkflowUpdateFailedError):
                await handle.execute_update(update, by)
        gate.open()
        assert (await handle.result()).refunded == 3500


def test_the_front_door_and_the_poller_find_the_handlers_that_they_name() -> None:
    """Names travel as strings between processes of different versions."""
    order, refund = names(OrderWorkflow), names(RefundWorkflow)
    assert order >= {"checkout", "report_payment", "production_reported", "retry_step", "cancel", "refund"}
    assert order >= {"mark_shipped", "mark_delivered", "mark_collected", "mark_resolved"}
    assert refund == {"refund_reported", "retry_step", "mark_resolved"}


def names(workflow_class: type) -> set[str]:
    definition = workflow_class.__temporal_workflow_definition  # type: ignore[attr-defined]
    return {name for name in (*definition.signals, *definition.updates) if name is not None}
