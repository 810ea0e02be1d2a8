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

ROUND_TRIPS = 25
"""Of the order itself. A message costs one more; poller and drainer look for all orders at once."""
EVENTS, EVENTS_IN_ALL = 80, 110

_MESSAGE = "INSERT INTO inbox"
_LOOKS = (
    "SELECT manufacturer_references.reference, manufacturer_references.kind",
    "SELECT min(",
    "WITH reading AS",
    "WITH due AS MATERIALIZED ( SELECT m.id FROM inbox",
)
_EXTRAS = (
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_TIMER_FIRED,
    EventType.EVENT_TYPE_TIMER_CANCELED,
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
    """The events that are neither attributes, timers nor steps that only `record` writes."""
    kinds = [one.event_type for one in history.events]
    records = [
        one
        for one in history.events
        if one.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        and one.activity_task_scheduled_event_attributes.activity_type.name == "record"
    ]
    return sum(kind not in _EXTRAS for kind in kinds) - 3 * len(records)


async def test_one_web_order_stays_within_its_budgets(world: World):
    with statements_of(world) as said:
        case = await world.paid()
        await case.success()
        result = await case.deliver()
        await world.stripe.webhooks_settled()
        messages = await world.inbox_settled()
    assert result.status is OrderStatus.COMPLETED

    received = [statement for statement in said if _MESSAGE in statement]
    looks = [statement for statement in said if statement.startswith(_LOOKS)]
    own = Counter(said) - Counter(received) - Counter(looks)
    assert len(received) == len(messages) >= 10
    assert own.total() <= ROUND_TRIPS, own

    history = await case.handle.fetch_history()
    assert without_extras(history) <= EVENTS
    assert len(history.events) <= EVENTS_IN_ALL
