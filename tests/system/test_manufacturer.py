"""The manufacturer refuses, forgets to answer, goes away and lies: one print per order, and its own word decides what happens."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus

from models.order import HoldReason, Operator, OrderStatus
from tests.system.case import Case, until
from tests.system.storefront import DEFAULT_DEVICE
from tests.system.test_one_fulfilment import accepted
from tests.system.world import ORDER_CALLBACK, PAYMENT_CALLBACK, World
from workflows.order import OrderWorkflow
from workflows.poller import STATUS_POLLER_ID

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACKNOWLEDGED = {"msg": "operation successful", "code": 200, "data": "success"}
ANNA = Operator(operator="anna", reason="asked the manufacturer")


async def printed_once(case: Case) -> None:
    """The order came out of the machine, was accepted once and paid once."""
    await case.reaches(OrderStatus.TO_SHIP)
    assert len(await accepted(case)) == 1
    assert len(await case.world.stripe.ledger("capture", client_reference_id=str(case.order_id))) == 1


async def test_whatever_goes_wrong_once_during_a_submission_one_case_is_printed(world: World):
    faults: list[tuple[str, dict[str, Any]]] = [
        ("error_body_200", {}),
        ("http_503", {}),
        ("answer_lost", {}),
        ("answer_lost", {"status": 502}),
        ("down", {}),
        ("payment_missing", {}),
        ("device_unavailable", {}),
        ("refused", {"detail": {"msg": "third_id already exist", "code": 500}}),
    ]
    cases = []
    for kind, fields in faults:
        await world.manufacturer.fault("order/orderData", kind, **fields)
        cases.append(await world.paid())
        await until(lambda: is_suffered(world))
    await asyncio.gather(*[printed_once(case) for case in cases])


async def is_suffered(world: World) -> bool:
    return bool(await world.manufacturer.call("GET", "/faults") == [])


async def test_a_machine_that_is_away_is_waited_for_and_nobody_is_charged_meanwhile(world: World):
    await world.manufacturer.call("PUT", f"/devices/{DEFAULT_DEVICE}", {"online": False})
    case = await world.paid()

    async def refused_again() -> bool:
        return len(await world.manufacturer.ledger("call_refused", msg="device is unavailable")) > refusals + 1

    refusals = len(await world.manufacturer.ledger("call_refused", msg="device is unavailable"))
    await until(refused_again)
    row = await case.row()
    assert (row["status"], row["captured"], row["authorized"]) == ("preparing", 0, 3500)
    async with world.another_api(api={"success_wait": timedelta(milliseconds=300)}) as hurried:
        page = (await case.success(hurried)).json()
    assert (page["status"], page["queue_no"]) == ("paid", page["order_number"])
    await world.manufacturer.call("PUT", f"/devices/{DEFAULT_DEVICE}", {"online": True})
    await printed_once(case)


async def test_a_manufacturer_that_goes_down_during_a_submission_gets_it_once_when_it_is_back(world: World):
    await world.manufacturer.fault("order/orderData", "answer_lost")
    for operation in ("order/getOrderStatus", "order/printList"):
        await world.manufacturer.fault(operation, "down", times=None)
    case = await world.paid()
    row = await case.reaches(OrderStatus.VERIFYING)
    assert (row["captured"], row["authorized"]) == (0, 3500)
    assert await world.stripe.ledger("void", client_reference_id=str(case.order_id)) == []
    await world.manufacturer.clear_faults()
    await printed_once(case)


async def test_a_refusal_that_nobody_understands_waits_for_a_person_and_nobody_is_charged(world: World):
    await world.manufacturer.fault("order/orderData", "refused", detail={"msg": "the stars are wrong", "code": 500})
    case = await world.paid()
    row = await case.reaches(OrderStatus.ON_HOLD)
    assert (row["hold_reason"], row["needs_attention"], row["captured"]) == (HoldReason.SUBMIT_REFUSED, True, 0)
    assert "the stars are wrong" in " ".join(await case.story())
    await case.tell(OrderWorkflow.retry_step, ANNA)
    await printed_once(case)


async def in_production(world: World) -> Case:
    """An accepted order at a machine that stands still."""
    await world.manufacturer.call("PUT", "/clock", {"frozen": True})
    case = await world.paid()
    assert (await case.success()).json()["status"] == "sent_to_chinese"
    return case


async def test_forged_callbacks_change_nothing(world: World):
    case = await in_production(world)
    row = await case.row()
    for path, body in (
        (ORDER_CALLBACK, [{"third_id": row["print_reference"], "status": 16}]),
        (ORDER_CALLBACK, {"third_id": row["print_reference"], "status": 13}),
        (PAYMENT_CALLBACK, [{"third_id": row["payment_reference"], "status": 4, "pay_amount": 0.01}]),
    ):
        assert (await world.browser.post(path, json=body)).json() == ACKNOWLEDGED
    await world.inbox_settled()
    await asked_again(world, row["print_reference"])
    assert (await case.row())["status"] == "in_production"
    await world.manufacturer.call("PUT", "/clock", {"frozen": False})
    await printed_once(case)


async def asked_again(world: World, reference: str) -> None:
    """Wait until the poller has heard the manufacturer itself on a reference that a callback named."""

    async def read() -> bool:
        (row,) = await world.rows("SELECT * FROM manufacturer_references WHERE reference = :reference", reference=reference)
        (named,) = await world.rows("SELECT max(received_at) AS at FROM inbox WHERE reference = :reference", reference=reference)
        return row["read_at"] is not None and bool(row["read_at"] >= named["at"])

    await until(read)


async def test_a_forged_payment_pays_no_order(world: World):
    case = await world.order()
    claim = {"third_id": "PYEN260101000001", "device_id": DEFAULT_DEVICE, "status": 3}
    answer = await world.browser.post(PAYMENT_CALLBACK, json=claim)
    assert answer.status_code == 200
    assert answer.json()["code"] != 200
    assert (await case.success()).status_code == 400
    assert (await case.row())["status"] == "awaiting_payment"


@pytest.mark.parametrize("path", [PAYMENT_CALLBACK, ORDER_CALLBACK, "/api/chinese/order-status-update"])
async def test_callbacks_of_every_shape_are_acknowledged_in_the_documented_words(world: World, path: str):
    item = {"third_id": "OREN991231999999", "status": 12}
    answers = [
        await world.browser.post(path, json=[item]),
        await world.browser.post(path, json=item),
        await world.browser.post(path, content=b'{"third_id": "OREN991231999998", "status": 11}'),
        await world.browser.post(path, data={"third_id": "OREN991231999997", "status": "10"}),
        await world.browser.post(path, content=b""),
        await world.browser.post(path, content=b"\xff not JSON"),
    ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, ACKNOWLEDGED)] * 6


async def test_a_callback_about_a_reference_of_nobody_is_kept_for_a_person(world: World):
    reference = "OREN991231000001"
    await world.browser.post(ORDER_CALLBACK, json=[{"third_id": reference, "status": 12}])

    async def unmatched() -> bool:
        return [row["state"] for row in await world.inbox() if row["reference"] == reference] == ["unmatched"]

    await until(unmatched)


async def test_without_a_single_callback_the_poller_brings_an_order_to_its_end(world: World):
    await world.manufacturer.call("PUT", "/callbacks", {"payment_callback_url": None, "order_callback_url": None})
    case = await world.paid()
    await printed_once(case)


async def test_a_poller_that_was_terminated_comes_back_with_the_next_thing_to_ask(world: World):
    case = await in_production(world)
    poller = world.client.get_workflow_handle(STATUS_POLLER_ID)
    run = (await poller.describe()).run_id
    await poller.terminate("a mistake")
    await world.manufacturer.call("PUT", "/clock", {"frozen": False})
    await printed_once(case)
    assert (await poller.describe()).run_id != run


async def test_a_poller_that_was_terminated_comes_back_although_there_is_nothing_to_ask(world: World):
    """No message, no order and no start of a worker is needed for it."""
    poller = world.client.get_workflow_handle(STATUS_POLLER_ID)

    async def runs() -> WorkflowExecutionDescription | None:
        description = await poller.describe()
        return description if description.status is WorkflowExecutionStatus.RUNNING else None

    before = await until(runs)
    await poller.terminate("a mistake")
    after = await until(runs)
    assert before is not None
    assert after is not None
    assert after.run_id != before.run_id


async def test_a_poller_that_sleeps_too_long_is_woken_by_what_is_overdue(world: World):
    """Whoever should have woken it was not heard."""
    case = await in_production(world)
    await world.stop_keeper()
    await world.manufacturer.call("PUT", "/callbacks", {"payment_callback_url": None, "order_callback_url": None})
    row = await case.row()
    await world.rows(
        "UPDATE manufacturer_references SET next_due_at = now() - interval '3 minutes' WHERE reference = :reference RETURNING 1",
        reference=row["print_reference"],
    )
    await world.manufacturer.call("PUT", "/clock", {"frozen": False})
    world.start_keeper()
    await printed_once(case)


async def test_a_machine_that_fails_to_print_gets_a_new_attempt_when_a_person_says_so(world: World):
    case = await in_production(world)
    first = (await case.row())["print_reference"]
    await world.manufacturer.call("PUT", f"/orders/{first}/status", {"status": 13})
    await world.manufacturer.call("PUT", "/clock", {"frozen": False})
    row = await case.reaches(OrderStatus.ON_HOLD)
    assert (row["hold_reason"], row["captured"]) == (HoldReason.PRINT_FAILED, 3500)
    await case.tell(OrderWorkflow.retry_step, ANNA)
    row = await case.reaches(OrderStatus.TO_SHIP)
    assert row["print_reference"] != first
    assert [entry["third_pay_id"] for entry in await accepted(case)] == [row["payment_reference"]] * 2
    assert len(await world.stripe.ledger("capture", client_reference_id=str(case.order_id))) == 1
