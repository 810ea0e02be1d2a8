"""References from many processes at once: never the same for two things, always the same for one, and each in its form."""

import asyncio
import itertools
import json
import re
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from dev.guard import ROOT
from tests.adapters.postgres.shop import Shop

PROCESSES = 8
ORDERS, ATTEMPTS = 50, 100
KINDS = ("PYEN", "OREN")
CONTESTED = 50
"""References that every process asks for."""
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)

Wanted = tuple[str, str, int]
"""Kind, order and attempt."""


@asynccontextmanager
async def processes(url: str) -> AsyncIterator[Sequence[asyncio.subprocess.Process]]:
    """Workers that wait for the word to begin; they are gone when the block ends."""
    command = (sys.executable, "-m", "tests.adapters.postgres.allocating", url)
    pipe, limit = asyncio.subprocess.PIPE, 2**24
    started = [
        await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT, limit=limit) for _ in range(PROCESSES)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        yield started
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def ask(process: asyncio.subprocess.Process, wanted: Sequence[tuple[Wanted, datetime]]) -> list[str]:
    """Have one process ask for all of these."""
    line = json.dumps([[*one, at.isoformat()] for one, at in wanted]) + "\n"
    answer, _ = await process.communicate(line.encode())
    assert process.returncode == 0
    references: list[str] = json.loads(answer)
    return references


async def test_ten_thousand_references_from_eight_processes_across_midnight(shop: Shop, database_url: str):
    """Across the end of the counter too, which starts again after a million."""
    await shop.execute("UPDATE stock_levels SET stock = :stock", stock=ORDERS)
    orders = [str((await shop.place()).order_id) for _ in range(ORDERS)]
    await shop.execute("SELECT setval('reference_numbers', 995000)")
    wanted: list[Wanted] = list(itertools.product(KINDS, orders, range(1, ATTEMPTS + 1)))
    assert len(wanted) == 10_000

    # Each process has its own share, begins at its own side of midnight, and is over it half-way; some are asked for by all.
    shares = []
    for number in range(PROCESSES):
        mine = wanted[number::PROCESSES]
        day, next_day = MIDNIGHT - timedelta(seconds=1), MIDNIGHT
        clock = [day] * (len(mine) // 2) + [next_day] * (len(mine) - len(mine) // 2)
        contested = [(one, next_day if number % 2 else day) for one in wanted[:CONTESTED]]
        shares.append([*contested, *zip(mine, clock, strict=True)])
    async with processes(database_url) as started:
        answers = await asyncio.gather(*map(ask, started, shares))

    answered, days = defaultdict[Wanted, set[str]](set), defaultdict[Wanted, set[str]](set)
    for share, answer in zip(shares, answers, strict=True):
        for (one, at), reference in zip(share, answer, strict=True):
            answered[one].add(reference)
            days[one].add(f"{at:%y%m%d}")
    assert {len(several) for several in answered.values()} == {1}
    given = {one: next(iter(several)) for one, several in answered.items()}
    assert len(given) == len(set(given.values())) == 10_000
    for one, reference in given.items():
        form = re.fullmatch(r"(PYEN|OREN)(\d{6})\d{6}", reference)
        assert form is not None, reference
        assert form[1] == one[0]
        assert form[2] in days[one]
    assert {reference[4:10] for reference in given.values()} == {"260301", "260302"}

    rows = await shop.rows("SELECT kind, order_id, attempt, reference FROM manufacturer_references")
    assert {(row["kind"], str(row["order_id"]), row["attempt"]): row["reference"] for row in rows} == given
