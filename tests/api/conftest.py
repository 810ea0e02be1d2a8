"""The front door over a real database; the object store is in memory, and Temporal is away unless a test brings it."""

import base64
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.artwork import ArtworkActivities
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.production import ProductionActivities
from adapters.links import SignedImageLinks
from adapters.postgres import inbox_writer
from adapters.postgres.designs import PostgresDesigns
from adapters.postgres.engine import Database
from adapters.postgres.order_book import PostgresOrderBook
from adapters.postgres.seed import seed
from adapters.rendering.photo_process import PhotoProcess
from api.app import build_services, create_app
from api.services import Services
from config.groups import DatabaseSettings
from config.settings import Settings
from config.temporal import connect
from dev.postgres import Postgres
from models.order import order_workflow_id
from tests.api.world import API, NOW, PARTNER_KEYS, STOREFRONT, STRIPE_SECRET, Clock, MemoryStore, upload
from tests.conftest import Infrastructure
from tests.fakes.gateway import FakeGateway
from tests.fakes.manufacturer import FakeManufacturer, FakeTurns
from tests.fakes.pictures import FakeDesigner, FakeLinks, FakeRenderer, FakeStore
from workflows.options import ARTWORK_TASK_QUEUE, MANUFACTURER_TASK_QUEUE
from workflows.order import OrderWorkflow
from workflows.refund import RefundWorkflow

KEY = f"k1:{base64.b64encode(b'x' * 32).decode()}"


@pytest.fixture(scope="session")
def seeded_template(infrastructure: Infrastructure, postgres: Postgres, migrated_template: str) -> str:
    """The name of a database with the whole catalogue and two of every shell in every machine; copy it, never connect to it."""
    name = "seeded"

    async def make() -> None:
        url = await postgres.create_database(name, template=migrated_template)
        database = Database.connect_to(DatabaseSettings(url=SecretStr(url)), application_name="tests")
        await seed(database, stock=2)
        await database.dispose()

    infrastructure.portal.call(make)
    return name


@pytest.fixture(autouse=True)
def _no_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody waits for waits for no company either: a test sends one message after the other, and each would take 200 ms."""
    monkeypatch.setattr(inbox_writer, "COMPANY", timedelta(0))


@pytest.fixture
def database_url(infrastructure: Infrastructure, postgres: Postgres, seeded_template: str) -> Iterator[str]:
    """A shop's database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    yield infrastructure.portal.call(partial(postgres.create_database, name, template=seeded_template))
    infrastructure.portal.call(postgres.drop_database, name)


def settings_for(database_url: str, *, patience: str = "30s") -> Settings:
    """A test installation whose outside world is an address that nobody listens at."""
    nowhere = "http://127.0.0.1:1"
    return Settings.model_validate(
        {
            "environment": "test",
            "database": {"url": SecretStr(database_url)},
            "temporal": {"address": "127.0.0.1:1", "codec_keys": KEY},
            "stripe": {"api_key": "sk_test_example-key", "webhook_secrets": f"{STRIPE_SECRET},whsec_the-next-one"},
            "manufacturer": {
                "base_url": f"{nowhere}/mobileShell/en",
                "account": "account",
                "password": "password",
                "fixed_key": "key",
                "default_device_id": "DEV000000001",
                "partner_keys": ",".join(PARTNER_KEYS),
            },
            "storage": {"endpoint_url": nowhere, "bucket": "pictures", "access_key_id": "id", "secret_access_key": "secret"},
            "gemini": {"api_key": "key"},
            "image_link": {"keys": KEY, "public_base_url": API},
            "storefront": {"url": STOREFRONT, "cors_origin_regex": r"https://pr-\d+\.preview\.example"},
            "api": {"rate_default": "100000/minute", "success_wait": patience, "claim_wait": "40ms"},
        }
    )


@pytest.fixture
def patience() -> str:
    """How long the success page waits for the manufacturer; a test in which nobody answers asks for less."""
    return "30s"


@pytest.fixture
def settings(database_url: str, patience: str) -> Settings:
    """A test installation with a database."""
    return settings_for(database_url, patience=patience)


@pytest.fixture
def clock() -> Clock:
    """Stands still until a test moves it."""
    return Clock(NOW)


@pytest.fixture
def store() -> MemoryStore:
    """The bucket."""
    return MemoryStore()


@pytest.fixture
async def temporal(settings: Settings) -> Client:
    """A client whose server is not there."""
    return await connect(settings.temporal, lazy=True)


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock, *, database: Database, temporal: Client, store: MemoryStore, task_queue: str = "nobody"
) -> AsyncIterator[FastAPI]:
    """The app between the beginning and the end of its lifespan."""

    @asynccontextmanager
    async def services(settings: Settings, now: Callable[[], object]) -> AsyncIterator[Services]:
        async with httpx.AsyncClient() as http, PhotoProcess() as photos:
            links = SignedImageLinks.from_settings(settings.image_link, http)
            yield build_services(
                settings,
                clock,
                database=database,
                client=temporal,
                store=store,
                links=links,
                photos=photos,
                task_queue=task_queue,
            )

    app = create_app(settings, open_services=services, clock=clock)
    async with app.router.lifespan_context(app):
        yield app


def browser_of(app: FastAPI) -> httpx.AsyncClient:
    """Calls an app as the storefront does."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=API)


@pytest.fixture
async def app(
    settings: Settings, database: Database, clock: Clock, store: MemoryStore, temporal: Client, task_queue: str
) -> AsyncIterator[FastAPI]:
    """The app over the seeded database."""
    async with running(settings, clock, database=database, temporal=temporal, store=store, task_queue=task_queue) as app:
        yield app


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The storefront of that app."""
    async with browser_of(app) as client:
        yield client


@pytest.fixture
async def stranded_app(clock: Clock, store: MemoryStore) -> AsyncIterator[FastAPI]:
    """The app without a database: for what must work, or fail politely, before anything is asked of one."""
    settings = settings_for("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    database = Database.connect_to(settings.database, application_name="tests")
    temporal = await connect(settings.temporal, lazy=True)
    async with running(settings, clock, database=database, temporal=temporal, store=store) as app:
        yield app
    await database.dispose()


@pytest.fixture
async def stranded(stranded_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The storefront of the app without a database."""
    async with browser_of(stranded_app) as client:
        yield client


@dataclass
class Shop:
    """The whole way of an order: the front door, a Temporal server, the order's own activities over the real database.

    Only Stripe and the manufacturer are in memory.
    """

    browser: httpx.AsyncClient
    client: Client
    database: Database
    store: MemoryStore
    gateway: FakeGateway
    manufacturer: FakeManufacturer

    async def upload(self) -> dict[str, Any]:
        return await upload(self.browser)

    async def checkout(self, body: dict[str, Any], **changes: Any) -> httpx.Response:
        return await self.browser.post("/create-checkout-session", json={**body, **changes})

    async def orders(self) -> list[dict[str, Any]]:
        async with self.database.connect() as connection:
            answer = await connection.execute(text("SELECT * FROM orders ORDER BY placed_at, upload_attempt"))
            return [dict(row) for row in answer.mappings()]

    def pay(self, session_id: str) -> None:
        self.gateway.pay(session_id, capture_before=datetime.now(UTC) + timedelta(days=7))

    async def close(self) -> None:
        """End what is still open: all tests share the queues of printers and manufacturer, where the next one would serve it."""
        for order in await self.orders():
            with suppress(RPCError):
                await self.client.get_workflow_handle(order_workflow_id(order["id"])).terminate()

    @asynccontextmanager
    async def production(self) -> AsyncIterator[None]:
        """Serve the task queues of print files and of the manufacturer while the block lasts."""
        book = PostgresOrderBook(self.database)
        pictures = FakeStore()
        pictures.objects.update({key: data for key, (data, _) in self.store.objects.items()})
        artwork = ArtworkActivities(pictures, FakeRenderer(), FakeDesigner(), orders=book, designs=PostgresDesigns(self.database))
        production = ProductionActivities(
            self.manufacturer, book, self.gateway, FakeLinks(pictures), pictures, FakeTurns(), seats_per_device=8
        )
        async with (
            Worker(self.client, task_queue=ARTWORK_TASK_QUEUE, activities=activities_of(artwork)),
            Worker(self.client, task_queue=MANUFACTURER_TASK_QUEUE, activities=activities_of(production)),
        ):
            yield


def activities_of(steps: object) -> list[Callable[..., Any]]:
    """Every activity of a class."""
    methods = (getattr(steps, name) for name in dir(steps) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]


@pytest.fixture
async def shop(
    settings: Settings, database: Database, clock: Clock, store: MemoryStore, temporal_address: str, task_queue: str
) -> AsyncIterator[Shop]:
    """An open shop; the manufacturer's and the printers' task queues are served only inside of `shop.production()`."""
    client = await connect(settings.temporal.model_copy(update={"address": temporal_address}))
    book, gateway = PostgresOrderBook(database), FakeGateway()
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[OrderWorkflow, RefundWorkflow],
        activities=[*activities_of(OrderActivities(book)), *activities_of(PaymentActivities(gateway, book))],
    )
    async with (
        worker,
        running(settings, clock, database=database, temporal=client, store=store, task_queue=task_queue) as app,
        browser_of(app) as browser,
    ):
        shop = Shop(browser, client, database, store, gateway, FakeManufacturer())
        yield shop
        await shop.close()
