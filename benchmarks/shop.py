"""A world of its own for one benchmark, and everybody who plays in it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta

import asyncpg
import httpx
from rich.console import Console

from benchmarks.load import APPLICATION, Board, Shop
from dev.emulators.remote import Remote
from dev.emulators.stripe.remote import RemoteStripe
from dev.runner import stopped_by_signals
from dev.stock import count_stock
from dev.storefront import operators_client
from dev.temporary import World, temporary_world

UNLIMITED = {"API_RATE_DEFAULT": "1000000/minute", "LOGGING_FORMAT": "json"}


@asynccontextmanager
async def open_shop(
    *, print_step: timedelta, pieces: int, connections: int, console: Console, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Shop]:
    """Start a world that is not limited by rates, stock or the machine, and everybody who plays in it.

    Args:
        print_step: How long the emulated machine needs for each step of a print.
        pieces: Shells of each kind in every machine.
        connections: Requests of the storefront at a time.
        console: Where each start is shown.
        variables: Further settings that differ from those of `.env.example`.
    """
    async with AsyncExitStack() as stack:
        settings = UNLIMITED | dict(variables or {})
        world = await stack.enter_async_context(temporary_world(print_step=print_step, variables=settings, console=console))
        stack.enter_context(stopped_by_signals(world.supervisor))
        await _fill_machines(world, pieces=pieces)
        connection = await connect(world)
        stack.push_async_callback(connection.close)
        limits = httpx.Limits(max_connections=connections)
        browser = httpx.AsyncClient(base_url=world.ports.url("api"), timeout=60, limits=limits, trust_env=False)
        await stack.enter_async_context(browser)
        stripe = await stack.enter_async_context(RemoteStripe(world.ports.url("stripe")))
        board = Board(connection)
        watching = asyncio.create_task(board.watch())
        stack.push_async_callback(_end, watching)
        yield Shop(world, browser, stripe, await operators_client(world.env), board)


async def connect(world: World) -> asyncpg.Connection:
    """Open a connection to the world's database; the benchmark's own statements are not counted."""
    url = world.env["DATABASE_URL"].replace("postgresql+asyncpg:", "postgresql:", 1)
    return await asyncpg.connect(url, server_settings={"application_name": APPLICATION})


async def _fill_machines(world: World, *, pieces: int) -> None:
    """Put shells into every machine and have them counted, so that there is one for each order."""
    async with Remote(world.ports.url("manufacturer")) as machines:
        for device_id, device in (await machines.call("GET", "/devices")).items():
            for shell_id in device["stock"]:
                await machines.call("PUT", f"/devices/{device_id}/stock", {"mobile_shell_id": shell_id, "stock": pieces})
    await count_stock(world.env)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
