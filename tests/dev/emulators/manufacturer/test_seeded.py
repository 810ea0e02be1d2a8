"""Orders that the emulator is told of stand still, are answered for like all others, and every call is counted."""

import pytest

from tests.dev.emulators.manufacturer.world import Caller, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


def accepted(number: int) -> dict[str, object]:
    """An order at a machine that the emulator does not have."""
    names = dict.fromkeys(("mobile_model_id", "mobile_model_name", "mobile_shell_id", "pic", "queue_no"), "")
    ours = {"third_id": f"OREN200101{number:06}", "third_pay_id": f"PYEN200101{number:06}"}
    return {"id": f"MSOR{number}", "device_id": "NOWHERE", **names, **ours}


async def test_orders_that_were_accepted_before_are_known_and_wait_to_be_moved_by_hand(partner: Caller, shop: Shop):
    orders = [accepted(number) for number in range(100)]
    names = ",".join(str(order["third_id"]) for order in orders)
    await partner.control("PUT", "orders", orders)

    await partner.later(3600)
    assert {item["status"] for item in (await partner("order/getOrderStatus", {"third_id": names}))["data"]} == {8}
    await partner.control("PUT", "orders/OREN200101000007/status", {"status": 12})

    answers = (await partner("order/getOrderStatus", {"third_id": names}))["data"]
    assert [item["third_id"] for item in answers if item["status"] == 12] == ["OREN200101000007"]
    assert len(answers) == 100


async def test_calls_are_counted_by_operation_refused_ones_included(partner: Caller):
    before = await partner.control("GET", "calls")
    for _ in range(3):
        await partner("order/getOrderStatus", {"third_id": "OREN200101000001"})
    await partner("order/printList", {"device_id": "no such machine"})
    after = await partner.control("GET", "calls")
    grown = {operation: count - before.get(operation, 0) for operation, count in after.items()}
    assert {operation: count for operation, count in grown.items() if count} == {"order/getOrderStatus": 3, "order/printList": 1}
