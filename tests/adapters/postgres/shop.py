"""A shop with a catalogue and a shelf, and the requests that customers make of it."""

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from adapters.postgres.catalog import CatalogReader
from adapters.postgres.engine import Database
from adapters.postgres.order_book import PostgresOrderBook
from adapters.postgres.orders import PostgresOrders
from adapters.postgres.stock_book import PostgresStockBook
from adapters.postgres.uploads import PostgresUploads
from models.artwork import StoredImage, Upload, print_size
from models.order import (
    Address,
    Channel,
    CheckoutRequest,
    Customer,
    OrderStatus,
    PlacedOrder,
    PlaceOrder,
    Transition,
    order_id_for,
)
from models.production import StockLevel
from models.stock import Findings, StockCount

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IPHONE_15_PRO = (69.43, 145.12)
IPHONE_15_PRO_BASIC = (73.24, 149.27)
CUSTOMER = Customer(
    name="Ada Lovelace",
    email="ada@example.com",
    phone="+447700900000",
    address=Address(line1="1 Analytical Row", city="London", postcode="SW1A 1AA", country="United Kingdom"),
)


class Shop:
    """What tests do with the database besides what the adapters do."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.orders = PostgresOrderBook(database)
        self.reader = PostgresOrders(database)
        self.uploads = PostgresUploads(database)
        self.catalog = CatalogReader(database)
        self.stock = PostgresStockBook(database)

    async def upload(self, size_mm: tuple[float, float] = IPHONE_15_PRO, *, template: str = "classic") -> str:
        """Upload a picture of a shell's shape, and return its name."""
        name = f"{uuid.uuid4().hex}.png"
        width, height = print_size(*size_mm)
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        image = StoredImage(
            key=f"uploads/{sha256}.png", sha256=sha256, media_type="image/png", width=width, height=height, size=1_000_000
        )
        await self.uploads.add(Upload(name=name, template_id=template, image=image, created_at=NOW))
        return name

    async def place(self, *, attempt: int = 1, upload: str | None = None, **changes: Any) -> PlacedOrder:
        """Place an order for an iPhone 15 Pro on the web, but for `changes`."""
        request = web_request(upload or await self.upload(), **changes)
        return await self.orders.place(place_order(request, attempt=attempt))

    async def count(
        self,
        levels: Sequence[StockLevel],
        *,
        at: datetime = NOW,
        brand: str = "iphone",
        device: str = "DEFAULTUK001",
        known_gone: Sequence[int] | None = None,
    ) -> Findings:
        """Have a machine's list of a brand stored, asked for after what is known to be gone by now, or was known before."""
        if known_gone is None:
            known_gone = await self.stock.known_gone(device)
        return await self.stock.store_stock(
            StockCount(device_id=device, brand_id=brand, levels=tuple(levels), taken_at=at, known_gone=tuple(known_gone))
        )

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.database.connect() as connection:
            await connection.execute(text(statement), values)

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        async with self.database.connect() as connection:
            return [dict(row) for row in (await connection.execute(text(statement), values)).mappings()]

    async def row(self, statement: str, **values: Any) -> dict[str, Any]:
        (only,) = await self.rows(statement, **values)
        return only

    async def order(self, order_id: UUID) -> dict[str, Any]:
        return await self.row("SELECT * FROM orders WHERE id = :id", id=order_id)

    async def check_shelves(self) -> None:
        """What stands as held must be what is held."""
        wrong = await self.rows(
            """
            SELECT * FROM stock_levels l WHERE held <> (
                SELECT count(*) FROM stock_holds h
                WHERE h.device_id = l.device_id AND h.shell_id = l.shell_id AND h.released_at IS NULL)
            """
        )
        assert wrong == []


def web_request(upload: str, **changes: Any) -> CheckoutRequest:
    """The body that the storefront sends for a web order."""
    values = {
        "channel": Channel.WEB,
        "upload_name": upload,
        "brand": "APPLE",
        "model": "iPhone 15 Pro",
        "amount": 3500,
        "customer": CUSTOMER,
    }
    return CheckoutRequest.model_validate({**values, **changes})


def place_order(request: CheckoutRequest, *, attempt: int = 1, version: int = 1, at: datetime = NOW) -> PlaceOrder:
    order_id = order_id_for(request.upload_name, attempt)
    enters = Transition(order_id=order_id, version=version, status=OrderStatus.AWAITING_PAYMENT, at=at, note="placed")
    return PlaceOrder(order_id=order_id, request=request, upload_attempt=attempt, enters=enters)


def step(order_id: UUID, version: int, status: OrderStatus, **more: Any) -> Transition:
    """A step of the workflow, a minute after the one before it."""
    return Transition(order_id=order_id, version=version, status=status, at=NOW + timedelta(minutes=version), **more)


async def met(shop: Shop, row: str, *calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Have calls meet at a row: each has begun and waits for it, in this order, before the first may go on.

    `row` is a query for it. This is the one moment in which what a statement has read is older than what it changes.
    """
    waiting = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.TaskGroup() as tasks, shop.database.begin() as connection:
        await connection.execute(text(f"{row} FOR UPDATE"))
        begun = []
        for number, call in enumerate(calls, 1):
            begun.append(tasks.create_task(call))
            while (await shop.row(waiting))["number"] < number:
                pass
    return [task.result() for task in begun]


async def together(*calls: Awaitable[Any]) -> list[Any]:
    """Run all at once and return what each returned or raised."""
    return await asyncio.gather(*calls, return_exceptions=True)
