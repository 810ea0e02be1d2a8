"""The infrastructure that tests run against: a real PostgreSQL, a real Temporal dev server, and no network but loopback.

Servers start once per session, on demand, by the code that `python -m dev` uses. They live in a thread with an event loop of
its own, because every test has another loop; a test connects in its own loop and shares no connection with other tests.
"""

import io
import ipaddress
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic import SecretStr
from rich.console import Console

from adapters.postgres.engine import Database
from adapters.postgres.migrate import upgrade
from config.groups import DatabaseSettings
from dev.guard import Guard
from dev.postgres import Postgres
from dev.process import free_port
from dev.supervisor import Service, Supervisor
from dev.temporal import temporal_service
from tests.memory import temporary_folder
from workflows.attributes import SEARCH_ATTRIBUTES


class NetworkForbiddenError(Exception):
    """A test tried to reach another machine."""


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Connecting to, or looking up, anything but this machine fails at once and says what was asked for."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse_strangers(host: object) -> None:
        if not _is_loopback(host):
            raise NetworkForbiddenError(f"tests must not reach {host!r}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            refuse_strangers(address[0])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family != socket.AF_UNIX:
            refuse_strangers(address[0])
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_strangers(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_certificates() -> Iterator[None]:
    """No test speaks TLS, and every client of httpx, Stripe and S3 would parse a whole CA bundle: 10 to 50 ms of processor time.

    A test that does speak it trusts nobody, and fails.
    """

    def load_nothing(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        """Trust nobody."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "load_verify_locations", load_nothing)
        patch.setattr(ssl.SSLContext, "load_default_certs", load_nothing)
        yield


def _is_loopback(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in {"", "localhost"}:
        return True
    with suppress(ValueError):
        address = ipaddress.ip_address(str(name))
        return address.is_loopback or address.is_unspecified
    return False


@dataclass(frozen=True)
class Infrastructure:
    """Where the session's servers are started from."""

    folder: Path
    portal: BlockingPortal
    supervisor: Supervisor

    def start(self, service: Service) -> None:
        self.portal.call(self.supervisor.start, service)


@pytest.fixture(scope="session")
def infrastructure() -> Iterator[Infrastructure]:
    with temporary_folder() as folder:
        folder.chmod(0o711)  # as root, PostgreSQL runs as another account and must get through
        with (
            Guard(log=folder / "guard.log") as guard,
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(
                Supervisor(logs=folder, guard=guard, console=Console(file=io.StringIO()))
            ) as supervisor,
        ):
            yield Infrastructure(folder=folder, portal=portal, supervisor=supervisor)


@pytest.fixture(scope="session")
def postgres(infrastructure: Infrastructure) -> Postgres:
    """A running PostgreSQL; tests want `database_url`, which is theirs alone."""
    server = Postgres(infrastructure.folder / "postgres", durable=False)
    infrastructure.start(server.service())
    return server


@pytest.fixture(scope="session")
def migrated_template(infrastructure: Infrastructure, postgres: Postgres) -> str:
    """The name of a database that Alembic has brought to the newest schema; never connect to it, copy it."""
    name = "migrated"
    infrastructure.portal.call(upgrade, infrastructure.portal.call(postgres.create_database, name))
    return name


@pytest.fixture
def database_url(infrastructure: Infrastructure, postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """A migrated database of this test's own (`postgresql+asyncpg://…`), a copy of the template: about 40 ms."""
    yield from _temporary_database(infrastructure, postgres, template=migrated_template)


@pytest.fixture
def empty_database_url(infrastructure: Infrastructure, postgres: Postgres) -> Iterator[str]:
    """A database without a single table: for tests of the migrations themselves."""
    yield from _temporary_database(infrastructure, postgres, template="template1")


def _temporary_database(infrastructure: Infrastructure, postgres: Postgres, *, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    yield infrastructure.portal.call(partial(postgres.create_database, name, template=template))
    infrastructure.portal.call(postgres.drop_database, name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The adapter's pool on `database_url`, made and closed in the test's own event loop."""
    settings = DatabaseSettings(url=SecretStr(database_url), pool_size=5)
    pool = Database.connect_to(settings, application_name="tests")
    yield pool
    await pool.dispose()


@pytest.fixture(scope="session")
def temporal_address(infrastructure: Infrastructure) -> str:
    """A running Temporal dev server (`127.0.0.1:<port>`) that knows our search attributes; use a task queue of your own."""
    port = free_port()
    infrastructure.start(temporal_service(port=port, search_attributes=SEARCH_ATTRIBUTES))
    return f"127.0.0.1:{port}"


@pytest.fixture
def task_queue() -> str:
    """A task queue that no other test uses."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    return free_port()
