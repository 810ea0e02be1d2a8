"""Changing one's mind before paying, clicking twice, coming back: one payable page, one shell held, one price."""

import asyncio
from typing import Any

import httpx
import pytest

from models.order import OrderStatus, order_id_for
from tests.system.case import Case
from tests.system.storefront import DEFAULT_DEVICE, SHELL
from tests.system.test_stripe_faults import sessions_of
from tests.system.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGER: dict[str, Any] = {"model": "iPhone 15 Pro Max"}
LARGER_SHELL = "MS102509090018"
WITH_GLASS: dict[str, Any] = {"selected_add_ons": ["screen-protector"], "add_ons_total": 7.99, "amount_pence": 4299}


async def holds(case: Case) -> list[tuple[str, str]]:
    """The shells that are kept for an order now."""
    rows = await case.world.rows(
        "SELECT device_id, shell_id FROM stock_holds WHERE order_id = :id AND released_at IS NULL", id=case.order_id
    )
    return [(row["device_id"], row["shell_id"]) for row in rows]


async def held(world: World, shell_id: str) -> int:
    """How many pieces of a shell are spoken for in the machine that prints web orders."""
    (row,) = await world.rows(
        "SELECT held FROM stock_levels WHERE device_id = :device AND shell_id = :shell", device=DEFAULT_DEVICE, shell=shell_id
    )
    return int(row["held"])


async def payable(case: Case) -> list[tuple[str, int]]:
    """The Sessions of an order that can be paid now."""
    return [(session["id"], session["amount_total"]) for session in await sessions_of(case) if session["status"] == "open"]


async def test_a_changed_order_has_a_new_page_a_new_price_and_another_shell(world: World):
    case = await world.order()
    first, before = case.session_id, (await held(world, SHELL), await held(world, LARGER_SHELL))
    assert await holds(case) == [(DEFAULT_DEVICE, SHELL)]

    await case.checkout(**LARGER, **WITH_GLASS)
    assert case.session_id != first
    assert await payable(case) == [(case.session_id, 4299)]
    assert await holds(case) == [(DEFAULT_DEVICE, LARGER_SHELL)]
    assert (await held(world, SHELL), await held(world, LARGER_SHELL)) == (before[0] - 1, before[1] + 1)
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        await world.stripe.pay(first)

    await case.pay()
    row = await case.reaches(OrderStatus.TO_SHIP)
    assert (row["total"], row["captured"], row["shell_id"]) == (4299, 4299, LARGER_SHELL)
    lines = await world.rows("SELECT sku, unit_amount FROM order_lines WHERE order_id = :id ORDER BY position", id=case.order_id)
    assert [line["unit_amount"] for line in lines] == [3500, 799]


@pytest.mark.parametrize("round_number", range(3))
async def test_a_double_click_opens_one_page(world: World, round_number: int):
    case = await world.design()
    answers = await asyncio.gather(*[case.ask_checkout() for _ in range(8)])
    assert {answer.status_code for answer in answers} == {200}
    (session_id,) = {answer.json()["session_id"] for answer in answers}
    assert [session["id"] for session in await sessions_of(case)] == [session_id]
    assert len(await holds(case)) == 1


async def test_two_different_wishes_at_once_leave_one_payable_page(world: World):
    case = await world.design()
    wishes: list[dict[str, Any]] = [{}, WITH_GLASS, LARGER, {}, WITH_GLASS]
    answers = await asyncio.gather(*[case.ask_checkout(**wish) for wish in wishes])
    assert {answer.status_code for answer in answers} == {200}
    ((session_id, amount),) = await payable(case)
    row = await case.row()
    assert (row["checkout_session_id"], row["total"]) == (session_id, amount)
    assert len(await holds(case)) == 1


async def test_changing_ones_mind_and_back_again_leads_to_a_page_that_can_be_paid(world: World):
    case = await world.order()
    plain: dict[str, Any] = {"selected_add_ons": [], "add_ons_total": 0, "amount_pence": 3500}
    first, second, third = (
        case.session_id,
        (await case.checkout(**WITH_GLASS)).session_id,
        (await case.checkout(**plain)).session_id,
    )
    assert len({first, second, third}) == 3
    assert await payable(case) == [(third, 3500)]
    await case.pay()
    assert (await case.reaches(OrderStatus.TO_SHIP))["captured"] == 3500


async def test_the_same_picture_can_be_bought_again_once_it_is_paid(world: World):
    case = await world.paid()
    await case.reaches(OrderStatus.TO_SHIP)
    again = Case(world, case.upload, case.body, attempt=2)
    await again.checkout()
    assert again.session_id != case.session_id
    assert again.order_id == order_id_for(case.upload["filename"], 2)
    await again.pay()
    row = await again.reaches(OrderStatus.TO_SHIP)
    first = await case.row()
    assert row["print_reference"] != first["print_reference"]
    assert row["print_sha256"] == first["print_sha256"]
    assert row["number"] != first["number"]


async def test_the_page_that_was_paid_keeps_its_order_whatever_is_asked_meanwhile(world: World):
    await world.stripe.hold_webhooks()
    case = await world.paid()
    answer = await case.ask_checkout(**WITH_GLASS)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")
    row = await case.reaches(OrderStatus.TO_SHIP)
    assert (row["total"], row["captured"]) == (3500, 3500)
