"""A shop on a real database: one of the test's own, or one that all tests look at and none changes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr

from adapters.postgres.engine import Database
from adapters.postgres.seed import seed
from config.groups import DatabaseSettings
from dev.postgres import Postgres
from tests.adapters.postgres.shop import Shop
from tests.conftest import Infrastructure


def connect(url: str) -> Database:
    return Database.connect_to(DatabaseSettings(url=SecretStr(url), pool_size=10, max_overflow=20), application_name="tests")


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A seeded shop with two of each shell in every machine."""
    await seed(database, stock=2)
    return Shop(database)


@pytest.fixture(scope="session")
def common_database_url(infrastructure: Infrastructure, postgres: Postgres, migrated_template: str) -> str:
    """A seeded database that is only added to, with stock for everybody."""

    async def make() -> str:
        url = await postgres.create_database("common", template=migrated_template)
        database = connect(url)
        await seed(database, stock=100_000)
        await database.dispose()
        return url

    return infrastructure.portal.call(make)


@pytest.fixture
async def open_shop(common_database_url: str) -> AsyncIterator[Shop]:
    """The same shop for every test that only looks, or adds what no other test sees: a copy of a database takes time."""
    database = connect(common_database_url)
    yield Shop(database)
    await database.dispose()


@pytest.fixture
async def another_process(database_url: str) -> AsyncIterator[Callable[[], Database]]:
    """Makes further pools on the test's own database, as further processes would."""
    async with AsyncExitStack() as stack:

        def start() -> Database:
            database = connect(database_url)
            stack.push_async_callback(database.dispose)
            return database

        yield start
