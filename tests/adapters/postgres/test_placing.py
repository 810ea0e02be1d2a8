from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.postgres.engine import Database, counted_round_trips
from adapters.postgres.order_book import PostgresOrderBook
from models.errors import Duplicate, OrderRefused, RefusalCode
from models.order import Channel, OrderStatus, PlacedOrder
from tests.adapters.postgres.shop import (
    CUSTOMER,
    IPHONE_15_PRO,
    IPHONE_15_PRO_BASIC,
    NOW,
    Shop,
    place_order,
    step,
    together,
    web_request,
)

FREE: dict[str, Any] = {"channel": Channel.APP, "device_id": "FREEPROMO001", "amount": 0, "customer": None}


def codes(outcomes: list[object]) -> Counter[object]:
    return Counter(outcome.code if isinstance(outcome, OrderRefused) else type(outcome) for outcome in outcomes)


class TestANewOrder:
    async def test_it_is_written_with_hold_lines_and_first_event(self, shop: Shop):
        placed = await shop.place(add_ons=("screen-protector",), amount=4299)

        order = await shop.order(placed.order_id)
        lines = await shop.rows("SELECT position, sku, unit_amount FROM order_lines ORDER BY position")
        event = await shop.row("SELECT kind, version, status, note, at FROM order_events")
        hold = await shop.row("SELECT device_id, shell_id, held_at, released_at FROM stock_holds")
        assert (order["status"], order["version"], order["total"], order["currency"]) == ("awaiting_payment", 1, 4299, "gbp")
        assert (order["customer_email"], order["address_postcode"]) == ("ada@example.com", "SW1A 1AA")
        assert [tuple(line.values()) for line in lines] == [(1, "classic", 3500), (2, "screen-protector", 799)]
        assert tuple(event.values()) == ("transition", 1, "awaiting_payment", "placed", NOW)
        assert tuple(hold.values()) == ("DEFAULTUK001", "MS102509090019", NOW, None)
        await shop.check_shelves()

    async def test_its_number_is_for_people_and_its_token_for_nobody_else(self, shop: Shop):
        first, second = await shop.place(), await shop.place()

        assert (first.number, second.number) == ("PMC-000001", "PMC-000002")
        assert first.public_token != second.public_token
        assert len(first.public_token) >= 32

    async def test_it_takes_two_round_trips(self, shop: Shop):
        """One to find out, one to write."""
        request = place_order(web_request(await shop.upload()))

        with counted_round_trips(shop.database) as trips:
            await shop.orders.place(request)

        assert trips.count == 2

    async def test_a_refused_one_leaves_nothing(self, shop: Shop):
        with pytest.raises(OrderRefused):
            await shop.place(amount=1)

        assert await shop.rows("SELECT 1 FROM orders") == []
        assert await shop.rows("SELECT 1 FROM stock_levels WHERE held > 0") == []

    async def test_an_upload_attempt_belongs_to_one_order(self, shop: Shop):
        """Even if somebody makes up another order id for it."""
        request = place_order(web_request(await shop.upload()))
        await shop.orders.place(request)
        forged = place_order(web_request(await shop.upload()))
        forged = forged.model_copy(update={"request": request.request})

        with pytest.raises(Duplicate):
            await shop.orders.place(forged)
        await shop.check_shelves()


class TestTheSameOrderAgain:
    async def test_the_same_request_gets_the_same_answer(self, shop: Shop):
        upload = await shop.upload()

        assert await shop.place(upload=upload) == await shop.place(upload=upload)
        await shop.check_shelves()

    async def test_the_same_request_is_answered_whatever_has_happened_since(self, shop: Shop):
        """A workflow that is replayed from its first activity must find its way."""
        upload = await shop.upload()
        placed = await shop.place(upload=upload)
        await shop.orders.record(step(placed.order_id, 2, OrderStatus.PAID))

        assert await shop.place(upload=upload) == placed.model_copy(update={"version": 2})

    async def test_calls_in_the_same_moment_write_one_order(self, shop: Shop, another_process: Callable[[], Database]):
        request = place_order(web_request(await shop.upload()))
        books = [PostgresOrderBook(another_process()) for _ in range(3)]

        answers = await together(*(book.place(request) for book in books * 4))

        assert answers == [answers[0]] * 12
        assert isinstance(answers[0], PlacedOrder)
        assert len(await shop.rows("SELECT 1 FROM orders")) == 1
        await shop.check_shelves()

    async def test_another_request_prices_an_unpaid_order_anew(self, shop: Shop):
        upload = await shop.upload()
        first = await shop.place(upload=upload)
        changed = web_request(upload, add_ons=("screen-protector",), amount=4299)

        second = await shop.orders.place(place_order(changed, version=2, at=NOW + timedelta(minutes=1)))

        order = await shop.order(first.order_id)
        assert (second.order_id, second.number, second.public_token) == (first.order_id, first.number, first.public_token)
        assert (order["total"], order["version"]) == (4299, 2)
        assert len(await shop.rows("SELECT 1 FROM order_lines")) == 2
        assert [row["version"] for row in await shop.rows("SELECT version FROM order_events ORDER BY version")] == [1, 2]
        assert await shop.orders.place(place_order(changed, version=3)) == second
        await shop.check_shelves()

    async def test_another_phone_moves_the_hold(self, shop: Shop):
        """A picture of the iPhone 15 Pro's shape fits the 17 Air as well."""
        upload = await shop.upload()
        await shop.place(upload=upload)

        placed = await shop.orders.place(place_order(web_request(upload, model="iPhone 17 Air"), version=2))

        hold = await shop.row("SELECT shell_id, released_at FROM stock_holds")
        assert (placed.quote.product.shell_id, hold["shell_id"]) == ("MS102509200001", "MS102509200001")
        assert hold["released_at"] is None
        await shop.check_shelves()

    async def test_its_own_hold_is_not_in_its_way(self, shop: Shop):
        """The last shell is the order's own: changing the address must not say sold out."""
        await shop.execute("UPDATE stock_levels SET stock = 1")
        upload = await shop.upload()
        placed = await shop.place(upload=upload)
        moved = web_request(upload, customer=CUSTOMER.model_copy(update={"phone": "+447700900999"}))

        quoted = await shop.reader.quote(moved, at=NOW, order_id=placed.order_id)
        again = await shop.orders.place(place_order(moved, version=2))

        assert quoted == again.quote == placed.quote
        await shop.check_shelves()

    async def test_a_change_that_cannot_be_had_leaves_the_order_as_it_was(
        self, shop: Shop, another_process: Callable[[], Database]
    ):
        """The other phone's last shell goes between the look and the write."""
        await shop.execute("UPDATE stock_levels SET stock = 1 WHERE shell_id = 'MS102509200001'")
        uploads = [await shop.upload(), await shop.upload()]
        for upload in uploads:
            await shop.place(upload=upload)
        before = await shop.rows("SELECT shell_id FROM stock_holds ORDER BY id")
        changes = [place_order(web_request(upload, model="iPhone 17 Air"), version=2) for upload in uploads]

        outcomes = await together(*(PostgresOrderBook(another_process()).place(change) for change in changes))

        after = await shop.rows("SELECT shell_id FROM stock_holds ORDER BY id")
        assert codes(outcomes) == {PlacedOrder: 1, RefusalCode.OUT_OF_STOCK: 1}
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
        await shop.check_shelves()

    @pytest.mark.parametrize("status", [OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.FAILED, OrderStatus.COMPLETED])
    async def test_another_request_cannot_revive_an_order_that_has_ended(self, shop: Shop, status: OrderStatus):
        upload = await shop.upload()
        placed = await shop.place(upload=upload)
        await shop.orders.record(step(placed.order_id, 2, status))

        with pytest.raises(OrderRefused) as caught:
            await shop.place(upload=upload, template_id="2-in-1")

        assert caught.value.code is RefusalCode.ORDER_CLOSED

    async def test_another_request_cannot_change_a_paid_order(self, shop: Shop):
        upload = await shop.upload()
        placed = await shop.place(upload=upload)
        await shop.orders.record(step(placed.order_id, 2, OrderStatus.ON_HOLD))

        for attempt in (shop.place(upload=upload, template_id="2-in-1"), quote_again(shop, upload, placed)):
            with pytest.raises(OrderRefused) as caught:
                await attempt
            assert caught.value.code is RefusalCode.ALREADY_PAID

        assert (await shop.order(placed.order_id))["template_id"] == "classic"

    async def test_an_upload_can_be_bought_again_once_it_was_paid_or_has_ended(self, open_shop: Shop):
        upload = await open_shop.upload()
        assert await next_attempt(open_shop, upload) == 1
        placed = await open_shop.place(upload=upload)
        assert await next_attempt(open_shop, upload) == 1
        await open_shop.orders.record(step(placed.order_id, 2, OrderStatus.PAID))
        assert await next_attempt(open_shop, upload) == 2
        second = await open_shop.place(upload=upload, attempt=2)
        await open_shop.orders.record(step(second.order_id, 2, OrderStatus.EXPIRED))

        assert await next_attempt(open_shop, upload) == 3
        assert second.order_id != placed.order_id


async def next_attempt(shop: Shop, upload: str) -> int:
    attempt, _ = await shop.reader.next_quote(web_request(upload), at=NOW)
    return attempt


async def quote_again(shop: Shop, upload: str, placed: PlacedOrder) -> object:
    return await shop.reader.quote(web_request(upload, template_id="2-in-1"), at=NOW, order_id=placed.order_id)


class TestTheLastShells:
    async def test_twenty_customers_of_the_last_two_shells(self, shop: Shop, another_process: Callable[[], Database]):
        """Exactly two get one, the others hear it before they have paid."""
        books = [PostgresOrderBook(another_process()) for _ in range(4)]
        requests = [place_order(web_request(await shop.upload())) for _ in range(20)]

        outcomes = await together(*(books[number % 4].place(request) for number, request in enumerate(requests)))

        assert codes(outcomes) == {PlacedOrder: 2, RefusalCode.OUT_OF_STOCK: 18}
        assert len(await shop.rows("SELECT 1 FROM orders")) == 2
        await shop.check_shelves()

    async def test_each_shell_and_each_machine_has_a_shelf_of_its_own(self, shop: Shop):
        for size in (IPHONE_15_PRO, IPHONE_15_PRO_BASIC):
            places: tuple[dict[str, Any], ...] = ({}, {"channel": Channel.APP, "device_id": "CXYLOGD8OQUK"})
            for where in places:
                for _ in range(2):
                    await shop.place(upload=await shop.upload(size), **where)

        await shop.check_shelves()
        with pytest.raises(OrderRefused):
            await shop.place()

    async def test_a_released_shell_can_be_sold_again(self, shop: Shop):
        first, _ = await shop.place(), await shop.place()
        await shop.orders.release_hold(first.order_id, at=NOW)
        await shop.orders.release_hold(first.order_id, at=NOW)

        await shop.place()

        await shop.check_shelves()
        with pytest.raises(OrderRefused):
            await shop.place()

    async def test_releasing_in_the_same_moment_releases_once(self, shop: Shop, another_process: Callable[[], Database]):
        placed = await shop.place()
        books = [PostgresOrderBook(another_process()) for _ in range(4)]

        assert await together(*(book.release_hold(placed.order_id, at=NOW) for book in books * 3)) == [None] * 12

        assert await shop.rows("SELECT 1 FROM stock_levels WHERE held <> 0") == []


class TestFreeCases:
    async def test_the_days_cap_holds_however_many_try(self, shop: Shop, another_process: Callable[[], Database]):
        await shop.execute("UPDATE promotions SET daily_cap = 3")
        await shop.execute("UPDATE stock_levels SET stock = 100")
        books = [PostgresOrderBook(another_process()) for _ in range(4)]
        requests = [place_order(web_request(await shop.upload(), **FREE)) for _ in range(12)]

        outcomes = await together(*(books[number % 4].place(request) for number, request in enumerate(requests)))

        assert codes(outcomes) == {PlacedOrder: 3, RefusalCode.PROMOTION_EXHAUSTED: 9}
        assert await shop.rows("SELECT used FROM promotion_days") == [{"used": 3}]
        await shop.check_shelves()

    async def test_afterwards_a_price_that_was_shown_is_paid(self, shop: Shop):
        await shop.execute("UPDATE promotions SET daily_cap = 1")
        assert (await shop.place(**FREE)).is_free

        paid = await shop.place(**{**FREE, "amount": 3500})

        assert (paid.quote.total, paid.quote.promotion_id) == (3500, None)

    async def test_the_next_day_begins_at_midnight_utc(self, shop: Shop):
        await shop.execute("UPDATE promotions SET daily_cap = 1")
        await shop.place(**FREE)
        upload = await shop.upload()
        tomorrow = NOW.replace(hour=0) + timedelta(days=1)

        placed = await shop.orders.place(place_order(web_request(upload, **FREE), at=tomorrow))

        assert placed.is_free

    async def test_placing_a_free_order_anew_uses_no_second_place(self, shop: Shop):
        await shop.execute("UPDATE promotions SET daily_cap = 1")
        upload = await shop.upload()
        await shop.place(upload=upload, **FREE)

        again = await shop.orders.place(place_order(web_request(upload, **FREE, template_id="2-in-1"), version=2))

        assert again.is_free
        assert await shop.rows("SELECT used FROM promotion_days") == [{"used": 1}]
