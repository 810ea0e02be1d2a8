"""Many machines: each is sent one order after the other, and one that hangs delays no other."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from models.order import OrderStatus
from tests.system.case import until
from tests.system.storefront import DEFAULT_DEVICE, MACHINE, QR_BODY
from tests.system.test_one_fulfilment import accepted
from tests.system.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

HANGS_S = 0.6
QUEUE = 5


async def test_a_machine_that_hangs_is_sent_one_order_at_a_time_and_the_others_do_not_wait_for_it(world: World):
    await world.manufacturer.fault("order/orderData", "slow", delay_s=HANGS_S, times=None, about=DEFAULT_DEVICE)
    before = await world.manufacturer.ledger("order_accepted", device_id=DEFAULT_DEVICE)
    waiting = [await world.order() for _ in range(QUEUE)]
    elsewhere = await world.order(QR_BODY)
    await asyncio.gather(*[case.pay() for case in waiting], elsewhere.pay())

    async def all_accepted() -> bool:
        orders = await world.manufacturer.ledger("order_accepted", device_id=DEFAULT_DEVICE)
        return len(orders) == len(before) + QUEUE

    await until(all_accepted, what="every order of the machine that hangs")
    here = await world.manufacturer.ledger("order_accepted", device_id=DEFAULT_DEVICE)
    moments = [datetime.fromisoformat(order["at"]) for order in here[len(before) :]]
    # An answer is on its way for a moment after the emulator has written it down, never before.
    assert all(later - earlier >= timedelta(seconds=HANGS_S) for earlier, later in pairwise(moments))

    await elsewhere.reaches(OrderStatus.READY_FOR_COLLECTION)
    (there,) = await accepted(elsewhere)
    assert there["device_id"] == MACHINE
    assert datetime.fromisoformat(there["at"]) < moments[-1]
    for case in waiting:
        await case.reaches(OrderStatus.TO_SHIP)
        assert len(await accepted(case)) == 1
