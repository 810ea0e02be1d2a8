from collections.abc import AsyncIterator

import pytest

from tests.dev.emulators.stripe.support import World, stripe_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A fresh Stripe account that nobody has used."""
    async with stripe_world() as fresh:
        yield fresh
