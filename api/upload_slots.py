"""How many pictures may be on their way in at once: each is in memory from its first byte to its answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, TypeVar

from api.errors import TryAgain

UPLOADS_AT_ONCE: Final = 12
"""Of at most 20 MB each; the next ones wait, and nothing of them is read meanwhile."""
PATIENCE: Final = timedelta(seconds=20)
"""How long an upload waits for its turn."""
ON_THE_ROAD: Final = timedelta(seconds=120)
"""How long a picture may take to arrive: 10 MB at 0.7 Mbit/s. Whoever is slower, or only pretends, must not keep others out."""

T = TypeVar("T")


class UploadSlots:
    """Lets so many uploads in at a time."""

    def __init__(
        self, *, at_once: int = UPLOADS_AT_ONCE, patience: timedelta = PATIENCE, on_the_road: timedelta = ON_THE_ROAD
    ) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience = patience
        self._on_the_road = on_the_road

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a slot for as long as the block lasts. Raises `TryAgain` when none becomes free in time."""
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await self._free.acquire()
        except TimeoutError as error:
            raise TryAgain("Many pictures are being sent right now. Please try again in a moment.") from error
        try:
            yield
        finally:
            self._free.release()

    async def received(self, form: Awaitable[T]) -> T:
        """Return a form that is read from the network. Raises `TryAgain` when it does not arrive in time."""
        try:
            async with asyncio.timeout(self._on_the_road.total_seconds()):
                return await form
        except TimeoutError as error:
            raise TryAgain("Your picture took too long to arrive. Please try again, or choose a smaller one.") from error
