"""Whether this process can serve: asked of what it needs, answered from memory for a few seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import structlog

from models.generation import GenerationPolicy

log = structlog.get_logger(__name__)

Probe = Callable[[], Awaitable[object]]

FRESH_FOR: Final = 5.0
"""Seconds that an answer is given again: monitors, hosts and every storefront ask, and each question costs three calls."""
PATIENCE: Final = 2.0
"""Seconds until a part that does not answer counts as not there."""
DATABASE: Final = "database"
"""The part without which nothing can be answered; without the others catalogue and order status still can."""


class StaleCountError(Exception):
    """A machine was not counted for so long that a person should look."""


class SpentError(Exception):
    """Nobody gets an AI picture any more until older ones are a day old, or a person allows more."""


class Condition(StrEnum):
    """What a monitor acts on."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Report:
    """What answered, part by part."""

    parts: Mapping[str, bool]

    @property
    def condition(self) -> Condition:
        if not self.parts[DATABASE]:
            return Condition.UNAVAILABLE
        return Condition.HEALTHY if all(self.parts.values()) else Condition.DEGRADED


class CountsStock(Protocol):
    """What knows how old the oldest count is that we sell by."""

    async def oldest_count(self) -> datetime | None:
        """Return its age, None while one is missing."""


def fresh_stock(stock: CountsStock, clock: Callable[[], datetime], stale_after: timedelta) -> Probe:
    """Make a probe of the age of what we sell by: cases are sold by an old count all the same, and a person should know."""

    async def probe() -> None:
        taken_at = await stock.oldest_count()
        if taken_at is None:
            raise StaleCountError("a machine in service was never counted")
        if clock() - taken_at > stale_after:
            raise StaleCountError(f"a machine was last counted at {taken_at:%Y-%m-%d %H:%M} UTC")

    return probe


class CountsSpending(Protocol):
    """What knows what AI pictures have cost in the last 24 hours."""

    async def has_room(self, policy: GenerationPolicy, *, at: datetime) -> bool:
        """Say whether one more may be made."""


def unspent_artwork(spending: CountsSpending, clock: Callable[[], datetime], policy: GenerationPolicy) -> Probe:
    """Make a probe of the daily spend: cases are sold without AI all the same, and a person should know."""

    async def probe() -> None:
        if not await spending.has_room(policy, at=clock()):
            raise SpentError(f"the {policy.daily_spend} pence for AI pictures in 24 hours are used up")

    return probe


class Health:
    """Asks all parts at once, at most once per `FRESH_FOR`, however many ask."""

    def __init__(
        self, probes: Mapping[str, Probe], *, patience: float = PATIENCE, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._probes = probes
        self._patience = patience
        self._now = now
        self._lock = asyncio.Lock()
        self._report: Report | None = None
        self._fresh_until = 0.0

    async def report(self) -> Report:
        """Return who answers."""
        async with self._lock:
            if self._report is None or self._now() >= self._fresh_until:
                answers = await asyncio.gather(*(self._ask(name, probe) for name, probe in self._probes.items()))
                self._report = Report(dict(zip(self._probes, answers, strict=True)))
                self._fresh_until = self._now() + FRESH_FOR
            return self._report

    async def _ask(self, name: str, probe: Probe) -> bool:
        """What went wrong is for the log, not for strangers."""
        try:
            async with asyncio.timeout(self._patience):
                await probe()
        except Exception as error:  # noqa: BLE001 - whatever it is, the part cannot be used
            log.warning("a part does not answer, or not as it should", part=name, reason=repr(error)[:300])
            return False
        return True
