"""The port `ReferenceBook` over PostgreSQL: what the poller asks the manufacturer about, and what it heard."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text

from adapters.postgres.engine import Database
from models.production import (
    Backlog,
    DueReference,
    DueReferences,
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    ReferenceKind,
    ReferenceReading,
)
from models.tables import ManufacturerReference

PAYMENT_PATH = (
    ManufacturerPaymentStatus.WAITING,
    ManufacturerPaymentStatus.PAYING,
    ManufacturerPaymentStatus.ABNORMAL,
    ManufacturerPaymentStatus.FAILED,
    ManufacturerPaymentStatus.PAID,
)
"""A payment's way. Paid is last: a second card may succeed where the first one failed, and money never turns back into none."""

PRINT_PATH = (
    ManufacturerOrderStatus.WAITING_FOR_PAYMENT,
    ManufacturerOrderStatus.PAYING,
    ManufacturerOrderStatus.PAYMENT_FAILED,
    ManufacturerOrderStatus.PAID,
    ManufacturerOrderStatus.WAITING_TO_PRINT,
    ManufacturerOrderStatus.PICKING_UP,
    ManufacturerOrderStatus.PICKED_UP,
    ManufacturerOrderStatus.PRINTING,
    ManufacturerOrderStatus.PRINTED,
    ManufacturerOrderStatus.DELIVERING,
    ManufacturerOrderStatus.REFUNDING,
    ManufacturerOrderStatus.REFUNDED,
    ManufacturerOrderStatus.CANCELED,
    ManufacturerOrderStatus.PRINT_CANCELED,
    ManufacturerOrderStatus.PRINT_FAILED,
    ManufacturerOrderStatus.DELIVERED,
)
"""A print attempt's way. A failure outranks what went before it, "printed" too; a case out of the machine outranks all."""

RANKS: dict[ReferenceKind, dict[int, int]] = {
    ReferenceKind.PAYMENT: {status: rank for rank, status in enumerate(PAYMENT_PATH, 1)},
    ReferenceKind.PRINT: {status: rank for rank, status in enumerate(PRINT_PATH, 1)},
}
"""How far a state is on its way. One that nobody has classified ranks 0: it is written down only where nothing else is known."""


class PostgresReferenceBook:
    """The references that are still to be asked about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, *, at: datetime, limit: int) -> DueReferences:
        """Return what is due, the longest waiting first, and when the next one will be: one question."""
        async with self._database.connect() as connection:
            rows = (await connection.execute(_DUE, {"at": at, "limit": limit})).mappings().all()
        return DueReferences(
            references=tuple(DueReference.model_validate(dict(row)) for row in rows if row["reference"] is not None),
            next_at=rows[0]["next_at"],
        )

    async def store(self, readings: Sequence[ReferenceReading]) -> None:
        """Write the readings in one statement: the states that went forward, their timeline entries, when to ask next.

        A print attempt that has reached `PICKED_UP` has taken its shell; the next count of the machine will know.
        """
        if not readings:
            return
        async with self._database.connect() as connection:
            await connection.execute(
                _STORE,
                {
                    "references": [reading.reference for reading in readings],
                    "statuses": [reading.status for reading in readings],
                    "ranks": [RANKS[reading.kind].get(reading.status or 0, 0) for reading in readings],
                    "ats": [reading.at for reading in readings],
                    "nexts": [reading.next_at for reading in readings],
                    "answered": [reading.is_answered for reading in readings],
                    "print_kind": ReferenceKind.PRINT.value,
                    "picked_up": ManufacturerOrderStatus.PICKED_UP.value,
                },
            )

    async def backlog(self, *, before: datetime) -> Backlog:
        """Return how many references should have been asked about before this moment, and since when the first one waits."""
        due = ManufacturerReference.next_due_at
        late = select(func.count().label("count"), func.min(due).label("since")).where(due < before)
        async with self._database.connect() as connection:
            return Backlog.model_validate(dict((await connection.execute(late)).mappings().one()))


_DUE = text("""
WITH due AS (
    SELECT reference, kind, order_id, last_status, created_at, next_due_at
    FROM manufacturer_references WHERE next_due_at <= :at
    ORDER BY next_due_at
    LIMIT :limit
)
SELECT due.reference, due.kind, due.order_id, due.last_status, due.created_at, next.at AS next_at
FROM (SELECT min(next_due_at) AS at FROM manufacturer_references WHERE next_due_at > :at) next LEFT JOIN due ON true
ORDER BY due.next_due_at
""")

# The rows are locked in the order of their names, so that two pollers wait for each other and never deadlock; each then sees what
# the other has written. Who made a reference due after we began to ask (`next_due_at > at`) knew something newer: it stays due.
_STORE = text("""
WITH reading AS (
    SELECT * FROM unnest(CAST(:references AS text[]), CAST(:statuses AS int[]), CAST(:ranks AS int[]),
                         CAST(:ats AS timestamptz[]), CAST(:nexts AS timestamptz[]), CAST(:answered AS boolean[]))
        AS r (reference, status, rank, at, next_at, is_answered)
), known AS MATERIALIZED (
    SELECT m.reference, m.kind, m.order_id, r.status, r.rank, r.at, r.is_answered,
           r.status IS NOT NULL AND (r.rank > m.last_rank OR m.last_status IS NULL) AS is_news,
           CASE WHEN m.next_due_at > r.at THEN m.next_due_at ELSE r.next_at END AS next_due_at
    FROM manufacturer_references m JOIN reading r USING (reference)
    ORDER BY m.reference
    FOR UPDATE OF m
), written AS (
    UPDATE manufacturer_references m
    SET last_status = CASE WHEN k.is_news THEN k.status ELSE m.last_status END,
        last_rank = CASE WHEN k.is_news THEN k.rank ELSE m.last_rank END,
        read_at = CASE WHEN k.is_answered THEN greatest(m.read_at, k.at) ELSE m.read_at END,
        next_due_at = k.next_due_at
    FROM known k WHERE m.reference = k.reference
), progress AS (
    INSERT INTO order_events (order_id, kind, reference, manufacturer_status, note, at)
    SELECT order_id, 'progress', reference, status, '', at FROM known WHERE is_news
    ON CONFLICT (reference, manufacturer_status) DO NOTHING
), shown AS (
    UPDATE orders o SET manufacturer_status = k.status
    FROM known k WHERE k.is_news AND o.id = k.order_id AND o.print_reference = k.reference
)
UPDATE stock_holds h SET picked_up_at = k.at
FROM known k
WHERE k.is_news AND k.kind = :print_kind AND k.status >= :picked_up
  AND h.order_id = k.order_id AND h.picked_up_at IS NULL AND h.released_at IS NULL
""")
