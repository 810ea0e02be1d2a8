"""Building blocks of the statements that write several tables at once."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Row, Select, Update, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import IntegrityBroken
from models.order import Transition
from models.tables import Base, Order, OrderEvent
from models.tracking import TimelineKind

ORDER_NUMBER = "'PMC-' || lpad(o.number::text, greatest(6, length(o.number::text)), '0')"
"""SQL for what people call the order of the row `o`."""


def order_number(number: int) -> str:
    """Return what people call an order: PMC-000123."""
    return f"PMC-{number:06d}"


def insert_from(table: type[Base], values: Mapping[str, Any], source: CTE) -> Insert:
    """Insert these values once for every row of `source`, so that nothing is written where `source` found nothing."""
    columns = table.__table__.c
    row = [value if isinstance(value, ColumnElement) else literal(value, columns[name].type) for name, value in values.items()]
    return insert(table).from_select(list(values), select(*row).select_from(source))


def steps(transition: Transition) -> dict[str, ColumnElement[Any]]:
    """Return the columns that say where an order stands; a version that is not newer than the row's leaves them alone."""
    is_news = Order.version < transition.version
    values = {
        "status": transition.status,
        "hold_reason": transition.hold_reason,
        "version": transition.version,
        "needs_attention": transition.needs_attention,
        "entered_at": transition.at,
        "deadline": transition.deadline,
    }
    columns = Order.__table__.c
    return {name: case((is_news, literal(value, columns[name].type)), else_=columns[name]) for name, value in values.items()}


def event_of(transition: Transition) -> dict[str, Any]:
    """Return the timeline entry of a step."""
    return {
        "order_id": transition.order_id,
        "kind": TimelineKind.TRANSITION,
        "version": transition.version,
        "status": transition.status,
        "hold_reason": transition.hold_reason,
        "note": transition.note,
        "operator": transition.operator,
        "reason": transition.reason,
        "at": transition.at,
    }


def change_order(order_id: UUID, transition: Transition | None, facts: Mapping[str, Any]) -> Update:
    """Write facts on an order and, if there is one, the step that they bring. Facts are written whatever the version is."""
    step = steps(transition) if transition else {}
    return update(Order).where(Order.id == order_id).values({**facts, **step})


def with_event(changed: CTE, transition: Transition | None) -> Select[Any]:
    """Select what `changed` returned, and if it returned something write the step's timeline entry, once per version."""
    statement = select(changed)
    if transition is None:
        return statement
    entry = insert_from(OrderEvent, event_of(transition), changed).on_conflict_do_nothing(index_elements=["order_id", "version"])
    return statement.add_cte(entry.cte("event"))


async def write(connection: AsyncConnection, statement: Select[Any], order_id: UUID) -> Row[Any]:
    """Run a statement that changes one order. Raises `IntegrityBroken` for an order that was never placed."""
    row: Row[Any] | None = (await connection.execute(statement)).first()
    if row is None:
        raise IntegrityBroken(f"order {order_id} is not as the step expects it, or was never placed")
    return row


def violated(error: IntegrityError) -> str | None:
    """Return the name of the constraint that refused."""
    return getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)


def notify(channel: str, payload: ColumnElement[str]) -> ColumnElement[Any]:
    """Wake whoever listens on a channel, when the transaction commits."""
    return func.pg_notify(channel, payload)
