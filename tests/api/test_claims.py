"""The storefront says "paid" when it has lost patience; anybody can say so about any reference, and learns paid or not paid."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import httpx
import pytest

from adapters.postgres.engine import Database
from api.claims import LOOKS, WAITING_AT_ONCE, PaymentClaims
from api.ports import PartnerOrders
from models.order import Channel, OrderStatus, PlacedOrder
from models.payment import Money
from models.production import ReferenceKind
from models.tracking import PaymentStanding
from tests.adapters.postgres.shop import NOW, Shop
from tests.api.test_manufacturer import PAY_STATUS, SUCCESS, outcome, rows

NOT_YET = {"code": 202, "data": "fail"}
CLAIM = {"third_id": "PYEN260301000001", "device_id": "CXYLOGD8OQUK", "status": 3}


async def announced(database: Database, *, paid: bool = False) -> tuple[PlacedOrder, str]:
    """An order whose payment the manufacturer knows of, and its PYEN."""
    shop = Shop(database)
    placed = await shop.place()
    reference = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
    await shop.execute("UPDATE manufacturer_references SET manufacturer_id = 'MSPY10260301000001'")
    if paid:
        await shop.execute("UPDATE orders SET status = 'preparing', authorized = total")
    return placed, reference


async def claim(browser: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    return outcome(await browser.post(PAY_STATUS, json={**CLAIM, **changes}))


async def test_a_claim_proves_nothing_and_makes_us_ask(browser: httpx.AsyncClient, database: Database):
    placed, reference = await announced(database)

    assert await claim(browser, third_id=reference) == NOT_YET
    assert [(kind, named) for kind, named, _ in await rows(database)] == [("payment_claim", reference)]
    assert await Shop(database).row("SELECT next_due_at FROM manufacturer_references") == {"next_due_at": NOW}
    assert (await Shop(database).order(placed.order_id))["status"] == "awaiting_payment"


@pytest.mark.parametrize("named", ["PYEN260301000001", "MSPY10260301000001"])
async def test_what_is_verified_as_paid_is_answered_as_paid(browser: httpx.AsyncClient, database: Database, named: str):
    _, reference = await announced(database, paid=True)

    assert reference == "PYEN260301000001"
    assert await claim(browser, third_id=named) == SUCCESS


@pytest.mark.parametrize("status", ["canceled", "expired", "failed"])
async def test_an_order_that_ended_without_a_case_is_not_paid(browser: httpx.AsyncClient, database: Database, status: str):
    _, reference = await announced(database, paid=True)
    await Shop(database).execute("UPDATE orders SET status = :status, authorized = 0", status=status)

    assert await claim(browser, third_id=reference) == NOT_YET


async def test_money_of_another_amount_is_not_paid(browser: httpx.AsyncClient, database: Database):
    _, reference = await announced(database, paid=True)
    await Shop(database).execute("UPDATE orders SET status = 'on_hold', hold_reason = 'payment_mismatch'")

    assert await claim(browser, third_id=reference) == NOT_YET


@pytest.mark.parametrize(
    ("channel", "reading", "status", "answer"),
    [
        ("machine", 3, "awaiting_payment", SUCCESS),
        ("machine", 2, "awaiting_payment", NOT_YET),
        ("machine", 3, "expired", NOT_YET),
        ("machine", None, "awaiting_payment", NOT_YET),
        ("web", 3, "awaiting_payment", NOT_YET),
    ],
)
async def test_at_a_machine_the_manufacturers_own_answer_is_the_proof_and_on_the_web_it_is_none(
    browser: httpx.AsyncClient, database: Database, channel: str, reading: int | None, status: str, answer: Any
):
    _, reference = await announced(database)
    await Shop(database).execute("UPDATE orders SET channel = :channel, status = :status", channel=channel, status=status)
    await Shop(database).execute("UPDATE manufacturer_references SET last_status = :reading", reading=reading)

    assert await claim(browser, third_id=reference) == answer


@pytest.mark.parametrize("named", ["OREN260301000001", "PYEN260301999999", "", "\x00"])
async def test_what_is_no_payment_of_ours_is_answered_like_one_that_is_not_made(
    browser: httpx.AsyncClient, database: Database, named: str
):
    placed, _ = await announced(database, paid=True)
    await Shop(database).execute("UPDATE manufacturer_references SET reference = 'PYEN260301000007'")
    await Shop(database).orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)
    await Shop(database).execute("UPDATE manufacturer_references SET reference = 'OREN260301000001' WHERE kind = 'OREN'")

    assert await claim(browser, third_id=named) == NOT_YET


async def test_a_claim_that_could_not_be_stored_is_asked_for_again(stranded: httpx.AsyncClient):
    assert await claim(stranded) == {"code": 500, "data": "fail"}


@pytest.mark.parametrize("news", [{"pay_type": 5}, {"status": 4}, {"pay_amount": 35.0, "pay_date": "2026-03-01 12:00:00"}])
async def test_news_of_the_manufacturer_that_names_the_machine_is_no_claim(
    browser: httpx.AsyncClient, database: Database, news: dict[str, Any]
):
    assert await claim(browser, **news) == SUCCESS
    assert [kind for kind, _, _ in await rows(database)] == ["payment_status"]


class LateNews:
    """The port `PartnerOrders` for one payment, which is paid when it is asked about for the n-th time."""

    def __init__(self, paid: PaymentStanding, *, from_look: int) -> None:
        self.looks = 0
        self._paid = paid
        self._from_look = from_look

    async def payment(self, reference: str) -> PaymentStanding | None:
        self.looks += 1
        return self._paid if self.looks >= self._from_look else None


@pytest.fixture
def verified() -> PaymentStanding:
    """A payment that Stripe has authorised."""
    return PaymentStanding(
        order_id=UUID(int=1),
        number="PMC-000001",
        channel=Channel.WEB,
        status=OrderStatus.PAID,
        hold_reason=None,
        total=3500,
        money=Money(authorized=3500),
        reading=None,
    )


async def claims_about(orders: LateNews, references: Sequence[str | None], *, wait: timedelta) -> list[bool]:
    claims = PaymentClaims(cast("PartnerOrders", orders), wait=wait)
    return list(await asyncio.gather(*(claims.is_true(reference) for reference in references)))


@pytest.mark.parametrize(("look", "answer"), [(1, True), (2, True), (LOOKS, True), (LOOKS + 1, False)])
async def test_a_claim_waits_a_moment_for_the_manufacturers_answer(verified: PaymentStanding, look: int, answer: bool):
    orders = LateNews(verified, from_look=look)

    assert await claims_about(orders, ["PYEN260301000001"], wait=timedelta(milliseconds=1)) == [answer]
    assert orders.looks == min(look, LOOKS)


async def test_however_many_claim_at_once_only_a_few_wait(verified: PaymentStanding):
    """And the others are answered by what is known, so that nobody can keep us busy by claiming."""
    orders = LateNews(verified, from_look=1_000_000)

    answers = await claims_about(orders, ["PYEN260301999999"] * 500, wait=timedelta(milliseconds=1))

    assert answers == [False] * 500
    assert orders.looks == 500 + WAITING_AT_ONCE * (LOOKS - 1)
