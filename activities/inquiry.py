"""Asking the manufacturer about many references: a few calls at once, and one that fails costs the others nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from activities.ports import Manufacturer
from models.errors import ProviderError, ProviderRejected, ProviderUnavailable
from models.production import DueReference, PaymentReference, PollerDuty, PrintReference, ReferenceKind

LARGEST_CALL = 100
"""References in one call, whatever the manufacturer would take."""
CALLS_AT_ONCE = 4
"""Of each kind."""
OUTAGES_TO_GIVE_UP = 3
"""So many calls of a kind in a row that were not answered end the kind's round: the others would only wait for time-outs."""
WHY_LENGTH = 300

DUTIES = {ReferenceKind.PAYMENT: PollerDuty.PAYMENTS, ReferenceKind.PRINT: PollerDuty.PRINTS}


@dataclass(frozen=True)
class Answer:
    """What came of asking about one reference. `status` is None where the manufacturer does not know it, or did not answer."""

    entry: DueReference
    status: int | None
    is_answered: bool = True
    retry_after: timedelta | None = None


@dataclass
class _Desk:
    """The calls of one kind."""

    call: Callable[[list[str]], Awaitable[Mapping[str, int]]]
    seats: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_AT_ONCE))
    outages_in_a_row: int = 0

    @property
    def is_closed(self) -> bool:
        return self.outages_in_a_row >= OUTAGES_TO_GIVE_UP


class _Refused(Exception):
    """The manufacturer answered, and refused the call as a whole."""


class Inquiry:
    """The calls of one round. `done` and `failures` say what came of them, by the poller's duties."""

    def __init__(self, manufacturer: Manufacturer, *, batch_size: int, is_over: Callable[[], bool]) -> None:
        """`is_over` says whether it is too late to begin another call."""
        self._batch_size = min(batch_size, LARGEST_CALL)
        self._is_over = is_over
        self._desks = {
            ReferenceKind.PAYMENT: _Desk(_plain(manufacturer.payment_statuses, PaymentReference)),
            ReferenceKind.PRINT: _Desk(_plain(manufacturer.order_statuses, PrintReference)),
        }
        self.done: set[PollerDuty] = set()
        self.failures: dict[PollerDuty, str] = {}

    @property
    def is_hopeless(self) -> bool:
        """Whether the manufacturer has stopped to answer and nothing was heard of it at all."""
        return not self.done and any(desk.is_closed for desk in self._desks.values())

    async def ask(self, due: Sequence[DueReference]) -> list[Answer]:
        """Ask about all of them. What it was too late to ask about is left out of the answers."""
        calls = [
            self._ask(kind, batch)
            for kind in ReferenceKind
            for batch in _batches([entry for entry in due if entry.kind is kind], self._batch_size)
        ]
        return [answer for answers in await asyncio.gather(*calls) for answer in answers]

    async def _ask(self, kind: ReferenceKind, entries: Sequence[DueReference]) -> list[Answer]:
        try:
            return await self._call(kind, entries)
        except _Refused:
            return await self._narrow_down(kind, entries)

    async def _narrow_down(self, kind: ReferenceKind, refused: Sequence[DueReference]) -> list[Answer]:
        """Find the reference that a call was refused for, half by half; if both halves are refused it is none in particular."""
        if len(refused) == 1:
            return _unanswered(refused)
        answers: list[Answer] = []
        still_refused: list[Sequence[DueReference]] = []
        for half in _batches(refused, (len(refused) + 1) // 2):
            try:
                answers += await self._call(kind, half)
            except _Refused:
                still_refused.append(half)
        if len(still_refused) == 1:
            return answers + await self._narrow_down(kind, still_refused[0])
        return answers + [answer for half in still_refused for answer in _unanswered(half)]

    async def _call(self, kind: ReferenceKind, entries: Sequence[DueReference]) -> list[Answer]:
        desk, duty = self._desks[kind], DUTIES[kind]
        async with desk.seats:
            if self._is_over():
                return []
            if desk.is_closed:
                return _unanswered(entries)
            try:
                statuses = await desk.call([entry.reference for entry in entries])
            except ProviderRejected as refusal:
                self._note(duty, refusal, entries)
                raise _Refused from refusal
            except ProviderError as outage:
                self._note(duty, outage, entries)
                desk.outages_in_a_row += 1
                return _unanswered(entries, outage)
            desk.outages_in_a_row = 0
            self.done.add(duty)
            return [Answer(entry, statuses.get(entry.reference)) for entry in entries]

    def _note(self, duty: PollerDuty, failure: ProviderError, entries: Sequence[DueReference]) -> None:
        """The last one noted is the one that was narrowed down furthest."""
        about = entries[0].reference if len(entries) == 1 else f"{len(entries)} references"
        self.failures[duty] = f"{about}: {type(failure).__name__}: {failure.message}"[:WHY_LENGTH]


def _plain(
    call: Callable[[Any], Awaitable[Any]], reference: Callable[[str], Any]
) -> Callable[[list[str]], Awaitable[Mapping[str, int]]]:
    async def statuses(references: list[str]) -> Mapping[str, int]:
        return cast("Mapping[str, int]", await call([reference(each) for each in references]))

    return statuses


def _unanswered(entries: Sequence[DueReference], failure: ProviderError | None = None) -> list[Answer]:
    retry_after = failure.retry_after if isinstance(failure, ProviderUnavailable) else None
    return [Answer(entry, None, is_answered=False, retry_after=retry_after) for entry in entries]


def _batches(entries: Sequence[DueReference], size: int) -> list[Sequence[DueReference]]:
    return [entries[start : start + size] for start in range(0, len(entries), size)]
