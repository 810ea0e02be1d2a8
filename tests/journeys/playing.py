"""Plays orders in a world of real processes, and compares what became of them with the ledgers on the other side."""

import asyncio
import hashlib
import io
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
import httpx
from PIL import Image

from dev.emulators.remote import Remote
from dev.emulators.stripe.remote import RemoteStripe
from dev.storefront import PRICE, Checkout, Customer, Packer, operators_client
from dev.world import Ports
from models.order import OrderStatus

PICTURE_SIZE = (1000, 2090)
LOOK_EVERY = 0.1
SUBMIT = "order/orderData"

_colours = itertools.count(1)


@dataclass
class Order:
    """One customer's order and how far it had come when something happened to it."""

    moment: str
    picture: bytes
    checkout: Checkout


@dataclass(frozen=True)
class Row:
    """An order as its row and its timeline tell it."""

    status: OrderStatus
    print_reference: str | None
    payment_reference: str | None
    print_sha256: str | None
    approved_sha256: str
    captured: int
    refunded: int
    story: list[str]


class Town:
    """Everybody around the shop: customers, Stripe, the manufacturer's machine, the packer, and who reads the books."""

    def __init__(self, env: Mapping[str, str], browser: httpx.AsyncClient, stripe: RemoteStripe, manufacturer: Remote) -> None:
        self._database_url = env["DATABASE_URL"].replace("postgresql+asyncpg:", "postgresql:", 1)
        self._env = env
        self._browser = browser
        self.stripe = stripe
        self.manufacturer = manufacturer
        self.customer = Customer(browser, stripe)

    async def check_out(self, moment: str) -> Order:
        """Upload a picture that nobody else has, and order a case with it."""
        picture = _picture(next(_colours))
        return Order(moment, picture, await self.customer.check_out(await self.customer.upload(picture)))

    async def pay(self, order: Order) -> None:
        await self.customer.pay(order.checkout)

    async def row(self, order: Order) -> Row:
        """Read the order's row by a connection of its own, because the server may have died since the last look."""
        connection = await asyncpg.connect(self._database_url, timeout=10)
        try:
            found = await connection.fetchrow(
                "SELECT status, print_reference, payment_reference, print_sha256, approved_sha256, captured, refunded, "
                "(SELECT array_agg(e.status || ': ' || e.note ORDER BY e.version) FROM order_events e "
                "WHERE e.order_id = o.id AND e.version IS NOT NULL) AS story FROM orders o WHERE id = $1",
                order.checkout.order_id,
            )
        finally:
            await connection.close()
        assert found is not None, f"order {order.checkout.order_id} has no row"
        return Row(**{**dict(found), "status": OrderStatus(found["status"])})

    async def until(self, order: Order, status: OrderStatus, *, within: float = 60) -> Row:
        """Wait until the order has come to `status`; fails with its story when it stands still, ends otherwise or is late."""
        deadline = time.monotonic() + within
        while (row := await self.row(order)).status is not status:
            lost = row.status.is_final or (row.status is OrderStatus.ON_HOLD and status is not OrderStatus.ON_HOLD)
            assert not lost, f"{order.moment}: wanted {status}, got {row.story}"
            assert time.monotonic() < deadline, f"{order.moment}: {status} not within {within} s: {row.story}"
            await asyncio.sleep(LOOK_EVERY)
        return row

    async def deliver(self, order: Order, *, within: float) -> None:
        """Pack, post and deliver the case as soon as it is out of the machine."""
        await self.until(order, OrderStatus.TO_SHIP, within=within)
        packer = Packer(await operators_client(self._env))
        await packer.post(order.checkout.order_id)
        await packer.deliver(order.checkout.order_id)
        await self.until(order, OrderStatus.COMPLETED)

    async def check_books(self, order: Order) -> Row:
        """One capture, nothing given back, one order at the manufacturer, one case, of exactly the approved picture."""
        row = await self.row(order)
        captures = await self.stripe.ledger("capture", client_reference_id=str(order.checkout.order_id))
        assert [entry["amount"] for entry in captures] == [PRICE], captures
        assert await self.stripe.ledger("refund", client_reference_id=str(order.checkout.order_id)) == []
        assert (row.captured, row.refunded) == (PRICE, 0)
        accepted = await self.manufacturer.ledger("order_accepted", third_pay_id=row.payment_reference)
        assert [entry["third_id"] for entry in accepted] == [row.print_reference], accepted
        printed = await self.manufacturer.ledger("order_printed", third_pay_id=row.payment_reference)
        assert [entry["sha256"] for entry in printed] == [row.print_sha256], printed
        assert row.approved_sha256 == hashlib.sha256(order.picture).hexdigest()
        return row

    async def hold_machine(self) -> None:
        """Let the manufacturer's time stand still: nothing is printed by itself."""
        await self.manufacturer.call("PUT", "/clock", {"frozen": True})

    async def release_machine(self) -> None:
        await self.manufacturer.call("PUT", "/clock", {"frozen": False})

    async def print_begins(self, row: Row) -> None:
        """Take an order to the machine by hand: waiting, picking, picked, printing."""
        for _ in range(3):
            await self.manufacturer.call("POST", f"/orders/{row.print_reference}/advance")

    async def submission_under_way(self, *, within: float = 60) -> None:
        """Wait until the fault that was ordered for the next orderData is being suffered."""

        async def suffered() -> bool:
            return not await self.manufacturer.call("GET", "/faults")

        await eventually(suffered, "orderData is called", within=within)


@asynccontextmanager
async def town(ports: Ports, env: Mapping[str, str]) -> AsyncIterator[Town]:
    """Move in around a running world."""
    async with AsyncExitStack() as stack:
        browser = httpx.AsyncClient(base_url=ports.url("api"), timeout=60, trust_env=False)
        await stack.enter_async_context(browser)
        stripe = await stack.enter_async_context(RemoteStripe(ports.url("stripe")))
        manufacturer = await stack.enter_async_context(Remote(ports.url("manufacturer")))
        yield Town(env, browser, stripe, manufacturer)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, *, within: float) -> None:
    """Ask again and again; fails when `condition` is not true in time."""
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        await asyncio.sleep(LOOK_EVERY)


def _picture(number: int) -> bytes:
    """A picture of one colour, which no other order has: a swapped picture would be found out by its hash."""
    file = io.BytesIO()
    colour = (40 * number % 256, number % 256, 200 - number % 200)
    Image.new("RGB", PICTURE_SIZE, colour).save(file, "JPEG", quality=90)
    return file.getvalue()


def tell(**facts: object) -> None:
    """Say in one line what a journey saw."""
    print("\n  " + json.dumps(facts, ensure_ascii=False, default=str), flush=True)  # noqa: T201 - `make journeys` shows it
