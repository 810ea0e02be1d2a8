"""The pipeline over fakes, and the hands of everybody who acts on an order: customer, Stripe, machine, packer, operator."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateHandle, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.artwork import ArtworkActivities
from activities.generation import GenerationActivities
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.poller import PollerActivities
from activities.production import ProductionActivities
from activities.stock import StockActivities
from config.interceptors import ErrorTranslation, Heartbeats
from models.errors import OutcomeUnknown
from models.order import (
    Address,
    Channel,
    Checkout,
    CheckoutRequest,
    Customer,
    HoldReason,
    Operator,
    OrderInput,
    OrderResult,
    OrderStatus,
    Shipment,
    Transition,
    order_workflow_id,
)
from models.payment import PaymentReport, PaymentView
from models.production import ManufacturerOrderStatus, PrintReference, ProductionReport, ProductionStage
from tests.fakes.gateway import FakeGateway
from tests.fakes.generation import FakeCleaner, FakeGenerationBook, FakeGenerator, FakePrompts
from tests.fakes.manufacturer import FakeManufacturer, FakeReferenceBook, FakeTurns
from tests.fakes.order_book import FakeOrderBook
from tests.fakes.pictures import FakeDesignBook, FakeDesigner, FakeLinks, FakeRenderer, FakeStore
from tests.fakes.stock_book import FakeStockBook
from workflows.design import DesignWorkflow
from workflows.options import ARTWORK_TASK_QUEUE, GENERATION_TASK_QUEUE, MANUFACTURER_TASK_QUEUE, ORDERS_TASK_QUEUE
from workflows.order import OrderWorkflow
from workflows.poller import StatusPoller
from workflows.refund import RefundWorkflow
from workflows.render import RenderWorkflow
from workflows.stock import BrandSyncWorkflow, StockSyncWorkflow

R = TypeVar("R")

OVERHEAD = {
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_TIMER_FIRED,
    EventType.EVENT_TYPE_TIMER_CANCELED,
    EventType.EVENT_TYPE_MARKER_RECORDED,
}
PATCHABLE = SandboxRestrictions.default.with_passthrough_modules("workflows")
CLERK = Operator(operator="clerk@shop", reason="the customer called")
PACKER = Operator(operator="packer@shop", reason="daily round")


class ValidatedOnce(SandboxedWorkflowRunner):
    """The sandbox, which tries every workflow of a worker before its first task; here only of the first worker."""

    _known: ClassVar[set[str]] = set()

    def prepare_workflow(self, defn: Any) -> None:
        if str(defn.name) not in self._known:
            super().prepare_workflow(defn)
            self._known.add(str(defn.name))


class Shop:
    """The pipeline's workflows and activities over fakes, and the hands of everybody who acts on an order."""

    ACCEPTED = WorkflowUpdateStage.ACCEPTED
    LOST = OutcomeUnknown("no answer", provider="anybody")

    def __init__(self, env: WorkflowEnvironment, *, cached_workflows: int = 100, own_modules: bool = True) -> None:
        self.env = env
        self._cached_workflows = cached_workflows
        self._restrictions = SandboxRestrictions.default if own_modules else PATCHABLE
        self.client: Client = env.client
        self.gateway = FakeGateway()
        self.orders = FakeOrderBook()
        self.store = FakeStore()
        self.renderer = FakeRenderer()
        self.designer = FakeDesigner()
        self.designs = FakeDesignBook(self.orders)
        self.manufacturer = FakeManufacturer()
        self.references = FakeReferenceBook()
        self.stock = FakeStockBook()
        self.generator = FakeGenerator()
        self.prompts = FakePrompts()
        self.cleaner = FakeCleaner()
        self.generations = FakeGenerationBook()
        self.order_id = uuid.uuid4()
        self.production = ProductionActivities(
            self.manufacturer,
            self.orders,
            self.gateway,
            FakeLinks(self.store),
            self.store,
            FakeTurns(),
            seats_per_device=8,
        )

    @property
    def generation(self) -> GenerationActivities:
        return GenerationActivities(
            self.store, self.generator, self.prompts, self.cleaner, self.generations, pauses=[timedelta(0)]
        )

    def orders_worker(self) -> Worker:
        orders = OrderActivities(self.orders)
        payments = PaymentActivities(self.gateway, self.orders)
        return Worker(
            self.client,
            task_queue=ORDERS_TASK_QUEUE,
            workflows=[
                OrderWorkflow,
                RefundWorkflow,
                StatusPoller,
                StockSyncWorkflow,
                BrandSyncWorkflow,
                DesignWorkflow,
                RenderWorkflow,
            ],
            max_cached_workflows=self._cached_workflows,
            workflow_runner=ValidatedOnce(restrictions=self._restrictions),
            activities=[
                *activities_of(orders),
                *activities_of(payments),
                self.generation.begin_generation,
                self.generation.finish_generation,
            ],
            interceptors=[ErrorTranslation(), Heartbeats()],
        )

    def partners_workers(self) -> list[Worker]:
        artwork = ArtworkActivities(self.store, self.renderer, self.designer, orders=self.orders, designs=self.designs)
        poller = PollerActivities(self.manufacturer, self.references)
        stock = StockActivities(self.manufacturer, self.stock, stale_after=timedelta(minutes=30))
        activities = {
            ARTWORK_TASK_QUEUE: activities_of(artwork),
            GENERATION_TASK_QUEUE: [self.generation.generate_image],
            MANUFACTURER_TASK_QUEUE: [*activities_of(self.production), *activities_of(poller), *activities_of(stock)],
        }
        return [
            Worker(self.client, task_queue=queue, activities=steps, interceptors=[ErrorTranslation(), Heartbeats()])
            for queue, steps in activities.items()
        ]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve all task queues while the block lasts."""
        async with AsyncExitStack() as stack:
            for worker in (self.orders_worker(), *self.partners_workers()):
                await stack.enter_async_context(worker)
            yield

    @property
    def handle(self) -> WorkflowHandle[OrderWorkflow, OrderResult]:
        return self.client.get_workflow_handle_for(OrderWorkflow.run, order_workflow_id(self.order_id))

    @property
    def story(self) -> list[OrderStatus]:
        return self.orders.story(self.order_id)

    @property
    def reference(self) -> PrintReference:
        """The print reference accepted last."""
        return list(self.manufacturer.accepted)[-1]

    def request(self, **changes: object) -> CheckoutRequest:
        customer = Customer(
            name="Ada Lovelace",
            email="ada@example.com",
            address=Address(line1="12 St James's Square", city="London", postcode="SW1Y 4JH", country="United Kingdom"),
        )
        asked = CheckoutRequest(
            channel=Channel.WEB, upload_name="upload.png", brand="APPLE", model="iPhone 15 Pro", amount=3500, customer=customer
        )
        return asked.model_copy(update=changes)

    async def checkout(self, request: CheckoutRequest | None = None, *, update_id: str | None = None) -> Checkout:
        """What the storefront's checkout call does."""
        asked = request or self.request()
        start = WithStartWorkflowOperation(
            OrderWorkflow.run,
            OrderInput(order_id=self.order_id, channel=asked.channel),
            id=order_workflow_id(self.order_id),
            task_queue=ORDERS_TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        return await self.client.execute_update_with_start_workflow(
            OrderWorkflow.checkout, asked, start_workflow_operation=start, id=update_id
        )

    def new_order(self) -> None:
        """The next customer."""
        self.order_id = uuid.uuid4()

    async def start_unasked(self) -> None:
        """An order whose first request gets lost on the way."""
        await self.client.start_workflow(
            OrderWorkflow.run,
            OrderInput(order_id=self.order_id, channel=Channel.WEB),
            id=order_workflow_id(self.order_id),
            task_queue=ORDERS_TASK_QUEUE,
        )

    async def report_payment(self, session_id: str | None = None) -> PaymentView:
        """What the webhook and the success page do."""
        return await self.handle.execute_update(
            OrderWorkflow.report_payment, PaymentReport(session_id=session_id or self.gateway.session.session_id)
        )

    async def start_report(self) -> WorkflowUpdateHandle[PaymentView]:
        """The same, without waiting for the answer."""
        report = PaymentReport(session_id=self.gateway.session.session_id)
        return await self.handle.start_update(OrderWorkflow.report_payment, report, wait_for_stage=WorkflowUpdateStage.ACCEPTED)

    async def pay(self, *, capture_before: datetime | None = None) -> None:
        """What the customer does at Stripe, webhook not included."""
        deadline = capture_before or await self.env.get_current_time() + timedelta(days=7)
        self.gateway.pay(self.gateway.session.session_id, capture_before=deadline)

    async def machine_says(
        self, stage: ProductionStage, status: ManufacturerOrderStatus, *, reference: PrintReference | None = None
    ) -> None:
        """What the poller does when the print takes its next step."""
        known = reference or self.reference
        self.manufacturer.states[known] = status
        report = ProductionReport(reference=known, stage=stage, status=status, at=await self.env.get_current_time())
        await self.handle.signal(OrderWorkflow.production_reported, report)

    async def print_and_deliver(self, *, attempt: int = 1) -> OrderResult:
        """Everything after acceptance of this print attempt, at its best."""
        await self.until(lambda: len(self.orders.submissions) >= attempt)
        await self.machine_says(ProductionStage.PRINTED, ManufacturerOrderStatus.PRINTED)
        await self.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
        await self.until(OrderStatus.TO_SHIP)
        await self.mark_shipped()
        await self.until(OrderStatus.SHIPPED)
        await self.handle.execute_update(OrderWorkflow.mark_delivered, PACKER)
        return await self.handle.result()

    async def in_time(self, duration: timedelta) -> datetime:
        """The moment that is so far away."""
        return await self.env.get_current_time() + duration

    async def mark_shipped(self) -> None:
        """What the packer does."""
        shipment = Shipment(**PACKER.model_dump(), carrier="Royal Mail", tracking="AB123456789GB")
        await self.handle.execute_update(OrderWorkflow.mark_shipped, shipment)

    async def place_and_pay(self, *, capture_before: datetime | None = None, **changes: Any) -> None:
        """A customer who orders and pays; nobody has told us yet that it is paid."""
        await self.checkout(self.request(**changes))
        await self.pay(capture_before=capture_before)

    async def accepted(self, **changes: Any) -> None:
        """An order that the manufacturer has accepted, and that knows that it is paid: the gateway knows it a moment earlier."""
        await self.place_and_pay(**changes)
        await self.report_payment()
        await self.until(lambda: f"pi_{self.gateway.session.session_id}" in self.gateway.captured)
        for _ in range(2_000):
            if " captured\n" in await self.details():
                return
            await self.env.sleep(timedelta(milliseconds=20))
        raise AssertionError(f"captured, and the order never heard of it: {self.story}")

    async def details(self) -> str:
        """What the workflow itself tells a person who looks at it."""
        metadata = await self.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return str(metadata.current_details)

    async def result(self, *, step: timedelta = timedelta(hours=1)) -> OrderResult:
        """How the order ends, however long that takes."""
        return await self.passing(self.handle.result(), step=step)

    async def passing(self, awaitable: Awaitable[R], *, step: timedelta = timedelta(minutes=1)) -> R:
        """Wait while the server's time passes, in steps; nobody sleeps."""
        waiting = asyncio.ensure_future(awaitable)
        try:
            for _ in range(2_000):
                done, _pending = await asyncio.wait([waiting], timeout=0.002)
                if done:
                    return waiting.result()
                await self.env.sleep(step)
            raise AssertionError(f"still waiting after {2_000 * step}: {self.story}")
        finally:
            waiting.cancel()

    async def until(
        self, reached: OrderStatus | HoldReason | Callable[[], object], *, step: timedelta = timedelta(milliseconds=20)
    ) -> None:
        """Let time pass in steps until the order's row says so, or a condition holds."""
        for _ in range(2_000):
            if self._is(reached):
                return
            await self.env.sleep(step)
        raise AssertionError(f"{reached} was never reached: {self.story}")

    async def cancel_from_the_platform(self) -> None:
        """Cancel as the Temporal Web UI does, and wait until the workflow has heard of it.

        The time-skipping server loses a workflow task that stops an activity in the moment in which it ends; the real server
        does not.
        """
        asked, heard = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        await self.handle.cancel()
        for _ in range(2_000):
            kinds = [event.event_type for event in (await self.handle.fetch_history()).events]
            if asked in kinds and heard in kinds[kinds.index(asked) :]:
                return
            await self.env.sleep(timedelta(milliseconds=20))
        raise AssertionError(f"the cancel was never heard: {self.story}")

    def _is(self, reached: OrderStatus | HoldReason | Callable[[], object]) -> bool:
        if not isinstance(reached, OrderStatus | HoldReason):
            return bool(reached())
        last = self.orders.last(self.order_id) if self.orders.steps[self.order_id] else None
        return last is not None and reached in {last.status, last.hold_reason}

    @property
    def last(self) -> Transition:
        """The order's newest step."""
        return self.orders.last(self.order_id)


def bare(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """A history without attribute upserts, timers, and the local activity that records a step."""
    return [event for event in events if event.event_type not in OVERHEAD]


def activities_of(steps: object) -> list[Callable[..., Any]]:
    """Every activity of a class."""
    methods = (getattr(steps, name) for name in dir(steps) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]
