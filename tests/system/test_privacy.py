"""Who the customer is stands in the database and nowhere else: not in Temporal, not in logs, not in the bucket's names."""

import json

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client

from models.order import OrderStatus
from models.payment import RefundRequest
from tests.config.lines import Lines
from tests.system.case import Case
from tests.system.storefront import CUSTOMER, WEB_BODY
from tests.system.world import World
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRIVATE = [
    CUSTOMER["customer_name"],
    *CUSTOMER["customer_name"].split(),
    CUSTOMER["customer_email"],
    CUSTOMER["customer_phone"],
    CUSTOMER["customer_phone"].removeprefix("+"),
    CUSTOMER["shipping_address_line1"],
    "Thistledown",
    CUSTOMER["shipping_postcode"],
]


def found_in(dump: bytes) -> list[str]:
    """The private words that stand in a dump, however they are written."""
    text = dump.decode("utf-8", "replace").lower()
    escaped = json.dumps(text)
    return [word for word in PRIVATE if word.lower() in text or word.lower() in escaped]


async def dump_of_temporal(world: World) -> bytes:
    """Everything that the server knows, as a stranger with access to it reads it: no key, no converter."""
    client = await Client.connect(world.settings.temporal.address, namespace=world.client.namespace)
    service, namespace = client.workflow_service, client.namespace
    listed = await service.list_workflow_executions(ListWorkflowExecutionsRequest(namespace=namespace))
    dump = [listed.SerializeToString()]
    for info in listed.executions:
        execution = WorkflowExecution(workflow_id=info.execution.workflow_id, run_id=info.execution.run_id)
        description = DescribeWorkflowExecutionRequest(namespace=namespace, execution=execution)
        dump.append((await service.describe_workflow_execution(description)).SerializeToString())
        request = GetWorkflowExecutionHistoryRequest(namespace=namespace, execution=execution)
        while True:
            page = await service.get_workflow_execution_history(request)
            dump.append(page.history.SerializeToString())
            if not page.next_page_token:
                break
            request.next_page_token = page.next_page_token
    return b"".join(dump)


async def test_nothing_of_the_customer_leaves_the_database(world: World, log: Lines):
    case = await lived_through(world)
    row = await case.row()
    assert (row["customer_name"], row["customer_email"]) == (CUSTOMER["customer_name"], CUSTOMER["customer_email"])

    temporal = await dump_of_temporal(world)
    assert case.handle.id.encode() in temporal
    assert b"PMC-" in temporal
    assert found_in(temporal) == []

    assert "checkout is open" in log.text
    assert found_in(log.text.encode()) == []
    for secret in (
        case.session_id,
        row["public_token"],
        case.upload["filename"],
        case.upload["public_url"].partition("token=")[2],
    ):
        assert secret not in log.text

    names = await world.object_names()
    assert names
    assert found_in("\n".join(names).encode()) == []


async def lived_through(world: World) -> Case:
    """An order with everything that leaves traces: refused bodies, changes, failures, a hold, a refund."""
    await world.manufacturer.fault("order/orderData", "payment_missing")
    await world.stripe.fault("payment_intents.capture", "http_503")
    case = await world.design(WEB_BODY)
    assert (await case.ask_checkout(amount_pence=1)).status_code == 409
    assert (await case.ask_checkout(customer_email="zebulon.quartermain@")).status_code == 422
    await case.checkout()
    await case.checkout(selected_add_ons=["screen-protector"], amount_pence=4299)
    await case.pay()
    await case.success()
    await case.reaches(OrderStatus.TO_SHIP)
    await case.tell(OrderWorkflow.refund, RefundRequest(operator="anna", reason="scratched", amount=500))
    await case.deliver()
    return case


async def test_the_search_finds_what_it_must_find():
    assert found_in(b'{"name": "Zebulon Quartermain"}') == ["Zebulon Quartermain", "Zebulon", "Quartermain"]
    assert found_in(b"nobody") == []
