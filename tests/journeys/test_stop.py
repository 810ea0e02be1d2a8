"""Stopping as one should: the worker is told to stop while the manufacturer takes its time."""

import time

import pytest

from dev.temporary import World
from models.order import OrderStatus
from tests.journeys.playing import SUBMIT, Town, tell

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

LATE_ANSWER = 6.0


async def test_a_worker_that_is_told_to_stop_sees_a_submission_through(world: World, people: Town):
    """SIGTERM in the middle of orderData: the answer is waited for and written down, so nobody has to ask what became of it."""
    await people.manufacturer.fault(SUBMIT, "slow", delay_s=LATE_ANSWER)
    order = await people.check_out("being submitted")
    await people.pay(order)
    await people.submission_under_way()
    worker = world.supervisor.child("worker")

    begun = time.monotonic()
    service = await world.supervisor.end("worker")
    stopped_after = time.monotonic() - begun
    written = await people.row(order)
    await world.supervisor.start(service)
    await people.deliver(order, within=120)

    assert worker.returncode == 0
    assert written.status is OrderStatus.IN_PRODUCTION
    assert written.print_reference is not None
    row = await people.check_books(order)
    assert not [line for line in row.story if line.startswith("verifying")]
    assert await people.manufacturer.ledger("call_refused", path=SUBMIT) == []
    tell(
        stopped="worker, by SIGTERM",
        stopped_after_s=round(stopped_after, 1),
        outcome_written_by_then=written.status,
        story=row.story,
    )
