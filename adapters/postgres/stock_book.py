"""What the machines say that they hold."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.engine import Database
from models.artwork import is_printable
from models.catalog import match_name
from models.production import StockLevel
from models.tables import Brand, PhoneModel, Shell

NEW_SHELL_KIND = "standard"
AFTER_ALL_OTHERS = 1000


class PostgresStockBook:
    """Counts of shells per machine; only the newest one of each counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store_stock(
        self, device_id: str, levels: Sequence[StockLevel], taken_at: datetime, *, manufacturer_brand_id: str | None = None
    ) -> None:
        """Write a machine's count, asked for at `taken_at`; one that is older than what is written changes no stock.

        Holds whose shell was picked up before `taken_at` end here: now the count itself knows. With `manufacturer_brand_id` the
        count is that brand's whole list: what it leaves out is there no more, and phones and shells that nobody knew yet are
        sold from now on, with the sizes that it gives. A size that is written already stays: designs were made for it.
        """
        async with self._database.begin() as connection:
            if manufacturer_brand_id is not None:
                await _learn(connection, levels, manufacturer_brand_id)
            await connection.execute(
                _STORE,
                {
                    "device_id": device_id,
                    "shells": [level.shell_id for level in levels],
                    "stocks": [max(level.stock, 0) for level in levels],
                    "taken_at": taken_at,
                    "brand_id": manufacturer_brand_id,
                },
            )


# The holds are locked before the shelves, as everywhere. `held` of the proposed row is what has ended of the holds: it comes off
# the row that is there, and is 0 for a new one, which nobody can hold anything of.
_STORE = text("""
WITH listed AS (
    SELECT c.shell_id, min(c.stock) AS stock
    FROM unnest(CAST(:shells AS text[]), CAST(:stocks AS int[])) AS c (shell_id, stock) JOIN shells s ON s.id = c.shell_id
    GROUP BY c.shell_id
    UNION ALL
    SELECT l.shell_id, 0
    FROM stock_levels l
    JOIN shells s ON s.id = l.shell_id
    JOIN phone_models m ON m.id = s.phone_model_id
    JOIN brands b ON b.id = m.brand_id AND b.manufacturer_brand_id = CAST(:brand_id AS text)
    WHERE l.device_id = :device_id AND l.shell_id <> ALL (CAST(:shells AS text[]))
), ending AS MATERIALIZED (
    SELECT h.id FROM stock_holds h JOIN listed USING (shell_id)
    WHERE h.device_id = :device_id AND h.released_at IS NULL AND h.picked_up_at < :taken_at
    ORDER BY h.id
    FOR UPDATE OF h
), ended AS (
    UPDATE stock_holds h SET released_at = :taken_at FROM ending WHERE h.id = ending.id RETURNING h.shell_id
)
INSERT INTO stock_levels (device_id, shell_id, stock, held, taken_at)
SELECT :device_id, shell_id, stock, (SELECT count(*) FROM ended WHERE ended.shell_id = listed.shell_id), :taken_at
FROM listed
ORDER BY shell_id
ON CONFLICT (device_id, shell_id) DO UPDATE SET
    stock = CASE WHEN EXCLUDED.taken_at > stock_levels.taken_at THEN EXCLUDED.stock ELSE stock_levels.stock END,
    held = stock_levels.held - EXCLUDED.held,
    taken_at = greatest(stock_levels.taken_at, EXCLUDED.taken_at)
""")


async def _learn(connection: AsyncConnection, levels: Sequence[StockLevel], manufacturer_brand_id: str) -> None:
    """Write down the phones and shells that are new; one without a believable size cannot be printed on, so it is not sold."""
    brand_id = await connection.scalar(select(Brand.id).where(Brand.manufacturer_brand_id == manufacturer_brand_id))
    if brand_id is None:
        return
    shells = [level.shell_id for level in levels]
    known = set((await connection.scalars(select(Shell.id).where(Shell.id.in_(shells)))).all())
    for level in levels:
        if level.shell_id not in known and level.width_mm and level.height_mm and is_printable(level.width_mm, level.height_mm):
            model_id = await _model(connection, level, brand_id)
            await _add_shell(connection, level, model_id)


async def _model(connection: AsyncConnection, level: StockLevel, brand_id: str) -> str:
    """The phone by the manufacturer's id; else one of ours that waited for an id under this name; else a new one."""
    named = PhoneModel.match_names.contains([match_name(level.model_name)])
    found = await connection.scalar(select(PhoneModel.id).where(PhoneModel.manufacturer_model_id == level.model_id))
    if found is not None:
        return found
    waiting = (
        update(PhoneModel)
        .where(PhoneModel.brand_id == brand_id, named, PhoneModel.is_available.is_(False))
        .values(
            manufacturer_model_id=level.model_id,
            match_names=func.array_append(PhoneModel.match_names, match_name(level.model_id)),
            is_available=True,
        )
        .returning(PhoneModel.id)
    )
    adopted = await connection.scalar(waiting)
    if adopted is not None:
        await connection.execute(delete(Shell).where(Shell.phone_model_id == adopted, Shell.is_recorded.is_(False)))
        return adopted
    new = insert(PhoneModel).values(
        id=level.model_id.lower(),
        brand_id=brand_id,
        display_name=level.model_name,
        manufacturer_model_id=level.model_id,
        match_names=sorted({match_name(level.model_name), match_name(level.model_id)}),
        display_order=AFTER_ALL_OTHERS,
    )
    await connection.execute(new)
    return level.model_id.lower()


async def _add_shell(connection: AsyncConnection, level: StockLevel, model_id: str) -> None:
    """The first shell of a phone is its default one."""
    others = await connection.scalar(select(func.count()).where(Shell.phone_model_id == model_id, Shell.is_default))
    await connection.execute(
        insert(Shell).values(
            id=level.shell_id,
            phone_model_id=model_id,
            width_mm=level.width_mm,
            height_mm=level.height_mm,
            kind=NEW_SHELL_KIND,
            is_default=not others,
        )
    )
