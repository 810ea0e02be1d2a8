import itertools
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from adapters.postgres.engine import Database
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.reference_book import RANKS, PostgresReferenceBook
from models.order import OrderStatus, PlacedOrder
from models.production import (
    Backlog,
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PrintReference,
    ReferenceKind,
    ReferenceReading,
    StockLevel,
    Submission,
)
from tests.adapters.postgres.shop import NOW, Shop, met, step, together

LATER = NOW + timedelta(minutes=10)


async def submitted(shop: Shop, version: int = 2) -> tuple[PlacedOrder, str]:
    """An order that the manufacturer has accepted, and its OREN: due two minutes after NOW."""
    placed = await shop.place()
    reference = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)
    enters = step(placed.order_id, version, OrderStatus.IN_PRODUCTION)
    await shop.orders.record_submission(placed.order_id, Submission(reference=PrintReference(reference)), enters)
    return placed, reference


def reading(
    placed: PlacedOrder,
    reference: str,
    status: int | None,
    *,
    at: datetime = LATER,
    next_at: datetime | None = None,
    kind: ReferenceKind = ReferenceKind.PRINT,
) -> ReferenceReading:
    return ReferenceReading(reference=reference, kind=kind, order_id=placed.order_id, status=status, at=at, next_at=next_at)


@pytest.fixture
def book(database: Database) -> PostgresReferenceBook:
    return PostgresReferenceBook(database)


async def last_status(shop: Shop, reference: str) -> int | None:
    row = await shop.row("SELECT last_status FROM manufacturer_references WHERE reference = :reference", reference=reference)
    status: int | None = row["last_status"]
    return status


async def next_due(book: PostgresReferenceBook) -> datetime | None:
    """When the one reference that waits is due, at NOW not yet."""
    return (await book.due(at=NOW, limit=1)).next_at


class TestDue:
    async def test_what_waits_longest_comes_first(self, shop: Shop, book: PostgresReferenceBook):
        (_, late), (_, early) = await submitted(shop, version=5), await submitted(shop, version=2)

        due = await book.due(at=LATER, limit=10)

        assert [entry.reference for entry in due.references] == [early, late]
        assert [entry.reference for entry in (await book.due(at=LATER, limit=1)).references] == [early]
        assert due.references[0].last_status is None
        assert due.references[0].created_at == NOW

    async def test_nothing_is_due_before_its_time(self, shop: Shop, book: PostgresReferenceBook):
        await submitted(shop)

        due = await book.due(at=NOW, limit=10)
        assert (due.references, due.next_at) == ((), NOW + timedelta(minutes=2))

    async def test_nothing_waits_in_an_empty_shop(self, shop: Shop, book: PostgresReferenceBook):
        due = await book.due(at=LATER, limit=10)
        assert (due.references, due.next_at) == ((), None)
        await book.store([])

    async def test_with_what_is_due_comes_when_the_next_one_is(self, shop: Shop, book: PostgresReferenceBook):
        (_, early), _ = await submitted(shop, version=2), await submitted(shop, version=5)
        due = await book.due(at=NOW + timedelta(minutes=3), limit=10)
        assert [entry.reference for entry in due.references] == [early]
        assert due.next_at == NOW + timedelta(minutes=5)

    async def test_what_nobody_asks_about_although_it_is_due_is_counted(self, shop: Shop, book: PostgresReferenceBook):
        assert await book.backlog(before=LATER) == Backlog(count=0, since=None)
        for version in (2, 5):
            await submitted(shop, version=version)
        counts = [(await book.backlog(before=NOW + timedelta(minutes=minutes))).count for minutes in (2, 3, 6)]
        assert counts == [0, 1, 2]
        assert (await book.backlog(before=LATER)).since == NOW + timedelta(minutes=2)


class TestStore:
    async def test_a_new_state_is_on_the_order_and_on_its_timeline(self, shop: Shop, book: PostgresReferenceBook):
        placed, reference = await submitted(shop)

        await book.store([reading(placed, reference, 11, next_at=LATER + timedelta(minutes=1))])

        view = await shop.reader.by_id(placed.order_id)
        assert view is not None
        assert (view.status, view.manufacturer_status) == (OrderStatus.IN_PRODUCTION, 11)
        entry = view.timeline[-1]
        assert (entry.kind, entry.reference, entry.manufacturer_status, entry.at) == ("progress", reference, 11, LATER)
        assert await next_due(book) == LATER + timedelta(minutes=1)

    @pytest.mark.parametrize("arrival", list(itertools.permutations((8, 10, 12, 16))))
    async def test_states_in_any_order_end_with_the_last_one(self, open_shop: Shop, arrival: tuple[int, ...]):
        placed, reference = await submitted(open_shop)

        for status in arrival:
            await PostgresReferenceBook(open_shop.database).store([reading(placed, reference, status)])

        assert await last_status(open_shop, reference) == 16

    @pytest.mark.parametrize(("first", "second", "stays"), [(12, 13, 13), (13, 12, 13), (13, 16, 16), (16, 2, 16), (8, 99, 8)])
    async def test_a_failure_outranks_all_but_a_case_in_hand(
        self, shop: Shop, book: PostgresReferenceBook, first: int, second: int, stays: int
    ):
        placed, reference = await submitted(shop)

        for status in (first, second):
            await book.store([reading(placed, reference, status)])

        assert await last_status(shop, reference) == stays

    @pytest.mark.parametrize("arrival", list(itertools.permutations((2, 4, 3))))
    async def test_a_payment_that_was_seen_paid_stays_paid(
        self, shop: Shop, book: PostgresReferenceBook, arrival: tuple[int, ...]
    ):
        placed = await shop.place()
        reference = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)

        for status in arrival:
            await book.store([reading(placed, reference, status, kind=ReferenceKind.PAYMENT)])

        assert await last_status(shop, reference) == 3

    async def test_no_answer_changes_only_when_to_ask_next(self, shop: Shop, book: PostgresReferenceBook):
        placed, reference = await submitted(shop)
        await book.store([reading(placed, reference, 8)])

        await book.store([reading(placed, reference, None, next_at=LATER + timedelta(hours=1))])

        assert await last_status(shop, reference) == 8
        assert await next_due(book) == LATER + timedelta(hours=1)
        assert len(await shop.rows("SELECT 1 FROM order_events WHERE kind = 'progress'")) == 1

    async def test_a_call_that_was_not_answered_is_no_reading(self, shop: Shop, book: PostgresReferenceBook):
        placed, reference = await submitted(shop)
        await book.store([reading(placed, reference, 8)])
        later = LATER + timedelta(minutes=1)
        put_off = reading(placed, reference, None, at=later, next_at=later + timedelta(minutes=1))

        await book.store([put_off.model_copy(update={"is_answered": False})])

        row = await shop.row("SELECT * FROM manufacturer_references")
        assert (row["last_status"], row["read_at"], row["next_due_at"]) == (8, LATER, later + timedelta(minutes=1))

    async def test_a_callback_that_came_while_we_asked_is_not_put_off(self, shop: Shop, book: PostgresReferenceBook):
        """The answer on its way may be older than what the callback tells."""
        placed, reference = await submitted(shop)
        called_back_at = LATER + timedelta(seconds=1)
        assert await PostgresInbox(shop.database).make_due(reference, at=called_back_at)

        await book.store([reading(placed, reference, 11, next_at=LATER + timedelta(hours=1))])

        assert await next_due(book) == called_back_at

    async def test_two_pollers_with_the_same_answers_write_them_once(self, shop: Shop, another_process: Callable[[], Database]):
        """And do not block each other, whatever order their answers are in."""
        orders = [await submitted(shop) for _ in range(2)]
        readings = [reading(placed, reference, status) for status in (8, 11) for placed, reference in orders]
        books = [PostgresReferenceBook(another_process()) for _ in range(4)]

        batches = [readings[:2], readings[1::-1], readings[2:], readings[:1:-1]]
        outcomes = await together(*(book.store(batch) for book, batch in zip(books, batches, strict=True)))

        assert outcomes == [None] * 4
        assert [await last_status(shop, reference) for _, reference in orders] == [11, 11]
        progress = await shop.rows("SELECT reference FROM order_events WHERE kind = 'progress' AND manufacturer_status = 11")
        assert len(progress) == 2

    async def test_an_older_answer_that_waited_for_a_newer_one_changes_nothing(self, shop: Shop, book: PostgresReferenceBook):
        placed, reference = await submitted(shop)

        await met(
            shop,
            "SELECT 1 FROM manufacturer_references",
            book.store([reading(placed, reference, 12)]),
            book.store([reading(placed, reference, 8)]),
        )

        assert await last_status(shop, reference) == 12

    @pytest.mark.parametrize("kind", list(ReferenceKind))
    async def test_of_any_two_states_the_one_that_is_further_on_its_way_stays(
        self, shop: Shop, book: PostgresReferenceBook, kind: ReferenceKind
    ):
        """All pairs of documented states, and of each with one that nobody has classified."""
        pairs = list(itertools.permutations([*RANKS[kind], 99], 2))

        ends = await ends_of(shop, book, kind, pairs)

        assert ends == [max(pair, key=lambda status: RANKS[kind].get(status, 0)) for pair in pairs]

    @pytest.mark.parametrize("kind", list(ReferenceKind))
    async def test_a_script_of_states_ends_the_same_however_it_arrives(
        self, shop: Shop, book: PostgresReferenceBook, kind: ReferenceKind
    ):
        """Shuffled, with repeats, with answers that say nothing; and each state is on the timeline at most once."""
        chance = random.Random(16)  # noqa: S311 - the same scripts every time
        states = list(RANKS[kind])
        scripts: list[list[int | None]] = []
        for _ in range(25):
            told = chance.sample(states, k=chance.randint(1, len(states)))
            arrivals = [sorted(told, key=RANKS[kind].__getitem__)] + [chance.sample(told * 2, k=2 * len(told)) for _ in range(4)]
            scripts += [[None, *arrival, None] for arrival in arrivals]

        ends = await ends_of(shop, book, kind, scripts)

        for number in range(0, len(scripts), 5):
            assert len(set(ends[number : number + 5])) == 1, scripts[number : number + 5]
        twice = "SELECT 1 FROM order_events GROUP BY reference, manufacturer_status, version HAVING count(*) > 1"
        assert await shop.rows(twice) == []

    def test_every_state_that_the_manufacturer_documents_has_a_rank(self):
        assert set(RANKS[ReferenceKind.PAYMENT]) == set(ManufacturerPaymentStatus) - {ManufacturerPaymentStatus.UNKNOWN}
        assert set(RANKS[ReferenceKind.PRINT]) == set(ManufacturerOrderStatus) - {ManufacturerOrderStatus.UNKNOWN}


async def ends_of(
    shop: Shop, book: PostgresReferenceBook, kind: ReferenceKind, scripts: Sequence[Sequence[int | None]]
) -> list[int | None]:
    """Tell each script of states of a reference of its own, one state after the other; return where each ends."""
    placed = await shop.place()
    references = [f"{kind}260301{number:06}" for number in range(len(scripts))]
    for attempt, reference in enumerate(references, 1):
        await shop.execute(
            "INSERT INTO manufacturer_references (reference, kind, order_id, attempt, created_at) VALUES (:r, :k, :o, :a, :at)",
            r=reference,
            k=kind.value,
            o=placed.order_id,
            a=attempt,
            at=NOW,
        )
    told = zip(references, scripts, strict=True)
    arrivals = itertools.zip_longest(*([reading(placed, name, state, kind=kind) for state in script] for name, script in told))
    for number, at_once in enumerate(arrivals):
        at = LATER + timedelta(minutes=number)
        await book.store([one.model_copy(update={"at": at}) for one in at_once if one is not None])
    return [await last_status(shop, reference) for reference in references]


class TestStock:
    async def test_a_hold_ends_with_a_count_asked_for_after_the_shell_was_picked_up(
        self, shop: Shop, book: PostgresReferenceBook
    ):
        """Two on the shelf, one picked up: a count of before says 2, one of after says 1; never is more than 1 sold on."""
        placed, reference = await submitted(shop)
        asked_before = await shop.stock.known_gone("DEFAULTUK001")
        await book.store([reading(placed, reference, 10)])

        await count(shop, 2, at=LATER + timedelta(seconds=1), known_gone=asked_before)
        assert await sellable(shop) == 1
        await count(shop, 1, at=LATER + timedelta(seconds=2))
        assert await sellable(shop) == 1
        await count(shop, 1, at=LATER + timedelta(seconds=3))
        assert await sellable(shop) == 1

        assert (await shop.row("SELECT released_at FROM stock_holds"))["released_at"] == LATER + timedelta(seconds=2)
        await shop.check_shelves()

    @pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(hours=1)])
    async def test_no_clock_decides_which_holds_a_count_ends(self, shop: Shop, book: PostgresReferenceBook, ahead: timedelta):
        """The host that counts may be an hour ahead of, or behind, the one that heard of the pick."""
        placed, reference = await submitted(shop)
        asked_before = await shop.stock.known_gone("DEFAULTUK001")
        await book.store([reading(placed, reference, 10)])

        await count(shop, 2, at=LATER + ahead, known_gone=asked_before)
        assert await sellable(shop) == 1
        await count(shop, 1, at=LATER + ahead + timedelta(seconds=1))
        assert await sellable(shop) == 1

    async def test_a_list_without_the_shell_ends_the_hold_too(self, shop: Shop, book: PostgresReferenceBook):
        placed, reference = await submitted(shop)
        await book.store([reading(placed, reference, 10)])

        await shop.count([], at=LATER)

        assert await sellable(shop) == 0
        await shop.check_shelves()

    async def test_a_count_of_another_brand_or_machine_ends_nothing(self, shop: Shop, book: PostgresReferenceBook):
        placed, reference = await submitted(shop)
        await book.store([reading(placed, reference, 10)])
        gone = await shop.stock.known_gone("DEFAULTUK001")

        await shop.count([], at=LATER, brand="samsung")
        await count(shop, 1, at=LATER, device="CXYLOGD8OQUK", known_gone=gone)

        assert await shop.stock.known_gone("DEFAULTUK001") == gone
        assert await sellable(shop) == 1

    @pytest.mark.parametrize("status", [2, 13, 14])
    async def test_an_order_that_was_sent_gives_its_shell_back_by_a_count_alone(
        self, shop: Shop, book: PostgresReferenceBook, status: int
    ):
        """The machine may have spoiled the shell, so an older count must not sell it again."""
        placed, reference = await submitted(shop)
        await book.store([reading(placed, reference, status)])

        await shop.orders.release_hold(placed.order_id, at=LATER)
        await shop.orders.release_hold(placed.order_id, at=LATER)
        assert await sellable(shop) == 1
        await count(shop, 1, at=LATER)
        assert await sellable(shop) == 1

        await shop.check_shelves()

    async def test_an_order_that_has_ended_holds_nothing_beyond_the_next_count(self, shop: Shop):
        """Nobody ever heard that its shell was picked up, e.g. because an operator settled it by hand."""
        placed, _ = await submitted(shop)
        await shop.orders.record(step(placed.order_id, 9, OrderStatus.COMPLETED))

        await count(shop, 1, at=LATER)

        assert await sellable(shop) == 1
        await shop.check_shelves()

    async def test_a_shell_that_still_waits_stays_held(self, shop: Shop, book: PostgresReferenceBook):
        placed, reference = await submitted(shop)
        await book.store([reading(placed, reference, 9)])

        await count(shop, 2, at=LATER + timedelta(days=1))

        assert await sellable(shop) == 1

    async def test_an_older_count_changes_no_stock(self, shop: Shop):
        await count(shop, 5, at=LATER)
        await count(shop, 9, at=NOW)

        assert await sellable(shop) == 5

    async def test_a_count_lower_than_what_is_held_sells_nothing(self, shop: Shop):
        await shop.place()
        await count(shop, 0, at=LATER)

        assert await sellable(shop) == -1
        assert await shop.catalog.stock_items(device_id="DEFAULTUK001", manufacturer_brand_id="BR20250111000002") != []

    async def test_counts_stored_at_once_end_each_hold_once(
        self, shop: Shop, book: PostgresReferenceBook, another_process: Callable[[], Database]
    ):
        """While the order gives its shell up by itself."""
        placed, reference = await submitted(shop)
        await book.store([reading(placed, reference, 10)])
        shops = [Shop(another_process()) for _ in range(3)]

        counting = [count(other, 1, at=LATER + timedelta(seconds=second)) for second, other in enumerate(shops * 3, 1)]
        outcomes = await together(*counting, shop.orders.release_hold(placed.order_id, at=LATER))

        assert outcomes == [None] * 10
        assert await shop.rows("SELECT 1 FROM stock_levels WHERE held <> 0") == []


async def count(
    shop: Shop, stock: int, *, at: datetime, device: str = "DEFAULTUK001", known_gone: list[int] | None = None
) -> None:
    """A machine counts its iPhone 15 Pro shells, asked before or after what is gone was looked up."""
    level = StockLevel(
        model_id="MM020250224000010",
        model_name="iPhone 15 Pro",
        shell_id="MS102509090019",
        width_mm=69.43,
        height_mm=145.12,
        stock=stock,
    )
    await shop.count([level], at=at, device=device, known_gone=known_gone)


async def sellable(shop: Shop) -> int:
    row = await shop.row(
        "SELECT stock - held AS left FROM stock_levels WHERE device_id = 'DEFAULTUK001' AND shell_id = 'MS102509090019'"
    )
    left: int = row["left"]
    return left
