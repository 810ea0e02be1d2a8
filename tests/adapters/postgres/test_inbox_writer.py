"""A message is written before it is answered, once, and together with whatever else arrives."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from adapters.postgres import inbox_writer
from adapters.postgres.engine import Database, counted_round_trips
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.inbox_writer import PostgresInboxWriter
from adapters.postgres.notifications import listening
from config.groups import DatabaseSettings
from models.errors import IntegrityBroken, ProviderUnavailable
from models.inbox import InboxMessage, InboxSource, InboxState, NewMessage
from models.production import ReferenceKind
from tests.adapters.postgres.shop import NOW, Shop, met, together
from tests.adapters.postgres.test_inbox import message

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def writer(database: Database) -> PostgresInboxWriter:
    return PostgresInboxWriter(database)


@pytest.fixture
def inbox(database: Database) -> PostgresInbox:
    return PostgresInbox(database)


def hint(reference: str, *, status: int = 12, at: datetime = NOW) -> NewMessage:
    return NewMessage(
        source=InboxSource.MANUFACTURER,
        event_id=f"{reference}:{status}",
        kind="order_status",
        reference=reference,
        payload={"third_id": reference, "status": status},
        received_at=at,
    )


async def rows(database: Database, columns: str) -> list[tuple[Any, ...]]:
    async with database.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(f"SELECT {columns} FROM inbox ORDER BY id"))]  # noqa: S608


async def reference_of(shop: Shop) -> str:
    placed = await shop.place()
    return await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)


async def due_at(shop: Shop) -> datetime | None:
    row = await shop.row("SELECT next_due_at FROM manufacturer_references")
    moment: datetime | None = row["next_due_at"]
    return moment


class TestReceive:
    async def test_the_same_event_twice_is_stored_once(self, writer: PostgresInboxWriter, inbox: PostgresInbox):
        first = message("evt_1")

        assert await writer.receive(first) is True
        assert await writer.receive(first.model_copy(update={"payload": {"id": "forged"}})) is False
        (stored,) = await inbox.claim(at=NOW, limit=10)
        assert stored == InboxMessage(**first.model_dump(), id=stored.id, attempts=1)

    async def test_the_same_event_at_once_is_stored_once(self, database: Database, another_process: Callable[[], Database]):
        writers = [PostgresInboxWriter(another_process()) for _ in range(4)]

        outcomes = await together(*(one.receive(message("evt_1")) for one in writers * 3))

        assert sorted(outcomes) == [False] * 11 + [True]
        assert await rows(database, "event_id") == [("evt_1",)]

    async def test_event_ids_of_different_senders_are_different(self, writer: PostgresInboxWriter):
        assert await writer.receive(message("1"))
        assert await writer.receive(message("1").model_copy(update={"source": InboxSource.MANUFACTURER}))

    async def test_one_that_nobody_awaits_is_only_recorded(
        self, writer: PostgresInboxWriter, inbox: PostgresInbox, database: Database
    ):
        assert await writer.receive(message("evt_1"), is_awaited=False)

        assert await inbox.claim(at=LATER, limit=10) == []
        recorded = (InboxState.RECORDED, "nothing follows from it", NOW, None)
        assert await rows(database, "state, note, settled_at, next_attempt_at") == [recorded]

    async def test_the_drainer_is_woken_if_there_is_something_to_deliver(self, writer: PostgresInboxWriter, database_url: str):
        async with listening(DatabaseSettings.model_validate({"url": database_url}), "inbox") as notifications:
            await notifications.wait(timedelta(seconds=10))
            await writer.receive(message("evt_1"), is_awaited=False)
            await writer.receive(message("evt_2"))
            await writer.receive(message("evt_2"))

            assert await notifications.wait(timedelta(seconds=10)) == {"inbox"}
            assert await notifications.wait(timedelta(0)) == set()


class TestHints:
    async def test_about_a_reference_of_ours_make_it_due_and_are_done_with(
        self, shop: Shop, writer: PostgresInboxWriter, inbox: PostgresInbox, database_url: str
    ):
        reference = await reference_of(shop)
        settings = DatabaseSettings.model_validate({"url": database_url})
        async with listening(settings, "inbox", "references") as notifications:
            await notifications.wait(timedelta(seconds=10))
            with counted_round_trips(shop.database) as trips:
                assert await writer.receive_hints([hint(reference)]) == [True]

            assert trips.count == 1
            assert await notifications.wait(timedelta(seconds=10)) == {"references"}
        assert await due_at(shop) == NOW
        assert await inbox.claim(at=LATER, limit=10) == []
        assert await rows(shop.database, "state") == [("delivered",)]

    async def test_that_are_repeated_do_not_make_it_due_again(self, shop: Shop, writer: PostgresInboxWriter):
        reference = await reference_of(shop)
        await writer.receive_hints([hint(reference)])
        await shop.execute("UPDATE manufacturer_references SET next_due_at = NULL")

        assert await writer.receive_hints([hint(reference, at=LATER)]) == [False]

        assert await due_at(shop) is None

    async def test_about_nothing_of_ours_are_left_for_the_drainer(self, writer: PostgresInboxWriter, inbox: PostgresInbox):
        assert await writer.receive_hints([hint("OREN991231000001")]) == [True]
        (claimed,) = await inbox.claim(at=NOW, limit=10)
        assert claimed.reference == "OREN991231000001"

    async def test_of_one_callback_cost_one_round_trip(self, shop: Shop, writer: PostgresInboxWriter):
        reference = await reference_of(shop)
        items = [hint(reference, status=8), hint(reference, status=9), hint("OREN991231000001"), hint(reference, status=9)]

        with counted_round_trips(shop.database) as trips:
            assert sorted(await writer.receive_hints(items)) == [False, True, True, True]

        assert trips.count == 1
        assert await due_at(shop) == NOW


class TestBurst:
    async def test_of_messages_is_written_together(self, shop: Shop, writer: PostgresInboxWriter):
        """Each is answered for itself: a repeat among them is a repeat."""
        reference = await reference_of(shop)
        with counted_round_trips(shop.database) as trips:
            outcomes = await asyncio.gather(
                *(writer.receive(message(f"evt_{number}"), is_awaited=number % 2 == 0) for number in range(20)),
                writer.receive(message("evt_7")),
                writer.receive_hints([hint(reference)]),
            )
        assert outcomes == [True] * 20 + [False, [True]]
        assert trips.count == 1
        assert len(await rows(shop.database, "id")) == 21

    async def test_is_waited_for_by_what_nothing_waits_for_and_by_nothing_else(
        self, database: Database, writer: PostgresInboxWriter, monkeypatch: pytest.MonkeyPatch
    ):
        """However long that would be; a message that an order waits for takes the others along."""
        monkeypatch.setattr(inbox_writer, "COMPANY", timedelta(days=1))
        with counted_round_trips(database) as trips:
            idle = [asyncio.ensure_future(writer.receive(message(f"evt_{number}"), is_awaited=False)) for number in range(3)]
            hints = asyncio.ensure_future(writer.receive_hints([hint("OREN991231000001")]))
            assert await writer.receive(message("evt_paid")) is True
            assert await asyncio.gather(*idle, hints) == [True, True, True, [True]]
        assert trips.count == 1

    async def test_that_arrives_while_a_statement_is_under_way_waits_for_the_next_one_only(
        self, shop: Shop, another_process: Callable[[], Database]
    ):
        reference = await reference_of(shop)
        database = another_process()
        writer = PostgresInboxWriter(database)

        async def burst() -> list[bool]:
            first = asyncio.ensure_future(writer.receive_hints([hint(reference)]))
            while trips.count == 0:  # noqa: ASYNC110 - until the statement is under way
                await asyncio.sleep(0.001)
            others = await asyncio.gather(*(writer.receive(message(f"evt_{number}")) for number in range(10)))
            return [*(await first), *others]

        with counted_round_trips(database) as trips:
            (outcomes,) = await met(shop, "SELECT 1 FROM manufacturer_references", burst())
        assert outcomes == [True] * 11
        assert trips.count == 2

    async def test_with_a_message_that_cannot_be_written_loses_only_that_one(
        self, database: Database, writer: PostgresInboxWriter
    ):
        poison = message("evt_poison").model_copy(update={"payload": {"text": "\x00"}})
        good = [message(f"evt_{number}") for number in range(3)]

        outcomes = await together(*(writer.receive(each) for each in (good[0], poison, *good[1:])))

        assert isinstance(outcomes[1], IntegrityBroken)
        assert [outcomes[0], *outcomes[2:]] == [True] * 3
        assert {event_id for (event_id,) in await rows(database, "event_id")} == {f"evt_{number}" for number in range(3)}

    async def test_that_meets_an_outage_is_refused_as_a_whole_and_can_come_again(
        self, database: Database, writer: PostgresInboxWriter
    ):
        await database.dispose()
        broken = PostgresInboxWriter(Database.connect_to(NOWHERE, application_name="tests"))
        outcomes = await together(*(broken.receive(message(f"evt_{number}")) for number in range(3)))
        assert all(isinstance(outcome, ProviderUnavailable) for outcome in outcomes)
        assert await together(*(writer.receive(message(f"evt_{number}")) for number in range(3))) == [True] * 3

    async def test_goes_on_when_somebody_hangs_up(self, database: Database, writer: PostgresInboxWriter):
        waiting = [asyncio.ensure_future(writer.receive(message(f"evt_{number}"))) for number in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        outcomes = await together(*waiting)
        assert isinstance(outcomes[0], asyncio.CancelledError)
        assert outcomes[1:] == [True, True]
        assert len(await rows(database, "id")) == 3

    async def test_from_two_processes_in_opposite_order_blocks_nobody(self, shop: Shop, another_process: Callable[[], Database]):
        reference = await reference_of(shop)
        batch = [hint(reference, status=status) for status in range(1, 17)]
        writers = [PostgresInboxWriter(another_process()) for _ in range(4)]
        outcomes = await together(
            *(writer.receive_hints(batch[:: 1 if number % 2 else -1]) for number, writer in enumerate(writers))
        )
        assert all(isinstance(outcome, list) for outcome in outcomes), outcomes
        assert sum(sum(outcome) for outcome in outcomes) == 16

    async def test_keeps_its_order(self, database: Database, writer: PostgresInboxWriter):
        names = [f"evt_{number * 7 % 10}" for number in range(10)]
        await asyncio.gather(*(writer.receive(message(name)) for name in names))
        assert [event_id for (event_id,) in await rows(database, "event_id")] == names

    async def test_that_deadlocks_with_another_process_is_written_all_the_same(
        self, shop: Shop, another_process: Callable[[], Database]
    ):
        """The other process has one of its messages already, and waits for the other one; both try it again at once then."""
        burst = [message("evt_1"), message("evt_2")]
        writer = PostgresInboxWriter(another_process())
        with capture_logs() as lines:
            async with shop.database.begin() as other:
                await other.execute(text("SET LOCAL deadlock_timeout = '1min'"))  # so that it is not the one that loses
                await other.execute(INSERT, {"event_id": "evt_2"})
                ours = asyncio.gather(*(writer.receive(each) for each in burst))
                while not await shop.rows(WAITING):
                    pass
                await other.execute(INSERT, {"event_id": "evt_1"})
            _, is_second_new = await ours
        assert not is_second_new
        assert [line["event"] for line in lines] == ["a batch of messages cannot be written: each is tried by itself"]
        assert sorted(await rows(shop.database, "event_id")) == [("evt_1",), ("evt_2",)]


INSERT = text(
    "INSERT INTO inbox (source, event_id, kind, payload, state, received_at) "
    "VALUES ('stripe', :event_id, 'x', '{}', 'recorded', '2026-03-01 12:00Z') ON CONFLICT DO NOTHING"
)
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
NOWHERE = DatabaseSettings.model_validate({"url": "postgresql+asyncpg://nobody@127.0.0.1:1/nothing", "connect_timeout": "1s"})
