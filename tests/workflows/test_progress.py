"""Where an order stands is told in the order of its steps, not in the order in which they were written."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from temporalio import workflow

from models.order import OrderStatus
from workflows.progress import Progress

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def details(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Temporal's Web UI showed, the last one now."""
    shown: list[str] = []
    monkeypatch.setattr(workflow, "now", lambda: NOW)
    monkeypatch.setattr(workflow, "set_current_details", shown.append)
    monkeypatch.setattr(workflow, "upsert_search_attributes", lambda _updates: None)
    return shown


def test_a_step_that_is_written_late_does_not_hide_a_newer_one(details: list[str]) -> None:
    """A wish to cancel is written by an update, its answer by the order's own story: either may be slower."""
    progress = Progress(uuid4())
    wish = progress.next(OrderStatus.CANCEL_REQUESTED, "the manufacturer decides")
    answer = progress.next(OrderStatus.IN_PRODUCTION, "too late")

    progress.entered(answer)
    progress.entered(wish)

    assert progress.status is OrderStatus.IN_PRODUCTION
    assert details[-1].startswith("**in_production**")
    assert wish.version < answer.version


def test_the_details_say_what_comes_next_and_when(details: list[str]) -> None:
    progress = Progress(uuid4())
    progress.entered(progress.next(OrderStatus.ON_HOLD, "refused", deadline=NOW))
    assert "`retry_step`" in details[-1]
    assert "2026-11-23 12:00 UTC" in details[-1]
