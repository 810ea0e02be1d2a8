"""Orders are sent to a machine one after the other, whichever process sends them; machines do not wait for each other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from unittest import mock

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from adapters.postgres.device_turns import PostgresDeviceTurns
from adapters.postgres.engine import Database
from config.groups import DatabaseSettings
from models.errors import NotYet, ProviderUnavailable

Start = Callable[..., PostgresDeviceTurns]
SICK, WELL = "DEV000000001", "DEV000000002"


@pytest.fixture
async def process(database_url: str) -> AsyncIterator[Start]:
    """Makes the turns of one more process."""
    async with AsyncExitStack() as stack:

        def start(patience: timedelta = timedelta(seconds=30)) -> PostgresDeviceTurns:
            turns = PostgresDeviceTurns(DatabaseSettings(url=SecretStr(database_url)), patience=patience)
            stack.push_async_callback(turns.close)
            return turns

        yield start


class Machine:
    """Notices when two are served at once."""

    def __init__(self) -> None:
        self.at_once = self.most_at_once = self.served = 0

    async def serve(self, turns: PostgresDeviceTurns) -> None:
        async with turns.of(SICK):
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(0)
            self.at_once -= 1
            self.served += 1


async def test_one_machine_serves_one_at_a_time_across_processes(process: Start):
    machine, processes = Machine(), [process() for _ in range(3)]
    await asyncio.gather(*(machine.serve(turns) for turns in processes for _ in range(10)))
    assert (machine.served, machine.most_at_once) == (30, 1)


async def test_another_machine_has_its_own_turn(process: Start):
    here, there = process(), process()
    async with here.of(SICK), here.of(WELL):
        with pytest.raises(NotYet):
            async with process(timedelta(0)).of(WELL):
                pass
    async with there.of(SICK), here.of(WELL):
        pass


@pytest.mark.parametrize("is_same_process", [True, False])
async def test_who_waits_too_long_makes_room_and_is_told_when_to_come_again(process: Start, *, is_same_process: bool):
    impatient = process(timedelta(milliseconds=1))
    async with (impatient if is_same_process else process()).of(SICK):
        with pytest.raises(NotYet) as refusal:
            async with impatient.of(SICK):
                pass
    assert refusal.value.retry_after
    async with impatient.of(SICK):
        pass


async def test_a_failure_ends_the_turn(process: Start):
    here, there = process(), process(timedelta(0))
    with pytest.raises(KeyError):
        async with here.of(SICK):
            raise KeyError
    async with there.of(SICK):
        pass


async def test_a_turn_ends_with_the_process_that_holds_it(process: Start, database: Database):
    """Also when its connection dies without a word, and the process makes a new one for its next turn."""
    here, there = process(), process()
    async with here.of(SICK):
        async with database.begin() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'pimpmycase-turns' AND datname = current_database()"
                )
            )
        async with there.of(SICK):
            pass
    async with here.of(SICK), there.of(WELL):
        with pytest.raises(NotYet):
            async with process(timedelta(0)).of(SICK):
                pass


async def test_a_turn_whose_answer_nobody_waited_for_is_not_kept(process: Start, monkeypatch: pytest.MonkeyPatch):
    here, there = process(), process(timedelta(seconds=5))
    asked, ask = asyncio.Event(), asyncpg.Connection.fetchval

    async def silent(*args: Any, **options: Any) -> None:
        await ask(*args, **options)
        asked.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetchval", silent)
        waiting = asyncio.create_task(Machine().serve(here))
        await asked.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
    async with there.of(SICK):
        pass


async def test_a_turn_that_cannot_be_given_back_ends_with_its_connection_and_hides_no_outcome(
    process: Start, monkeypatch: pytest.MonkeyPatch
):
    here, there = process(), process(timedelta(seconds=5))
    with monkeypatch.context() as patch:
        async with here.of(SICK):
            patch.setattr(asyncpg.Connection, "fetchval", mock.AsyncMock(side_effect=asyncpg.InternalClientError("lost track")))
    async with there.of(SICK):
        pass


async def test_without_a_database_nobody_has_a_turn():
    nowhere = DatabaseSettings(url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(ProviderUnavailable):
        async with PostgresDeviceTurns(nowhere).of(SICK):
            pass
