"""Fills the emulated machines up, as a technician would, and has the worker's own schedules count what they hold."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, ScheduleOverlapPolicy
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.catalog import CatalogReader
from adapters.postgres.engine import Database
from adapters.postgres.stock_book import PostgresStockBook
from api.schedules import stock_schedule_id
from config.groups import DatabaseSettings
from dev.emulators.remote import Remote
from dev.process import RunnerError
from dev.storefront import operators_client
from dev.world import STOCK_PER_SHELL, Ports

REFILL_BELOW = 10
TIME_LIMIT = timedelta(seconds=60)

_LOOK_EVERY = 0.1


async def refill(ports: Ports) -> None:
    """Put shells into every machine that runs low."""
    async with Remote(ports.url("manufacturer")) as machines:
        for device_id, device in (await machines.call("GET", "/devices")).items():
            for shell_id, pieces in device["stock"].items():
                if pieces < REFILL_BELOW:
                    more = {"mobile_shell_id": shell_id, "stock": STOCK_PER_SHELL}
                    await machines.call("PUT", f"/devices/{device_id}/stock", more)


async def count_stock(env: Mapping[str, str]) -> None:
    """Trigger the schedules that count the machines, and return when every machine was counted since.

    The worker makes the schedules when it starts. Raises `RunnerError` when that takes longer than `TIME_LIMIT`.
    """
    database = Database.connect_to(DatabaseSettings.model_validate({"url": env["DATABASE_URL"]}), application_name="dev")
    try:
        async with asyncio.timeout(TIME_LIMIT.total_seconds()):
            client, begun = await operators_client(env), datetime.now(UTC)
            devices = [device for device in await CatalogReader(database).devices() if device.is_active]
            await asyncio.gather(*(_trigger(client, stock_schedule_id(device.id)) for device in devices))
            await _counted_since(begun, PostgresStockBook(database))
    except TimeoutError as error:
        raise RunnerError("The machines' stock was not counted in time; see the worker's log.") from error
    finally:
        await database.dispose()


async def _trigger(client: Client, schedule_id: str) -> None:
    """Start a sync now, or after the one that runs: that one may have counted before we refilled."""
    while True:
        try:
            await client.get_schedule_handle(schedule_id).trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)
        except RPCError as refusal:
            if refusal.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(_LOOK_EVERY)
        else:
            return


async def _counted_since(moment: datetime, stock: PostgresStockBook) -> None:
    while True:
        oldest = await stock.oldest_count()
        if oldest is not None and oldest >= moment:
            return
        await asyncio.sleep(_LOOK_EVERY)
