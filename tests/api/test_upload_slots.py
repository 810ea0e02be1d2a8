"""Memory for uploads is handed out in order, and comes back whatever happens."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from api.errors import TryAgain
from api.upload_slots import UploadSlots


class Upload:
    """Holds its slot until it is told to let go."""

    def __init__(self, slots: UploadSlots, size: int) -> None:
        self.is_in = asyncio.Event()
        self.may_go = asyncio.Event()
        self.task = asyncio.ensure_future(self._run(slots, size))

    async def _run(self, slots: UploadSlots, size: int) -> None:
        async with slots.one(size):
            self.is_in.set()
            await self.may_go.wait()

    async def leave(self) -> None:
        self.may_go.set()
        await self.task


async def test_as_many_are_in_as_there_is_room_for_and_nobody_is_overtaken():
    slots = UploadSlots(at_once=10)
    first, second = Upload(slots, 6), Upload(slots, 4)
    await asyncio.gather(first.is_in.wait(), second.is_in.wait())
    large, small = Upload(slots, 9), Upload(slots, 1)

    await second.leave()
    assert not large.is_in.is_set()
    assert not small.is_in.is_set()

    await first.leave()
    await asyncio.gather(large.is_in.wait(), small.is_in.wait())
    await asyncio.gather(large.leave(), small.leave())


async def test_whoever_waits_too_long_is_told_to_come_again_and_takes_nothing():
    slots = UploadSlots(at_once=10, patience=timedelta(milliseconds=10))
    first = Upload(slots, 10)
    await first.is_in.wait()

    with pytest.raises(TryAgain):
        async with slots.one(1):
            pass

    await first.leave()
    async with slots.one(10):
        pass


async def test_an_upload_that_is_broken_off_gives_its_room_back():
    slots = UploadSlots(at_once=10, patience=timedelta(milliseconds=10))
    upload = Upload(slots, 10)
    await upload.is_in.wait()
    upload.task.cancel()
    with suppress(asyncio.CancelledError):
        await upload.task

    async with slots.one(10):
        pass
