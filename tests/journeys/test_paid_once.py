"""`kill -9` of the worker between the AI's answer and its own report: the picture was paid for once, and the customer gets it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.guard import ROOT
from dev.process import python
from tests.journeys.playing import eventually, tell
from tests.system.atelier import GENERATE, Atelier, atelier
from tests.system.conftest import shop_database_url, shop_template  # noqa: F401 - fixtures

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

PATIENCE = 120.0
"""Seconds. A worker that fell silent is given up after twenty."""


@contextmanager
def worker(house: Atelier, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker process."""
    env = {**os.environ, **house.env, "WORKER_TASK_QUEUES": "orders,generation"}
    with log.open("ab") as file:
        process = subprocess.Popen(python("-m", "worker"), cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_worker_that_is_killed_with_the_answer_stored_has_paid_for_the_only_time(
    shop_database_url: str,  # noqa: F811 - the fixture
    temporal_address: str,
    tmp_path: Path,
) -> None:
    """The bucket has the answer and does not confirm it, so the worker certainly has not reported it when it dies."""
    log = tmp_path / "worker.log"
    async with atelier(shop_database_url, temporal_address, tmp_path, ARTWORK_GENERATE_WAIT="1s") as house:
        await house.gemini.fault(GENERATE, "slow", delay_s=3)
        with worker(house, log) as victim:
            asked = await house.ask()
            assert asked.status_code == 202, asked.text
            assert await house.paid() == 0, "the answer came before the bucket was told not to confirm it"
            await house.s3.fault("PUT", "answer_lost", delay_s=PATIENCE)
            await eventually(lambda: _is_stored(house), "the answer is in the bucket", within=30)
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        killed_at = time.monotonic()
        await house.s3.clear_faults()

        with worker(house, log):
            answer = await house.until_there(asked.json()["status_url"], within=PATIENCE)

        assert answer.status_code == 200, answer.text + log.read_text()[-4_000:]
        shown = await house.browser.get(answer.json()["public_url"])
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        paid, cost = await house.paid(), await house.cost_of(answer.json()["filename"])
        assert paid == 1
        assert cost == house.settings.artwork.price
        tell(
            killed="worker, with the answer stored and not reported",
            picture_after_s=round(time.monotonic() - killed_at, 1),
            paid_generations=paid,
            cost_pence=cost,
        )


async def _is_stored(house: Atelier) -> bool:
    return bool(house.answers())
