from datetime import timedelta
from typing import Any

from models.order import Channel, OrderStatus, PlacedOrder
from models.payment import Money, PaymentState
from models.production import PrintReference, ReferenceKind, Submission
from models.tracking import OrderFilter, TimelineKind
from tests.adapters.postgres.shop import CUSTOMER, NOW, Shop, step
from tests.adapters.postgres.test_money import checked_out, open_checkout, payment, session

FREE: dict[str, Any] = {"channel": Channel.APP, "device_id": "FREEPROMO001", "amount": 0, "customer": None}


async def in_production(shop: Shop) -> tuple[PlacedOrder, str]:
    placed = await checked_out(shop)
    await shop.orders.record_payment(
        placed.order_id, payment(placed, PaymentState.AUTHORIZED), step(placed.order_id, 3, OrderStatus.PAID)
    )
    reference = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)
    submission = Submission(reference=PrintReference(reference), queue_number="007")
    await shop.orders.record_submission(placed.order_id, submission, step(placed.order_id, 4, OrderStatus.IN_PRODUCTION))
    return placed, reference


async def test_an_order_is_shown_with_everything_that_is_known(shop: Shop):
    placed, reference = await in_production(shop)

    view = await shop.reader.by_id(placed.order_id)

    assert view is not None
    assert (view.number, view.status, view.queue_number) == (placed.number, OrderStatus.IN_PRODUCTION, "007")
    assert (view.product, view.lines, view.total) == (placed.quote.product, placed.quote.lines, 3500)
    assert view.money == Money(authorized=3500)
    assert view.customer == CUSTOMER
    assert (view.print_reference, view.checkout_session_id) == (reference, session(placed).session_id)
    assert [entry.status for entry in view.timeline] == ["awaiting_payment", "awaiting_payment", "paid", "in_production"]
    assert {entry.kind for entry in view.timeline} == {TimelineKind.TRANSITION}


async def test_every_door_leads_to_the_same_order(shop: Shop):
    placed, _ = await in_production(shop)
    view = await shop.reader.by_id(placed.order_id)

    assert view is not None
    assert await shop.reader.by_token(placed.public_token) == view
    assert await shop.reader.by_session(session(placed).session_id) == view


async def test_a_session_that_was_replaced_still_leads_to_its_order(shop: Shop):
    placed = await checked_out(shop)
    await shop.orders.record_checkout(open_checkout(placed, 2, version=3), session(placed, 2))

    view = await shop.reader.by_session(session(placed, 1).session_id)

    assert view is not None
    assert view.checkout_session_id == session(placed, 2).session_id


async def test_a_free_order_is_found_by_its_token_in_place_of_a_session(shop: Shop):
    free = await shop.place(**FREE)

    view = await shop.reader.by_session(f"free_{free.public_token}")

    assert view is not None
    assert (view.order_id, view.customer) == (free.order_id, None)
    assert view.checkout_session_id == f"free_{free.public_token}"


async def test_a_paid_orders_token_is_no_session(shop: Shop):
    """Whoever may look at an order cannot confirm its payment."""
    placed = await shop.place()

    assert await shop.reader.by_session(f"free_{placed.public_token}") is None


async def test_what_nobody_knows_is_not_found(shop: Shop):
    assert await shop.reader.by_token("guess") is None
    assert await shop.reader.by_session("cs_guess") is None


async def test_orders_are_listed_newest_first(shop: Shop):
    first, second = await shop.place(), await shop.place()

    listed = await shop.reader.search(OrderFilter())

    assert [order.order_id for order in listed] == [second.order_id, first.order_id]
    assert [order.order_id for order in await shop.reader.search(OrderFilter(limit=1, offset=1))] == [first.order_id]


async def test_orders_are_found_by_whatever_a_person_has_in_hand(shop: Shop):
    placed, reference = await in_production(shop)
    await shop.place(customer=CUSTOMER.model_copy(update={"email": "grace@example.com"}))

    for text in (
        placed.number,
        placed.number.lower(),
        reference,
        session(placed).session_id,
        "ADA@example.com",
        str(placed.order_id),
    ):
        found = await shop.reader.search(OrderFilter(text=text))
        assert [order.order_id for order in found] == [placed.order_id], text


async def test_filters_must_all_hold(shop: Shop):
    held, _ = await shop.place(), await shop.place()
    free = await shop.place(**FREE)
    await shop.orders.record(step(held.order_id, 2, OrderStatus.ON_HOLD, needs_attention=True))

    async def found(**wanted: object) -> set[object]:
        return {order.order_id for order in await shop.reader.search(OrderFilter.model_validate(wanted))}

    assert await found(needs_attention=True) == {held.order_id}
    assert await found(device_id="FREEPROMO001") == {free.order_id}
    assert await found(status="on_hold", device_id="FREEPROMO001") == set()
    assert await shop.reader.count_by_status() == {OrderStatus.ON_HOLD: 1, OrderStatus.AWAITING_PAYMENT: 2}


async def test_the_timeline_is_in_the_order_of_time(shop: Shop):
    """Also where a late activity wrote an earlier step after a later one."""
    placed = await shop.place()
    for version in (4, 3, 2):
        await shop.orders.record(step(placed.order_id, version, OrderStatus.PREPARING))

    view = await shop.reader.by_id(placed.order_id)

    assert view is not None
    assert [entry.at for entry in view.timeline] == [NOW, *(NOW + timedelta(minutes=version) for version in (2, 3, 4))]
