"""Starts children in order, says when each is ready, notices when one dies, stops them in reverse order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from rich.console import Console

from dev.guard import Guard
from dev.process import ChildDied, Command, NotReadyInTime, Process

T = TypeVar("T")

_POLL = 0.05
_PROBE_ERRORS = (OSError, RuntimeError, httpx.HTTPError)


class NotReady(RuntimeError):
    """A probe's way to say "ask again in a moment"."""


Probe = Callable[[], Awaitable[None]]
"""Returns when the service answers; raises `NotReady`, `OSError` or a client library's error while it does not."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A child that stays: its command, what must be done before it starts, how to see that it answers."""

    command: Command
    ready: Probe
    prepare: Callable[[], None] = lambda: None
    start_within: timedelta = timedelta(seconds=30)


class Supervisor:
    """Owns the children. Leaving its block stops them all, the last started first, whatever happened inside.

    Raises `RunnerError`s only, apart from bugs; `console` gets one line per child.
    """

    def __init__(self, *, logs: Path, guard: Guard, console: Console) -> None:
        self._logs = logs
        self._guard = guard
        self._console = console
        self._children: list[Process] = []
        self._services: dict[str, Service] = {}
        self._status = console.status("")
        self._activities: list[str] = []

    async def start(self, service: Service) -> Process:
        """Start a service and wait until it answers; raises `ChildDied` if this or any other child ends meanwhile."""
        begun = time.monotonic()
        name = service.command.name
        with self._showing(f"starting {name}"):
            await self.watch(asyncio.to_thread(service.prepare))
            child = Process(service.command, logs=self._logs, guard=self._guard)
            self._children.append(child)
            self._services[name] = service
            await self.watch(self._until_ready(service))
        self._console.print(f"[green]✓[/green] {name:<12} {time.monotonic() - begun:4.1f} s")
        return child

    async def run(self, command: Command, *, within: timedelta = timedelta(minutes=2)) -> None:
        """Run a command to its end; raises `ChildDied` unless it ends with 0."""
        begun = time.monotonic()
        with self._showing(command.name):
            task = Process(command, logs=self._logs, guard=self._guard)
            try:
                await self.watch(self._until_finished(task, within))
            finally:
                await asyncio.to_thread(task.kill)
        self._console.print(f"[green]✓[/green] {command.name:<12} {time.monotonic() - begun:4.1f} s")

    def child(self, name: str) -> Process:
        """Return the running child of this name; raises `KeyError`."""
        for child in self._children:
            if child.command.name == name:
                return child
        raise KeyError(name)

    async def end(self, name: str, *, at_once: bool = False) -> Service:
        """Stop one child, or `kill -9` it; returns its service, with which `start` brings it back. Raises `KeyError`."""
        child = self.child(name)
        # Nobody who watches may take this death for an accident.
        self._children.remove(child)
        try:
            await asyncio.to_thread(child.kill if at_once else child.stop)
        except BaseException:
            self._children.append(child)
            raise
        return self._services[name]

    async def watch(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, but raise `ChildDied` as soon as a child ends."""
        task = asyncio.ensure_future(work)
        death = asyncio.ensure_future(self._first_death())
        try:
            await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise ChildDied(death.result())
        finally:
            for loser in (task, death):
                loser.cancel()
            await asyncio.gather(task, death, return_exceptions=True)

    async def forever(self) -> None:
        """Until a child dies or somebody cancels."""
        await self.watch(asyncio.Event().wait())

    def kill(self) -> None:
        """For the impatient: end every child at once, from a signal handler or another thread."""
        for child in reversed(self._children):
            child.kill()

    async def stop(self) -> None:
        """Stop every child, the last started first."""
        while self._children:
            child = self._children[-1]
            with self._showing(f"stopping {child.command.name}"):
                await asyncio.to_thread(child.stop)
            self._children.pop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Shielded: a second Ctrl-C shortens the waiting (see `kill`), it never leaves children behind.
        stopping = asyncio.ensure_future(self.stop())
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                self.kill()
        stopping.result()

    @contextmanager
    def _showing(self, activity: str) -> Iterator[None]:
        """Show what is going on; several things may be, but a terminal has one status line."""
        self._activities.append(activity)
        self._status.update(", ".join(self._activities))
        self._status.start()
        try:
            yield
        finally:
            self._activities.remove(activity)
            self._status.update(", ".join(self._activities))
            if not self._activities:
                self._status.stop()

    async def _first_death(self) -> str:
        while True:
            for child in self._children:
                if child.returncode is not None:
                    return child.obituary()
            await asyncio.sleep(_POLL)

    @staticmethod
    async def _until_finished(task: Process, within: timedelta) -> None:
        deadline = time.monotonic() + within.total_seconds()
        while task.returncode is None:
            if time.monotonic() > deadline:
                raise NotReadyInTime(f"{task.command.name} is not done after {within.seconds} s; its log is {task.log}")
            await asyncio.sleep(_POLL)
        if task.returncode != 0:
            raise ChildDied(task.obituary())

    async def _until_ready(self, service: Service) -> None:
        deadline = time.monotonic() + service.start_within.total_seconds()
        while True:
            try:
                await service.ready()
            except _PROBE_ERRORS as error:
                if time.monotonic() > deadline:
                    name, seconds = service.command.name, service.start_within.seconds
                    log = self._logs / f"{name}.log"
                    raise NotReadyInTime(f"{name} does not answer after {seconds} s ({error}); its log is {log}") from error
            else:
                return
            await asyncio.sleep(_POLL)


async def together(*work: Coroutine[Any, Any, Any]) -> None:
    """Do things at the same time; the first error ends the others and is raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answers(url: str) -> Probe:
    """A probe: the URL answers with a status below 400."""

    async def probe() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            response = await http.get(url)
        if response.is_error:
            raise NotReady(f"{url} answers {response.status_code}")

    return probe


def all_of(probes: Iterable[Probe]) -> Probe:
    """A probe: each of them succeeds."""
    every = list(probes)

    async def probe() -> None:
        for each in every:
            await each()

    return probe
