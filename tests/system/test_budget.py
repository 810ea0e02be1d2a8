"""What one web order costs, everything that is said about it included: statements at the database, events in Temporal."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from models.order import OrderStatus
from tests.system.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUND_TRIPS = 22
"""Of the order itself: each step is one statement, and so is each answer to the customer. Two of them see to it that neither the
design nor the print file is erased as abandoned while it is stored."""
SHARED = 22
"""Of everything that many orders share when there are many: writing messages down, claiming and settling them, polling."""
EVENTS, EVENTS_IN_ALL = 80, 110

_SHARED = {
    "messages": "WITH arrived AS",
    "claims": "WITH due AS MATERIALIZED ( SELECT m.id FROM inbox",
    "settlements": "UPDATE inbox SET state",
    "rounds": "WITH due AS ( SELECT reference",
    "readings": "WITH reading AS",
}
_WATCH = "SELECT count(*) AS count, min(manufacturer_references.next_due_at)"
"""Once a minute and worker, however many orders there are; more often here."""
_EXTRAS = (
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_TIMER_FIRED,
    EventType.EVENT_TYPE_TIMER_CANCELED,
    EventType.EVENT_TYPE_MARKER_RECORDED,
)


@contextmanager
def statements_of(world: World) -> Iterator[list[str]]:
    """Every statement of API, worker, drainer and poller; the test's own looks are not counted."""
    ours = world.rows_database.engine.sync_engine.pool
    said: list[str] = []

    def statement(connection: Connection, _cursor: Any, text: str, *_: Any) -> None:
        if connection.engine.pool is not ours:
            said.append(" ".join(text.split()))

    event.listen(Engine, "before_cursor_execute", statement)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", statement)


def without_extras(history: WorkflowHistory) -> int:
    """The events that are neither attributes, timers nor steps that only `record` writes: a local activity is a marker."""
    return sum(one.event_type not in _EXTRAS for one in history.events)


async def test_one_web_order_stays_within_its_budgets(world: World):
    with statements_of(world) as said:
        case = await world.paid()
        await case.success()
        result = await case.deliver()
        await world.stripe.webhooks_settled()
        messages = await world.inbox_settled()
    assert result.status is OrderStatus.COMPLETED

    shared = {name: sum(statement.startswith(prefix) for statement in said) for name, prefix in _SHARED.items()}
    own = Counter(statement for statement in said if not statement.startswith((_WATCH, *_SHARED.values())))
    assert own.total() <= ROUND_TRIPS, own
    assert min(shared.values()) >= 1, shared
    assert sum(shared.values()) <= SHARED, shared
    assert shared["messages"] <= len(messages) >= 10

    history = await case.handle.fetch_history()
    assert without_extras(history) <= EVENTS
    assert len(history.events) <= EVENTS_IN_ALL
