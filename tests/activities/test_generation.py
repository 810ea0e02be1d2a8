"""Operators hear of a spent day once, and not of anything that only concerns one customer."""

import logging
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.generation import GenerationActivities
from models.errors import OrderRefused, RefusalCode
from models.generation import GenerateImage
from tests.fakes.generation import FakeCleaner, FakeGenerationBook, FakeGenerator, FakePrompts
from tests.fakes.pictures import FakeStore


def refusal(budget: str) -> OrderRefused:
    return OrderRefused("No more.", code=RefusalCode.BUDGET_SPENT, facts={"budget": budget, "retry_at": "tomorrow"})


class Desk:
    """Where generations begin."""

    def __init__(self) -> None:
        self.book = FakeGenerationBook()
        self._activities = GenerationActivities(FakeStore(), FakeGenerator(), FakePrompts(), FakeCleaner(), self.book)

    async def begin(self, refused_by: str | None = None) -> None:
        """Begin one, for which this budget has no room."""
        self.book.refusal = refusal(refused_by) if refused_by else None
        wish = GenerateImage(
            generation_id=uuid4(), subject="0" * 64, attempt=1, template_id="retro-remix", at=datetime(2026, 3, 1, tzinfo=UTC)
        )
        env = ActivityEnvironment()
        if refused_by is None:
            await env.run(self._activities.begin_generation, wish)
            return
        with pytest.raises(OrderRefused):
            await env.run(self._activities.begin_generation, wish)


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_spent_day_is_an_alarm_once_however_many_ask(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    for _ in range(3):
        await desk.begin("daily_spend")

    (alarm,) = alarms(caplog)
    assert "daily spend" in alarm
    assert "tomorrow" in alarm


async def test_the_alarm_is_raised_anew_after_there_was_room_in_between(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    for refused_by in ("daily_spend", None, "daily_spend"):
        await desk.begin(refused_by)

    assert len(alarms(caplog)) == 2


@pytest.mark.parametrize("budget", ["client", "session"])
async def test_a_customer_who_has_had_enough_is_nobodys_alarm(caplog: pytest.LogCaptureFixture, budget: str) -> None:
    await Desk().begin(budget)

    assert not alarms(caplog)
