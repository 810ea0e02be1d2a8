from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Database, counted_round_trips
from adapters.postgres.inbox import LEASE, PostgresInbox
from adapters.postgres.inbox_writer import PostgresInboxWriter
from adapters.postgres.notifications import listening
from config.groups import DatabaseSettings
from models.inbox import InboxMessage, InboxSource, InboxState, NewMessage, Settlement
from models.order import OrderStatus
from models.payment import PaymentState
from models.production import ReferenceKind
from models.tracking import NewTask, TaskKind
from tests.adapters.postgres.shop import NOW, Shop, step, together
from tests.adapters.postgres.test_money import checked_out, payment, session


def message(event_id: str, *, order_id: UUID | None = None, reference: str | None = None) -> NewMessage:
    return NewMessage(
        source=InboxSource.STRIPE,
        event_id=event_id,
        kind="checkout.session.completed",
        order_id=order_id,
        reference=reference,
        payload={"id": event_id, "amount": 3500},
        received_at=NOW,
    )


@pytest.fixture
def inbox(database: Database) -> PostgresInbox:
    return PostgresInbox(database)


async def write(database: Database, new: NewMessage) -> None:
    assert await PostgresInboxWriter(database).receive(new)


async def hinted(shop: Shop, new: NewMessage) -> bool:
    (is_new,) = await PostgresInboxWriter(shop.database).receive_hints([new])
    return is_new


async def settle(inbox: PostgresInbox, claimed: InboxMessage, state: InboxState) -> None:
    await inbox.settle([Settlement(id=claimed.id, state=state)], at=NOW)


async def ids(inbox: PostgresInbox, *, after: timedelta = timedelta(0), limit: int = 10) -> list[str]:
    return [message.event_id for message in await inbox.claim(at=NOW + after, limit=limit)]


class TestClaim:
    async def test_the_oldest_comes_first(self, database: Database, inbox: PostgresInbox):
        for event_id in ("evt_b", "evt_a", "evt_c"):
            await write(database, message(event_id))

        assert await ids(inbox, limit=2) == ["evt_b", "evt_a"]
        assert await ids(inbox) == ["evt_c"]

    async def test_one_message_of_an_order_at_a_time(self, database: Database, inbox: PostgresInbox):
        order_id = uuid4()
        for number in range(3):
            await write(database, message(f"evt_{number}", order_id=order_id))

        (first,) = await inbox.claim(at=NOW, limit=10)
        assert await ids(inbox) == []
        await settle(inbox, first, InboxState.DELIVERED)

        assert first.event_id == "evt_0"
        assert await ids(inbox) == ["evt_1"]

    async def test_an_order_that_is_busy_does_not_hold_up_the_others(self, database: Database, inbox: PostgresInbox):
        """Its older message, due again meanwhile, is left for later, and everybody else's is taken."""
        busy = uuid4()
        for number in range(2):
            await write(database, message(f"evt_{number}", order_id=busy))
        (first,) = await inbox.claim(at=NOW, limit=10)
        await inbox.postpone(first.id, until=NOW + timedelta(seconds=1), state=InboxState.WAITING, note="Temporal is away")
        assert await ids(inbox) == ["evt_1"]
        await write(database, message("evt_2", order_id=uuid4()))

        assert await ids(inbox, after=timedelta(seconds=1)) == ["evt_2"]

    async def test_a_message_that_waits_longer_does_not_hold_up_the_next(self, database: Database, inbox: PostgresInbox):
        order_id = uuid4()
        for number in range(2):
            await write(database, message(f"evt_{number}", order_id=order_id))
        (first,) = await inbox.claim(at=NOW, limit=10)

        await inbox.postpone(first.id, until=NOW + timedelta(hours=1), state=InboxState.UNMATCHED, note="unknown order")

        assert await ids(inbox) == ["evt_1"]

    async def test_a_message_of_a_worker_that_died_comes_back(self, database: Database, inbox: PostgresInbox):
        """And no other of its order meanwhile: the worker may be slow and not dead."""
        order_id = uuid4()
        for number in range(2):
            await write(database, message(f"evt_{number}", order_id=order_id))
        await inbox.claim(at=NOW, limit=10)

        assert await ids(inbox, after=LEASE - timedelta(seconds=1)) == []
        assert await inbox.next_due() == NOW
        (again,) = await inbox.claim(at=NOW + LEASE, limit=10)

        assert (again.event_id, again.attempts) == ("evt_0", 2)

    async def test_a_settled_message_never_comes_back(self, database: Database, inbox: PostgresInbox):
        await write(database, message("evt_1"))
        (first,) = await inbox.claim(at=NOW, limit=10)
        await settle(inbox, first, InboxState.RECORDED)
        await inbox.postpone(first.id, until=NOW, state=InboxState.WAITING, note="a slow worker gives it back")

        assert await ids(inbox, after=timedelta(days=30)) == []
        assert await inbox.next_due() is None

    async def test_messages_are_settled_in_one_statement_each_in_its_own_way(self, database: Database, inbox: PostgresInbox):
        for number in range(3):
            await write(database, message(f"evt_{number}"))
        first, second, third = await inbox.claim(at=NOW, limit=10)
        ended = [
            Settlement(id=first.id, state=InboxState.DELIVERED),
            Settlement(id=third.id, state=InboxState.RECORDED, note="the order had ended"),
        ]

        with counted_round_trips(database) as trips:
            await inbox.settle(ended, at=NOW)

        assert trips.count == 1
        async with database.connect() as connection:
            rows = (await connection.execute(text("SELECT state, note, settled_at FROM inbox ORDER BY id"))).all()
        assert [tuple(row) for row in rows] == [
            ("delivered", "", NOW),
            ("waiting", "", None),
            ("recorded", "the order had ended", NOW),
        ]
        assert await ids(inbox, after=LEASE) == [second.event_id]

    async def test_a_postponed_message_comes_back_when_it_was_said(self, database: Database, inbox: PostgresInbox):
        await write(database, message("evt_1"))
        (first,) = await inbox.claim(at=NOW, limit=10)

        await inbox.postpone(first.id, until=NOW + timedelta(minutes=1), state=InboxState.WAITING, note="Temporal is away")

        assert await inbox.next_due() == NOW + timedelta(minutes=1)
        assert await ids(inbox, after=timedelta(seconds=59)) == []
        assert await ids(inbox, after=timedelta(seconds=60)) == ["evt_1"]

    async def test_drainers_deliver_each_message_once_and_one_of_an_order_at_a_time(
        self, database: Database, inbox: PostgresInbox, another_process: Callable[[], Database]
    ):
        orders = [uuid4() for _ in range(4)]
        for number in range(40):
            await write(database, message(f"evt_{number}", order_id=orders[number % 4]))
        delivered: list[str] = []
        at_work: defaultdict[UUID | None, int] = defaultdict(int)
        most_at_work = 0

        async def drain(own: PostgresInbox) -> None:
            nonlocal most_at_work
            while len(delivered) < 40:
                claimed = await own.claim(at=NOW, limit=3)
                for each in claimed:
                    at_work[each.order_id] += 1
                    most_at_work = max(most_at_work, at_work[each.order_id])
                for each in claimed:
                    delivered.append(each.event_id)
                    at_work[each.order_id] -= 1
                    await settle(own, each, InboxState.DELIVERED)

        outcomes = await together(*(drain(PostgresInbox(another_process())) for _ in range(4)))

        assert outcomes == [None] * 4
        assert sorted(delivered) == sorted(f"evt_{number}" for number in range(40))
        assert most_at_work == 1


class TestReferences:
    async def test_an_order_is_found_by_every_name_that_others_have_for_it(self, shop: Shop, inbox: PostgresInbox):
        placed = await checked_out(shop)
        await shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.AUTHORIZED), None)
        reference = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
        name = session(placed).session_id

        assert [await inbox.order_of(known) for known in (name, f"pi_{name}", reference)] == [placed.order_id] * 3
        assert await inbox.order_of("cs_unknown") is None

    async def test_a_callback_makes_its_reference_due(self, shop: Shop, inbox: PostgresInbox):
        placed = await shop.place()
        reference = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)

        assert await inbox.make_due(reference, at=NOW) is True

        assert (await shop.row("SELECT next_due_at FROM manufacturer_references"))["next_due_at"] == NOW

    async def test_a_reference_that_we_never_gave_out_is_not_asked_about(self, shop: Shop, inbox: PostgresInbox):
        placed = await shop.place()
        await shop.orders.record(step(placed.order_id, 2, OrderStatus.PAID))

        assert await inbox.make_due("PYEN260301999999", at=NOW) is False


class TestHints:
    @pytest.fixture
    async def named(self, shop: Shop) -> dict[str, str]:
        """An order's payment and print, each known to the manufacturer under an id of its own; nobody is to ask about either."""
        placed = await shop.place()
        pyen = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
        oren = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)
        statement = "UPDATE manufacturer_references SET manufacturer_id = :theirs WHERE reference = :reference"
        await shop.execute(statement, reference=pyen, theirs="MSPY10260301000001")
        await shop.execute(statement, reference=oren, theirs="MSOR10260301000001")
        return {pyen: "MSPY10260301000001", oren: "MSOR10260301000001"}

    async def due(self, shop: Shop) -> list[str]:
        rows = await shop.rows("SELECT reference FROM manufacturer_references WHERE next_due_at IS NOT NULL ORDER BY reference")
        return [row["reference"] for row in rows]

    async def test_what_is_named_is_due_by_whichever_name(self, shop: Shop, named: dict[str, str]):
        for ours, theirs in named.items():
            for number, name in enumerate((ours, theirs)):
                await shop.execute("UPDATE manufacturer_references SET next_due_at = NULL")

                assert await hinted(shop, message(f"{ours}-{number}", reference=name)) is True

                assert await self.due(shop) == [ours]
        assert {row["state"] for row in await shop.rows("SELECT state FROM inbox")} == {"delivered"}

    async def test_a_late_delivery_finds_it_by_whichever_name(self, shop: Shop, inbox: PostgresInbox, named: dict[str, str]):
        assert [await inbox.make_due(name, at=NOW) for name in named.values()] == [True, True]

        assert await self.due(shop) == sorted(named)

    async def test_two_attempts_that_the_manufacturer_calls_the_same_are_both_due(self, shop: Shop, named: dict[str, str]):
        await shop.execute("UPDATE manufacturer_references SET manufacturer_id = 'MSOR10260301000009'")

        assert await hinted(shop, message("evt_1", reference="MSOR10260301000009")) is True

        assert await self.due(shop) == sorted(named)

    async def test_a_message_that_names_nothing_makes_nothing_due(self, shop: Shop, named: dict[str, str]):
        """Not even references for which the manufacturer's name is not known."""
        await shop.execute("UPDATE manufacturer_references SET manufacturer_id = NULL")

        assert await hinted(shop, message("evt_1")) is True

        assert await self.due(shop) == []
        assert (await shop.row("SELECT state FROM inbox"))["state"] == "waiting"

    async def test_the_poller_is_woken_for_a_message_and_not_for_its_repeat(
        self, shop: Shop, named: dict[str, str], database_url: str
    ):
        hint = message("evt_1", reference=next(iter(named.values())))
        async with listening(DatabaseSettings.model_validate({"url": database_url}), "references", "inbox") as notifications:
            begun: set[str] = set()
            while begun != {"references", "inbox"}:
                begun |= await notifications.wait(timedelta(seconds=10))
            assert await hinted(shop, hint) is True
            assert await notifications.wait(timedelta(seconds=10)) == {"references"}

            assert await hinted(shop, hint) is False
            assert await hinted(shop, message("evt_2", reference="OREN260301999999")) is True

            assert await notifications.wait(timedelta(seconds=10)) == {"inbox"}


def dispute(order_id: UUID) -> NewTask:
    return NewTask(
        kind=TaskKind.DISPUTE, subject=f"du_{order_id}", order_id=order_id, amount=3500, note="disputed", opened_at=NOW
    )


class TestDispute:
    @pytest.mark.parametrize(("disputed", "end"), [(0, "won"), (3500, "lost")])
    @pytest.mark.parametrize("told", ["begins, ends", "ends, begins", "begins, begins, ends, begins"])
    async def test_is_one_task_and_one_amount_however_often_and_in_whatever_order_it_is_told(
        self, open_shop: Shop, disputed: int, end: str, told: str
    ):
        inbox, placed = PostgresInbox(open_shop.database), await open_shop.place()
        task = dispute(placed.order_id)

        opened = []
        for news in told.split(", "):
            is_over = news == "ends"
            opened.append(await inbox.record_dispute(task, disputed=disputed if is_over else 3500, is_over=is_over))

        assert opened == [True, *[False] * (len(opened) - 1)]
        row = await open_shop.row("SELECT * FROM operator_tasks WHERE order_id = :id", id=placed.order_id)
        assert (row["kind"], row["subject"], row["amount"], row["closed_at"]) == (TaskKind.DISPUTE, task.subject, 3500, None)
        assert (await open_shop.order(placed.order_id))["disputed"] == disputed, end

    async def test_that_has_begun_is_written_on_the_order(self, open_shop: Shop):
        placed = await open_shop.place()

        await PostgresInbox(open_shop.database).record_dispute(dispute(placed.order_id), disputed=3500, is_over=False)

        assert (await open_shop.order(placed.order_id))["disputed"] == 3500
