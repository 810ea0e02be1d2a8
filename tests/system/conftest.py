"""The whole shop for each test: a database, a namespace and servers of its own."""

import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
import pytest_asyncio
import structlog
from pydantic import SecretStr
from temporalio import activity, workflow

from adapters.postgres.engine import Database
from adapters.postgres.seed import seed
from config.groups import DatabaseSettings
from dev.postgres import Postgres
from tests.config.lines import Lines
from tests.conftest import Infrastructure
from tests.system.running import STOCK, running
from tests.system.world import World


@pytest.fixture(scope="session")
def shop_template(infrastructure: Infrastructure, postgres: Postgres, migrated_template: str) -> str:
    """The name of a database with the catalogue and full machines; copy it, never connect to it."""
    name = "shop"

    async def make() -> None:
        url = await postgres.create_database(name, template=migrated_template)
        database = Database.connect_to(DatabaseSettings(url=SecretStr(url)), application_name="tests")
        await seed(database, stock=STOCK)
        await database.dispose()

    infrastructure.portal.call(make)
    return name


@pytest.fixture(scope="module")
def shop_database_url(infrastructure: Infrastructure, postgres: Postgres, shop_template: str) -> Iterator[str]:
    """A shop's database of this module's own."""
    name = f"test_{uuid.uuid4().hex}"
    yield infrastructure.portal.call(partial(postgres.create_database, name, template=shop_template))
    infrastructure.portal.call(postgres.drop_database, name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(shop_database_url: str, temporal_address: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Everything running; shared by the tests of a module, so each looks at its own orders only."""
    namespace = f"system-{uuid.uuid4().hex[:12]}"
    async with running(shop_database_url, temporal_address, namespace, tmp_path_factory.mktemp("shop")) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(shop: World) -> AsyncIterator[World]:
    """The shop on an ordinary day; what a test breaks is put right after it."""
    yield shop
    await shop.calm()


@pytest.fixture
def log() -> Iterator[Lines]:
    """What API and worker write into their logs, in JSON, from here to the end of the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = Lines()
    lines.start()
    structlog.configure(cache_logger_on_first_use=False)  # a logger that is cached now would write here for ever
    yield lines
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    activity.logger.activity_info_on_message = True
    workflow.logger.workflow_info_on_message = True
