"""Orders as workflows: what the front door asks of them, and what their answers and failures mean to a caller."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import structlog
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.errors import TryAgain, from_temporal
from api.handles import order_handle
from models.approval import ApproveArtwork, ArtworkView, SubmitDesign
from models.order import Channel, Checkout, CheckoutRequest, OrderInput, OrderResult, Quote, order_workflow_id
from models.payment import PaymentReport, PaymentView
from workflows.attributes import CHANNEL, MACHINE_ID
from workflows.options import ORDERS_TASK_QUEUE
from workflows.order import OrderWorkflow

PRIORITIES = {
    Channel.MACHINE: Priority(priority_key=1),
    Channel.APP: Priority(priority_key=2),
    Channel.WEB: Priority(priority_key=3),
}
"""Whoever stands at a machine is served before those who wait at home, in every queue and at every step."""

log = structlog.get_logger(__name__)


class OrderClient:
    """Starts orders and talks to them. Every method may be repeated: ids make a repeat the same request."""

    def __init__(self, client: Client, *, task_queue: str = ORDERS_TASK_QUEUE) -> None:
        self._client = client
        self._task_queue = task_queue

    async def checkout(
        self, order: OrderInput, request: CheckoutRequest, quote: Quote, *, update_id: str, wait: timedelta
    ) -> Checkout:
        """Start the order unless it runs already, and have its checkout opened: one call, so neither is done without the other.

        Raises `OrderRefused` (`ORDER_CLOSED` for an order that is over), `TryAgain` when the answer takes longer than `wait`.
        """
        try:
            return await self._start_with_checkout(order, request, quote, update_id=update_id, wait=wait)
        except RPCError as error:
            _check_attributes_are_unknown(error)
        return await self._start_with_checkout(order, request, None, update_id=update_id, wait=wait)

    async def submit_design(
        self, order: OrderInput, design: SubmitDesign, *, device_id: str, update_id: str, wait: timedelta
    ) -> ArtworkView | None:
        """Start the order unless it runs already, and have its picture made; None while that takes longer than `wait`.

        Raises `OrderRefused` for an order that is over or approved, `TryAgain` where it is not known whether the design arrived.
        """
        attributes = _attributes(order.channel, device_id)
        try:
            return await self._start_with_design(order, design, attributes, update_id=update_id, wait=wait)
        except RPCError as error:
            _check_attributes_are_unknown(error)
        return await self._start_with_design(order, design, TypedSearchAttributes.empty, update_id=update_id, wait=wait)

    async def _start_with_design(
        self, order: OrderInput, design: SubmitDesign, attributes: TypedSearchAttributes, *, update_id: str, wait: timedelta
    ) -> ArtworkView | None:
        operation = self._start(order, f"{design.brand} {design.model}", attributes)
        with our_errors():
            async with asyncio.timeout(wait.total_seconds()):
                update = await self._client.start_update_with_start_workflow(
                    OrderWorkflow.submit_design,
                    design,
                    start_workflow_operation=operation,
                    wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                    id=update_id,
                )
            try:
                async with asyncio.timeout(wait.total_seconds()):
                    return await update.result()
            except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
                return None

    async def artwork(self, order_id: UUID, *, wait: timedelta) -> ArtworkView:
        """Return where the picture of an order stands. Raises `NotFound`, `TryAgain`."""
        with our_errors():
            async with asyncio.timeout(wait.total_seconds()):
                return await order_handle(self._client, order_id).query(OrderWorkflow.artwork)

    async def approve_artwork(self, order_id: UUID, approval: ApproveArtwork, *, update_id: str, wait: timedelta) -> Checkout:
        """Approve the picture of an order and have its checkout opened.

        Raises `OrderRefused` for another picture than the one that stands, `NotFound`, `TryAgain`.
        """
        with our_errors():
            async with asyncio.timeout(wait.total_seconds()):
                return await order_handle(self._client, order_id).execute_update(
                    OrderWorkflow.approve_artwork, approval, id=update_id
                )

    async def report_payment(self, order_id: UUID, report: PaymentReport, *, update_id: str, wait: timedelta) -> PaymentView:
        """Have the order look whether it is paid, and wait until the manufacturer has accepted it.

        Raises `NotFound` for an order that has closed, `TryAgain` when the answer takes longer than `wait`.
        """
        handle = order_handle(self._client, order_id)
        with our_errors():
            async with asyncio.timeout(wait.total_seconds()):
                return await handle.execute_update(OrderWorkflow.report_payment, report, id=update_id)

    async def _start_with_checkout(
        self, order: OrderInput, request: CheckoutRequest, attributes_from: Quote | None, *, update_id: str, wait: timedelta
    ) -> Checkout:
        attributes = _attributes(attributes_from.channel, attributes_from.product.device_id) if attributes_from else None
        operation = self._start(order, f"{request.brand} {request.model}", attributes or TypedSearchAttributes.empty)
        with our_errors():
            async with asyncio.timeout(wait.total_seconds()):
                return await self._client.execute_update_with_start_workflow(
                    OrderWorkflow.checkout, request, start_workflow_operation=operation, id=update_id
                )

    def _start(
        self, order: OrderInput, what: str, attributes: TypedSearchAttributes
    ) -> WithStartWorkflowOperation[OrderWorkflow, OrderResult]:
        operation = WithStartWorkflowOperation(
            OrderWorkflow.run,
            order,
            id=order_workflow_id(order.order_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"{order.channel} order, {what}"[:200],
            search_attributes=attributes,
            priority=PRIORITIES[order.channel],
        )
        # The handle is not needed, but a failed start whose future nobody looks at is logged as a lost exception.
        started = asyncio.ensure_future(operation.workflow_handle())
        started.add_done_callback(lambda future: future.cancelled() or future.exception())
        return operation


def _check_attributes_are_unknown(error: RPCError) -> None:
    """Raise anything but this: a namespace that does not know our attributes must not keep people from buying."""
    if error.status is not RPCStatusCode.INVALID_ARGUMENT or "search attribute" not in error.message.lower():
        raise error
    log.error("temporal does not know our search attributes: the order starts without them")


def _attributes(channel: Channel, device_id: str) -> TypedSearchAttributes:
    return TypedSearchAttributes([SearchAttributePair(CHANNEL, channel.value), SearchAttributePair(MACHINE_ID, device_id)])


@contextmanager
def our_errors() -> Iterator[None]:
    """Raise what a failure of Temporal's client means to a caller: `OrderRefused`, or an `ApiError` such as `TryAgain`."""
    try:
        yield
    except (
        WorkflowUpdateFailedError,
        WorkflowUpdateRPCTimeoutOrCancelledError,
        WorkflowAlreadyStartedError,
        RPCError,
        TimeoutError,
    ) as error:
        meaning = from_temporal(error)
        if meaning is None:
            raise
        log.info("temporal's answer", meaning=str(meaning), reason=repr(error))
        raise meaning from error
    except RuntimeError as error:
        # A lazy client connects on its first call, and has no better class for a server that is not there.
        if "client connect" not in str(error):
            raise
        log.warning("temporal cannot be reached", reason=str(error))
        raise TryAgain from error
