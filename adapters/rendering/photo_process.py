"""Photos are read by a process of their own: their decoders are C, and their authors are strangers.

A photo that makes a decoder crash, hang or ask for all memory ends that process and is refused; nothing else notices. The next
photo gets a new process. One at a time, so that memory is bounded: by 450 MB for this process, whatever is sent.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from adapters.rendering.inspection import CUSTOMER_PHOTO, check_bytes
from adapters.rendering.normalized import NormalizedPhoto
from adapters.rendering.photo_formats import damaged
from adapters.rendering.photo_frames import LENGTHS, Answer, frame
from models.errors import ProviderUnavailable

log = structlog.get_logger(__name__)

PROVIDER: Final = "photo_process"
PATIENCE: Final = timedelta(seconds=20)
"""How long one photo may take; the slowest good one takes 2.5 s of a core, and the core may be busy."""
MAX_ANSWER: Final = 60_000_000
"""Bytes that are read of an answer; 25 megapixels of pure noise make a JPEG of 40 MB."""

_CODE: Final = Path(__file__).parents[2]
_COMMAND: Final = (sys.executable, "-m", "adapters.rendering.photo_child")
_ENVIRONMENT: Final = {"PYTHONPATH": str(_CODE), "VIPS_CONCURRENCY": "2", "MALLOC_ARENA_MAX": "2"}
"""All of it: the child has none of our secrets."""

_BROKEN: Final = (ConnectionError, asyncio.IncompleteReadError, KeyError, ValueError)
"""The child is gone, or has answered what no child of ours would."""


class PhotoProcess:
    """Reads photos, one after the other; use as an async context manager."""

    def __init__(self, *, command: Sequence[str] = _COMMAND, patience: timedelta = PATIENCE) -> None:
        self._command = command
        self._patience = patience
        self._turn = asyncio.Lock()
        self._process: Process | None = None

    async def normalize(self, data: bytes) -> NormalizedPhoto:
        """Return the photo as it is to be kept.

        Raises `OrderRefused` as `normalize_photo` does, and for a photo that no decoder survives; `ProviderUnavailable` when no
        process can be started.
        """
        check_bytes(data, CUSTOMER_PHOTO)
        async with self._turn:
            answer = await self._ask(data)
        if answer.refusal is not None:
            raise answer.refusal
        return NormalizedPhoto.of(answer.data, answer.media_type, answer.size)

    async def _ask(self, data: bytes) -> Answer:
        process = await self._running()
        is_done = False
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                answer = await _exchange(process, data)
            is_done = True
        except TimeoutError as error:
            log.warning("a photo took too long to be read", size=len(data))
            raise damaged() from error
        except _BROKEN as error:
            log.warning("the process that reads photos has failed", size=len(data), reason=str(error))
            raise damaged() from error
        finally:
            if not is_done:  # also when nobody waits for the answer any more: it would be taken for the next photo's
                await self._end()
        return answer

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            try:
                self._process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, env=_environment())
            except OSError as error:
                raise ProviderUnavailable(f"no process can be started: {error}", provider=PROVIDER) from error
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()
        log.info("the process that reads photos has ended", returncode=process.returncode)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end()


async def _exchange(process: Process, data: bytes) -> Answer:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process has no pipes")
    process.stdin.write(frame({}, data))
    await process.stdin.drain()
    says, size = LENGTHS.unpack(await process.stdout.readexactly(LENGTHS.size))
    if says + size > MAX_ANSWER:
        raise ValueError(f"an answer of {says + size} bytes")
    text = await process.stdout.readexactly(says)
    return Answer.from_frame(json.loads(text), await process.stdout.readexactly(size))


def _environment() -> dict[str, str]:
    """Return what the child starts with; where shared libraries are is the machine's business."""
    return _ENVIRONMENT | {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
