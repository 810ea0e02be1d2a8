"""Generations as workflows: started once for each attempt, waited for, looked after."""

import asyncio
from datetime import timedelta
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.errors import TryAgain
from api.handles import design_handle
from api.order_client import PRIORITIES, our_errors
from models.generation import GenerateImage, GenerationResult, design_workflow_id
from workflows.design import NOT_MADE, DesignWorkflow
from workflows.options import ORDERS_TASK_QUEUE


class AttemptEnded(Exception):
    """This attempt is over: its row says how, or it ended without a trace."""


class GenerationClient:
    """Starts generations and waits for them. Every method may be repeated: the id of an attempt makes a repeat the same."""

    def __init__(self, client: Client, *, call_timeout: timedelta, task_queue: str = ORDERS_TASK_QUEUE) -> None:
        self._client = client
        self._call_timeout = call_timeout.total_seconds()
        self._task_queue = task_queue

    async def start(self, wish: GenerateImage) -> None:
        """Start the attempt unless it runs already. Raises `AttemptEnded` and `TryAgain`."""
        with our_errors():
            try:
                async with asyncio.timeout(self._call_timeout):
                    await self._client.start_workflow(
                        DesignWorkflow.run,
                        wish,
                        id=design_workflow_id(wish.generation_id),
                        task_queue=self._task_queue,
                        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                        static_summary=f"{wish.template_id}, attempt {wish.attempt}",
                        priority=PRIORITIES[wish.channel],
                    )
            except WorkflowAlreadyStartedError as ended:
                raise AttemptEnded from ended

    async def result(self, generation_id: UUID, *, wait: timedelta) -> GenerationResult | None:
        """Return how it ended; None when that takes longer than `wait`. Raises `TryAgain`, also when it was canceled."""
        handle = design_handle(self._client, generation_id)
        patience = asyncio.timeout(wait.total_seconds())
        with our_errors():
            try:
                async with patience:
                    return await handle.result()
            except WorkflowFailureError as error:
                raise TryAgain(NOT_MADE) from error
            except TimeoutError:
                if not patience.expired():
                    raise
                return None

    async def is_running(self, generation_id: UUID) -> bool:
        """Ask Temporal. Raises `TryAgain` when it does not answer."""
        with our_errors():
            try:
                async with asyncio.timeout(self._call_timeout):
                    found = await design_handle(self._client, generation_id).describe()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
        return found.status is WorkflowExecutionStatus.RUNNING
