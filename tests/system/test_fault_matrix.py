"""Whatever goes wrong at whichever call, once or several times: one case and its price, or neither."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from tests.system.cells import Cell, cells
from tests.system.matrix import Outcome, hurry, machine_of, play, town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SEED = 1
CELLS = [*cells("guide", SEED)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(
    request: pytest.FixtureRequest, shop_database_url: str, temporal_address: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[Cell, Outcome]]:
    """What became of every cell that was selected."""
    callspecs = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    wanted = {callspec.params["cell"] for callspec in callspecs if "cell" in callspec.params}
    chosen = [cell for cell in CELLS if cell in wanted]
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        machines = [machine_of(number) for number in range(len(chosen))]
        async with town(shop_database_url, temporal_address, tmp_path_factory.mktemp("town"), "guide", machines) as world:
            yield await play(world, chosen)


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_a_fault_ends_with_one_case_and_its_price_or_with_neither(outcomes: Mapping[Cell, Outcome], cell: Cell):
    outcome = outcomes[cell]
    assert outcome.error == "", (outcome.error, outcome.story)
    assert outcome.untouched == [], outcome.story
    assert outcome.is_fair, (outcome, outcome.story)
    assert bool(outcome.holds) is cell.needs_person, outcome.story
