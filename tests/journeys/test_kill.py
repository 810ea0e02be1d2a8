"""`kill -9` in the middle of orders: nobody comes back to help, and every order ends well all the same."""

import asyncio
import time

import pytest

from dev.temporary import World
from models.order import OrderStatus
from tests.journeys.playing import SUBMIT, Order, Town, tell

pytestmark = [pytest.mark.journey, pytest.mark.timeout(480), pytest.mark.asyncio(loop_scope="module")]

PATIENCE = 300.0
"""Seconds. A try of `submit_order` whose worker was killed is given up after two minutes, and only then looked up."""
LATE_ANSWER = 12.0
"""Seconds for which a submission hangs: it is still under way when the process is killed, and not for ever."""


async def in_production(people: Town) -> Order:
    order = await people.check_out("while the machine prints")
    await people.pay(order)
    await people.print_begins(await people.until(order, OrderStatus.IN_PRODUCTION))
    return order


async def during_submission(people: Town, moment: str, fault: str) -> Order:
    await people.manufacturer.fault(SUBMIT, fault, delay_s=LATE_ANSWER)
    order = await people.check_out(moment)
    await people.pay(order)
    await people.submission_under_way()
    return order


async def just_paid(people: Town) -> Order:
    order = await people.check_out("just paid")
    await people.pay(order)
    return order


@pytest.mark.parametrize("victim", ["worker", "api", "temporal", "postgres"])
async def test_orders_survive_a_kill_at_every_moment_of_their_lives(world: World, people: Town, victim: str):
    """One capture, one order at the manufacturer and one case of the approved picture each, whatever was under way."""
    await people.hold_machine()
    printing = await in_production(people)
    answer_lost = await during_submission(people, "submitted, answer lost", "answer_lost")
    not_arrived = await during_submission(people, "being submitted", "slow")
    unpaid = await people.check_out("checkout open")
    paid = await just_paid(people)
    orders = [printing, answer_lost, not_arrived, unpaid, paid]
    before = {order.moment: (await people.row(order)).status.value for order in orders}

    service = await world.supervisor.end(victim, at_once=True)
    killed_at = time.monotonic()
    await world.supervisor.start(service)
    back_after = time.monotonic() - killed_at
    await people.release_machine()
    await people.pay(unpaid)

    await world.supervisor.watch(_deliver_all(people, orders))
    rows = [await people.check_books(order) for order in orders]
    tell(
        killed=victim,
        back_after_s=round(back_after, 1),
        all_delivered_after_s=round(time.monotonic() - killed_at, 1),
        status_when_killed=before,
        verified=[
            order.moment for order, row in zip(orders, rows, strict=True) if any("verifying" in line for line in row.story)
        ],
        each="1 capture, 1 order at the manufacturer, 1 case of the approved picture",
    )


async def _deliver_all(people: Town, orders: list[Order]) -> None:
    async with asyncio.TaskGroup() as group:
        for order in orders:
            group.create_task(people.deliver(order, within=PATIENCE))
