"""What shall happen by itself, and when: print steps, echoes, repeated callbacks.

Times are the emulator's clock, so a frozen clock holds everything still and setting it makes whatever is due happen at once, in
the order of the times at which it would have happened.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from dev.emulators.state import Clock

logger = logging.getLogger(__name__)

Job = Callable[[datetime], Awaitable[None]]
"""Receives the time at which it was due, which is the base for what follows from it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    due_at: datetime
    job: Job


class Agenda:
    """Jobs by key, each run once when due.

    While the clock runs, jobs with different keys run side by side and two with one key never do. What a changed or frozen clock
    makes due runs one after the other.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failures: list[Exception] = []
        self._changed = asyncio.Event()
        self._in_order = asyncio.Lock()

    def put(self, key: str, due_at: datetime, job: Job) -> None:
        """Enter a job; one with the same key that has not started yet is replaced."""
        self._entries[key] = _Entry(due_at, job)
        self._changed.set()

    def drop(self, key: str) -> None:
        """Take a job off; one that runs already is not stopped."""
        self._entries.pop(key, None)

    async def clear(self) -> None:
        """Drop every job and stop those that run."""
        self._entries.clear()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def settle(self) -> None:
        """Return when nothing is due and nothing runs; raises what jobs raised, because only a bug of the emulator does that."""
        await self._run_due_in_order()
        self._changed.set()
        if self._failures:
            failures, self._failures = self._failures, []
            raise ExceptionGroup("jobs of the emulator failed", failures)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run jobs as they become due, until the block ends."""
        loop = asyncio.create_task(self._serve())
        try:
            yield
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
            await self.clear()

    async def _serve(self) -> None:
        while True:
            self._changed.clear()
            if self._clock.frozen:
                await self._run_due_in_order()
            else:
                self._start_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._seconds_until_next())

    def _seconds_until_next(self) -> float | None:
        waiting = [entry.due_at for key, entry in self._entries.items() if key not in self._running]
        if not waiting or self._clock.frozen:
            return None
        return max((min(waiting) - self._clock.now()).total_seconds(), 0.0)

    async def _run_due_in_order(self) -> None:
        async with self._in_order:
            while self._running:
                await asyncio.wait(self._running.values())
            while due := self._due():
                await asyncio.wait([self._start(due[0])])

    def _start_due(self) -> None:
        for key in self._due():
            _ = self._start(key)

    def _start(self, key: str) -> asyncio.Task[None]:
        def ended(_: asyncio.Task[None]) -> None:
            del self._running[key]
            self._changed.set()

        task = asyncio.create_task(self._run(key, self._entries.pop(key)))
        self._running[key] = task
        task.add_done_callback(ended)
        return task

    def _due(self) -> list[str]:
        now = self._clock.now()
        due = [key for key, entry in self._entries.items() if entry.due_at <= now and key not in self._running]
        return sorted(due, key=lambda key: self._entries[key].due_at)

    async def _run(self, key: str, entry: _Entry) -> None:
        try:
            await entry.job(entry.due_at)
        except Exception as error:
            logger.exception("the emulator's job %s failed", key)
            self._failures.append(error)
