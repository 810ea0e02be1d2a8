"""What a whole web order costs the database: the number of round trips decides how many orders a small server can take."""

from datetime import datetime, timedelta

from adapters.postgres.engine import counted_round_trips
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.inbox_writer import PostgresInboxWriter
from adapters.postgres.reference_book import PostgresReferenceBook
from models.inbox import InboxSource, InboxState, NewMessage, Settlement
from models.order import OrderStatus, PlacedOrder
from models.payment import PaymentState
from models.production import Announcement, PaymentReference, PrintReference, ReferenceKind, ReferenceReading, Submission
from tests.adapters.postgres.shop import NOW, Shop, place_order, step, web_request
from tests.adapters.postgres.test_money import open_checkout, payment, session
from tests.adapters.postgres.test_order_book import print_file

BUDGET = 25


async def test_a_web_order_stays_within_its_budget(shop: Shop):
    """From the checkout to the delivery: front door, worker, drainer and poller together, at an idle shop's worst.

    Only what an order pays for itself counts. A sweep of the poller or the drainer is shared by all orders that wait.
    """
    upload = await shop.upload()
    with counted_round_trips(shop.database) as trips:
        placed = await _buy(shop, upload)
        await _webhook(shop, placed)
        await _produce(shop, placed)
        await _deliver(shop, placed)

    order = await shop.order(placed.order_id)
    assert (order["status"], order["captured"], order["manufacturer_status"]) == ("completed", 3500, 16)
    assert trips.count <= BUDGET


async def _buy(shop: Shop, upload: str) -> PlacedOrder:
    request = web_request(upload)
    await shop.reader.next_quote(request, at=NOW)
    placed = await shop.orders.place(place_order(request))
    await shop.orders.record_checkout(open_checkout(placed), session(placed))
    return placed


async def _webhook(shop: Shop, placed: PlacedOrder) -> None:
    inbox = PostgresInbox(shop.database)
    received = NewMessage(
        source=InboxSource.STRIPE,
        event_id="evt_1",
        kind="checkout.session.completed",
        order_id=placed.order_id,
        payload={},
        received_at=NOW,
    )
    await PostgresInboxWriter(shop.database).receive(received)
    (message,) = await inbox.claim(at=NOW, limit=10)
    authorized = payment(placed, PaymentState.AUTHORIZED)
    await shop.orders.record_payment(placed.order_id, authorized, step(placed.order_id, 3, OrderStatus.PREPARING))
    await inbox.settle([Settlement(id=message.id, state=InboxState.DELIVERED)], at=NOW)


async def _produce(shop: Shop, placed: PlacedOrder) -> None:
    order_id, orders = placed.order_id, shop.orders
    made = print_file(placed)
    await orders.find_print_file(
        approved_sha256=made.approved_sha256, shell_id=made.shell_id, renderer_version=made.renderer_version
    )
    await orders.record_print_file(order_id, made, step(order_id, 4, OrderStatus.SUBMITTING))
    announced = await orders.reference(ReferenceKind.PAYMENT, order_id=order_id, attempt=1, at=NOW)
    announcement = Announcement(reference=PaymentReference(announced))
    await orders.record_announcement(order_id, announcement, step(order_id, 5, OrderStatus.SUBMITTING))
    printed = await orders.reference(ReferenceKind.PRINT, order_id=order_id, attempt=1, at=NOW)
    submission = Submission(reference=PrintReference(printed))
    await orders.record_submission(order_id, submission, step(order_id, 6, OrderStatus.IN_PRODUCTION))
    captured = payment(placed, PaymentState.CAPTURED)
    await orders.record_payment(order_id, captured, step(order_id, 7, OrderStatus.IN_PRODUCTION))
    await _poll(shop, placed, printed)


async def _poll(shop: Shop, placed: PlacedOrder, reference: str) -> None:
    """The four states that a poller sees of a print that takes a minute; it reads and stores all waiting orders at once."""
    book = PostgresReferenceBook(shop.database)
    for minutes, status in enumerate((8, 11, 12, 16)):
        at: datetime = NOW + timedelta(minutes=minutes)
        next_at = None if status == 16 else at + timedelta(minutes=1)
        seen = ReferenceReading(
            reference=reference, kind=ReferenceKind.PRINT, order_id=placed.order_id, status=status, at=at, next_at=next_at
        )
        await book.store([seen])


async def _deliver(shop: Shop, placed: PlacedOrder) -> None:
    order_id = placed.order_id
    await shop.orders.record(step(order_id, 8, OrderStatus.TO_SHIP))
    posted = {"carrier": "Royal Mail", "tracking": "RM1"}
    await shop.orders.record(step(order_id, 9, OrderStatus.SHIPPED).model_copy(update=posted))
    await shop.orders.record(step(order_id, 10, OrderStatus.COMPLETED))
