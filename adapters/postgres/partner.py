"""What the manufacturer may ask about orders: payments by their reference, prints by whichever name it knows. Only reads."""

# ruff: noqa: S608 - the statements are put together of constants of this file; values are always bound

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from adapters.postgres.engine import Database
from adapters.postgres.statements import ORDER_NUMBER
from models.order import OrderStatus
from models.payment import Money
from models.tracking import PaymentStanding, PrintFileStanding, PrintJob

_ORDER_NUMBER = re.compile(r"PMC-(?P<number>[0-9]{1,18})", re.IGNORECASE)


class PostgresPartnerOrders:
    """Orders as the manufacturer sees them; each method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def payment(self, reference: str) -> PaymentStanding | None:
        """Return what is known of a payment by our reference (PYEN) or the manufacturer's own (`MSPY…`)."""
        async with self._database.connect() as connection:
            row = (await connection.execute(_PAYMENT, {"reference": reference})).mappings().first()
        if row is None:
            return None
        money = Money.model_validate({name: row[name] for name in Money.model_fields})
        return PaymentStanding.model_validate({**row, "money": money})

    async def print_jobs(self, names: Sequence[str]) -> list[PrintJob]:
        """Return the orders of these names, oldest first: a PYEN or OREN, the manufacturer's own id, our number or our id."""
        numbers = [int(found["number"]) for found in map(_ORDER_NUMBER.fullmatch, names) if found]
        ids = [order_id for order_id in map(_uuid, names) if order_id is not None]
        return await self._jobs(_NAMED, names=list(names), numbers=numbers, ids=ids)

    async def to_print(self, *, limit: int) -> list[PrintJob]:
        """Return the orders that the manufacturer has and has not printed yet, oldest first."""
        return await self._jobs(_TO_PRINT, status=OrderStatus.IN_PRODUCTION.value, limit=limit)

    async def printed_at(self, device_id: str, *, limit: int) -> list[PrintJob]:
        """Return the last orders that a machine was given, newest first."""
        return await self._jobs(_OF_DEVICE, device_id=device_id, limit=limit)

    async def print_file(self, order_id: UUID) -> PrintFileStanding | None:
        """Return whether the print file of an order may still be fetched; None for an order that nobody knows."""
        async with self._database.connect() as connection:
            row = (await connection.execute(_PRINT_FILE, {"order_id": order_id})).mappings().first()
        return None if row is None else PrintFileStanding.model_validate(dict(row))

    async def _jobs(self, statement: TextClause, **values: Any) -> list[PrintJob]:
        async with self._database.connect() as connection:
            rows = (await connection.execute(statement, values)).mappings().all()
        return [PrintJob.model_validate(dict(row)) for row in rows]


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


_PAYMENT = text(f"""
SELECT o.id AS order_id, {ORDER_NUMBER} AS number, o.channel, o.status, o.hold_reason, o.total, o.currency,
       o.authorized, o.captured, o.refunded, o.disputed, r.last_status AS reading
FROM manufacturer_references r JOIN orders o ON o.id = r.order_id
WHERE (r.reference = :reference OR r.manufacturer_id = :reference) AND r.kind = 'PYEN'
ORDER BY r.reference = :reference DESC, r.reference DESC
LIMIT 1
""")

_STANDING = """
o.status,
(SELECT max(e.at) FROM order_events e
 WHERE e.order_id = o.id AND e.status IN ('printed', 'to_ship', 'ready_for_collection') AND e.version > coalesce(
     (SELECT max(version) FROM order_events s WHERE s.order_id = o.id AND s.status IN ('submitting', 'in_production')), 0)
) AS printed_at
"""

_PRINT_FILE = text(f"SELECT {_STANDING} FROM orders o WHERE o.id = :order_id")

_JOB = f"""
SELECT {_STANDING}, o.id AS order_id, {ORDER_NUMBER} AS number, o.entered_at, o.placed_at, o.device_id,
       o.brand_name, o.model_name, o.shell_id, o.payment_reference, o.print_reference, o.manufacturer_order_id,
       o.manufacturer_status, o.queue_number, o.print_sha256,
       ARRAY(SELECT DISTINCT name FROM manufacturer_references r, unnest(ARRAY[r.reference, r.manufacturer_id]) AS name
             WHERE r.order_id = o.id AND name IS NOT NULL) AS names
FROM orders o
"""

_NAMED = text(f"""{_JOB}
WHERE o.id IN (
    SELECT unnest(CAST(:ids AS uuid[]))
    UNION SELECT id FROM orders WHERE number = ANY (CAST(:numbers AS bigint[]))
    UNION SELECT order_id FROM manufacturer_references WHERE reference = ANY (CAST(:names AS text[]))
    UNION SELECT order_id FROM manufacturer_references WHERE manufacturer_id = ANY (CAST(:names AS text[])))
ORDER BY o.placed_at, o.number
""")

_TO_PRINT = text(f"""{_JOB}
WHERE o.status = :status AND o.print_reference IS NOT NULL
ORDER BY o.placed_at, o.number
LIMIT :limit
""")

_OF_DEVICE = text(f"""{_JOB}
WHERE o.device_id = :device_id AND o.print_reference IS NOT NULL
ORDER BY o.placed_at DESC, o.number DESC
LIMIT :limit
""")
