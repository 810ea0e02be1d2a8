"""The supervisor with real child processes."""

import asyncio
import os
import signal
import socket
import subprocess
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from dev.guard import Guard, living_members
from dev.process import ChildDied, Command, MissingBinary, NotReadyInTime, PortInUse, python
from dev.supervisor import NotReady, Probe, Service, Supervisor, together

PAUSE = "import signal; signal.pause()"
ANNOUNCE_STOP = """
import pathlib, signal, sys
me, stopped = sys.argv[1], pathlib.Path(sys.argv[2])
def stop(*_):
    with stopped.open("a") as file:
        file.write(me + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path(sys.argv[2] + "." + me).touch()
signal.pause()
"""
IGNORE_STOP = """
import pathlib, signal, subprocess, sys
ready = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: ready.with_suffix(".asked").touch())
subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"])
ready.touch()
while True:
    signal.pause()
"""


async def at_once() -> None:
    """A probe for children that need not answer."""


def exists(path: Path) -> Probe:
    async def probe() -> None:
        if not path.exists():
            raise NotReady(f"{path} is missing")

    return probe


def script(name: str, text: str, *arguments: str, ready: Probe = at_once, **options: Any) -> Service:
    return Service(command=Command(name=name, argv=python("-c", text, *arguments), **options), ready=ready)


def announcing(name: str, stopped: Path) -> Service:
    """A child that writes its name into `stopped` when it is asked to stop."""
    return script(name, ANNOUNCE_STOP, name, str(stopped), ready=exists(Path(f"{stopped}.{name}")))


async def test_children_are_stopped_in_reverse_order(tmp_path: Path, guard: Guard):
    stopped = tmp_path / "stopped"
    async with Supervisor(logs=tmp_path, guard=guard, console=Console(file=StringIO())) as supervisor:
        for name in ("database", "server", "worker"):
            await supervisor.start(announcing(name, stopped))
    assert stopped.read_text().split() == ["worker", "server", "database"]


async def test_a_child_is_started_only_when_the_one_before_answers(supervisor: Supervisor, tmp_path: Path):
    """The first child becomes ready on its third probe; the second must not have been started before."""
    probes: list[bool] = []
    second = tmp_path / "second"

    async def third_time() -> None:
        probes.append(second.exists())
        if len(probes) < 3:
            raise NotReady("not yet")

    await supervisor.start(script("first", PAUSE, ready=third_time))
    touch = "import sys, pathlib, signal; pathlib.Path(sys.argv[1]).touch(); signal.pause()"
    await supervisor.start(script("second", touch, str(second), ready=exists(second)))
    assert probes == [False, False, False]


async def test_a_child_that_dies_is_reported_in_one_sentence_with_its_last_words(supervisor: Supervisor):
    await supervisor.start(script("worker", "import sys; print('the queue is gone'); sys.exit(7)"))
    with pytest.raises(ChildDied) as death:
        await supervisor.forever()
    assert str(death.value).startswith("worker ended with code 7; its log is ")
    assert str(death.value).endswith("  the queue is gone")


async def test_a_child_that_a_signal_ended_is_reported_by_the_signals_name(supervisor: Supervisor):
    child = await supervisor.start(script("api", PAUSE))
    psutil.Process(child.pid).kill()
    with pytest.raises(ChildDied, match=r"^api was ended by SIGKILL; "):
        await supervisor.forever()


async def test_a_death_interrupts_whatever_else_is_going_on(supervisor: Supervisor):
    """A service that dies while the next one starts must not be waited for."""
    await supervisor.start(script("first", "import sys; sys.exit(3)"))
    never = exists(Path("/nonexistent/never"))
    with pytest.raises(ChildDied, match="first ended with code 3"):
        await supervisor.start(script("second", PAUSE, ready=never))


async def test_a_death_stops_the_others(tmp_path: Path, guard: Guard):
    stopped = tmp_path / "stopped"

    async def run() -> None:
        async with Supervisor(logs=tmp_path, guard=guard, console=Console(file=StringIO())) as supervisor:
            await supervisor.start(announcing("database", stopped))
            await supervisor.start(script("worker", "import sys; sys.exit(1)"))
            await supervisor.forever()

    with pytest.raises(ChildDied):
        await run()
    assert stopped.read_text().split() == ["database"]


async def test_a_port_in_use_is_named_with_the_option_that_moves_it(supervisor: Supervisor):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as refused:
            await supervisor.start(script("api", "pass", listens_on={"--api-port": port}))
    assert str(refused.value) == (
        f"Port {port} (api) is already in use: stop what listens there, "
        "or choose another with --api-port, or move all of them with --port-offset."
    )


async def test_a_missing_program_is_named(supervisor: Supervisor):
    nowhere = Service(command=Command(name="temporal", argv=["/nonexistent/temporal"]), ready=at_once)
    with pytest.raises(MissingBinary, match=r"^temporal cannot start: /nonexistent/temporal does not exist\.$"):
        await supervisor.start(nowhere)


async def test_a_child_that_never_answers_is_given_up_with_the_last_reason(supervisor: Supervisor):
    command = Command(name="api", argv=python("-c", PAUSE))
    service = Service(command=command, ready=exists(Path("/nonexistent/never")), start_within=timedelta(0))
    with pytest.raises(NotReadyInTime, match=r"^api does not answer after 0 s \(/nonexistent/never is missing\); its log is "):
        await supervisor.start(service)


async def test_a_child_that_does_not_listen_is_killed_with_its_children(tmp_path: Path, guard: Guard):
    ready = tmp_path / "ready"
    async with Supervisor(logs=tmp_path, guard=guard, console=Console(file=StringIO())) as supervisor:
        stubborn = script("stubborn", IGNORE_STOP, str(ready), ready=exists(ready), stop_within=timedelta(milliseconds=50))
        child = await supervisor.start(stubborn)
        assert len(living_members(child.pid)) == 2
    assert living_members(child.pid) == []


async def test_a_second_ctrl_c_shortens_the_waiting_and_leaves_nobody_behind(tmp_path: Path, guard: Guard):
    ready = tmp_path / "ready"
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with Supervisor(logs=tmp_path, guard=guard, console=Console(file=StringIO())) as supervisor:
            stubborn = script("stubborn", IGNORE_STOP, str(ready), ready=exists(ready), stop_within=timedelta(hours=1))
            started.set_result((await supervisor.start(stubborn)).pid)
            await supervisor.forever()

    task = asyncio.create_task(run())
    pid = await started
    task.cancel()
    while not ready.with_suffix(".asked").exists():  # noqa: ASYNC110 - another process sets it
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert living_members(pid) == []


async def test_a_command_that_ends_well_is_done_and_forgotten(supervisor: Supervisor, tmp_path: Path):
    done = tmp_path / "done"
    await supervisor.run(Command(name="migrate", argv=python("-c", "import sys; open(sys.argv[1], 'w')", str(done))))
    await supervisor.watch(asyncio.sleep(0))
    assert done.exists()


async def test_a_command_that_fails_says_why(supervisor: Supervisor):
    with pytest.raises(ChildDied, match=r"migrate ended with code 1(.|\n)*no such table"):
        await supervisor.run(Command(name="migrate", argv=python("-c", "raise SystemExit('no such table')")))


async def test_services_can_start_together(supervisor: Supervisor, tmp_path: Path):
    """Each of the two becomes ready only when the other one runs."""
    touch = "import sys, pathlib, signal; pathlib.Path(sys.argv[1]).touch(); signal.pause()"
    left, right = tmp_path / "left", tmp_path / "right"
    await together(
        supervisor.start(script("left", touch, str(left), ready=exists(right))),
        supervisor.start(script("right", touch, str(right), ready=exists(left))),
    )


async def test_of_services_that_start_together_the_first_failure_ends_the_others(supervisor: Supervisor):
    never = exists(Path("/nonexistent/never"))
    with pytest.raises(ChildDied, match="ended with code 5"):
        await together(
            supervisor.start(script("waiting", PAUSE, ready=never)),
            supervisor.run(Command(name="database", argv=python("-c", "import sys; sys.exit(5)"))),
        )


@pytest.mark.parametrize(("at_once", "asked"), [(False, ["worker"]), (True, [])])
async def test_one_child_is_ended_without_being_taken_for_an_accident_and_comes_back(
    supervisor: Supervisor, tmp_path: Path, at_once: bool, asked: list[str]
):
    """Asked to stop it says so; killed it has no time to. Whoever watches meanwhile is not disturbed."""
    stopped = tmp_path / "stopped"
    first = await supervisor.start(announcing("worker", stopped))
    service = await supervisor.end("worker", at_once=at_once)
    assert living_members(first.pid) == []
    assert (stopped.read_text().split() if stopped.exists() else []) == asked
    await supervisor.watch(asyncio.sleep(0))
    again = await supervisor.start(service)
    assert supervisor.child("worker") is again


async def test_nobody_of_an_unknown_name_is_ended(supervisor: Supervisor):
    with pytest.raises(KeyError, match="worker"):
        await supervisor.end("worker")


async def test_each_start_is_shown_with_its_time(supervisor: Supervisor, screen: StringIO):
    await supervisor.start(script("postgres", PAUSE))
    assert screen.getvalue().startswith("✓ postgres")


class TestGuard:
    """What happens when the supervisor itself is killed."""

    def test_children_and_grandchildren_are_stopped_when_their_parent_was_killed(self, tmp_path: Path):
        """`kill -9` of the runner: the guard asks the newest first, then insists; the stubborn grandchild goes too.

        The guard holds the write end of a pipe, as it holds the lock of a data folder: its end means that all have stopped.
        """
        stopped = tmp_path / "stopped"
        arguments = [str(tmp_path), ANNOUNCE_STOP, IGNORE_STOP, str(stopped)]
        read_end, write_end = os.pipe()
        with subprocess.Popen(
            python("-c", RUNNER, *arguments, str(write_end)), stdout=subprocess.PIPE, pass_fds=[write_end], text=True
        ) as runner:
            os.close(write_end)
            assert runner.stdout is not None
            groups = [int(pid) for pid in runner.stdout.readline().split()]
            assert [len(living_members(group)) for group in groups] == [1, 1, 2]
            runner.kill()
        assert os.read(read_end, 1) == b""
        os.close(read_end)

        assert [living_members(group) for group in groups] == [[], [], []]
        assert stopped.read_text().split() == ["second", "first"]

    def test_a_closed_guard_stops_what_nobody_stopped(self, tmp_path: Path):
        with subprocess.Popen(python("-c", PAUSE), start_new_session=True) as child:
            with Guard(log=tmp_path / "guard.log") as guard:
                guard.watch(child.pid, signal.SIGTERM, 5)
            assert child.wait() == -signal.SIGTERM

    def test_what_was_stopped_in_order_is_left_alone(self, tmp_path: Path):
        with subprocess.Popen(python("-c", PAUSE), start_new_session=True) as child:
            with Guard(log=tmp_path / "guard.log") as guard:
                guard.watch(child.pid, signal.SIGTERM, 5)
                guard.forget(child.pid)
            assert child.poll() is None
            child.kill()


RUNNER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from rich.console import Console
from dev.guard import Guard
from dev.process import Command, python
from dev.supervisor import NotReady, Service, Supervisor

folder, announce, stubborn, stopped, pipe = sys.argv[1:]

def until(path):
    async def probe():
        if not Path(path).exists():
            raise NotReady(path)
    return probe

async def main():
    with Guard(log=Path(folder, "guard.log"), keep_open=(int(pipe),)) as guard:
        async with Supervisor(logs=Path(folder), guard=guard, console=Console(quiet=True)) as supervisor:
            pids = []
            for name in ("first", "second"):
                command = Command(name=name, argv=python("-c", announce, name, stopped))
                pids.append((await supervisor.start(Service(command=command, ready=until(stopped + "." + name)))).pid)
            ready = folder + "/ready"
            command = Command(name="stubborn", argv=python("-c", stubborn, ready), stop_within=timedelta(milliseconds=50))
            pids.append((await supervisor.start(Service(command=command, ready=until(ready)))).pid)
            print(*pids, flush=True)
            await supervisor.forever()

asyncio.run(main())
"""
