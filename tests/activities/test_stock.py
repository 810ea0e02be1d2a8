"""What is asked in which order, and what is written when there is no answer."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.stock import StockActivities
from models.errors import NeedsPerson, ProviderError, ProviderUnavailable
from models.production import ManufacturerBrand, StockLevel
from models.stock import CountStock, Difference, DifferenceKind, Findings, ListReading, PlanCount, ReadBrandList
from tests.fakes.manufacturer import FakeManufacturer
from tests.fakes.stock_book import APPLE, SAMSUNG, FakeStockBook

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
STALE_AFTER = timedelta(minutes=30)
DOWN = ProviderUnavailable("device is unavailable", provider="manufacturer")
STRANGE = NeedsPerson("brand does not exist", provider="manufacturer")
SHELL = StockLevel(model_id="MM1", model_name="iPhone 15 Pro", shell_id="MS1", width_mm=69.43, height_mm=145.12, stock=2)
COUNT = CountStock(device_id="DEV", brand=APPLE, at=NOW)


class Desk:
    """The activities over fakes."""

    def __init__(self) -> None:
        self.manufacturer = FakeManufacturer()
        self.stock = FakeStockBook()
        self.activities = StockActivities(self.manufacturer, self.stock, stale_after=STALE_AFTER)
        self.environment = ActivityEnvironment()

    async def count(self) -> ListReading:
        return await self.environment.run(self.activities.count_stock, COUNT)

    async def read_brands(self) -> ListReading:
        return await self.environment.run(self.activities.read_brand_list, ReadBrandList(at=NOW))


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.manufacturer.shelves["DEV", "BR1"] = [SHELL, SHELL.model_copy(update={"shell_id": "MS2", "stock": -1})]
    return desk


async def test_the_brands_that_customers_see_are_planned(desk: Desk) -> None:
    plan = await desk.environment.run(desk.activities.plan_count, PlanCount(device_id="DEV"))

    assert plan.brands == (APPLE, SAMSUNG)


async def test_a_count_is_stored_as_old_as_the_question(desk: Desk) -> None:
    desk.stock.findings = Findings(found=(Difference(kind=DifferenceKind.GONE, subject="MS3", name="iPhone 13"),))

    reading = await desk.count()

    assert reading == ListReading(title="iphone", entries=2, pieces=2, findings=desk.stock.findings)
    (count,) = desk.stock.counts
    assert (count.device_id, count.brand_id, count.taken_at, len(count.levels)) == ("DEV", "iphone", NOW, 2)


async def test_what_is_gone_is_asked_before_the_machine_is(desk: Desk) -> None:
    """A shell that is picked up while the machine answers may still stand in its answer."""
    desk.stock.gone = [7]
    gate = desk.manufacturer.faults.hold("stock DEV BR1")

    async def pick_up_meanwhile() -> None:
        await gate.reached.wait()
        desk.stock.gone.append(8)
        gate.open()

    await asyncio.gather(desk.count(), pick_up_meanwhile())

    assert [count.known_gone for count in desk.stock.counts] == [(7,)]


@pytest.mark.parametrize("error", [DOWN, STRANGE])
async def test_a_machine_that_cannot_be_counted_keeps_its_old_count_and_says_why(desk: Desk, error: ProviderError) -> None:
    desk.manufacturer.faults.fail("stock DEV BR1", error)

    with pytest.raises(type(error)):
        await desk.count()

    assert desk.stock.counts == []
    assert desk.stock.failures == [("DEV", "iphone", error.message, NOW)]


async def test_brands_that_cannot_be_read_say_why(desk: Desk) -> None:
    desk.manufacturer.faults.fail("brands", DOWN)

    with pytest.raises(ProviderUnavailable):
        await desk.read_brands()

    assert desk.stock.failures == [(None, None, DOWN.message, NOW)]


async def test_brands_are_stored_as_old_as_the_question(desk: Desk) -> None:
    desk.manufacturer.listed_brands = [ManufacturerBrand(brand_id="BR1", name="苹果", english_name="Apple")]

    assert await desk.read_brands() == ListReading(title="brands", entries=1)

    assert desk.stock.brand_lists == [(desk.manufacturer.listed_brands, NOW)]


@pytest.mark.parametrize(
    ("age", "warned"), [(None, "was never read"), (STALE_AFTER, ""), (STALE_AFTER + timedelta(seconds=1), "is as old as 0:30:01")]
)
async def test_only_a_list_that_is_too_old_is_warned_of(
    desk: Desk, caplog: pytest.LogCaptureFixture, age: timedelta | None, warned: str
) -> None:
    """One count that fails is nothing: the next one makes up for it."""
    desk.stock.taken_at = None if age is None else NOW - age
    desk.manufacturer.faults.fail("stock DEV BR1", DOWN)

    with caplog.at_level(logging.WARNING), pytest.raises(ProviderUnavailable):
        await desk.count()

    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == bool(warned)
    assert all(f"the stock of iphone in DEV {warned}" in warning for warning in warnings)
