import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.engine import Database, counted_round_trips
from config.groups import DatabaseSettings
from models.errors import IntegrityBroken, ProviderUnavailable
from tests.adapters.postgres.shop import Shop


def settings(url: str, **changes: object) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"url": SecretStr(url), **changes})


async def test_a_server_that_is_away_is_an_outage(tmp_path: Path):
    """The caller may try again; nothing of SQLAlchemy gets out."""
    database = Database.connect_to(settings(f"postgresql+asyncpg://postgres@/nothing?host={tmp_path}"), application_name="tests")

    with pytest.raises(ProviderUnavailable) as caught:
        await database.ping()

    assert caught.value.provider == "postgres"


async def test_a_connection_that_the_server_ended_is_an_outage_once(database: Database):
    """The next caller gets a new connection."""
    async with database.connect() as connection:
        backend = await connection.scalar(text("SELECT pg_backend_pid()"))
    other = Database.connect_to(settings(database.engine.url.render_as_string(hide_password=False)), application_name="other")
    async with other.connect() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
    await other.dispose()

    with pytest.raises(ProviderUnavailable):
        await database.ping()
    await database.ping()


async def test_a_value_that_the_database_cannot_hold_is_no_outage(database: Database):
    """Asking again can never succeed, so nobody waits for it."""
    with pytest.raises(IntegrityBroken, match="22012"):
        async with database.connect() as connection:
            await connection.execute(text("SELECT 1 / 0"))


async def test_a_busy_pool_is_an_outage(database_url: str):
    """Waiting for a connection ends after `pool_timeout`."""
    small = settings(database_url, pool_size=1, max_overflow=0, pool_timeout=timedelta(milliseconds=10))
    database = Database.connect_to(small, application_name="tests")

    async with database.connect() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(ProviderUnavailable, match="busy"):
            await database.ping()
    await database.dispose()


async def test_a_statement_that_takes_too_long_is_an_outage(database_url: str):
    slow = Database.connect_to(settings(database_url, statement_timeout=timedelta(milliseconds=50)), application_name="tests")

    with pytest.raises(ProviderUnavailable) as caught:
        async with slow.connect() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))

    assert caught.value.code == "57014"
    await slow.dispose()


async def test_a_deadlock_is_an_outage_for_one_of_the_two(shop: Shop):
    """Whoever is chosen to give way may simply try again."""
    both_hold_one = asyncio.Barrier(2)
    lock = text("SELECT 1 FROM brands WHERE id = :id FOR UPDATE")

    async def lock_both(first: str, second: str) -> None:
        async with shop.database.begin() as connection:
            await connection.execute(lock, {"id": first})
            await both_hold_one.wait()
            await connection.execute(lock, {"id": second})

    outcomes = await asyncio.gather(lock_both("iphone", "samsung"), lock_both("samsung", "iphone"), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "ProviderUnavailable"]


async def test_a_refused_row_is_not_quoted(shop: Shop):
    """PostgreSQL's detail shows the whole row, and with it the customer."""
    await shop.place()

    with pytest.raises(IntegrityError) as caught:
        async with shop.database.connect() as connection:
            await connection.execute(text("UPDATE orders SET captured = 1, authorized = 0"))

    refusal = caught.value.orig
    assert refusal is not None
    told = [str(error) for error in (caught.value, refusal, refusal.__cause__)]
    assert all("ck_orders_captured" in text for text in told)
    assert not any("Lovelace" in text for text in told)


async def test_a_statement_outside_of_a_transaction_is_one_round_trip(database: Database):
    with counted_round_trips(database) as alone:
        await database.ping()
    with counted_round_trips(database) as together:
        async with database.begin() as connection:
            await connection.execute(text("SELECT 1"))

    assert (alone.count, together.count) == (1, 3)
