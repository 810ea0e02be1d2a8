"""One child process: how it is started, what it wrote, how it is stopped."""

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dev.guard import ROOT, Guard, living_members

LAST_LINES = 15


class RunnerError(Exception):
    """Something that the person at the keyboard can understand and mend; the message is one sentence."""


class PortInUse(RunnerError):
    """Somebody else listens where we want to."""


class MissingBinary(RunnerError):
    """A program that the environment should contain is not there."""


class ChildDied(RunnerError):
    """A child ended although nobody asked it to."""


class NotReadyInTime(RunnerError):
    """A child runs but does not answer."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The operating-system account that a child runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Command:
    """How one child is started and stopped.

    `listens_on` maps the option that moves a port to the port: it is what "already in use" names. `env` is added to ours.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    listens_on: Mapping[str, int] = field(default_factory=dict)
    account: Account | None = None
    cwd: Path = ROOT
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: timedelta = timedelta(seconds=10)


class Process:
    """A running child: leader of its own process group, its output in a file, known to the guard.

    Raises `PortInUse` or `MissingBinary` instead of starting a child that could only fail.
    """

    def __init__(self, command: Command, *, logs: Path, guard: Guard) -> None:
        self.command = command
        self.log = logs / f"{command.name}.log"
        self._guard = guard
        for option, port in command.listens_on.items():
            require_free_port(port, used_by=command.name, option=option)
        self._popen = self._start()
        guard.watch(self.pid, command.stop_signal, command.stop_within.total_seconds())

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    def stop(self) -> None:
        """Ask, wait, insist. Nothing of the process group is left afterwards; safe to repeat."""
        if self.returncode is None:
            self._popen.send_signal(self.command.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(self.command.stop_within.total_seconds())
        self.kill()

    def kill(self) -> None:
        """End the whole process group at once; returns when nobody of it is left."""
        with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        # A grandchild is not ours to wait for, and dies a moment after the signal.
        deadline = time.monotonic() + 5
        while living_members(self.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._guard.forget(self.pid)

    def obituary(self) -> str:
        """One sentence on how it ended, then the last lines that it wrote."""
        code = self._popen.wait()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join([f"{self.command.name} {how}; its log is {self.log}:", *(f"  {line}" for line in lines)])

    def _start(self) -> subprocess.Popen[bytes]:
        command = self.command
        # Each start has a log of its own; the one before is kept beside it.
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".previous.log"))
        # Unbuffered: the last words of a child that is killed are the ones that matter.
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **command.env}
        with self.log.open("wb") as output:
            try:
                return subprocess.Popen(
                    command.argv,
                    env=env,
                    cwd=command.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=command.account.uid if command.account else None,
                    group=command.account.gid if command.account else None,
                    extra_groups=[] if command.account else None,
                )
            except FileNotFoundError as error:
                raise MissingBinary(f"{command.name} cannot start: {command.argv[0]} does not exist.") from error


def require_free_port(port: int, *, used_by: str, option: str) -> None:
    """Raise `PortInUse` when something on this machine already listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortInUse(
                f"Port {port} ({used_by}) is already in use: stop what listens there, "
                f"or choose another with {option}, or move all of them with --port-offset."
            ) from error


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str) -> str:
    """The path of a program that the environment's packages installed; `MissingBinary` says how to get it back."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise MissingBinary(f"{path} is missing; `make clean` and then `make run` install the environment again.")
    return str(path)


def python(*arguments: str) -> list[str]:
    """The command line of one of our own modules, in the interpreter that runs now."""
    return [sys.executable, *arguments]
