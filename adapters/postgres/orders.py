"""Orders as they are asked about and shown: to customers, to operators, to the front door. Nothing is written here."""

# ruff: noqa: S608 - the statements are put together of constants of this file; values are always bound

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import func, select, text

from adapters.postgres.engine import Database
from adapters.postgres.facts import Known, find_out
from adapters.postgres.placing import UNPAID, refuse_change, request_hash
from adapters.postgres.pricing import quote
from adapters.postgres.statements import ORDER_NUMBER
from models.order import CheckoutRequest, OrderStatus, Quote
from models.tables import Order
from models.tracking import OrderFilter, OrderSummary, OrderView

FREE_SESSION = "free_"
"""What the storefront is given as the session id of an order that costs nothing, before its public token."""

_SUMMARIES = TypeAdapter(list[OrderSummary])


class PostgresOrders:
    """Reads orders and prices requests; each method is one question."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def quote(self, request: CheckoutRequest, *, at: datetime, order_id: UUID | None = None) -> Quote:
        """Resolve and price a request as placing it would. Raises `OrderRefused`.

        As what may already be an order of that id, or the newest one of its upload: what it holds itself is not in its way.
        """
        return self._quote(request, await self._find_out(request, order_id=order_id, at=at))

    async def next_quote(self, request: CheckoutRequest, *, at: datetime) -> tuple[int, Quote]:
        """Return which attempt to buy its upload a request belongs to (see `models.order.order_id_for`), and its quote.

        It is that of the newest order while that one is unpaid; once it was paid or has ended, the next one.
        """
        known = await self._find_out(request, order_id=None, at=at)
        quoted = self._quote(request, known)
        if known.newest is None:
            return 1, quoted
        return known.newest.attempt + (known.newest.status not in UNPAID), quoted

    async def _find_out(self, request: CheckoutRequest, *, order_id: UUID | None, at: datetime) -> Known:
        async with self._database.connect() as connection:
            return await find_out(connection, request, order_id=order_id, at=at)

    @staticmethod
    def _quote(request: CheckoutRequest, known: Known) -> Quote:
        if known.standing is not None:
            if known.standing.request_hash == request_hash(request):
                return known.standing.placed.quote
            refuse_change(known.standing.status)
        return quote(request, known.facts)

    async def by_id(self, order_id: UUID) -> OrderView | None:
        """Return an order by its id."""
        return await self._view("id", order_id=order_id)

    async def by_token(self, public_token: str) -> OrderView | None:
        """Return the order that this token opens: whoever has it is its customer."""
        return await self._view("token", token=public_token)

    async def by_session(self, session_id: str) -> OrderView | None:
        """Return the order of a Stripe Session, of an earlier one too, or of `free_<public token>`."""
        if session_id.startswith(FREE_SESSION):
            return await self._view("free", token=session_id.removeprefix(FREE_SESSION))
        return await self._view("session", session_id=session_id)

    async def search(self, wanted: OrderFilter) -> list[OrderSummary]:
        """Return the orders that fit, newest first."""
        async with self._database.connect() as connection:
            return _SUMMARIES.validate_json((await connection.execute(_SEARCH, wanted.model_dump())).scalar_one())

    async def count_by_status(self) -> dict[OrderStatus, int]:
        """Return how many orders stand where; a status that no order has is missing."""
        async with self._database.connect() as connection:
            rows = await connection.execute(select(Order.status, func.count()).group_by(Order.status))
            return {row[0]: row[1] for row in rows}

    async def _view(self, by: str, **values: object) -> OrderView | None:
        async with self._database.connect() as connection:
            found = (await connection.execute(_VIEW_BY[by], values)).scalar_one_or_none()
        return OrderView.model_validate_json(found) if found else None


def _object(fields: Mapping[str, str]) -> str:
    """SQL for a JSON object. PostgreSQL takes at most 50 pairs in one call."""
    pairs = [f"'{name}', {value}" for name, value in fields.items()]
    calls = (", ".join(pairs[start : start + 40]) for start in range(0, len(pairs), 40))
    return " || ".join(f"jsonb_build_object({call})" for call in calls)


def _columns(*names: str, of: str = "o") -> dict[str, str]:
    return {name: f"{of}.{name}" for name in names}


_MONEY = _object(_columns("currency", "authorized", "captured", "refunded", "disputed"))
_SUMMARY = {
    "order_id": "o.id",
    "number": ORDER_NUMBER,
    "money": _MONEY,
    **_columns("channel", "status", "hold_reason", "needs_attention", "entered_at", "deadline", "placed_at"),
    **_columns("device_id", "brand_name", "model_name", "template_id", "total"),
    **_columns("queue_number", "payment_reference", "print_reference", "manufacturer_order_id"),
}
_PRODUCT = _object(
    _columns(
        *("brand_id", "brand_name", "model_name", "model_id", "shell_id", "device_id", "template_id", "width_mm", "height_mm")
    )
)
_ADDRESS = _object(
    {
        "line1": "o.address_line1",
        "line2": "o.address_line2",
        "city": "o.address_city",
        "postcode": "o.address_postcode",
        "country": "o.address_country",
    }
)
_CUSTOMER = _object(
    {
        "name": "o.customer_name",
        "email": "o.customer_email",
        "phone": "o.customer_phone",
        "address": f"CASE WHEN o.address_line1 IS NOT NULL THEN {_ADDRESS} END",
    }
)
_LINE = _object(_columns("sku", "title", "unit_amount", "quantity", of="l"))
_ENTRY = _object(
    _columns("kind", "at", "status", "hold_reason", "reference", "manufacturer_status", "note", "operator", "reason", of="e")
)
_VIEW = {
    **_SUMMARY,
    **_columns("public_token", "upload_name", "approved_sha256", "print_sha256", "promotion_id"),
    **_columns("manufacturer_payment_id", "manufacturer_status", "carrier", "tracking"),
    "checkout_session_id": f"coalesce(o.checkout_session_id, CASE WHEN o.total = 0 THEN '{FREE_SESSION}' || o.public_token END)",
    "product": _PRODUCT,
    "customer": f"CASE WHEN o.customer_name IS NOT NULL THEN {_CUSTOMER} END",
    "lines": f"(SELECT jsonb_agg({_LINE} ORDER BY l.position) FROM order_lines l WHERE l.order_id = o.id)",
    "timeline": f"(SELECT jsonb_agg({_ENTRY} ORDER BY e.at, e.id) FROM order_events e WHERE e.order_id = o.id)",
}
_CONDITIONS = {
    "id": "o.id = :order_id",
    "token": "o.public_token = :token",
    "free": "o.public_token = :token AND o.total = 0",
    "session": "o.id = (SELECT p.order_id FROM payments p WHERE p.stripe_session_id = :session_id)",
}
_VIEW_BY = {
    name: text(f"SELECT CAST({_object(_VIEW)} AS text) FROM orders o WHERE {condition}")
    for name, condition in _CONDITIONS.items()
}
_SEARCH = text(f"""
SELECT CAST(coalesce(jsonb_agg({_object(_SUMMARY)} ORDER BY o.placed_at DESC, o.number DESC), '[]') AS text)
FROM (
    SELECT * FROM orders o
    WHERE (CAST(:status AS text) IS NULL OR o.status = :status)
      AND (CAST(:needs_attention AS boolean) IS NULL OR o.needs_attention = CAST(:needs_attention AS boolean))
      AND (CAST(:device_id AS text) IS NULL OR o.device_id = :device_id)
      AND (CAST(:text AS text) IS NULL
           OR lower(:text) IN (lower({ORDER_NUMBER}), lower(o.customer_email), lower(o.checkout_session_id),
                               lower(o.payment_reference), lower(o.print_reference), lower(o.manufacturer_order_id),
                               lower(o.queue_number), o.id::text))
    ORDER BY o.placed_at DESC, o.number DESC
    LIMIT :limit OFFSET :offset
) o
""")
