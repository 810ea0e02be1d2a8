"""The poller is started, woken and watched from outside of it, and whoever does that survives every outage."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api.poller_keeper import OVERDUE, REMIND_EVERY, PollerKeeper
from models.errors import ProviderUnavailable
from tests.fakes.manufacturer import FakeReferenceBook

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AWAY = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")


class Stopped(Exception):
    """Nothing more is heard."""


class Keeper:
    """A keeper over fakes, its clock, and what it did."""

    def __init__(self) -> None:
        self.now = NOW
        self.client = mock.Mock(spec=Client)
        self.client.start_workflow = mock.AsyncMock()
        self.references = FakeReferenceBook()
        self.waited: list[timedelta] = []
        self._news: list[tuple[set[str], timedelta]] = []
        self.keeper = PollerKeeper(self.client, self.references, clock=lambda: self.now)

    @property
    def signals(self) -> list[str | None]:
        """With which signal the poller was started, call by call."""
        return [call.kwargs["start_signal"] for call in self.client.start_workflow.await_args_list]

    def due_since(self, duration: timedelta) -> None:
        self.references.wait_until("OREN1", self.now - duration)

    async def run(self, *news: tuple[set[str], timedelta]) -> None:
        """Run while this is heard, each time after so long."""
        self._news = list(news)
        with pytest.raises(Stopped):
            await self.keeper.run(self)

    async def wait(self, patience: timedelta) -> set[str]:
        self.waited.append(patience)
        if not self._news:
            raise Stopped
        heard, duration = self._news.pop(0)
        self.now += duration
        return heard

    async def look_after(self) -> list[Any]:
        """Look once; what was logged as an error."""
        with capture_logs() as lines:
            await self.keeper.look_after()
        return [line for line in lines if line["log_level"] == "error"]


async def test_it_is_started_without_a_word_at_first_and_every_minute() -> None:
    keeper = Keeper()
    await keeper.run((set(), timedelta(0)), (set(), timedelta(minutes=1)), (set(), timedelta(minutes=1)))
    assert keeper.signals == [None, None, None]
    assert keeper.waited == [timedelta(0), *[timedelta(minutes=1)] * 3]


async def test_news_wake_it_at_once_and_do_not_put_off_the_next_look() -> None:
    keeper = Keeper()
    await keeper.run((set(), timedelta(0)), *[({"references"}, timedelta(seconds=25))] * 3)
    assert keeper.signals == [None, "wake", "wake", "wake", None]


@pytest.mark.parametrize("outage", [AWAY, ProviderUnavailable("away", provider="postgres")])
async def test_an_outage_is_outlived(outage: Exception) -> None:
    keeper = Keeper()
    keeper.client.start_workflow.side_effect = [outage, outage, None, None]
    await keeper.run((set(), timedelta(0)), ({"references"}, timedelta(seconds=5)), *[(set(), timedelta(minutes=1))] * 2)
    assert keeper.signals == [None, "wake", None, None]


async def test_what_was_missed_by_a_sleeping_poller_wakes_it_and_is_no_alarm() -> None:
    keeper = Keeper()
    keeper.due_since(timedelta(minutes=1))
    assert await keeper.look_after() == []
    assert keeper.signals == [None]
    keeper.now += timedelta(minutes=2)
    assert await keeper.look_after() == []
    assert keeper.signals == [None, None, "wake"]


async def test_what_nobody_asks_about_for_long_is_an_alarm_now_and_then() -> None:
    keeper = Keeper()
    keeper.due_since(OVERDUE + timedelta(seconds=1))
    (line,) = await keeper.look_after()
    assert line["references"] == 1
    assert line["due_since"] == (NOW - OVERDUE - timedelta(seconds=1)).isoformat()
    keeper.now += REMIND_EVERY - timedelta(minutes=1)
    assert await keeper.look_after() == []
    keeper.now += timedelta(minutes=1)
    assert len(await keeper.look_after()) == 1


async def test_an_alarm_that_was_over_is_raised_anew() -> None:
    keeper = Keeper()
    keeper.due_since(OVERDUE * 2)
    assert len(await keeper.look_after()) == 1
    keeper.references.wait_until("OREN1", NOW + timedelta(hours=1))
    assert await keeper.look_after() == []
    keeper.due_since(OVERDUE * 2)
    assert len(await keeper.look_after()) == 1
