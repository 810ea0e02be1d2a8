"""Stops our child processes when the process that started them can no longer do it.

`kill -9` leaves a runner no time to stop what it started. So a guard runs beside it: a process of its own, in a session of its
own, whose standard input is a pipe from the runner. When the pipe ends, the runner is gone, and the guard stops whatever is
still on its list, newest first, as the runner would have done. It needs no operating system feature beyond pipes and process
groups, and it reaches grandchildren too, which Linux's parent-death signal does not.

One line on the pipe per fact: `+<pid> <signal> <seconds>` after a start, `-<pid>` after a stop; a child leads its own group.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

ROOT = Path(__file__).parent.parent
_POLL = 0.05


class Guard:
    """The runner's end: tell it who was started and who has stopped, close it when everything has.

    The guard inherits `keep_open`: a lock held on such a file descriptor is released only when the last child has stopped.
    """

    def __init__(self, *, log: Path, keep_open: tuple[int, ...] = ()) -> None:
        with log.open("a") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dev.guard"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=keep_open,
                text=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch(self, pid: int, stop_signal: signal.Signals, stop_within: float) -> None:
        self._tell(f"+{pid} {stop_signal.value} {stop_within}")

    def forget(self, pid: int) -> None:
        self._tell(f"-{pid}")

    def close(self) -> None:
        """End the guard; children that are still on its list are stopped first."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _tell(self, line: str) -> None:
        if self._process.stdin is None:  # pragma: no cover - Popen was asked for a pipe
            return
        # A dead guard must not keep the runner from stopping its children itself.
        with suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


@dataclass
class _Watched:
    pid: int
    stop_signal: int
    stop_within: float
    leader: psutil.Process | None = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.leader = psutil.Process(self.pid)
        except psutil.NoSuchProcess:
            self.leader = None

    def members(self) -> list[psutil.Process]:
        """Living processes of the group; none when its number belongs to a stranger by now."""
        if psutil.pid_exists(self.pid) and (self.leader is None or not self.leader.is_running()):
            return []
        return living_members(self.pid)

    def stop(self) -> None:
        if self.leader is not None and self.leader.is_running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, self.stop_signal)
        deadline = time.monotonic() + self.stop_within
        while self.members() and time.monotonic() < deadline:
            time.sleep(_POLL)
        for process in self.members():
            with suppress(psutil.NoSuchProcess):
                process.kill()


def living_members(group: int) -> list[psutil.Process]:
    """The processes of a process group that are neither gone nor zombies."""
    members = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def _read(lines: list[str] | None = None) -> list[_Watched]:
    watched: dict[int, _Watched] = {}
    for line in sys.stdin if lines is None else lines:
        kind, fields = line[0], line[1:].split()
        if kind == "+":
            watched[int(fields[0])] = _Watched(int(fields[0]), int(fields[1]), float(fields[2]))
        else:
            watched.pop(int(fields[0]), None)
    return list(watched.values())


def main() -> None:
    # The terminal's Ctrl-C and the end of a session are the runner's business; the guard outlives both.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    for watched in reversed(_read()):
        watched.stop()


if __name__ == "__main__":
    main()
