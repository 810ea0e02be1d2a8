"""The load: many orders or skeletons at once, each driven from its beginning to its end."""

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx
from PIL import Image
from temporalio.client import Client

from benchmarks import skeleton
from dev.emulators.stripe.remote import RemoteStripe
from dev.guard import ROOT
from dev.storefront import Checkout, Customer, Packer, Upload
from dev.temporary import World
from models.order import OrderResult, OrderStatus

T = TypeVar("T")
R = TypeVar("R")

PHOTO = ROOT / "dev" / "samples" / "deep-field.jpg"
FLAT_SIZE = (1000, 2090)
"""Of the iPhone 15 Pro's shape, and as small as the shop accepts."""
APPLICATION = "benchmark"

_LOOK_EVERY = 0.1
_STATUSES = """
    SELECT o.id, o.status, e.note FROM orders o JOIN order_events e ON e.order_id = o.id AND e.version = o.version
    WHERE o.id = ANY ($1)
"""
_STAMP = 60


class OrderFailed(Exception):
    """An order did not come to its good end: the numbers of this run mean nothing."""


@dataclass(frozen=True)
class Played:
    """One order that was delivered."""

    workflow_id: str
    seconds_to_acceptance: float
    """From the storefront's checkout call to the success page that says that the manufacturer has accepted."""


def photos(count: int) -> list[bytes]:
    """Return photos that differ in a corner, so that each is stored, rendered and served by itself."""
    pictures = []
    with Image.open(PHOTO) as photo:
        for number in range(count):
            stamp = Image.new("RGB", (_STAMP, _STAMP), (number % 256, number // 256 % 256, 128))
            photo.paste(stamp, (0, 0))
            pictures.append(_jpeg(photo))
    return pictures


def flat_picture() -> bytes:
    """Return a picture whose print file is small: of one colour."""
    return _jpeg(Image.new("RGB", FLAT_SIZE, (30, 60, 120)))


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


async def timed(work: Sequence[T], play: Callable[[T], Awaitable[R]], *, concurrency: int) -> tuple[list[R], float]:
    """Play everything, at most `concurrency` at a time; returns the results and the seconds from first start to last end."""
    seats = asyncio.Semaphore(concurrency)

    async def one(each: T) -> R:
        async with seats:
            return await play(each)

    begun = time.monotonic()
    tasks = [asyncio.create_task(one(each)) for each in work]
    try:
        return await asyncio.gather(*tasks), time.monotonic() - begun
    finally:
        # The first failure ends the others.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Board:
    """Tells when an order's row says a status: one query for all orders that somebody waits for."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._waiting: dict[UUID, tuple[OrderStatus, asyncio.Future[None]]] = {}

    async def until(self, order_id: UUID, status: OrderStatus) -> None:
        """Wait for the status; raises `OrderFailed` when the order stands still or ends."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[order_id] = (status, future)
        try:
            await future
        finally:
            del self._waiting[order_id]

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if self._waiting:
                for row in await self._connection.fetch(_STATUSES, list(self._waiting)):
                    self._compare(row["id"], OrderStatus(row["status"]), row["note"])

    def _compare(self, order_id: UUID, status: OrderStatus, note: str) -> None:
        wanted, future = self._waiting[order_id]
        if future.done():
            return
        if status is wanted:
            future.set_result(None)
        elif status is OrderStatus.ON_HOLD or status.is_final:
            future.set_exception(OrderFailed(f"order {order_id} is {status}: {note}"))


class Shop:
    """Customers and packers of one world."""

    def __init__(self, world: World, browser: httpx.AsyncClient, stripe: RemoteStripe, client: Client, board: Board) -> None:
        self.world = world
        self.client = client
        self._customer = Customer(browser, stripe)
        self._packer = Packer(client)
        self.board = board

    async def upload(self, picture: bytes) -> Upload:
        return await self._customer.upload(picture)

    async def play_from_picture(self, picture: bytes) -> Played:
        return await self.play(await self.upload(picture))

    async def play(self, upload: Upload) -> Played:
        """Check out, pay, wait for the print, post, deliver."""
        begun = time.monotonic()
        checkout = await self.buy(upload)
        accepted = time.monotonic()
        await self.board.until(checkout.order_id, OrderStatus.TO_SHIP)
        await self._packer.post(checkout.order_id)
        await self._packer.deliver(checkout.order_id)
        order = self.client.get_workflow_handle(checkout.workflow_id, result_type=OrderResult)
        result = await order.result()
        if result.status is not OrderStatus.COMPLETED:
            raise OrderFailed(f"order {checkout.order_id} ended {result.status}: {result.note}")
        return Played(checkout.workflow_id, accepted - begun)

    async def buy(self, upload: Upload) -> Checkout:
        """Check out, pay, and wait until the manufacturer has accepted."""
        checkout = await self._customer.check_out(upload)
        await self._customer.pay(checkout)
        await self._until_accepted(checkout)
        return checkout

    async def _until_accepted(self, checkout: Checkout) -> None:
        """Read the success page; it answers "paid" when the manufacturer is slow, and the storefront then asks again."""
        while True:
            shown = await self._customer.return_to_shop(checkout)
            if shown["status"] != "paid":
                return
            await asyncio.sleep(_LOOK_EVERY)


async def play_skeletons(client: Client, count: int, *, concurrency: int) -> tuple[list[str], float]:
    """Play `count` skeletons; returns their workflow ids and the seconds that all took."""
    names = [f"skeleton-{uuid4()}" for _ in range(count)]

    async def play(name: str) -> str:
        await skeleton.drive(client, name)
        return name

    return await timed(names, play, concurrency=concurrency)
