"""Brings packs of stickers or backgrounds into bucket and database; to import the same again changes nothing."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from adapters.stickers.packs import PackFile, read_packs
from adapters.stickers.pictures import Pictures, make_pictures, source_of
from models.decoration import Decoration, DecorationKind
from models.errors import OrderRefused

_AT_ONCE = 4


class Store(Protocol):
    """Where pictures are kept."""

    async def put(self, key: str, data: bytes, *, media_type: str) -> None: ...

    async def exists(self, key: str) -> bool: ...


class Book(Protocol):
    """Where it is written which there are."""

    async def known(self, kind: DecorationKind) -> Sequence[Decoration]: ...

    async def write(self, decoration: Decoration, *, at: datetime) -> None: ...

    async def withdraw(self, keys: Collection[str], *, at: datetime) -> None: ...


class Outcome(StrEnum):
    """What became of a file, or of a decoration that has none any more."""

    NEW = "new"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report."""

    title: str
    outcome: Outcome
    reason: str = ""


class Importer:
    """Imports one folder of packs."""

    def __init__(self, store: Store, book: Book, *, at: datetime, dry_run: bool = False) -> None:
        self._store = store
        self._book = book
        self._at = at
        self._dry_run = dry_run
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def run(self, folder: Path, kind: DecorationKind, *, deactivate_missing: bool = False) -> list[Line]:
        """Import what is in the folder and say what became of each file; a refused one keeps no other from being imported.

        Pictures are stored before they are written down, so nobody is shown what is not there. With `deactivate_missing`, what
        has no file in the folder is no longer offered, unless the folder is empty. Raises `ProviderError` for an outage; to run
        again is safe.
        """
        files = await asyncio.to_thread(read_packs, folder, kind)
        known = {one.key: one for one in await self._book.known(kind)}
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._import(file, kind, known)) for file in files]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        lines = [task.result() for task in tasks]
        if deactivate_missing and files:
            present = {file.key(kind) for file in files if file.pack and file.number}
            lines += await self._withdraw([one for key, one in known.items() if one.is_active and key not in present])
        return lines

    async def _import(self, file: PackFile, kind: DecorationKind, known: dict[str, Decoration]) -> Line:
        if file.problem:
            return Line(file.title, Outcome.REFUSED, file.problem)
        before = known.get(file.key(kind))
        async with self._turns:
            try:
                data = await asyncio.to_thread(file.path.read_bytes)
                if before is not None and await self._is_as_before(before, file, data):
                    return Line(file.title, Outcome.UNCHANGED)
                pictures = await asyncio.to_thread(make_pictures, data, kind)
            except OrderRefused as refusal:
                return Line(file.title, Outcome.REFUSED, refusal.message)
            except OSError as error:
                return Line(file.title, Outcome.REFUSED, f"cannot be read: {error.strerror}")
            if not self._dry_run:
                await self._keep(pictures, _decoration(file, kind, pictures, data))
        return Line(file.title, Outcome.REPLACED if before else Outcome.NEW)

    async def _is_as_before(self, before: Decoration, file: PackFile, data: bytes) -> bool:
        same = (before.source, before.pack, before.number, before.display_order, before.is_active) == (
            source_of(data),
            file.pack,
            file.number,
            file.order,
            True,
        )
        if not same:
            return False
        kept = [await self._store.exists(image.key) for image in (before.picture, before.highres, before.thumbnail)]
        return all(kept)

    async def _keep(self, pictures: Pictures, decoration: Decoration) -> None:
        for one in (pictures.picture, pictures.highres, pictures.thumbnail):
            await self._store.put(one.image.key, one.data, media_type=one.image.media_type)
        await self._book.write(decoration, at=self._at)

    async def _withdraw(self, missing: Sequence[Decoration]) -> list[Line]:
        if missing and not self._dry_run:
            await self._book.withdraw([one.key for one in missing], at=self._at)
        return [Line(one.name, Outcome.WITHDRAWN) for one in missing]


def _decoration(file: PackFile, kind: DecorationKind, pictures: Pictures, data: bytes) -> Decoration:
    return Decoration(
        kind=kind,
        pack=file.pack,
        number=file.number,
        picture=pictures.picture.image,
        highres=pictures.highres.image,
        thumbnail=pictures.thumbnail.image,
        source=source_of(data),
        display_order=file.order,
    )
