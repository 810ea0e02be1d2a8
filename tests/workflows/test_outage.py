"""The manufacturer away for two hours: real adapters, and its emulator's clock and Stripe's moved along with skipped time."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.artwork import ArtworkActivities
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.poller import PollerActivities
from activities.production import ProductionActivities
from adapters.manufacturer.client import connect as manufacturer_client
from adapters.postgres.designs import PostgresDesigns
from adapters.postgres.device_turns import PostgresDeviceTurns
from adapters.postgres.engine import Database
from adapters.postgres.order_book import PostgresOrderBook
from adapters.postgres.reference_book import PostgresReferenceBook
from adapters.postgres.seed import seed
from adapters.stripe.gateway import connect as stripe_gateway
from config.interceptors import ErrorTranslation, Heartbeats
from dev.emulators.manufacturer.app import create_app as create_manufacturer
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.remote import Remote
from dev.emulators.serving import serving
from dev.emulators.stripe.app import create_app as create_stripe
from dev.emulators.stripe.remote import RemoteStripe
from dev.emulators.stripe.settings import StripeEmulatorSettings
from dev.world import devices
from models.artwork import PrintFile, StoredImage, Upload, print_size
from models.order import Channel, OrderInput, OrderResult, OrderStatus, Shipment, order_id_for, order_workflow_id
from models.payment import PaymentReport
from models.production import PollerInput
from tests.adapters.postgres.shop import IPHONE_15_PRO, Shop, web_request
from tests.fakes.pictures import FakeDesigner, FakeRenderer, FakeStore
from tests.system.running import settings_for
from tests.workflows.shop import PACKER, ValidatedOnce, activities_of
from workflows.options import ARTWORK_TASK_QUEUE, MANUFACTURER_TASK_QUEUE, ORDERS_TASK_QUEUE
from workflows.order import OrderWorkflow
from workflows.poller import STATUS_POLLER_ID, StatusPoller
from workflows.refund import RefundWorkflow

ORDERS = 20
OUTAGE = timedelta(hours=2)
ACCEPTED_BEFORE = 6
GOOD_CALLS = {"order/payData": 10, "order/payStatus": 7, "order/orderData": 1}
"""How often each call is still answered for the others; whatever is not named is not answered at all."""
LOST_ANSWERS = 1
"""A submission that is carried out in the moment in which the manufacturer goes away."""
CALLS = ("order/getPayStatus", "order/getOrderStatus", "order/printList", *GOOD_CALLS)
PRICE = 3500
PNG = b"\x89PNG\r\n\x1a\n"


class Links:
    """Links under which the emulated machine really finds the print file."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self.url = ""

    def for_print_file(self, print_file: PrintFile, *, order_id: UUID, expires_at: datetime) -> str:
        return f"{self.url}/{print_file.key}"

    async def fetch(self, url: str) -> bytes:
        return await self._store.get(url.removeprefix(f"{self.url}/"))

    async def serve(self, request: Request) -> Response:
        return Response(await self._store.get(request.path_params["key"]), media_type="image/png")


@dataclass
class Town:
    """Time-skipping Temporal, PostgreSQL, both partners' emulators, and one clock for all of them."""

    env: WorkflowEnvironment
    shop: Shop
    store: FakeStore
    stripe: RemoteStripe
    manufacturer: Remote

    async def order_and_pay(self) -> UUID:
        """A customer orders and pays, and Stripe's news of it is delivered."""
        upload = await self._upload()
        order_id = order_id_for(upload, 1)
        start = WithStartWorkflowOperation(
            OrderWorkflow.run,
            OrderInput(order_id=order_id, channel=Channel.WEB),
            id=order_workflow_id(order_id),
            task_queue=ORDERS_TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        checkout = await self.env.client.execute_update_with_start_workflow(
            OrderWorkflow.checkout, web_request(upload), start_workflow_operation=start
        )
        await self.stripe.pay(checkout.session_id)
        report = PaymentReport(session_id=checkout.session_id)
        await self.handle(order_id).start_update(
            OrderWorkflow.report_payment, report, wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        return order_id

    async def _upload(self) -> str:
        name = f"{uuid.uuid4().hex}.png"
        data = PNG + name.encode()
        sha256 = hashlib.sha256(data).hexdigest()
        width, height = print_size(*IPHONE_15_PRO)
        image = StoredImage(
            key=f"uploads/{sha256}.png", sha256=sha256, media_type="image/png", width=width, height=height, size=len(data)
        )
        self.store.objects[image.key] = data
        await self.shop.uploads.add(
            Upload(name=name, template_id="classic", image=image, created_at=await self.env.get_current_time())
        )
        return name

    def handle(self, order_id: UUID) -> WorkflowHandle[OrderWorkflow, OrderResult]:
        return self.env.client.get_workflow_handle_for(OrderWorkflow.run, order_workflow_id(order_id))

    async def later(self, step: timedelta) -> datetime:
        """Let time pass everywhere, and everything that is due in it happen."""
        await self.env.sleep(step)
        now = await self.env.get_current_time()
        await self.stripe.set_clock(now)
        await self.manufacturer.set_clock(now)
        return now

    async def until(self, condition: Any, *, step: timedelta, limit: timedelta) -> None:
        """Let time pass in steps until `condition` holds; fails when it takes longer than `limit`."""
        begin = await self.env.get_current_time()
        while not await condition():
            now = await self.later(step)
            assert now - begin < limit, await self.statuses()

    async def statuses(self) -> dict[str, int]:
        rows = await self.shop.rows("SELECT status, count(*) AS number FROM orders GROUP BY status")
        return {row["status"]: row["number"] for row in rows}

    async def captured(self) -> list[str]:
        return sorted(entry["client_reference_id"] for entry in await self.stripe.ledger("capture"))

    async def deliver(self, order_id: UUID) -> OrderResult:
        """Pack, post and deliver one case; the order's end."""
        parcel = Shipment(**PACKER.model_dump(), carrier="Royal Mail", tracking="AB123456789GB")
        await self.handle(order_id).execute_update(OrderWorkflow.mark_shipped, parcel)
        await self.handle(order_id).execute_update(OrderWorkflow.mark_delivered, PACKER)
        return await self.handle(order_id).result()


@pytest.fixture
async def town(env: WorkflowEnvironment, database: Database, database_url: str) -> AsyncIterator[Town]:
    await seed(database, stock=2 * ORDERS)
    store = FakeStore()
    links = Links(store)
    partner = ManufacturerEmulatorSettings(
        account="account",
        password="password",
        fixed_key="key",
        devices=devices(),
        stock_per_shell=2 * ORDERS,
        one_print_per_payment=False,
    )
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        links.url = await enter(serving(Starlette(routes=[Route("/{key:path}", links.serve)])))
        urls = {
            "stripe": await enter(serving(create_stripe(StripeEmulatorSettings(api_key="sk_test_example-key")))),
            "manufacturer": await enter(serving(create_manufacturer(partner))),
            "s3": "http://127.0.0.1:1",
            "api": "http://127.0.0.1:1",
        }
        settings = settings_for(database_url, "127.0.0.1:1", "default", urls)
        book = PostgresOrderBook(database)
        gateway = await enter(stripe_gateway(settings.stripe, settings.storefront))
        client = await enter(manufacturer_client(settings.manufacturer))
        turns = PostgresDeviceTurns(settings.database)
        stack.push_async_callback(turns.close)
        steps: dict[str, list[object]] = {
            ORDERS_TASK_QUEUE: [OrderActivities(book), PaymentActivities(gateway, book)],
            ARTWORK_TASK_QUEUE: [
                ArtworkActivities(store, FakeRenderer(), FakeDesigner(), orders=book, designs=PostgresDesigns(database))
            ],
            MANUFACTURER_TASK_QUEUE: [
                ProductionActivities(client, book, gateway, links, store, turns, seats_per_device=8),
                PollerActivities(client, PostgresReferenceBook(database)),
            ],
        }
        for queue, classes in steps.items():
            worker = Worker(
                env.client,
                task_queue=queue,
                workflows=[OrderWorkflow, RefundWorkflow, StatusPoller] if queue == ORDERS_TASK_QUEUE else [],
                workflow_runner=ValidatedOnce(),
                activities=[one for each in classes for one in activities_of(each)],
                interceptors=[ErrorTranslation(), Heartbeats()],
            )
            await enter(worker)
        stripe, manufacturer = await enter(RemoteStripe(urls["stripe"])), await enter(Remote(urls["manufacturer"]))
        for emulator in (stripe, manufacturer):
            await emulator.set_clock(await env.get_current_time(), frozen=True)
        town = Town(env, Shop(database), store, stripe, manufacturer)
        await env.client.start_workflow(StatusPoller.run, PollerInput(), id=STATUS_POLLER_ID, task_queue=ORDERS_TASK_QUEUE)
        yield town


async def go_away(town: Town) -> None:
    """Let the manufacturer go down in the middle of what the next orders ask of it."""
    submitted = GOOD_CALLS["order/orderData"]
    await town.manufacturer.fault("order/orderData", "answer_lost", after=submitted, times=LOST_ANSWERS)
    for call in CALLS:
        await town.manufacturer.fault(call, "down", after=GOOD_CALLS.get(call, 0), times=None)


async def test_two_hours_without_the_manufacturer_in_the_middle_of_twenty_orders(town: Town):
    """All are made when it is back; nobody is charged meanwhile, and nobody twice."""
    first = [await town.order_and_pay() for _ in range(ACCEPTED_BEFORE)]

    async def first_are_charged() -> bool:
        return await town.captured() == sorted(map(str, first))

    await town.until(first_are_charged, step=timedelta(milliseconds=100), limit=timedelta(minutes=1))
    await go_away(town)
    orders = [*first, *await asyncio.gather(*[town.order_and_pay() for _ in range(ORDERS - ACCEPTED_BEFORE)])]

    async def is_away() -> bool:
        faults = await town.manufacturer.call("GET", "/faults")
        return len(faults) == len(CALLS) and all(fault["after"] == 0 for fault in faults)

    await town.until(is_away, step=timedelta(milliseconds=100), limit=timedelta(minutes=5))
    # Whoever was accepted in the last moment, and told so, is charged now.
    for _ in range(10):
        await town.later(timedelta(seconds=1))
    charged = await town.captured()
    accepted = await town.manufacturer.ledger("order_accepted")
    told = ACCEPTED_BEFORE + GOOD_CALLS["order/orderData"]
    assert (len(charged), len(accepted)) == (told, told + LOST_ANSWERS)

    gone_at = await town.env.get_current_time()
    late = [await town.order_and_pay()]
    while await town.later(timedelta(minutes=5)) < gone_at + OUTAGE:
        assert await town.captured() == charged
    assert len(await town.stripe.ledger("authorize")) == ORDERS + len(late)
    assert await town.stripe.ledger("void") == []
    assert await town.manufacturer.ledger("order_accepted") == accepted
    assert not {OrderStatus.ON_HOLD, OrderStatus.CANCELED} & (await town.statuses()).keys()

    await town.manufacturer.clear_faults()
    everything = [*orders, *late]

    async def all_out() -> bool:
        return await town.statuses() == {OrderStatus.TO_SHIP: len(everything)}

    await town.until(all_out, step=timedelta(seconds=30), limit=timedelta(hours=1))
    results = await asyncio.gather(*map(town.deliver, everything))

    assert {result.status for result in results} == {OrderStatus.COMPLETED}
    assert await town.captured() == sorted(map(str, everything))
    assert {entry["amount"] for entry in await town.stripe.ledger("capture")} == {PRICE}
    assert await town.stripe.ledger("void") == await town.stripe.ledger("refund") == []
    for fact in ("payment_announced", "order_accepted", "order_printed"):
        entries = await town.manufacturer.ledger(fact)
        payments = {entry["third_id" if fact == "payment_announced" else "third_pay_id"] for entry in entries}
        assert len(entries) == len(payments) == len(everything), fact
