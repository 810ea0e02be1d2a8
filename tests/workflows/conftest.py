"""An order's whole life with an in-memory world."""

from collections.abc import AsyncIterator

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.workflows.server import time_skipping
from tests.workflows.shop import Shop


@pytest.fixture
async def env() -> AsyncIterator[WorkflowEnvironment]:
    async with time_skipping(pydantic_data_converter) as environment:
        yield environment


@pytest.fixture
async def shop(env: WorkflowEnvironment) -> AsyncIterator[Shop]:
    """An open shop: all task queues are served."""
    shop = Shop(env)
    async with shop.open():
        yield shop


@pytest.fixture
async def forgetful_shop(env: WorkflowEnvironment) -> AsyncIterator[Shop]:
    """A shop whose workers remember no workflow: each step is taken as if the process had just been restarted."""
    shop = Shop(env, cached_workflows=0)
    async with shop.open():
        yield shop


@pytest.fixture
async def patchable_shop(env: WorkflowEnvironment) -> AsyncIterator[Shop]:
    """A shop whose workflows are the modules that a test can patch, not the sandbox's own copies."""
    shop = Shop(env, own_modules=False)
    async with shop.open():
        yield shop
