"""References from many processes at once: never the same for two things, always the same for one, and each in its form."""

import asyncio
import itertools
import json
import os
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dev.guard import ROOT
from tests.adapters.postgres.shop import Shop

PROCESSES = 8
ORDERS, ATTEMPTS = 50, 100
KINDS = ("PYEN", "OREN")
CONTESTED = 100
"""References that every process asks for, all in the same moment."""
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)

Wanted = tuple[str, str, int]
"""Kind, order and attempt."""


async def ask(url: str, shares: Sequence[Sequence[tuple[Wanted, datetime]]]) -> list[list[str]]:
    """Have a process for each share ask for all of it."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.adapters.postgres.allocating", url, str(CONTESTED))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT, start_new_session=True)
    try:
        wishes = [[(*one, at.isoformat()) for one, at in share] for share in shares]
        answer, _ = await process.communicate(json.dumps(wishes).encode())
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    assert process.returncode == 0
    references: list[list[str]] = json.loads(answer)
    return references


@pytest.mark.timeout(180)
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
    answers = await ask(database_url, shares)

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
