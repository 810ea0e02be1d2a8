"""PostgreSQL tells at once that there is something to do; who listens sweeps now and then all the same, for what was missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import asyncpg
import structlog
from sqlalchemy.engine import make_url

from config.groups import DatabaseSettings

RECONNECT_PAUSE = timedelta(seconds=2)
log = structlog.get_logger(__name__)


class Notifications:
    """What was heard on the channels since one asked last. A lost connection is made again; what was said meanwhile is lost."""

    def __init__(self) -> None:
        self._heard: set[str] = set()
        self._news = asyncio.Event()

    async def wait(self, patience: timedelta) -> set[str]:
        """Return the channels that something was said on, after `patience` perhaps none."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), patience.total_seconds())
        heard, self._heard = self._heard, set()
        self._news.clear()
        return heard

    def hear(self, channel: str) -> None:
        """Note that something was said on a channel."""
        self._heard.add(channel)
        self._news.set()


@asynccontextmanager
async def listening(settings: DatabaseSettings, *channels: str) -> AsyncIterator[Notifications]:
    """Listen on `channels` with a connection of its own for as long as the context lasts."""
    notifications = Notifications()
    listener = asyncio.create_task(_listen(settings, channels, notifications))
    try:
        yield notifications
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener


async def _listen(settings: DatabaseSettings, channels: tuple[str, ...], notifications: Notifications) -> None:
    url = make_url(settings.url.get_secret_value()).set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            await _listen_once(url, settings, channels, notifications)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as lost:
            log.warning("not listening to the database", reason=type(lost).__name__)
        await asyncio.sleep(RECONNECT_PAUSE.total_seconds())


async def _listen_once(url: str, settings: DatabaseSettings, channels: tuple[str, ...], notifications: Notifications) -> None:
    connection = await asyncpg.connect(
        url,
        timeout=settings.connect_timeout.total_seconds(),
        server_settings={"application_name": "pimpmycase-listener"},
    )
    closed = asyncio.Event()
    try:
        connection.add_termination_listener(lambda _: closed.set())
        for channel in channels:
            await connection.add_listener(channel, lambda _connection, _pid, name, _payload: notifications.hear(name))
            notifications.hear(channel)
        await closed.wait()
    finally:
        connection.terminate()
