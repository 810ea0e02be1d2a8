"""Connections to PostgreSQL.

A statement outside of `Database.begin()` is its own transaction and one round trip: no BEGIN, no COMMIT. Most of what is written
of an order is such a statement, with everything that belongs together in its CTEs.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from asyncpg import PostgresError
from sqlalchemy import event, text
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from config.groups import DatabaseSettings
from models.errors import IntegrityBroken, ProviderUnavailable

LOCK_TIMEOUT = timedelta(seconds=5)
IDLE_IN_TRANSACTION_TIMEOUT = timedelta(seconds=30)

_TRANSACTIONAL: Final = "READ COMMITTED"

_TRANSIENT_CLASSES = ("08", "53", "57")
"""Connection exceptions, insufficient resources, operator intervention (a cancelled statement and a server that stops)."""
_DATA_EXCEPTION = "22"
_TRANSIENT_STATES = {"40001", "40P01", "55P03"}
"""Serialisation failure, deadlock, lock timeout. https://www.postgresql.org/docs/current/errcodes-appendix.html"""


class Database:
    """A pool of connections.

    An outage is `ProviderUnavailable`, a value that no column takes `IntegrityBroken`; all else is a mistake of ours.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._transactional = engine.execution_options(isolation_level=_TRANSACTIONAL)

    @classmethod
    def connect_to(cls, settings: DatabaseSettings, *, application_name: str) -> "Database":
        """Make the pool; nothing connects before the first statement."""
        return cls(create_engine(settings, application_name=application_name))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection on which every statement is a transaction."""
        with _outages():
            async with self.engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection in a READ COMMITTED transaction, committed at the end or rolled back on an error."""
        with _outages():
            async with self._transactional.begin() as connection:
                yield connection

    async def ping(self) -> None:
        """Raise `ProviderUnavailable` unless the database answers."""
        async with self.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close the connections that nobody uses."""
        await self.engine.dispose()


def create_engine(settings: DatabaseSettings, *, application_name: str) -> AsyncEngine:
    """Make an engine whose connections commit each statement; `application_name` is what operators see in pg_stat_activity."""
    engine = create_async_engine(
        settings.url.get_secret_value(),
        isolation_level="AUTOCOMMIT",
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout.total_seconds(),
        pool_recycle=int(settings.pool_recycle.total_seconds()),
        # The connection that was used last: it has the statements prepared, and the others may be closed.
        pool_use_lifo=True,
        # No ping before use: it would double the round trips, and what meets a dead connection is retried anyway.
        pool_pre_ping=False,
        # Errors quote a statement's values, which are people's names and addresses.
        hide_parameters=True,
        connect_args={
            "timeout": settings.connect_timeout.total_seconds(),
            "server_settings": {
                "application_name": application_name,
                "timezone": "UTC",
                "jit": "off",
                "statement_timeout": _milliseconds(settings.statement_timeout),
                "lock_timeout": _milliseconds(LOCK_TIMEOUT),
                "idle_in_transaction_session_timeout": _milliseconds(IDLE_IN_TRANSACTION_TIMEOUT),
            },
        },
    )
    event.listen(engine.sync_engine, "handle_error", _forget_details)
    return engine


@dataclass
class RoundTrips:
    """How often the database was asked something."""

    count: int = 0


@contextmanager
def counted_round_trips(database: Database) -> Iterator[RoundTrips]:
    """Count statements, and the BEGIN and COMMIT around those that are in a transaction."""
    trips = RoundTrips()

    def statement(*_: Any) -> None:
        trips.count += 1

    def boundary(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == _TRANSACTIONAL:
            trips.count += 1

    engine = database.engine.sync_engine
    hooks = {"before_cursor_execute": statement, "begin": boundary, "commit": boundary, "rollback": boundary}
    for name, hook in hooks.items():
        event.listen(engine, name, hook)
    try:
        yield trips
    finally:
        for name, hook in hooks.items():
            event.remove(engine, name, hook)


@contextmanager
def _outages() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise _unavailable("all database connections are busy") from error
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", "") or "")
        if error.connection_invalidated or state in _TRANSIENT_STATES or state.startswith(_TRANSIENT_CLASSES):
            raise _unavailable(f"the database cannot answer ({state or 'connection lost'})", code=state) from error
        if state.startswith(_DATA_EXCEPTION):
            raise IntegrityBroken(f"the database cannot hold a value ({state}): asking again cannot succeed") from error
        raise
    except OSError as error:
        # asyncpg passes on what connecting raised; everything inside is ours and opens no file.
        raise _unavailable("the database cannot be reached") from error


def _forget_details(context: ExceptionContext) -> None:
    """Cut PostgreSQL's DETAIL, which quotes the whole row, customer and address included, into every log and history."""
    error = context.original_exception
    if isinstance(error.__cause__, PostgresError):
        error.__cause__.detail = None
    for exception in (error, context.sqlalchemy_exception):
        if exception is not None:
            exception.args = tuple(str(argument).partition("\nDETAIL:")[0] for argument in exception.args)


def _unavailable(message: str, *, code: str = "") -> ProviderUnavailable:
    return ProviderUnavailable(message, provider="postgres", code=code or None)


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))
