"""What the machines say that they hold: the newest count of each shell, how old it is, and what it changed.

No clock decides which holds a count ends, since hosts differ in theirs: whoever counts asks first which shells are known to have
left the shelf (`known_gone`), then the machine, and stores both together.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.differences import KnownBrand, brand_differences, stock_differences
from adapters.postgres.engine import Database
from adapters.postgres.learning import known_models, known_shells, learn_brands, learn_shells
from models.errors import IntegrityBroken
from models.order import OrderStatus
from models.production import ManufacturerBrand
from models.stock import Difference, Findings, StockCount, StockedBrand
from models.tables import Brand, CatalogueDifference, Device, Order, Snapshot, StockHold

FAILURE_LENGTH = 300


class PostgresStockBook:
    """Counts of shells per machine; only the newest one of each counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def brands_to_count(self) -> list[StockedBrand]:
        """Return the brands that customers see, those included that are not sold at the moment."""
        statement = (
            select(Brand.id.label("brand_id"), Brand.manufacturer_brand_id)
            .where(Brand.is_listed)
            .order_by(Brand.display_order, Brand.id)
        )
        async with self._database.connect() as connection:
            return [StockedBrand.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]

    async def known_gone(self, device_id: str) -> list[int]:
        """Return the open holds of a machine whose shells have left its shelf, or whose orders need theirs no more."""
        over = [status for status in OrderStatus if status.is_final]
        statement = (
            select(StockHold.id)
            .join(Order, Order.id == StockHold.order_id)
            .where(
                StockHold.device_id == device_id,
                StockHold.released_at.is_(None),
                or_(StockHold.picked_up_at.is_not(None), Order.status.in_(over)),
            )
            .order_by(StockHold.id)
        )
        async with self._database.connect() as connection:
            return list((await connection.scalars(statement)).all())

    async def store_stock(self, count: StockCount) -> Findings:
        """Write a machine's list of a brand, and return what it brought; the same count again changes nothing more.

        What the list leaves out is there no more. Phones and shells that nobody knew yet are sold from now on, with the sizes
        that it gives. A size that is written already stays, because designs were made for it. A list that is older than what is
        written changes nothing.
        """
        async with self._database.begin() as connection:
            await _lock_brand(connection, count.brand_id)
            if await _is_news(connection, count.taken_at, device_id=count.device_id, brand_id=count.brand_id):
                known = await known_shells(connection, count.device_id, count.brand_id, count.levels)
                differences = stock_differences(count.levels, known, await known_models(connection, count.levels))
                await learn_shells(connection, count.brand_id, count.levels, (shell.id for shell in known))
                await _store(connection, count)
                await _compare(connection, differences, count.taken_at, device_id=count.device_id, brand_id=count.brand_id)
            return await _findings(connection, count.taken_at, device_id=count.device_id, brand_id=count.brand_id)

    async def store_brands(self, brands: Sequence[ManufacturerBrand], *, taken_at: datetime) -> Findings:
        """Write the list of brands, and return what it brought. A brand that is new is not shown to customers."""
        async with self._database.begin() as connection:
            if await _is_news(connection, taken_at):
                columns = [Brand.__table__.c[field] for field in KnownBrand.model_fields]
                rows = (await connection.execute(select(*columns))).mappings()
                differences = brand_differences(brands, [KnownBrand.model_validate(dict(row)) for row in rows])
                await learn_brands(connection, brands)
                await _compare(connection, differences, taken_at)
            return await _findings(connection, taken_at)

    async def record_failure(
        self, reason: str, *, at: datetime, device_id: str | None = None, brand_id: str | None = None
    ) -> datetime | None:
        """Write that a list could not be had, and return how old the one is that stands; None where there is none."""
        row = insert(Snapshot).values(device_id=device_id, brand_id=brand_id, failed_at=at, failure=reason[:FAILURE_LENGTH])
        is_news = func.coalesce(Snapshot.taken_at < row.excluded.failed_at, True)
        written = row.on_conflict_do_update(
            index_elements=["device_id", "brand_id"],
            set_={
                "failed_at": case((is_news, row.excluded.failed_at), else_=Snapshot.failed_at),
                "failure": case((is_news, row.excluded.failure), else_=Snapshot.failure),
            },
        ).returning(Snapshot.taken_at)
        async with self._database.connect() as connection:
            return await connection.scalar(written)

    async def oldest_count(self) -> datetime | None:
        """Return how old the oldest count is that we sell by; None while a machine in service was never asked for a brand."""
        async with self._database.connect() as connection:
            oldest, missing = (await connection.execute(_oldest_count())).one()
        return None if missing else oldest


async def _lock_brand(connection: AsyncConnection, brand_id: str) -> None:
    """Let one list of a brand be written at a time. Orders refer to the brand meanwhile: this lock is not in their way."""
    found = await connection.scalar(select(Brand.id).where(Brand.id == brand_id).with_for_update(key_share=True))
    if found is None:
        raise IntegrityBroken(f"{brand_id} is not a brand of the catalogue")


async def _is_news(
    connection: AsyncConnection, taken_at: datetime, *, device_id: str | None = None, brand_id: str | None = None
) -> bool:
    """Write the age of a list; False when one as young is written already. Whoever comes next waits for this transaction."""
    row = insert(Snapshot).values(device_id=device_id, brand_id=brand_id, taken_at=taken_at)
    newest = row.on_conflict_do_update(
        index_elements=["device_id", "brand_id"],
        set_={"taken_at": row.excluded.taken_at, "failed_at": None, "failure": ""},
        where=or_(Snapshot.taken_at.is_(None), Snapshot.taken_at < row.excluded.taken_at),
    )
    return await connection.scalar(newest.returning(Snapshot.id)) is not None


async def _store(connection: AsyncConnection, count: StockCount) -> None:
    await connection.execute(
        _STORE,
        {
            "device_id": count.device_id,
            "shells": [level.shell_id for level in count.levels],
            "stocks": [max(level.stock, 0) for level in count.levels],
            "taken_at": count.taken_at,
            "brand_id": count.brand_id,
            "known_gone": list(count.known_gone),
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
    JOIN phone_models m ON m.id = s.phone_model_id AND m.brand_id = :brand_id
    WHERE l.device_id = :device_id AND l.shell_id <> ALL (CAST(:shells AS text[]))
), ending AS MATERIALIZED (
    SELECT h.id FROM stock_holds h JOIN listed USING (shell_id)
    WHERE h.device_id = :device_id AND h.released_at IS NULL AND h.id = ANY (CAST(:known_gone AS bigint[]))
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


async def _compare(
    connection: AsyncConnection,
    differences: Sequence[Difference],
    taken_at: datetime,
    *,
    device_id: str | None = None,
    brand_id: str | None = None,
) -> None:
    """Write the differences that are new, and end those that no longer stand."""
    row = CatalogueDifference
    standing = await connection.execute(
        select(row.id, row.kind, row.subject, row.name, row.note).where(_is_about(device_id, brand_id), row.ended_at.is_(None))
    )
    known = {(found.kind, found.subject, found.note): found.id for found in standing}
    lasting = {(one.kind, one.subject, one.note) for one in differences}
    settled = [id_ for key, id_ in known.items() if key not in lasting]
    await connection.execute(update(row).where(row.id.in_(settled)).values(ended_at=taken_at))
    new = [one for one in differences if (one.kind, one.subject, one.note) not in known]
    if new:
        about = {"device_id": device_id, "brand_id": brand_id, "found_at": taken_at}
        values = [{**one.model_dump(), **about, "ended_at": None if one.kind.stands else taken_at} for one in new]
        await connection.execute(insert(row), values)


async def _findings(
    connection: AsyncConnection, taken_at: datetime, *, device_id: str | None = None, brand_id: str | None = None
) -> Findings:
    row = CatalogueDifference
    columns = [row.__table__.c[field] for field in Difference.model_fields]
    about = select(*columns).where(_is_about(device_id, brand_id)).order_by(row.id)

    async def read(statement: Select[Any]) -> tuple[Difference, ...]:
        return tuple(Difference.model_validate(dict(found)) for found in (await connection.execute(statement)).mappings())

    found = await read(about.where(row.found_at == taken_at))
    return Findings(found=found, settled=await read(about.where(row.ended_at == taken_at, row.found_at < taken_at)))


def _is_about(device_id: str | None, brand_id: str | None) -> ColumnElement[bool]:
    row = CatalogueDifference
    return and_(row.device_id.is_not_distinct_from(device_id), row.brand_id.is_not_distinct_from(brand_id))


def _oldest_count() -> Select[datetime | None, int]:
    return (
        select(func.min(Snapshot.taken_at), func.count().filter(Snapshot.taken_at.is_(None)))
        .select_from(Device)
        .join(Brand, Brand.is_listed & Brand.is_available)
        .outerjoin(Snapshot, (Snapshot.device_id == Device.id) & (Snapshot.brand_id == Brand.id))
        .where(Device.is_active)
    )
