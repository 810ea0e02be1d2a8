"""Whatever goes wrong at whichever call, once or several times: one case and its price, or neither."""

import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
import pytest_asyncio

from dev.emulators.faults import HTTP_FAULTS
from dev.emulators.manufacturer.app import REFUSALS, REFUSED_IN_OTHER_WORDS
from dev.postgres import Postgres
from tests.conftest import Infrastructure
from tests.system.cells import FAULTS, LOGIN, Cell, everyday, thorough
from tests.system.matrix import Outcome, Verdict, hurry, machine_of, play, silence, table, town
from tests.system.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

Play = Callable[[Sequence[Cell]], AbstractAsyncContextManager[Verdict]]
EVERYDAY = everyday(seed=1)


@pytest.fixture(scope="module")
def new_shop_database(infrastructure: Infrastructure, postgres: Postgres, shop_template: str) -> Iterator[Callable[[], str]]:
    """Makes shops' databases of this module's own."""
    names: list[str] = []

    def new() -> str:
        names.append(f"test_{uuid.uuid4().hex}")
        return infrastructure.portal.call(partial(postgres.create_database, names[-1], template=shop_template))

    yield new
    for name in names:
        infrastructure.portal.call(postgres.drop_database, name)


@pytest.fixture(scope="module")
def played(
    new_shop_database: Callable[[], str], temporal_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Play]:
    """Plays cells in a shop for each dialect, whose waits are short."""

    @asynccontextmanager
    async def played(cells: Sequence[Cell]) -> AsyncIterator[Verdict]:
        machines = [machine_of(number) for number in range(len(cells))]
        async with AsyncExitStack() as stack:
            worlds: dict[str, World] = {
                dialect: await stack.enter_async_context(
                    town(new_shop_database(), temporal_address, tmp_path_factory.mktemp(dialect), dialect, machines)
                )
                for dialect in dict.fromkeys(cell.dialect for cell in cells)
            }
            yield await play(worlds, cells)

    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        yield played


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verdict(request: pytest.FixtureRequest, played: Play) -> AsyncIterator[Verdict]:
    """What became of every cell that was selected."""
    calls = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = {params["cell"] for params in calls if "cell" in params}
    async with played([cell for cell in EVERYDAY if cell in wanted]) as verdict:
        yield verdict


def check(cell: Cell, outcome: Outcome) -> None:
    """One case and its price, or neither, and whoever should decide has decided."""
    assert outcome.error == "", (outcome.error, outcome.story)
    assert outcome.untouched == [], outcome.story
    assert outcome.is_fair, (outcome, outcome.story)
    # A login serves whoever needs it first: the poller may suffer what goes wrong at it, and asks again.
    is_spared = cell.call == LOGIN and not outcome.holds
    assert bool(outcome.holds) is cell.needs_person or is_spared, (outcome.holds, outcome.story)
    if cell.decision != "cancel" or is_spared:
        assert outcome.accepted == 1, outcome.story
    elif outcome.holds[0] in KNOWN_UNORDERED:
        assert outcome.accepted == 0, outcome.story


KNOWN_UNORDERED = {"announce_refused", "submit_refused"}
"""Holds at which nothing has been ordered, so that a cancel is final."""


@pytest.mark.parametrize("cell", EVERYDAY, ids=str)
async def test_a_fault_ends_with_one_case_and_its_price_or_with_neither(verdict: Verdict, cell: Cell):
    check(cell, verdict.outcomes[cell])


async def test_nothing_was_charged_announced_or_made_that_nobody_ordered(verdict: Verdict):
    assert verdict.strangers == []
    assert {outcome.accepted for outcome in verdict.outcomes.values()} == {0, 1}


async def test_whatever_the_emulated_manufacturer_can_do_to_a_call_is_played():
    assert {kind for kind, _ in FAULTS.values()} == {*HTTP_FAULTS, *REFUSALS, REFUSED_IN_OTHER_WORDS}


@pytest.mark.journey
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_fault_at_every_call_in_both_dialects_and_with_every_decision(played: Play, seed: int):
    with silence():
        async with played(thorough(seed)) as verdict:
            sys.stdout.write(table(verdict.outcomes))
    assert verdict.strangers == []
    for cell, outcome in verdict.outcomes.items():
        check(cell, outcome)
