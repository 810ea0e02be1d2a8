"""The yardstick: what a workflow of an order's shape costs when nothing is in it. NEVER CHANGE THIS FILE.

Eight empty activities one after the other, two updates, four signals: about 76 events, no payload, no encryption, no search
attribute, no database. Results are compared as orders/s ÷ skeletons/s, measured in the same minutes on the same server, so that
they can be compared between machines and between versions of this project. That holds only as long as this file stays what it
was when the first result was written down: whoever wants another yardstick adds another file.

`python -m benchmarks.skeleton HOST:PORT` is its worker.
"""

import asyncio
import signal
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

TASK_QUEUE = "skeleton"

ACTIVITIES_OF_FIRST_UPDATE = 2
ACTIVITIES_OF_SECOND_UPDATE = 5
SIGNALS = 4


@activity.defn
async def nothing() -> None:
    """Do nothing."""


@workflow.defn
class Skeleton:
    """Waits for what an order waits for, and does nothing as often as an order does something."""

    def __init__(self) -> None:
        self._updates = 0
        self._signals = 0
        self._activities = 0

    @workflow.run
    async def run(self) -> None:
        """Two activities for the first update, five for the second, one after the signals."""
        await workflow.wait_condition(lambda: self._updates >= 1)
        await self._do_nothing(ACTIVITIES_OF_FIRST_UPDATE)
        await workflow.wait_condition(lambda: self._updates >= 2)
        await self._do_nothing(ACTIVITIES_OF_SECOND_UPDATE)
        await workflow.wait_condition(lambda: self._signals >= SIGNALS)
        await self._do_nothing(1)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    async def ask(self) -> None:
        """Answer when the activities that follow are done."""
        self._updates += 1
        first = self._updates == 1
        done = ACTIVITIES_OF_FIRST_UPDATE if first else ACTIVITIES_OF_FIRST_UPDATE + ACTIVITIES_OF_SECOND_UPDATE
        await workflow.wait_condition(lambda: self._activities >= done)

    @workflow.signal
    def tell(self) -> None:
        """Take news."""
        self._signals += 1

    async def _do_nothing(self, times: int) -> None:
        for _ in range(times):
            await workflow.execute_activity(nothing, start_to_close_timeout=timedelta(seconds=30))
            self._activities += 1


async def drive(client: Client, workflow_id: str) -> None:
    """Play one skeleton from its start to its result."""
    operation = WithStartWorkflowOperation(
        Skeleton.run, id=workflow_id, task_queue=TASK_QUEUE, id_conflict_policy=WorkflowIDConflictPolicy.FAIL
    )
    await client.execute_update_with_start_workflow(Skeleton.ask, start_workflow_operation=operation)
    handle = await operation.workflow_handle()
    await handle.execute_update(Skeleton.ask)
    for _ in range(SIGNALS):
        await handle.signal(Skeleton.tell)
    await handle.result()


async def serve(address: str) -> None:
    """Run the worker until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    worker = Worker(
        await Client.connect(address),
        task_queue=TASK_QUEUE,
        workflows=[Skeleton],
        activities=[nothing],
        max_concurrent_workflow_tasks=100,
        max_cached_workflows=500,
        max_concurrent_activities=50,
    )
    async with worker:
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
