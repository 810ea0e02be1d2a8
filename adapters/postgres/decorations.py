"""Stickers and backgrounds: which there are, and where their pictures are kept."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.engine import Database
from models.artwork import StoredImage
from models.decoration import Decoration, DecorationKind, decoration_key
from models.tables import Decoration as Row


class PostgresDecorations:
    """The port `api.designs.Decorations`, and what the importer writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_decorations(self, names: Collection[str]) -> dict[str, StoredImage]:
        """Find the pictures of stickers and backgrounds that are offered, by names in any spelling; the answer keeps it."""
        keys = {name: key for name in names if (key := _key(name)) is not None}
        found = {one.key: one.picture for one in await self._read(_rows().where(Row.key.in_(keys.values()), Row.is_active))}
        return {name: found[key] for name, key in keys.items() if key in found}

    async def offered(self) -> Sequence[Decoration]:
        """Return all that customers may choose from, in their order."""
        return await self._read(_rows().where(Row.is_active))

    async def known(self, kind: DecorationKind) -> Sequence[Decoration]:
        """Return all of a kind that were ever imported, also those that are no longer offered."""
        return await self._read(_rows().where(Row.kind == kind))

    async def write(self, decoration: Decoration, *, at: datetime) -> None:
        """Write a decoration down, in the place of the one of its name if there is one."""
        values = {**decoration.model_dump(mode="json"), "kind": decoration.kind, "changed_at": at}
        row = insert(Row).values(key=decoration.key, **values)
        async with self._database.connect() as connection:
            await connection.execute(row.on_conflict_do_update(index_elements=["key"], set_=values))

    async def withdraw(self, keys: Collection[str], *, at: datetime) -> None:
        """Offer these no longer. Designs that have them keep their pictures."""
        async with self._database.connect() as connection:
            await connection.execute(update(Row).where(Row.key.in_(keys)).values(is_active=False, changed_at=at))

    async def _read(self, statement: Select[Any]) -> list[Decoration]:
        async with self._database.connect() as connection:
            return [Decoration.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]


def _rows() -> Select[Any]:
    columns = (Row.__table__.c[field] for field in Decoration.model_fields)
    return select(*columns).order_by(Row.kind.desc(), Row.pack, Row.display_order, Row.key)


def _key(name: str) -> str | None:
    try:
        return decoration_key(name)
    except ValueError:
        return None
