"""What is printed is what was approved, for as long as it waits; a link opens one picture for a time, and nothing else."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from models.order import HoldReason, Operator, OrderStatus
from tests.system.case import Case, until
from tests.system.storefront import DEFAULT_DEVICE, picture
from tests.system.test_one_fulfilment import accepted
from tests.system.world import World
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANNA = Operator(operator="anna", reason="looked into it")


async def held_before_submission(world: World) -> tuple[Case, Path]:
    """An order whose print file is stored and which waits for a person; where that file lies."""
    await world.manufacturer.fault("order/payData", "refused", detail={"msg": "not today", "code": 500})
    case = await world.paid()
    row = await case.reaches(OrderStatus.ON_HOLD)
    return case, world.bucket / "print" / f"{row['print_sha256']}.png"


async def test_other_bytes_behind_the_print_files_name_are_never_submitted(world: World):
    case, stored = await held_before_submission(world)
    genuine = stored.read_bytes()
    assert hashlib.sha256(genuine).hexdigest() == (await case.row())["print_sha256"]
    stored.write_bytes(picture(255, (1390, 2905)))
    await case.tell(OrderWorkflow.retry_step, ANNA)
    await until(lambda: is_refused(case))
    assert await accepted(case) == []
    assert (await case.row())["captured"] == 0

    stored.write_bytes(genuine)
    await case.tell(OrderWorkflow.retry_step, ANNA)
    await case.reaches(OrderStatus.TO_SHIP)
    assert len(await accepted(case)) == 1


async def is_refused(case: Case) -> bool:
    """Whether the order waits for a person because it must not be submitted like this."""
    return bool((await case.row())["hold_reason"] == HoldReason.SUBMIT_REFUSED)


async def test_a_print_file_that_is_gone_is_never_submitted(world: World):
    case, stored = await held_before_submission(world)
    genuine = stored.read_bytes()
    stored.unlink()
    await case.tell(OrderWorkflow.retry_step, ANNA)

    await until(lambda: is_refused(case))
    assert await accepted(case) == []
    stored.write_bytes(genuine)


async def accepted_by_a_machine_that_stands_still(world: World) -> tuple[Case, str]:
    """An accepted order that is not printed yet, and the link that the machine has of its picture."""
    await world.manufacturer.call("PUT", "/clock", {"frozen": True})
    case = await world.paid()
    assert (await case.success()).json()["status"] == "sent_to_chinese"
    (order,) = await accepted(case)
    return case, order["pic"]


async def test_a_case_that_waits_five_days_in_the_machines_queue_is_printed_as_approved(world: World):
    case, _ = await accepted_by_a_machine_that_stands_still(world)
    reference = (await case.row())["print_reference"]
    await world.stripe.webhooks_settled()
    await world.manufacturer.call("PUT", "/callbacks", {"payment_callback_url": None, "order_callback_url": None})
    world.clock.ahead = timedelta(days=5)
    await world.manufacturer.call("PUT", "/clock", {"frozen": False})
    made = (await until(lambda: world.manufacturer.ledger("order_printed", third_id=reference)))[0]
    world.clock.ahead = timedelta(0)
    row = await case.reaches(OrderStatus.TO_SHIP)
    assert (made["sha256"], made["device_id"]) == (row["print_sha256"], DEFAULT_DEVICE)


async def test_a_link_opens_one_picture_until_its_time_is_over(world: World):
    case, link = await accepted_by_a_machine_that_stands_still(world)
    answer = await world.browser.get(link)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert hashlib.sha256(answer.content).hexdigest() == (await case.row())["print_sha256"]

    other, _ = await accepted_by_a_machine_that_stands_still(world)
    name, token = link.rpartition("/")[2].split("?token=")
    elsewhere = link.replace(name, f"{(await other.row())['print_sha256']}.png")
    assert (await world.browser.get(elsewhere)).status_code == 403
    assert (await world.browser.get(link.partition("?")[0])).status_code == 401
    assert (await world.browser.get(link.replace(token, token[:-1] + ("0" if token[-1] != "0" else "1")))).status_code == 403

    world.clock.ahead = timedelta(days=31)
    expired = await world.browser.get(link)
    assert expired.status_code == 403
    assert expired.json()["detail"] == "This link is not good, or not any more. Please go back to where you found it."


async def test_a_store_that_is_away_for_a_moment_delays_an_order_and_loses_nothing(world: World):
    case = await world.order()
    await world.s3.fault("PUT", "http_503", times=2)
    await case.pay()
    await case.reaches(OrderStatus.TO_SHIP)
