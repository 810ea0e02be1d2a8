"""Whose turn it is at a machine: one submission at a time, across all workers.

A turn is a session-level advisory lock, so it ends by itself with the process that holds it, however that dies. One connection,
apart from the pool, holds all turns of a process; it needs a session of its own, which a transaction pooler would not give it.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import structlog
from sqlalchemy.engine import make_url

from config.groups import DatabaseSettings
from models.errors import NotYet, ProviderUnavailable

PATIENCE = timedelta(seconds=5)
"""How long a try waits for its turn; then it makes room for one at another machine."""
LOOK_AGAIN = timedelta(milliseconds=200)
"""How often another process's turn is looked at."""

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended('submission to ' || $1, 0))"
_GIVE_BACK = "SELECT pg_advisory_unlock(hashtextextended('submission to ' || $1, 0))"

log = structlog.get_logger(__name__)


class PostgresDeviceTurns:
    """Fits the port `DeviceTurns`. One object for each process."""

    def __init__(self, settings: DatabaseSettings, *, patience: timedelta = PATIENCE) -> None:
        self._url = make_url(settings.url.get_secret_value()).set(drivername="postgresql").render_as_string(hide_password=False)
        self._timeout = settings.connect_timeout.total_seconds()
        self._patience = patience.total_seconds()
        self._here: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._line = asyncio.Lock()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    @asynccontextmanager
    async def of(self, device_id: str) -> AsyncIterator[None]:
        """Hold the machine's turn while the block lasts.

        Raises `NotYet` when others hold it for too long, `ProviderUnavailable` without a database. A turn whose connection is
        lost in the middle of the block may be taken by another process: that costs order, never a second print.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._here[device_id].acquire()
        except TimeoutError:
            raise _later(device_id) from None
        try:
            await self._take(device_id)
            try:
                yield
            finally:
                await self._give_back(device_id)
        finally:
            self._here[device_id].release()

    async def close(self) -> None:
        """Give up the connection, and with it every turn."""
        if self._connection is not None:
            self._connection.terminate()

    async def _take(self, device_id: str) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while not await self._ask(_TAKE, device_id):
            if loop.time() >= until:
                raise _later(device_id)
            await asyncio.sleep(LOOK_AGAIN.total_seconds())

    async def _give_back(self, device_id: str) -> None:
        try:
            await self._ask(_GIVE_BACK, device_id)
        except ProviderUnavailable as outage:
            # The lost connection has given everything back already.
            log.warning("a machine's turn ended with its connection", device_id=device_id, reason=outage.message)

    async def _ask(self, statement: str, device_id: str) -> bool:
        async with self._line:
            try:
                connection = await self._connected()
                return bool(await connection.fetchval(statement, device_id, timeout=self._timeout))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError) as lost:
                await self.close()
                message = f"no turn at {device_id}: {type(lost).__name__}"
                raise ProviderUnavailable(message, provider="postgres") from lost
            except asyncio.CancelledError:
                # The turn may be ours all the same: only the end of its session is sure to give it back.
                await self.close()
                raise

    async def _connected(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url, timeout=self._timeout, server_settings={"application_name": "pimpmycase-turns"}
            )
        return self._connection


def _later(device_id: str) -> NotYet:
    return NotYet(f"another order is being sent to {device_id}", retry_after=LOOK_AGAIN * 5)
