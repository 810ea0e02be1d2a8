"""Messages that cannot be delivered wait; they never take the others, or the worker, with them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
import structlog
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError

from api.delivery import InboxDrainer, is_awaited
from models.inbox import InboxMessage, InboxSource, InboxState, Settlement
from models.tracking import NewTask

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = "OREN260101999999"


class ListedInbox:
    """An inbox with a list of due messages, and what became of them."""

    def __init__(self, *messages: InboxMessage) -> None:
        self.due = list(messages)
        self.fates: dict[int, InboxState] = {}

    async def claim(self, *, at: datetime, limit: int) -> list[InboxMessage]:
        taken, self.due = self.due, []
        return taken

    async def settle(self, settled: Sequence[Settlement], *, at: datetime) -> None:
        self.fates |= {settlement.id: settlement.state for settlement in settled}

    async def postpone(self, message_id: int, *, until: datetime, state: InboxState, note: str) -> None:
        assert until > NOW
        self.fates[message_id] = state

    async def order_of(self, reference: str) -> UUID | None:
        return None

    async def has_ended(self, order_id: UUID) -> bool:
        return False

    async def record_dispute(self, task: NewTask, *, disputed: int, is_over: bool) -> bool:
        return False

    async def make_due(self, reference: str, *, at: datetime) -> bool:
        return reference != UNKNOWN

    async def next_due(self) -> datetime | None:
        return None


def message(number: int, kind: str, **fields: Any) -> InboxMessage:
    values = {"source": InboxSource.STRIPE, "event_id": f"evt_{number}", "payload": {}, "received_at": NOW, "attempts": 1}
    return InboxMessage.model_validate({"id": number, "kind": kind, **values, **fields})


async def test_a_message_that_nobody_can_read_waits_and_the_next_one_is_delivered() -> None:
    poison = message(1, "checkout.session.completed", order_id=uuid4(), reference="cs_1", payload={"data": None})
    hint = message(2, "order_status", source=InboxSource.MANUFACTURER, reference="OREN260101000001")
    inbox = ListedInbox(poison, hint)

    await InboxDrainer(inbox, mock.Mock(spec=Client), clock=lambda: NOW).drain_once()

    assert inbox.fates == {1: InboxState.UNMATCHED, 2: InboxState.DELIVERED}


@pytest.mark.parametrize("reference", [UNKNOWN, None])
async def test_a_callback_that_names_nothing_of_ours_is_kept_and_somebody_hears_of_it(reference: str | None) -> None:
    inbox = ListedInbox(message(1, "order_status", source=InboxSource.MANUFACTURER, reference=reference))

    with structlog.testing.capture_logs() as lines:
        await InboxDrainer(inbox, mock.Mock(spec=Client), clock=lambda: NOW).drain_once()

    assert inbox.fates == {1: InboxState.UNMATCHED}
    (line,) = lines
    assert (line["log_level"], line["event"]) == ("warning", "a callback names nothing that we know")


async def test_an_order_that_is_slow_to_take_the_news_is_told_again() -> None:
    client = mock.Mock(spec=Client)
    handle = client.get_workflow_handle_for.return_value
    handle.start_update = mock.AsyncMock(side_effect=WorkflowUpdateRPCTimeoutOrCancelledError())
    inbox = ListedInbox(message(1, "checkout.session.completed", order_id=uuid4(), reference="cs_1"))

    await InboxDrainer(inbox, client, clock=lambda: NOW).drain_once()

    assert inbox.fates == {1: InboxState.WAITING}


async def test_news_of_a_session_is_not_answered_by_a_look_that_came_before_it_was_complete() -> None:
    """Temporal answers an id that it has seen with the first answer, which may have been "not paid yet"."""
    client = mock.Mock(spec=Client)
    handle = client.get_workflow_handle_for.return_value
    handle.start_update = mock.AsyncMock()
    intent = {"data": {"object": {"object": "payment_intent", "id": "pi_1"}}}
    session = {"data": {"object": {"object": "checkout.session", "id": "cs_1", "payment_intent": "pi_1"}}}
    order = {"order_id": uuid4()}
    for number, (kind, reference, payload) in enumerate(
        [
            ("payment_intent.amount_capturable_updated", "pi_1", intent),
            ("checkout.session.completed", "cs_1", session),
            ("checkout.session.completed", "cs_1", session),
        ]
    ):
        inbox = ListedInbox(message(number, kind, reference=reference, payload=payload, **order))
        await InboxDrainer(inbox, client, clock=lambda: NOW).drain_once()

    early, complete, again = [call.kwargs["id"] for call in handle.start_update.call_args_list]
    assert early != complete
    assert complete == again


@pytest.mark.parametrize(
    ("kind", "awaited"),
    [
        ("checkout.session.completed", True),
        ("refund.updated", True),
        ("checkout.session.async_payment_succeeded", True),
        ("charge.dispute.created", True),
        ("payment_intent.created", False),
    ],
)
def test_only_what_something_follows_from_waits_to_be_delivered(kind: str, awaited: bool) -> None:
    assert is_awaited(kind) is awaited
