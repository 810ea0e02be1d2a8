"""How much of pictures may be on its way in at once: each is in memory from its first byte to its answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, ParamSpec, TypeVar

from api.errors import TryAgain

BYTES_AT_ONCE: Final = 160_000_000
"""Of bodies, which take about twice their size in memory: 20 photos of 8 MB. The next ones wait, and meanwhile nothing of them is
read."""
LARGEST: Final = 20_000_000
"""Bytes that are set aside for a body that does not say how large it is."""
PATIENCE: Final = timedelta(seconds=20)
"""How long an upload waits for its turn."""
ON_THE_ROAD: Final = timedelta(seconds=120)
"""How long a picture may take to arrive: 10 MB at 0.7 Mbit/s. Whoever is slower, or only pretends, must not keep others out."""
UNPACKED_AT_ONCE: Final = 2
"""Forms being taken apart, which takes several times their size for a moment."""

T = TypeVar("T")
P = ParamSpec("P")


class UploadSlots:
    """Lets uploads in, in the order in which they came."""

    def __init__(
        self, *, at_once: int = BYTES_AT_ONCE, patience: timedelta = PATIENCE, on_the_road: timedelta = ON_THE_ROAD
    ) -> None:
        self._free = at_once
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self._unpacking = asyncio.Semaphore(UNPACKED_AT_ONCE)
        self._patience = patience
        self._on_the_road = on_the_road

    @asynccontextmanager
    async def one(self, size: int = LARGEST) -> AsyncIterator[None]:
        """Set memory aside for a body for as long as the block lasts. Raises `TryAgain` when there is none in time."""
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await self._take(size)
        except TimeoutError as error:
            raise TryAgain("Many pictures are being sent right now. Please try again in a moment.") from error
        try:
            yield
        finally:
            self._free += size
            self._freed.set()

    async def received(self, form: Awaitable[T]) -> T:
        """Return a form that is read from the network. Raises `TryAgain` when it does not arrive in time."""
        try:
            async with asyncio.timeout(self._on_the_road.total_seconds()):
                return await form
        except TimeoutError as error:
            raise TryAgain("Your picture took too long to arrive. Please try again, or choose a smaller one.") from error

    async def unpacked(self, unpack: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Take a form apart in a thread."""
        async with self._unpacking:
            return await asyncio.to_thread(unpack, *args, **kwargs)

    async def _take(self, size: int) -> None:
        async with self._turn:  # a lock is handed on in order, so a large upload is not overtaken for ever by small ones
            while self._free < size:
                self._freed.clear()
                await self._freed.wait()
            self._free -= size
