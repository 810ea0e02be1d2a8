"""The runner's command line, its hold on the data folder, and its answer to Ctrl-C."""

import asyncio
import os
import signal
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from config.settings import Settings
from dev.__main__ import parse
from dev.emulators.__main__ import build
from dev.guard import Guard
from dev.process import RunnerError, python
from dev.runner import claimed, stopped_by_signals
from dev.supervisor import Supervisor
from dev.world import Ports, environment

HOLDER = """
import os, sys
from pathlib import Path
from rich.console import Console
from dev.runner import claimed
with claimed(Path(sys.argv[1]), Console(quiet=True)):
    print("held", flush=True)
    sys.stdin.read()
"""


class TestCommandLine:
    def test_an_offset_moves_every_port(self):
        ports = parse(["--port-offset", "100"]).ports
        assert (ports.api, ports.temporal, ports.s3, ports.storefront) == (8100, 7333, 8204, 5273)

    def test_a_named_port_wins_over_the_offset(self):
        ports = parse(["--port-offset", "100", "--temporal-ui-port", "9000"]).ports
        assert (ports.temporal_ui, ports.api) == (9000, 8100)

    def test_playing_one_order_and_playing_none_contradict_each_other(self, capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit):
            parse(["--once", "--no-order"])
        assert "--once plays an order; --no-order plays none" in capsys.readouterr().err


class TestEnvironment:
    def test_it_is_accepted_by_the_settings(self, monkeypatch: pytest.MonkeyPatch):
        """Every variable that the processes need is there, with a value of the right form."""
        for name, value in environment(Ports(), "postgresql+asyncpg://postgres@/pimpmycase?host=/tmp").items():
            monkeypatch.setenv(name, value)
        settings = Settings(_env_file=None)
        assert settings.storage.endpoint_url == "http://127.0.0.1:8104"

    def test_a_moved_world_is_moved_as_a_whole(self):
        """No address of the world at the usual ports is left in one that was moved."""
        usual = environment(Ports(), "x")
        moved = environment(Ports().moved_by(1000), "x")
        addresses = {name for name, value in usual.items() if "127.0.0.1:" in value}
        assert addresses
        assert [name for name in addresses if usual[name] == moved[name]] == []

    def test_emulators_listen_where_the_settings_look_for_them(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        ports = Ports().moved_by(1000)
        for name, value in environment(ports, "postgresql+asyncpg://postgres@/x").items():
            monkeypatch.setenv(name, value)
        apps = build(Settings(_env_file=None), tmp_path)
        assert apps.keys() == {ports.stripe, ports.manufacturer, ports.gemini, ports.s3, ports.storefront}


class TestDataFolder:
    def test_a_second_run_is_refused_and_told_about_the_first(self, tmp_path: Path):
        with (
            subprocess.Popen(python("-c", HOLDER, str(tmp_path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first,
        ):
            assert first.stdout is not None
            first.stdout.readline()
            with (
                pytest.raises(RunnerError, match=rf"Another run \(process {first.pid}\) uses "),
                claimed(tmp_path, Console(quiet=True)),
            ):
                pass
            first.kill()

    def test_a_killed_runs_folder_is_free_again(self, tmp_path: Path):
        with subprocess.Popen(python("-c", HOLDER, str(tmp_path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
            assert first.stdout is not None
            first.stdout.readline()
            first.kill()
        with claimed(tmp_path, Console(quiet=True)):
            assert (tmp_path / "lock").read_text() == str(os.getpid())

    def test_the_guard_of_a_killed_run_keeps_it_until_the_last_child_has_stopped(self, tmp_path: Path):
        """The folder is handed over only when the guard has ended, although the runner itself is long gone."""
        log = tmp_path / "stopped"
        stubborn = "import pathlib, signal, sys, time\nprint('up', flush=True)\nsignal.sigwait([signal.SIGTERM])"
        slow_stop = f"signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n{stubborn}\npathlib.Path(sys.argv[1]).touch()"
        command = python("-c", f"import signal\n{slow_stop}", str(log))
        with claimed(tmp_path, Console(quiet=True)) as lock:
            guard = Guard(log=tmp_path / "guard.log", keep_open=(lock,))
            child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
            assert child.stdout is not None
            child.stdout.readline()
            guard.watch(child.pid, signal.SIGTERM, 30)
            (tmp_path / "lock").write_text("0")
        assert guard._process.stdin is not None
        guard._process.stdin.close()
        with claimed(tmp_path, Console(quiet=True)):
            assert log.exists()
        child.stdout.close()
        child.wait()
        guard.close()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_of_somebody_else_is_named(self, tmp_path: Path):
        tmp_path.chmod(0o500)
        with pytest.raises(RunnerError, match="belongs to somebody else"), claimed(tmp_path / "data", Console(quiet=True)):
            pass


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_run_in_order(tmp_path: Path, guard: Guard, name: signal.Signals):
    supervisor = Supervisor(logs=tmp_path, guard=guard, console=Console(file=StringIO()))
    inside = asyncio.Event()

    async def run() -> None:
        with stopped_by_signals(supervisor):
            async with supervisor:
                inside.set()
                await supervisor.forever()

    task = asyncio.create_task(run())
    await inside.wait()
    os.kill(os.getpid(), name)
    with pytest.raises(asyncio.CancelledError):
        await task
