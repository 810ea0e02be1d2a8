"""Health says what can be used and nothing about how it is reached."""

import asyncio
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.catalog import CatalogReader
from adapters.postgres.engine import Database
from adapters.postgres.stock_book import PostgresStockBook
from api.health import Condition, Health, fresh_stock
from models.errors import ProviderUnavailable
from models.stock import StockCount
from tests.api.world import NOW, MemoryStore


async def answers() -> None:
    return None


async def fails() -> None:
    raise ProviderUnavailable("postgresql://admin:hunter2@10.0.0.1 refused", provider="postgres")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_without_temporal_we_are_degraded_and_still_answer_from_the_database(browser: httpx.AsyncClient):
    answer = await browser.get("/health")

    assert answer.status_code == 200
    parts = {"database": "ok", "temporal": "unavailable", "object_store": "ok", "stock": "stale", "artwork": "ok"}
    assert answer.json() == {"status": "degraded", **parts}
    assert (await browser.get("/api/brands")).status_code == 200


async def test_without_the_database_we_cannot_serve_and_say_no_more(stranded: httpx.AsyncClient, store: MemoryStore):
    store.outage = ProviderUnavailable("https://key:secret@bucket", provider="r2")

    answer = await stranded.get("/health")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "database": "unavailable",
        "temporal": "unavailable",
        "object_store": "unavailable",
        "stock": "stale",
        "artwork": "spent",
    }


@pytest.mark.parametrize(
    ("database", "temporal", "expected"),
    [
        (answers, answers, Condition.HEALTHY),
        (answers, fails, Condition.DEGRADED),
        (answers, hangs, Condition.DEGRADED),
        (fails, answers, Condition.UNAVAILABLE),
        (hangs, answers, Condition.UNAVAILABLE),
    ],
)
async def test_the_condition_follows_from_who_answers(database, temporal, expected: Condition):
    health = Health({"database": database, "temporal": temporal}, patience=0.01)

    assert (await health.report()).condition is expected


async def test_an_answer_is_given_again_for_a_few_seconds_however_many_ask():
    calls = []
    now = [0.0]

    async def counted() -> None:
        calls.append(now[0])

    health = Health({"database": counted}, now=lambda: now[0])

    await asyncio.gather(*(health.report() for _ in range(20)))
    now[0] = 4.9
    await health.report()
    assert calls == [0.0]

    now[0] = 5.0
    await health.report()
    assert calls == [0.0, 5.0]


async def test_the_root_says_that_somebody_is_here(stranded: httpx.AsyncClient):
    body = (await stranded.get("/")).json()

    assert (body["message"], body["status"]) == ("PimpMyCase API", "active")


class TestStock:
    """Whoever watches us must hear that we sell by counts of yesterday, although nothing is broken on our side."""

    async def test_a_machine_that_was_never_counted_is_stale(self, shop_health: Health, database: Database):
        assert not (await shop_health.report()).parts["stock"]

    async def test_it_is_fresh_while_every_machine_was_counted_lately(self, shop_health: Health, database: Database):
        await count_everything(database, at=NOW - LIMIT)

        assert (await shop_health.report()).condition is Condition.HEALTHY

    async def test_one_brand_of_one_machine_makes_it_stale(self, shop_health: Health, database: Database):
        await count_everything(database, at=NOW)
        old = StockCount(device_id="CXYLOGD8OQUK", brand_id="samsung", levels=(), taken_at=NOW - LIMIT - timedelta(seconds=1))
        await forget(database, "CXYLOGD8OQUK", "samsung")
        await PostgresStockBook(database).store_stock(old)

        report = await shop_health.report()

        assert report.parts == {"database": True, "stock": False}
        assert report.condition is Condition.DEGRADED

    async def test_a_machine_out_of_service_and_a_brand_that_is_not_sold_are_nobodys_concern(
        self, shop_health: Health, database: Database
    ):
        await count_everything(database, at=NOW)
        await forget(database, "CXYLOGD8OQUK", "iphone")
        await forget(database, "DEFAULTUK001", "google")
        async with database.connect() as connection:
            await connection.execute(text("UPDATE devices SET is_active = false WHERE id = 'CXYLOGD8OQUK'"))

        assert (await shop_health.report()).parts["stock"]


LIMIT = timedelta(minutes=30)


@pytest.fixture
def shop_health(database: Database) -> Health:
    return Health({"database": answers, "stock": fresh_stock(PostgresStockBook(database), lambda: NOW, LIMIT)})


async def count_everything(database: Database, *, at: datetime) -> None:
    stock = PostgresStockBook(database)
    for device in await CatalogReader(database).devices():
        for brand in await stock.brands_to_count():
            await stock.store_stock(StockCount(device_id=device.id, brand_id=brand.brand_id, levels=(), taken_at=at))


async def forget(database: Database, device_id: str, brand_id: str) -> None:
    """As if this list had never been read."""
    statement = text("DELETE FROM snapshots WHERE device_id = :device_id AND brand_id = :brand_id")
    async with database.connect() as connection:
        await connection.execute(statement, {"device_id": device_id, "brand_id": brand_id})
