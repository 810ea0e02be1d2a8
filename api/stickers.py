"""Stickers and backgrounds for the design screen, which asks for about a hundred pictures when it opens.

Which there are is known in the process, so that one that there is not costs neither database nor bucket; what is small and asked
for again and again is kept in memory.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

import structlog

from adapters.r2 import StoredObject
from api.errors import NotFound
from models.artwork import StoredImage
from models.decoration import Decoration, DecorationKind, decoration_key
from models.errors import IntegrityBroken, NotThere, ProviderUnavailable

PATH = "/api/stickers/image/"
FRESH_FOR = timedelta(minutes=1)
"""How long after an import the last customer may still see what was before."""
LARGEST_KEPT = 500_000
"""Bytes of a picture that is kept in memory; larger ones are passed on as they come."""
MEMORY = 48_000_000
"""Bytes of all pictures that are kept in memory: every thumbnail, and the packs that are looked at."""

log = structlog.get_logger(__name__)


class Size(StrEnum):
    """In which size a picture is asked for, as paths say it."""

    PICTURE = ""
    HIGHRES = "highres"
    THUMBNAIL = "thumbnails"


class DecorationReader(Protocol):
    """The table."""

    async def offered(self) -> Sequence[Decoration]:
        """Return all that customers may choose from, in their order."""


class PictureReader(Protocol):
    """The bucket."""

    async def stream(self, key: str) -> StoredObject:
        """Begin to read an object. Raises `NotThere`."""


@dataclass(frozen=True)
class Pack:
    """Decorations that are shown together."""

    name: str
    decorations: Sequence[Decoration]


@dataclass(frozen=True)
class _Index:
    packs: dict[DecorationKind, Sequence[Pack]]
    by_key: dict[str, Decoration]
    read_at: datetime

    @classmethod
    def of(cls, decorations: Sequence[Decoration], *, at: datetime) -> "_Index":
        packs: dict[DecorationKind, dict[str, list[Decoration]]] = {kind: {} for kind in DecorationKind}
        for one in decorations:
            packs[one.kind].setdefault(one.pack, []).append(one)
        return cls(
            packs={kind: [Pack(name, found) for name, found in of_kind.items()] for kind, of_kind in packs.items()},
            by_key={one.key: one for one in decorations},
            read_at=at,
        )


class Stickers:
    """What is offered, and its pictures."""

    def __init__(
        self, reader: DecorationReader, store: PictureReader, *, public_base_url: str, clock: Callable[[], datetime]
    ) -> None:
        self._reader = reader
        self._store = store
        self._base_url = public_base_url.rstrip("/")
        self._clock = clock
        self._index: _Index | None = None
        self._reading = asyncio.Lock()
        self._kept = _Kept(MEMORY)

    async def packs(self, kind: DecorationKind) -> Sequence[Pack]:
        """Return the packs of a kind. Raises `ProviderUnavailable` when they are not known yet and the database is away."""
        return (await self._current()).packs[kind]

    async def find(self, path: str) -> StoredImage:
        """Find a picture by `<pack>/[thumbnails/|highres/]<number>.<ending>`, in any spelling. Raises `NotFound`."""
        decoration, size = await self._named(path)
        match size:
            case Size.THUMBNAIL:
                return decoration.thumbnail
            case Size.HIGHRES:
                return decoration.highres
            case Size.PICTURE:
                return decoration.picture

    async def read(self, image: StoredImage) -> bytes | AsyncIterator[bytes]:
        """Return the bytes of a picture that was found, or a stream of them if they are many.

        Raises `ProviderUnavailable`, also for a picture that was found here and is not in the bucket.
        """
        data = self._kept.find(image.sha256)
        if data is not None:
            return data
        try:
            found = await self._store.stream(image.key)
            if image.size > LARGEST_KEPT:
                return found.chunks
            data = b"".join([chunk async for chunk in found.chunks])
        except (NotThere, IntegrityBroken) as error:
            log.exception("a sticker's picture is not in the bucket: import its pack again", key=image.key)
            raise ProviderUnavailable(
                "This picture cannot be shown at the moment.", provider="r2", retry_after=FRESH_FOR
            ) from error
        self._kept.keep(image.sha256, data)
        return data

    async def link(self, path: str) -> str:
        """Return the address of a picture. Raises `NotFound`."""
        return self.url(*await self._named(path))

    def url(self, decoration: Decoration, size: Size = Size.PICTURE) -> str:
        """Return the address of a picture: for ever the same, and everybody may know it."""
        folder = f"{size}/" if size else ""
        ending = "webp" if size else "png"
        return f"{self._base_url}{PATH}{quote(decoration.folder)}/{folder}{quote(decoration.number)}.{ending}"

    async def _named(self, path: str) -> tuple[Decoration, Size]:
        pack, *sizes, file = path.split("/") if "/" in path else ("", path)
        try:
            size = Size("/".join(sizes).lower())
            key = decoration_key(f"{pack}/{file}")
        except ValueError as error:
            raise _unknown() from error
        found = (await self._current()).by_key.get(key)
        if found is None:
            raise _unknown()
        return found, size

    async def _current(self) -> _Index:
        """Return what is offered, as it was within the last minute. While one request reads anew, the others see what was."""
        index = self._index
        if index is not None and (self._clock() - index.read_at < FRESH_FOR or self._reading.locked()):
            return index
        async with self._reading:
            if self._index is not index and self._index is not None:
                return self._index
            try:
                self._index = _Index.of(await self._reader.offered(), at=self._clock())
            except ProviderUnavailable as outage:
                if index is None:
                    raise
                log.warning("stickers are shown as they were: the database does not answer", reason=str(outage))
                self._index = _Index(index.packs, index.by_key, read_at=self._clock())
            return self._index


class _Kept:
    """Bytes by their hash, as many as there is room for; what was not asked for the longest goes first."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._size = 0
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

    def find(self, digest: str) -> bytes | None:
        data = self._pictures.get(digest)
        if data is not None:
            self._pictures.move_to_end(digest)
        return data

    def keep(self, digest: str, data: bytes) -> None:
        if digest in self._pictures:
            return
        self._pictures[digest] = data
        self._size += len(data)
        while self._size > self._room:
            _, oldest = self._pictures.popitem(last=False)
            self._size -= len(oldest)


def _unknown() -> NotFound:
    return NotFound("We do not have this sticker.")
