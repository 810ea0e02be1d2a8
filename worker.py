"""The worker: builds adapters, activities and Workers, and runs until it is told to stop. The second composition root.

One process serves all task queues or those that `WORKER_TASK_QUEUES` names.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx
import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from activities.artwork import ArtworkActivities
from activities.generation import GenerationActivities
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.poller import PollerActivities
from activities.production import ProductionActivities
from activities.retention import RetentionActivities
from activities.stock import StockActivities
from adapters.claiming import ClaimingStore
from adapters.gemini.generator import connect as image_generator
from adapters.links import SignedImageLinks
from adapters.manufacturer.client import connect as manufacturer_client
from adapters.postgres.catalog import CatalogReader
from adapters.postgres.designs import PostgresDesigns
from adapters.postgres.device_turns import PostgresDeviceTurns
from adapters.postgres.engine import Database
from adapters.postgres.generations import PostgresGenerations
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.notifications import listening
from adapters.postgres.order_book import PostgresOrderBook
from adapters.postgres.reference_book import PostgresReferenceBook
from adapters.postgres.retention import PostgresClaims, PostgresRetention
from adapters.postgres.stock_book import PostgresStockBook
from adapters.prompts.book import PromptBook
from adapters.r2 import open_store
from adapters.rendering.generated import GeneratedPictures
from adapters.rendering.renderer import PrintRenderer
from adapters.stripe.gateway import connect as stripe_gateway
from api.delivery import INBOX_CHANNEL, InboxDrainer
from api.poller_keeper import REFERENCES_CHANNEL, PollerKeeper
from api.schedules import keep_schedules_until_done
from config.logging import configure_logging
from config.settings import Settings, SettingsError, WorkerSettings, load_settings
from config.telemetry import create_runtime
from config.temporal import connect, limit_activities
from workflows.design import DesignWorkflow
from workflows.options import ARTWORK_TASK_QUEUE, GENERATION_TASK_QUEUE, MANUFACTURER_TASK_QUEUE, ORDERS_TASK_QUEUE
from workflows.order import OrderWorkflow
from workflows.poller import StatusPoller
from workflows.refund import RefundWorkflow
from workflows.render import RenderWorkflow
from workflows.retention import RetentionWorkflow
from workflows.stock import BrandSyncWorkflow, StockSyncWorkflow

WORKFLOWS = [
    OrderWorkflow,
    RefundWorkflow,
    DesignWorkflow,
    RenderWorkflow,
    StatusPoller,
    StockSyncWorkflow,
    BrandSyncWorkflow,
    RetentionWorkflow,
]

LINK_TIMEOUT = 30.0
"""Seconds for reading one print file back through the front door."""

log = structlog.get_logger(__name__)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; running activities then get `WORKER_GRACEFUL_SHUTDOWN` to finish."""
    async with AsyncExitStack() as stack:
        client = await connect(settings.temporal, runtime=create_runtime(settings.telemetry))
        database = Database.connect_to(settings.database, application_name="pimpmycase-worker")
        stack.push_async_callback(database.dispose)
        workers = await build_workers(settings, client, database, stack)
        if settings.worker.manufacturer_tasks_per_second is not None:
            await limit_activities(client, MANUFACTURER_TASK_QUEUE, settings.worker.manufacturer_tasks_per_second)
        messages = await stack.enter_async_context(listening(settings.database, INBOX_CHANNEL))
        references = await stack.enter_async_context(listening(settings.database, REFERENCES_CHANNEL))
        for worker in workers:
            await stack.enter_async_context(worker)
        loops = [
            asyncio.create_task(InboxDrainer(PostgresInbox(database), client).run(messages)),
            asyncio.create_task(PollerKeeper(client, PostgresReferenceBook(database)).run(references)),
        ]
        if ORDERS_TASK_QUEUE in settings.worker.task_queues:
            devices = CatalogReader(database).devices
            loops.append(asyncio.create_task(keep_schedules_until_done(client, devices, settings.stock, settings.retention)))
        stack.push_async_callback(_stop, loops)
        log.info("worker serves", task_queues=settings.worker.task_queues)
        await _until_stopped(stop, loops)
        log.info("worker stops: running activities finish first")


async def build_workers(settings: Settings, client: Client, database: Database, stack: AsyncExitStack) -> list[Worker]:
    """Plug the adapters into the ports (mypy checks the fit here) and the activities into one Worker per task queue."""
    http = await stack.enter_async_context(httpx.AsyncClient(timeout=LINK_TIMEOUT))
    book = PostgresOrderBook(database)
    gateway = await stack.enter_async_context(stripe_gateway(settings.stripe, settings.storefront))
    partner = await stack.enter_async_context(manufacturer_client(settings.manufacturer))
    bucket = await stack.enter_async_context(open_store(settings.storage))
    store = ClaimingStore(bucket, PostgresClaims(database))
    renderer = stack.enter_context(PrintRenderer(workers=settings.worker.artwork_concurrency))

    generator = await stack.enter_async_context(image_generator(settings.gemini))
    prompts = PromptBook.open(trademark_styles=settings.artwork.trademark_styles)

    orders = OrderActivities(book)
    payment = PaymentActivities(gateway, book)
    artwork = ArtworkActivities(store, renderer, renderer, orders=book, designs=PostgresDesigns(database))
    generation = GenerationActivities(store, generator, prompts, GeneratedPictures(), PostgresGenerations(database))
    links = SignedImageLinks.from_settings(settings.image_link, http)
    turns = PostgresDeviceTurns(settings.database)
    stack.push_async_callback(turns.close)
    seats = settings.worker.manufacturer_seats_per_device
    production = ProductionActivities(partner, book, gateway, links, store, turns, seats_per_device=seats)
    poller = PollerActivities(partner, PostgresReferenceBook(database), batch_size=settings.manufacturer.batch_size)
    retention = RetentionActivities(PostgresRetention(database), bucket)
    stock = StockActivities(partner, PostgresStockBook(database), stale_after=settings.stock.stale_after)

    activities: dict[str, list[Callable[..., Any]]] = {
        ORDERS_TASK_QUEUE: [
            orders.place_order,
            orders.record,
            orders.release_hold,
            payment.open_checkout,
            payment.look_at_payment,
            payment.expire_checkout,
            payment.capture_payment,
            payment.void_payment,
            payment.request_refund,
            payment.read_refund,
            generation.begin_generation,
            generation.finish_generation,
            retention.give_up,
            retention.erase_objects,
            retention.erase_answers,
        ],
        ARTWORK_TASK_QUEUE: [artwork.prepare_print_file, artwork.render_design],
        GENERATION_TASK_QUEUE: [generation.generate_image],
        MANUFACTURER_TASK_QUEUE: [
            production.announce_payment,
            production.submit_order,
            production.find_submission,
            production.read_production,
            poller.poll_due,
            stock.plan_count,
            stock.count_stock,
            stock.read_brand_list,
        ],
    }
    return [_worker(client, queue, activities[queue], settings.worker) for queue in settings.worker.task_queues]


def _worker(client: Client, task_queue: str, activities: list[Callable[..., Any]], settings: WorkerSettings) -> Worker:
    concurrency = {
        ORDERS_TASK_QUEUE: settings.orders_concurrency,
        ARTWORK_TASK_QUEUE: settings.artwork_concurrency,
        GENERATION_TASK_QUEUE: settings.generation_concurrency,
        MANUFACTURER_TASK_QUEUE: settings.manufacturer_concurrency,
    }
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS if task_queue == ORDERS_TASK_QUEUE else [],
        activities=activities,
        # Tests run workflows in the sandbox; here it would load every module of `workflows` once more for each order.
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_workflow_tasks=settings.workflow_concurrency,
        max_cached_workflows=settings.cached_workflows,
        max_concurrent_activities=concurrency[task_queue],
        graceful_shutdown_timeout=settings.graceful_shutdown,
        deployment_config=_deployment(settings),
    )


def _deployment(settings: WorkerSettings) -> WorkerDeploymentConfig | None:
    if not settings.versioning:
        return None
    version = WorkerDeploymentVersion(deployment_name=settings.deployment_name, build_id=settings.build_id or "")
    # Here and not on the workflows: a worker without versioning may not send a behaviour, or the server refuses its every task.
    behavior = VersioningBehavior.AUTO_UPGRADE
    return WorkerDeploymentConfig(version=version, use_worker_versioning=True, default_versioning_behavior=behavior)


async def _until_stopped(stop: asyncio.Event, loops: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the signal; a loop that dies is a bug that must not go unnoticed, so it takes the process down."""
    stopped = asyncio.create_task(stop.wait())
    pending: set[asyncio.Task[Any]] = {stopped, *loops}
    while stopped in pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _stop(loops: Sequence[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop


async def main() -> None:
    """Read the settings, and run until SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings.logging)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, stop)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except SettingsError as error:
        sys.exit(str(error))
