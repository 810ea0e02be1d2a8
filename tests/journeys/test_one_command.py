"""The promises of the README: one command runs everything, Ctrl-C ends everything, the next run goes on where it stood."""

import asyncio
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import psutil
import pytest

from dev.guard import ROOT
from dev.postgres import Postgres
from dev.process import python
from dev.temporary import free_ports, temporary_folder
from dev.world import DATABASE, Ports, environment
from models.order import OrderStatus
from tests.journeys.playing import eventually, tell, town

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]

STARTED = "Everything runs."


@pytest.fixture
def home() -> Iterator[Path]:
    """A place for one data folder, which does not exist yet."""
    with temporary_folder() as folder:
        yield folder


def arguments(home: Path, ports: Ports, *options: str) -> list[str]:
    moved = (word for field in fields(Ports) for word in (Ports.option(field.name), str(getattr(ports, field.name))))
    return ["--data", str(home / "data"), *moved, *options]


def test_one_command_plays_an_order_in_an_empty_folder_and_another_one_in_the_same(home: Path):
    """`make run ARGS=--once` twice: cold it makes everything, warm it finds what the first run left."""
    command = ["make", "run", f"ARGS={shlex.join(arguments(home, free_ports(), '--once'))}"]
    seconds = []
    for _ in range(2):
        begun = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        seconds.append(round(time.monotonic() - begun, 1))
        assert done.returncode == 0, done.stdout + done.stderr
        story = done.stdout
        steps = re.findall(r"^ +\d\d:\d\d:\d\d +(\w+)  ", story, re.MULTILINE)
        assert (steps[0], steps[-1]) == (OrderStatus.AWAITING_PAYMENT, OrderStatus.COMPLETED)
        assert re.search(r"Order PMC-\d{6}, queue number \d{3}", story)
        (stored,), (printed,) = (re.findall(rf"{name} +([0-9a-f]{{64}})", story) for name in ("print file", "as printed"))
        assert stored == printed
    tell(command="make run ARGS=--once", cold_s=seconds[0], warm_s=seconds[1])


@dataclass
class Run:
    """`python -m dev` as somebody runs it in a terminal."""

    popen: subprocess.Popen[bytes]
    output: Path

    async def until_started(self) -> None:
        async def started() -> bool:
            assert self.popen.poll() is None, self.output.read_text()
            return STARTED in self.output.read_text()

        await eventually(started, STARTED, within=120)

    def family(self) -> list[psutil.Process]:
        """Every process that the run has started: children, the guard, and what those started."""
        return psutil.Process(self.popen.pid).children(recursive=True)

    async def stop(self) -> None:
        """Ctrl-C; returns when the runner has ended."""
        self.popen.send_signal(signal.SIGINT)
        await asyncio.to_thread(self.popen.wait, 120)


@contextmanager
def running(home: Path, ports: Ports) -> Iterator[Run]:
    output = home / "output"
    with output.open("wb") as file:
        command = python("-m", "dev", *arguments(home, ports, "--no-order"))
        popen = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    with popen:
        try:
            yield Run(popen, output)
        finally:
            # A failed journey: the guard stops the children when the runner is gone.
            popen.kill()


async def test_ctrl_c_leaves_nobody_behind_and_the_next_run_goes_on_with_the_order(home: Path):
    """The order is at the manufacturer when everything is stopped; everything starts again, and the case is delivered."""
    ports = free_ports()
    env = environment(ports, Postgres(home / "data" / "postgres").url(DATABASE))
    async with town(ports, env) as people:
        with running(home, ports) as first:
            await first.until_started()
            family = first.family()
            await people.hold_machine()
            order = await people.check_out("at the manufacturer")
            await people.pay(order)
            await people.until(order, OrderStatus.IN_PRODUCTION)
            begun = time.monotonic()
            await first.stop()
            stopped_after = time.monotonic() - begun

        assert first.popen.returncode == 0, first.output.read_text()
        assert [process for process in family if process.is_running()] == []
        with running(home, ports) as second:
            await second.until_started()
            await people.release_machine()
            await people.deliver(order, within=120)
            row = await people.check_books(order)
            await second.stop()

    assert second.popen.returncode == 0, second.output.read_text()
    tell(stopped_by="Ctrl-C", processes=len(family), left_behind=0, stopped_after_s=round(stopped_after, 1), story=row.story)
