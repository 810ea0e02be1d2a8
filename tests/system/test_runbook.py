"""What operators search by finds what they search for."""

import re
from pathlib import Path

import pytest

from models.order import OrderStatus
from tests.system.case import until
from tests.system.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


def saved_view(name: str) -> str:
    """The query of a view, as the runbook has it."""
    views = dict(re.findall(r"^\| ([^|]+) \| `(.+)` \|$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE))
    return str(views[name])


async def test_an_order_that_was_terminated_with_the_money_taken_is_found_and_no_other(world: World):
    cut_off, whole = await world.paid(), await world.paid()
    row = await cut_off.reaches(OrderStatus.TO_SHIP)
    assert row["captured"] == 3500
    await cut_off.handle.terminate("a mistake")
    await whole.deliver()

    async def found() -> set[str]:
        return {execution.id async for execution in world.client.list_workflows(saved_view("ended by force"))}

    assert await until(found) == {cut_off.handle.id}
    assert (await cut_off.row())["status"] == OrderStatus.TO_SHIP
