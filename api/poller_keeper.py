"""Keeps the status poller running and awake, and tells operators when what is due is not asked about.

It stands beside the poller and not in it: what keeps it must outlive it, and what watches it must not share its bugs.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from activities.ports import ReferenceBook
from api.ports import Notified
from models.errors import ProviderUnavailable
from models.production import PollerInput
from workflows.options import ORDERS_TASK_QUEUE
from workflows.poller import STATUS_POLLER_ID, StatusPoller

REFERENCES_CHANNEL = "references"

ROUND = timedelta(minutes=1)
"""A poller that has ended, whatever ended it, is back within this time; no message and no order is needed for it."""
LATE = timedelta(minutes=2)
"""What is due for so long was missed by a poller that sleeps: it is woken."""
OVERDUE = timedelta(minutes=10)
"""What is due for so long is a matter for a person."""
REMIND_EVERY = timedelta(minutes=10)
WAKE_PAUSE = timedelta(milliseconds=250)
"""Wake-ups come in bursts, and the poller needs one of each."""

log = structlog.get_logger(__name__)


class PollerKeeper:
    """Starts the poller, wakes it when somebody says that something is due, and looks after it once a minute."""

    def __init__(
        self,
        client: Client,
        references: ReferenceBook,
        *,
        every: timedelta = ROUND,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._references = references
        self._every = every
        self._clock = clock
        self._looked_at: datetime | None = None
        self._reminded_at: datetime | None = None

    async def run(self, notified: Notified) -> None:
        """Wake the poller whenever something is due at once, and look after it in between. An outage is waited out."""
        while True:
            heard = await notified.wait(self._until_the_next_look())
            try:
                if heard:
                    await self.wake()
                if self._until_the_next_look() <= timedelta(0):
                    self._looked_at = self._clock()
                    await self.look_after()
            except (ProviderUnavailable, RPCError) as outage:
                log.warning("the status poller cannot be looked after", reason=str(outage)[:200])
            if heard:
                await asyncio.sleep(WAKE_PAUSE.total_seconds())

    async def look_after(self) -> None:
        """Start the poller unless it runs, wake it if it has missed something, and raise the alarm if that has not helped."""
        await self._start()
        now = self._clock()
        late = await self._references.backlog(before=now - LATE)
        if late.since is None:
            self._reminded_at = None
            return
        await self.wake()
        is_told = self._reminded_at is not None and now - self._reminded_at < REMIND_EVERY
        if late.since < now - OVERDUE and not is_told:
            self._reminded_at = now
            log.error(
                "prints are not noticed: the status poller is stuck or does not keep up",
                references=late.count,
                due_since=late.since.isoformat(),
            )

    async def wake(self) -> None:
        """Have the poller ask now; one that does not run is started."""
        await self._start(start_signal="wake")

    async def _start(self, *, start_signal: str | None = None) -> None:
        await self._client.start_workflow(
            StatusPoller.run,
            PollerInput(),
            id=STATUS_POLLER_ID,
            task_queue=ORDERS_TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=start_signal,
            static_summary="asks the manufacturer about everything that is due",
        )

    def _until_the_next_look(self) -> timedelta:
        if self._looked_at is None:
            return timedelta(0)
        return max(self._looked_at + self._every - self._clock(), timedelta(0))
