"""Drawings as workflows: the same document is drawn once, however often and by however many processes it is asked for."""

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from api.errors import TryAgain
from api.order_client import PRIORITIES, our_errors
from models.design import Design, RenderDesign, RenderResult, render_workflow_id
from models.errors import OrderRefused
from models.order import Channel
from workflows.options import ORDERS_TASK_QUEUE
from workflows.render import RenderWorkflow

log = structlog.get_logger(__name__)


class RenderClient:
    """Has design documents drawn."""

    def __init__(self, client: Client, *, task_queue: str = ORDERS_TASK_QUEUE) -> None:
        self._client = client
        self._task_queue = task_queue

    async def draw(self, request: RenderDesign, *, channel: Channel, wait: timedelta) -> Design:
        """Return the drawing.

        Raises `OrderRefused` for a document that cannot be printed as it is, `TryAgain` when it takes longer than `wait`: the
        same request again finds the drawing that was begun.
        """
        with our_errors():
            async with asyncio.timeout(wait.total_seconds()):
                result = await self._result(await self._start(request, channel))
        if result.design is not None:
            return result.design
        if result.refusal is None:
            raise TryAgain
        raise OrderRefused(result.refusal.message, code=result.refusal.code, facts=result.refusal.facts)

    async def _start(self, request: RenderDesign, channel: Channel) -> WorkflowHandle[RenderWorkflow, RenderResult]:
        workflow_id = render_workflow_id(request.render_id)
        try:
            return await self._client.start_workflow(
                RenderWorkflow.run,
                request,
                id=workflow_id,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                static_summary=f"{request.document.template_id} for shell {request.shell_id}",
                priority=PRIORITIES[channel],
            )
        except WorkflowAlreadyStartedError:
            return self._client.get_workflow_handle_for(RenderWorkflow.run, workflow_id)

    async def _result(self, handle: WorkflowHandle[RenderWorkflow, RenderResult]) -> RenderResult:
        try:
            return await handle.result()
        except WorkflowFailureError as failure:
            log.warning("a design could not be drawn", workflow_id=handle.id, reason=repr(failure.cause))
            raise TryAgain from failure
