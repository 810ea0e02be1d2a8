"""Typed handles to the workflows, by the ids that they have everywhere."""

from uuid import UUID

from temporalio.client import Client, WorkflowHandle

from models.generation import GenerationResult, design_workflow_id
from models.order import OrderResult, order_workflow_id
from models.payment import RefundResult, refund_workflow_id
from workflows.design import DesignWorkflow
from workflows.order import OrderWorkflow
from workflows.refund import RefundWorkflow


def order_handle(client: Client, order_id: UUID) -> WorkflowHandle[OrderWorkflow, OrderResult]:
    """Return the handle of an order, whether it exists or not."""
    return client.get_workflow_handle_for(OrderWorkflow.run, order_workflow_id(order_id))


def refund_handle(client: Client, order_id: UUID, refund_number: int) -> WorkflowHandle[RefundWorkflow, RefundResult]:
    """Return the handle of an order's refund, whether it exists or not."""
    return client.get_workflow_handle_for(RefundWorkflow.run, refund_workflow_id(order_id, refund_number))


def design_handle(client: Client, generation_id: UUID) -> WorkflowHandle[DesignWorkflow, GenerationResult]:
    """Return the handle of a generation, whether it exists or not."""
    return client.get_workflow_handle_for(DesignWorkflow.run, design_workflow_id(generation_id))
