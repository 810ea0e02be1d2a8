import itertools
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from adapters.postgres.engine import Database
from adapters.postgres.money import PAYMENT_RANKS, REFUND_RANKS
from adapters.postgres.order_book import PostgresOrderBook
from models.errors import IntegrityBroken
from models.order import OrderStatus, PlacedOrder, StandingCheckout
from models.payment import CheckoutSession, OpenCheckout, Payment, PaymentState, Refund, RefundState, RequestRefund
from tests.adapters.postgres.shop import NOW, Shop, met, step, together


def open_checkout(placed: PlacedOrder, number: int = 1, *, version: int = 2) -> OpenCheckout:
    return OpenCheckout(
        order_id=placed.order_id,
        number=placed.number,
        key_number=number,
        lines=placed.quote.lines,
        total=placed.quote.total,
        currency="gbp",
        placed_at=NOW,
        first_opened_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        enters=step(placed.order_id, version, OrderStatus.AWAITING_PAYMENT),
    )


def session(placed: PlacedOrder, number: int = 1) -> CheckoutSession:
    name = f"cs_{placed.order_id.hex[:8]}_{number}"
    return CheckoutSession(session_id=name, url=f"https://checkout.example/{name}", expires_at=NOW + timedelta(hours=1))


def payment(placed: PlacedOrder, state: PaymentState, number: int = 1, **changes: object) -> Payment:
    authorized = 3500 if state is PaymentState.AUTHORIZED else 0
    captured = 3500 if state is PaymentState.CAPTURED else 0
    paid = state not in {PaymentState.OPEN, PaymentState.EXPIRED}
    name = session(placed, number).session_id
    return Payment.model_validate(
        {
            "state": state,
            "session_id": name,
            "payment_intent_id": f"pi_{name}" if paid else None,
            "amount": 3500,
            "amount_authorized": authorized,
            "amount_captured": captured,
            **changes,
        }
    )


def ask_refund(placed: PlacedOrder, number: int = 1, amount: int = 3500, *, of: int = 1) -> RequestRefund:
    return RequestRefund(
        order_id=placed.order_id,
        payment_intent_id=f"pi_{session(placed, of).session_id}",
        refund_number=number,
        amount=amount,
        currency="gbp",
        reason="test",
        at=NOW,
    )


def refund(
    placed: PlacedOrder,
    number: int = 1,
    state: RefundState = RefundState.SUCCEEDED,
    amount: int = 3500,
    *,
    name: str | None = None,
) -> Refund:
    return Refund(refund_id=name or f"re_{placed.order_id.hex}_{number}", state=state, amount=amount, currency="gbp")


async def checked_out(shop: Shop) -> PlacedOrder:
    placed = await shop.place()
    await shop.orders.record_checkout(open_checkout(placed), session(placed))
    return placed


async def captured(shop: Shop) -> PlacedOrder:
    placed = await checked_out(shop)
    await shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.CAPTURED), None)
    return placed


async def money(shop: Shop, placed: PlacedOrder) -> tuple[int, int, int]:
    order = await shop.order(placed.order_id)
    return order["authorized"], order["captured"], order["refunded"]


class TestCheckouts:
    async def test_the_session_becomes_the_one_that_the_order_is_paid_by(self, shop: Shop):
        placed = await checked_out(shop)
        await shop.orders.record_checkout(open_checkout(placed, 2, version=3), session(placed, 2))

        order = await shop.order(placed.order_id)
        rows = await shop.rows("SELECT attempt, state, amount FROM payments ORDER BY attempt")
        assert order["checkout_session_id"] == session(placed, 2).session_id
        assert [tuple(row.values()) for row in rows] == [(1, "open", 3500), (2, "open", 3500)]

    async def test_a_workflow_that_begins_anew_is_told_which_session_stands(self, shop: Shop):
        """Opening another one would let the customer pay twice."""
        upload = await shop.upload()
        placed = await shop.place(upload=upload)
        for number in (1, 2):
            await shop.orders.record_checkout(open_checkout(placed, number, version=1 + number), session(placed, number))

        again = await shop.place(upload=upload)

        assert placed.checkout is None
        assert again.checkout == StandingCheckout(**(session(placed, 2).model_dump() | {"key_number": 2}))
        assert again.version == 3

    async def test_recording_the_same_session_again_changes_nothing(self, shop: Shop):
        placed = await checked_out(shop)
        await shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.AUTHORIZED), None)
        await shop.orders.record_checkout(open_checkout(placed), session(placed))

        assert await money(shop, placed) == (3500, 0, 0)
        assert len(await shop.rows("SELECT 1 FROM payments")) == 1


class TestPayments:
    async def test_the_step_is_written_with_the_money_that_brings_it(self, shop: Shop):
        placed = await checked_out(shop)
        until = NOW + timedelta(days=7)
        paid = step(placed.order_id, 3, OrderStatus.PAID)

        await shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.AUTHORIZED, capture_before=until), paid)

        row = await shop.row("SELECT state, payment_intent_id, capture_before FROM payments")
        assert (await shop.order(placed.order_id))["status"] == "paid"
        assert row == {"state": "authorized", "payment_intent_id": f"pi_{session(placed).session_id}", "capture_before": until}

    @pytest.mark.parametrize("arrival", list(itertools.permutations(("open", "authorized", "captured"))))
    async def test_readings_in_any_order_end_with_the_money_taken(self, open_shop: Shop, arrival: tuple[str, ...]):
        placed = await checked_out(open_shop)

        for state in arrival:
            await open_shop.orders.record_payment(placed.order_id, payment(placed, PaymentState(state)), None)

        assert await money(open_shop, placed) == (3500, 3500, 0)

    async def test_a_void_gives_everything_back(self, open_shop: Shop):
        """Stripe reports what a void let go as refunded; nobody was charged, so nothing was given back."""
        placed = await checked_out(open_shop)
        await open_shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.AUTHORIZED), None)
        voided = payment(placed, PaymentState.CANCELED, amount_refunded=3500)
        await open_shop.orders.record_payment(placed.order_id, voided, None)
        await open_shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.AUTHORIZED), None)

        assert await money(open_shop, placed) == (0, 0, 0)

    async def test_two_sessions_that_were_both_paid_are_both_counted(self, shop: Shop, another_process: Callable[[], Database]):
        """Also when they are read in the same moment."""
        placed = await checked_out(shop)
        await shop.orders.record_checkout(open_checkout(placed, 2, version=3), session(placed, 2))
        books = [PostgresOrderBook(another_process()) for _ in range(4)]

        readings = [payment(placed, PaymentState.CAPTURED, number) for number in (1, 2)] * 4
        outcomes = await together(
            *(books[number % 4].record_payment(placed.order_id, reading, None) for number, reading in enumerate(readings))
        )

        assert outcomes == [None] * 8
        assert await money(shop, placed) == (7000, 7000, 0)

    async def test_readings_that_wait_for_each_other_are_counted_once(self, shop: Shop):
        """The second one has looked before the first one wrote."""
        placed = await checked_out(shop)
        reading = payment(placed, PaymentState.CAPTURED)

        await met(
            shop,
            "SELECT 1 FROM payments",
            shop.orders.record_payment(placed.order_id, reading, None),
            shop.orders.record_payment(placed.order_id, reading, None),
        )

        assert await money(shop, placed) == (3500, 3500, 0)

    async def test_a_session_whose_opening_was_never_recorded_is_adopted(self, open_shop: Shop):
        placed = await open_shop.place()

        await open_shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.AUTHORIZED), None)

        assert await money(open_shop, placed) == (3500, 0, 0)

    async def test_a_session_of_another_order_is_not_adopted(self, open_shop: Shop):
        first, second = await checked_out(open_shop), await checked_out(open_shop)

        with pytest.raises(IntegrityBroken):
            await open_shop.orders.record_payment(second.order_id, payment(first, PaymentState.CAPTURED), None)

        assert await money(open_shop, second) == (0, 0, 0)

    async def test_a_payment_of_an_order_that_was_never_placed_is_refused(self, open_shop: Shop):
        placed = await checked_out(open_shop)

        with pytest.raises((IntegrityBroken, IntegrityError)):
            await open_shop.orders.record_payment(uuid4(), payment(placed, PaymentState.CAPTURED, 9), None)

    def test_every_state_has_a_rank(self):
        assert set(PAYMENT_RANKS) == set(PaymentState)
        assert set(REFUND_RANKS) == set(RefundState)


class TestRefunds:
    async def test_money_on_its_way_back_cannot_be_given_back_twice(self, open_shop: Shop):
        placed = await captured(open_shop)
        intent = f"pi_{session(placed).session_id}"
        assert await open_shop.orders.refundable(placed.order_id, intent) == 3500

        await open_shop.orders.record_refund(
            ask_refund(placed, amount=1000), refund(placed, state=RefundState.PENDING, amount=1000)
        )

        assert await open_shop.orders.refundable(placed.order_id, intent) == 2500
        assert await money(open_shop, placed) == (3500, 3500, 1000)

    @pytest.mark.parametrize("arrival", list(itertools.permutations(("pending", "succeeded", "failed"))))
    async def test_a_refund_that_fails_in_the_end_gives_nothing_back(self, open_shop: Shop, arrival: tuple[str, ...]):
        placed = await captured(open_shop)

        for state in arrival:
            await open_shop.orders.record_refund(ask_refund(placed), refund(placed, state=RefundState(state)))

        assert await money(open_shop, placed) == (3500, 3500, 0)

    async def test_the_next_try_of_a_failed_refund_counts_anew(self, shop: Shop):
        """The number stays, Stripe's object is another one."""
        placed = await captured(shop)
        await shop.orders.record_refund(ask_refund(placed), refund(placed, state=RefundState.FAILED))

        await shop.orders.record_refund(ask_refund(placed), refund(placed, state=RefundState.PENDING, name="re_again"))

        assert await money(shop, placed) == (3500, 3500, 3500)
        assert (await shop.row("SELECT stripe_refund_id FROM refunds"))["stripe_refund_id"] == "re_again"

    async def test_refunds_recorded_at_once_are_each_counted_once(self, shop: Shop, another_process: Callable[[], Database]):
        placed = await captured(shop)
        books = [PostgresOrderBook(another_process()) for _ in range(4)]

        calls = [
            book.record_refund(ask_refund(placed, number, 700), refund(placed, number, amount=700))
            for number in range(1, 6)
            for book in books
        ]

        assert await together(*calls) == [None] * 20
        assert await money(shop, placed) == (3500, 3500, 3500)

    async def test_refunds_that_wait_for_each_other_are_each_counted_once(self, shop: Shop):
        placed = await captured(shop)
        await shop.orders.record_refund(ask_refund(placed, 1, 700), refund(placed, 1, RefundState.FAILED, amount=700))

        await met(
            shop,
            "SELECT 1 FROM payments",
            shop.orders.record_refund(ask_refund(placed, 2, 700), refund(placed, 2, amount=700)),
            shop.orders.record_refund(ask_refund(placed, 2, 700), refund(placed, 2, amount=700)),
            shop.orders.record_refund(ask_refund(placed, 3, 700), refund(placed, 3, amount=700)),
        )

        assert await money(shop, placed) == (3500, 3500, 1400)

    @pytest.mark.parametrize("dashboard_first", [True, False])
    async def test_a_refund_that_stripe_reports_too_is_counted_once(self, open_shop: Shop, dashboard_first: bool):
        """The same pounds are in our row and in the charge's total."""
        placed = await captured(open_shop)
        reading = payment(placed, PaymentState.CAPTURED, amount_refunded=1000)
        ours = ask_refund(placed, amount=1000), refund(placed, amount=1000)

        if dashboard_first:
            await open_shop.orders.record_payment(placed.order_id, reading, None)
            await open_shop.orders.record_refund(*ours)
        else:
            await open_shop.orders.record_refund(*ours)
            await open_shop.orders.record_payment(placed.order_id, reading, None)

        assert await money(open_shop, placed) == (3500, 3500, 1000)

    async def test_a_refund_made_in_the_dashboard_is_money_that_is_gone(self, open_shop: Shop):
        placed = await captured(open_shop)

        await open_shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.CAPTURED, amount_refunded=3500), None)

        assert await open_shop.orders.refundable(placed.order_id, f"pi_{session(placed).session_id}") == 0
        assert await money(open_shop, placed) == (3500, 3500, 3500)

    async def test_only_the_payment_that_is_given_back_loses_money(self, open_shop: Shop):
        """The second of two payments goes back; the first one pays for the case."""
        placed = await captured(open_shop)
        await open_shop.orders.record_checkout(open_checkout(placed, 2, version=3), session(placed, 2))
        await open_shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.CAPTURED, 2), None)

        await open_shop.orders.record_refund(ask_refund(placed, of=2), refund(placed))

        assert await money(open_shop, placed) == (7000, 7000, 3500)
        assert await open_shop.orders.refundable(placed.order_id, f"pi_{session(placed, 1).session_id}") == 3500
        assert await open_shop.orders.refundable(placed.order_id, f"pi_{session(placed, 2).session_id}") == 0

    async def test_a_payment_that_is_not_the_orders_has_nothing_to_give_back(self, open_shop: Shop):
        placed = await captured(open_shop)

        assert await open_shop.orders.refundable(uuid4(), f"pi_{session(placed).session_id}") == 0

    async def test_the_database_refuses_more_refund_than_capture(self, open_shop: Shop):
        placed = await captured(open_shop)

        with pytest.raises(IntegrityError, match="ck_orders_refunded"):
            await open_shop.execute("UPDATE orders SET refunded = 3501 WHERE id = :id", id=placed.order_id)
