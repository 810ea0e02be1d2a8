"""Orders are started so that whoever stands at a machine is served first."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.order import OrderActivities
from activities.payment import PaymentActivities
from api.order_client import OrderClient
from models.artwork import StoredImage
from models.order import Channel, CheckoutRequest, OrderInput, OrderLine, Quote, order_workflow_id
from tests.api.conftest import activities_of
from tests.fakes.gateway import FakeGateway
from tests.fakes.order_book import PRODUCT, FakeOrderBook
from workflows.order import OrderWorkflow

LINE = OrderLine(sku="case:classic", title="iPhone 15 Pro case", unit_amount=3500)
IMAGE = StoredImage(key="uploads/a.png", sha256="a" * 64, media_type="image/png", width=1390, height=2905, size=1)
WAIT = timedelta(seconds=30)
LATEST = 10
"""Of thirty-two."""


async def begin(orders: OrderClient, channel: Channel) -> tuple[UUID, asyncio.Task[object]]:
    """Ask for a checkout, as the front door does."""
    order_id = uuid4()
    request = CheckoutRequest(channel=channel, upload_name=f"{order_id}.png", brand="APPLE", model="iPhone 15 Pro", amount=3500)
    quote = Quote(channel=channel, product=PRODUCT, lines=(LINE,), total=3500, currency="gbp", image=IMAGE)
    order = OrderInput(order_id=order_id, channel=channel)
    return order_id, asyncio.create_task(orders.checkout(order, request, quote, update_id="first", wait=WAIT))


async def all_wait(client: Client, orders: Sequence[UUID]) -> None:
    """Return when the server has every order in its queue."""
    for order_id in orders:
        while not await is_known(client, order_id):
            pass


async def is_known(client: Client, order_id: UUID) -> bool:
    try:
        await client.get_workflow_handle(order_workflow_id(order_id)).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


async def test_whoever_stands_at_a_machine_is_served_before_thirty_who_wait_at_home(temporal_address: str, task_queue: str):
    client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
    orders, book = OrderClient(client, task_queue=task_queue), FakeOrderBook()
    begun = [await begin(orders, Channel.WEB) for _ in range(30)]
    await all_wait(client, [order_id for order_id, _ in begun])
    late = [await begin(orders, channel) for channel in (Channel.APP, Channel.MACHINE)]
    await all_wait(client, [order_id for order_id, _ in late])

    one_at_a_time = Worker(
        client,
        task_queue=task_queue,
        workflows=[OrderWorkflow],
        activities=[*activities_of(OrderActivities(book)), *activities_of(PaymentActivities(FakeGateway(), book))],
        max_cached_workflows=0,
        max_concurrent_workflow_tasks=1,
        max_concurrent_activities=1,
    )
    async with one_at_a_time:
        await asyncio.gather(*(task for _, task in (*begun, *late)))

    # The server hands out in blocks, so that a few of the others may come in between.
    served = list(book.placed)
    assert [order_id for order_id, _ in late if served.index(order_id) >= LATEST] == []
