"""What is measured from the outside: processor time of process trees, histories, statements in the database's log."""

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg
import psutil
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory

_WORKFLOW_TASKS = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
}
_TIMERS = {EventType.EVENT_TYPE_TIMER_STARTED, EventType.EVENT_TYPE_TIMER_FIRED, EventType.EVENT_TYPE_TIMER_CANCELED}
LABEL = 160
"""Characters of a statement that tell it from the others."""

_RECORD = "record"
"""The activity that only writes down a step which a timer or a person has entered."""


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: a value that was measured, not one between two."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * percent / 100), 1) - 1]


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, of its living descendants, and of those that have ended.

    Of this process itself only its own time counts: everything else that is measured descends from it.
    """
    leader = psutil.Process(pid)
    if pid == os.getpid():
        own = leader.cpu_times()
        return own.user + own.system
    total = 0.0
    for process in [leader, *leader.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


class CpuMeter:
    """Processor seconds of named process trees since the meter was made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = self._read()

    def used(self) -> dict[str, float]:
        return {name: seconds - self._before[name] for name, seconds in self._read().items()}

    def _read(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self._pids.items()}


@dataclass(frozen=True)
class HistorySize:
    """One workflow's history. `core` is what the budget of 80 is about; all `events` together have a budget of 110."""

    events: int
    size: int
    upserts: int
    timers: int
    record_activities: int
    workflow_tasks: int

    @property
    def core(self) -> int:
        return self.events - self.upserts - self.timers - self.record_activities

    @classmethod
    def of(cls, history: WorkflowHistory) -> Self:
        events = history.events
        kinds = Counter(event.event_type for event in events)
        return cls(
            events=len(events),
            size=sum(event.ByteSize() for event in events),
            upserts=kinds[EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES],
            timers=sum(kinds[kind] for kind in _TIMERS),
            record_activities=kinds[EventType.EVENT_TYPE_MARKER_RECORDED] + _events_of(_RECORD, events),
            workflow_tasks=sum(kinds[kind] for kind in _WORKFLOW_TASKS),
        )


def _events_of(activity: str, events: Sequence[HistoryEvent]) -> int:
    """Count the events of an activity type: scheduled, started, completed. As a local activity it is a marker instead."""
    scheduled = {event.event_id for event in events if _scheduled(event) == activity}
    later = (
        event.activity_task_started_event_attributes.scheduled_event_id
        or event.activity_task_completed_event_attributes.scheduled_event_id
        for event in events
    )
    return len(scheduled) + sum(event_id in scheduled for event_id in later)


def _scheduled(event: HistoryEvent) -> str:
    return event.activity_task_scheduled_event_attributes.activity_type.name


async def history_sizes(client: Client, workflow_ids: Iterable[str]) -> list[HistorySize]:
    return [HistorySize.of(await client.get_workflow_handle(name).fetch_history()) for name in workflow_ids]


@dataclass(frozen=True)
class RoundTrips:
    """What was asked of PostgreSQL, by application name and by statement."""

    by_application: Mapping[str, int]
    by_statement: Sequence[tuple[str, str, int]]
    """(application, beginning of the statement, times), the most frequent first."""

    @property
    def total(self) -> int:
        return sum(self.by_application.values())


class StatementLog:
    """Counts round trips in the server's own log, which is switched on for as long as the block lasts.

    Of the extended protocol `parse` is a round trip (asyncpg prepares a statement once per connection), and so is `execute`,
    which `bind` travels with; of the simple protocol every `statement` is one, BEGIN and COMMIT included.
    """

    _ENTRY = re.compile(
        r"^(?P<application>[^|\n]*)\|LOG:  duration: \S+ ms  (?P<kind>parse|bind|execute|statement)\b[^:\n]*: "
        r"(?P<sql>.*(?:\n\t.*)*)",
        re.MULTILINE,
    )
    """A statement of several lines goes on below its first, indented by a tab."""
    _SETTINGS: Mapping[str, str] = {
        "log_min_duration_statement": "0",
        "log_line_prefix": "'%a|'",
        "log_parameter_max_length": "0",
    }

    def __init__(self, connection: asyncpg.Connection, log: Path, *, applications: Sequence[str]) -> None:
        self._connection = connection
        self._log = log
        self._applications = applications
        self._start = 0

    async def __aenter__(self) -> Self:
        for name, value in self._SETTINGS.items():
            await self._connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        await self._connection.execute("SELECT pg_reload_conf()")
        self._start = self._log.stat().st_size
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in self._SETTINGS:
            await self._connection.execute(f"ALTER SYSTEM RESET {name}")
        await self._connection.execute("SELECT pg_reload_conf()")

    def read(self) -> RoundTrips:
        """Count what has been logged since the block began."""
        with self._log.open("rb") as file:
            file.seek(self._start)
            text = file.read().decode(errors="replace")
        asked: Counter[tuple[str, str]] = Counter()
        for found in self._ENTRY.finditer(text):
            if found["kind"] != "bind" and found["application"] in self._applications:
                label = "prepare" if found["kind"] == "parse" else " ".join(found["sql"].split())[:LABEL]
                asked[found["application"], label] += 1
        by_application: Counter[str] = Counter()
        for (application, _), times in asked.items():
            by_application[application] += times
        return RoundTrips(dict(by_application), [(*key, times) for key, times in asked.most_common()])
