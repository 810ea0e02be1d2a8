"""A whole world of real processes for each module of journeys."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from dev.temporary import World, temporary_world
from tests.journeys.playing import Town, town

PRINT_STEP = timedelta(milliseconds=300)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    """PostgreSQL, Temporal, emulators, API and worker, each a process that a journey may kill and bring back."""
    async with temporary_world(print_step=PRINT_STEP) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(world: World) -> AsyncIterator[Town]:
    """Everybody around that world."""
    async with town(world.ports, world.env) as people:
        yield people
