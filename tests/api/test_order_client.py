"""How orders are started."""

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.errors import TryAgain
from api.order_client import OrderClient
from models.artwork import StoredImage
from models.order import Channel, CheckoutRequest, OrderInput, OrderLine, Quote, order_workflow_id
from tests.fakes.order_book import PRODUCT

LINE = OrderLine(sku="case:classic", title="iPhone 15 Pro case", unit_amount=3500)
IMAGE = StoredImage(key="uploads/a.png", sha256="a" * 64, media_type="image/png", width=1390, height=2905, size=1)


async def priority_of(client: Client, channel: Channel, task_queue: str) -> int:
    """Have an order started that nobody works on, and return its priority: 1 is served first, 5 last."""
    order_id = uuid4()
    request = CheckoutRequest(channel=channel, upload_name=f"{order_id}.png", brand="APPLE", model="iPhone 15 Pro", amount=3500)
    quote = Quote(channel=channel, product=PRODUCT, lines=(LINE,), total=3500, currency="gbp", image=IMAGE)
    order = OrderInput(order_id=order_id, channel=channel)
    with pytest.raises(TryAgain):
        await OrderClient(client, task_queue=task_queue).checkout(
            order, request, quote, update_id="first", wait=timedelta(milliseconds=500)
        )
    handle = client.get_workflow_handle(order_workflow_id(order_id))
    described = await handle.describe()
    await handle.terminate()
    return int(described.raw_description.workflow_execution_info.priority.priority_key)


async def test_whoever_stands_at_a_machine_is_served_before_those_who_wait_at_home(temporal_address: str, task_queue: str):
    client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
    at_machine, in_app, at_home = [
        await priority_of(client, channel, task_queue) for channel in (Channel.MACHINE, Channel.APP, Channel.WEB)
    ]
    assert 1 <= at_machine < in_app < at_home
