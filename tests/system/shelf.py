"""A shelf of the default machine: what a technician, a buyer and a count do with it, and what we believe that it holds."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from temporalio.testing import ActivityEnvironment

from activities.stock import StockActivities
from adapters.manufacturer.client import ManufacturerClient
from adapters.postgres.stock_book import PostgresStockBook
from models.artwork import print_size
from models.order import Operator, OrderStatus
from models.production import StockLevel
from models.stock import CountStock, ListReading, StockedBrand, StockSync, SyncReport
from tests.system.case import Case
from tests.system.storefront import DEFAULT_DEVICE, WEB_BODY, picture
from tests.system.world import World
from workflows.options import ORDERS_TASK_QUEUE
from workflows.order import OrderWorkflow
from workflows.stock import StockSyncWorkflow

APPLE = StockedBrand(brand_id="iphone", manufacturer_brand_id="BR20250111000002")
ANNA = Operator(operator="anna", reason="the print failed")


@dataclass(frozen=True)
class Phone:
    """A phone with one shell."""

    name: str
    shell_id: str
    size_mm: tuple[float, float]


XS_MAX = Phone("iPhone XS Max", "MS102503290010", (75.95, 156.04))
MINI = Phone("iPhone 12 mini", "MS102503290004", (68.58, 135.97))
AIR = Phone("iPhone 17 Air", "MS102509200001", (78.99, 164.59))
PRO_MAX_17 = Phone("iPhone 17 Pro Max", "MS102509200003", (77.55, 147.07))
IPHONE_13 = Phone("iPhone 13", "MS102503280009", (71.5, 146.7))
PRO_MAX_15 = Phone("iPhone 15 Pro Max", "MS102509090018", (75.35, 158.33))


async def design(world: World, phone: Phone) -> Case:
    return await world.design({**WEB_BODY, "model": phone.name}, data=picture(0, print_size(*phone.size_mm)))


async def buy(world: World, phone: Phone) -> Case:
    """A case that is paid and out of the machine; what the manufacturer says of it has been heard."""
    case = await (await (await design(world, phone)).checkout()).pay()
    await case.reaches(OrderStatus.TO_SHIP)
    return case


async def give_up(case: Case) -> None:
    """Have an order canceled that nobody has paid."""
    await case.tell(OrderWorkflow.cancel, ANNA)
    assert (await case.ends()).status is OrderStatus.CANCELED


async def sync(world: World, device: str = DEFAULT_DEVICE) -> SyncReport:
    """Have a machine counted now."""
    return await world.client.execute_workflow(
        StockSyncWorkflow.run, StockSync(device_id=device), id=f"count-{uuid.uuid4()}", task_queue=ORDERS_TASK_QUEUE
    )


async def fill(world: World, phone: Phone, pieces: int, *, counted: bool = True) -> None:
    """What a technician does."""
    shelf = {"mobile_shell_id": phone.shell_id, "stock": pieces}
    await world.manufacturer.call("PUT", f"/devices/{DEFAULT_DEVICE}/stock", shelf)
    if counted:
        await sync(world)


async def left(world: World, phone: Phone) -> int:
    """How many pieces the machine really holds."""
    devices = await world.manufacturer.call("GET", "/devices")
    return int(devices[DEFAULT_DEVICE]["stock"][phone.shell_id])


async def shelf(world: World, phone: Phone) -> tuple[int, int]:
    """What we think that it holds, and how much of that is spoken for."""
    statement = "SELECT stock, held FROM stock_levels WHERE device_id = :device AND shell_id = :shell"
    (row,) = await world.rows(statement, device=DEFAULT_DEVICE, shell=phone.shell_id)
    return row["stock"], row["held"]


def sold_out(answer: httpx.Response, phone: Phone) -> None:
    """Check that an answer tells the customer, before any money, that there is none."""
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert problem["code"] == "out_of_stock"
    assert problem["detail"] == (
        f"Cases for the {phone.name} are sold out here at the moment. Please try again later or choose another phone."
    )


class LateAnswers:
    """The manufacturer over a line on which the answer to a count waits until it is let through."""

    def __init__(self, partner: ManufacturerClient) -> None:
        self._partner = partner
        self.answered = asyncio.Event()
        self.arrives = asyncio.Event()

    async def stock(self, *, device_id: str, brand_id: str) -> list[StockLevel]:
        levels = await self._partner.stock(device_id=device_id, brand_id=brand_id)
        self.answered.set()
        await self.arrives.wait()
        return levels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._partner, name)


@dataclass
class SlowCount:
    """Counts the default machine's iPhones, in two steps."""

    world: World
    partner: ManufacturerClient

    async def begin(self) -> tuple[LateAnswers, asyncio.Task[ListReading]]:
        """Ask; returns when the manufacturer has answered, and nothing has arrived."""
        line: Any = LateAnswers(self.partner)
        activities = StockActivities(line, PostgresStockBook(self.world.worker_database), stale_after=timedelta(minutes=30))
        question = CountStock(device_id=DEFAULT_DEVICE, brand=APPLE, at=datetime.now(UTC))
        counting = asyncio.create_task(ActivityEnvironment().run(activities.count_stock, question))
        await line.answered.wait()
        return line, counting

    async def arrive(self, begun: tuple[LateAnswers, asyncio.Task[ListReading]]) -> None:
        """Let the answer arrive and be stored."""
        line, counting = begun
        line.arrives.set()
        await counting
