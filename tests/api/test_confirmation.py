"""The success page tells the truth about a payment and waits a moment for the manufacturer; nothing depends on its visit."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from adapters.postgres.engine import Database
from adapters.postgres.order_book import PostgresOrderBook
from adapters.postgres.uploads import PostgresUploads
from api.schemas.checkout import CheckoutBody
from api.schemas.order import ENTRY_SOURCE, LEGACY_STATUS
from models.artwork import StoredImage, Upload, print_size
from models.order import Channel, HoldReason, OrderStatus, PlaceOrder, Transition
from models.payment import CheckoutSession, OpenCheckout, Payment, PaymentState
from models.production import ReferenceKind
from tests.api.conftest import Shop
from tests.api.world import IPHONE_15_PRO, NOW, QR_CHECKOUT, WEB_CHECKOUT, Clock, assert_problem

FIELDS = {
    "success",
    "order_id",
    "queue_no",
    "status",
    "brand",
    "model",
    "template",
    "amount",
    "currency",
    "chinese_order_id",
    "chinese_payment_id",
    "entry_source",
    "is_machine_collection",
    "collection_device_id",
    "message",
}
ORDER_DATA = {
    "finalImagePublicUrl": "https://api.test.example/image/x.png",
    "imageSessionId": "session_1767225600",
    "mobile_shell_id": "MS102509090019",
    "selectedModelData": {"mobile_shell_id": "MS102509090019", "model_name": "iPhone 15 Pro", "price": "10.00", "stock": 2},
    "deviceId": "CXYLOGD8OQUK",
}


async def confirm(browser: httpx.AsyncClient, session_id: str, **changes: Any) -> httpx.Response:
    body = {"session_id": session_id, "final_image_url": "https://api.test.example/image/x.png", "order_data": ORDER_DATA}
    return await browser.post("/process-payment-success", json={**body, **changes})


async def opened(shop: Shop, body: dict[str, Any] = WEB_CHECKOUT, **changes: Any) -> str:
    answer = await shop.checkout(body, final_image_url=(await shop.upload())["public_url"], **changes)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["session_id"])


@pytest.mark.parametrize("status", OrderStatus)
def test_every_status_of_ours_has_a_word_that_the_storefront_knows(status: OrderStatus):
    assert LEGACY_STATUS[status]


def test_every_channel_has_an_entry_source():
    assert set(ENTRY_SOURCE) == set(Channel)


async def test_a_session_that_nobody_knows_is_404(browser: httpx.AsyncClient):
    assert_problem(await confirm(browser, "cs_test_unknown"), 404)
    assert_problem(await confirm(browser, "free_unknown"), 404)
    assert_problem(await browser.get("/payment-success", params={"session_id": "cs_test_unknown"}), 404)


async def test_a_session_that_was_not_paid_is_400(shop: Shop):
    session = await opened(shop)

    assert_problem(await confirm(shop.browser, session), 400)
    assert_problem(await shop.browser.get("/payment-success", params={"session_id": session}), 400)
    (order,) = await shop.orders()
    assert order["status"] == OrderStatus.AWAITING_PAYMENT


@pytest.mark.parametrize("patience", ["200ms"])
async def test_a_paid_order_is_paid_however_slow_the_manufacturer_is(shop: Shop):
    session = await opened(shop)
    shop.pay(session)

    async with shop.production():
        submitting = shop.manufacturer.faults.hold("submit_order")
        await confirm(shop.browser, session)
        await submitting.reached.wait()
        answer = await confirm(shop.browser, session)
        submitting.open()

    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert body.keys() >= FIELDS
    assert (body["success"], body["status"], body["amount"], body["currency"]) == (True, "paid", 35.0, "GBP")
    assert (body["brand"], body["model"], body["template"]) == ("iPhone", "iPhone 15 Pro", "classic")
    assert (body["entry_source"], body["is_machine_collection"], body["collection_device_id"]) == ("vanilla", False, None)
    assert body["queue_no"].startswith("PMC-")
    assert body["chinese_order_id"] is None


async def test_an_accepted_order_has_its_queue_number_and_the_manufacturers_ids(shop: Shop):
    session = await opened(shop, QR_CHECKOUT)
    shop.pay(session)

    async with shop.production():
        answer = await confirm(shop.browser, session)

    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert body["status"] == "sent_to_chinese"
    assert not body["queue_no"].startswith("PMC-")
    assert body["chinese_order_id"]
    assert (body["entry_source"], body["is_machine_collection"]) == ("qr", True)
    assert body["collection_device_id"] == QR_CHECKOUT["machine_id"]


async def test_however_many_pages_ask_the_case_is_ordered_once_and_all_get_the_same_answer(shop: Shop):
    session = await opened(shop)
    shop.pay(session)

    async with shop.production():
        answers = await asyncio.gather(*(confirm(shop.browser, session) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert len(shop.manufacturer.accepted) == 1


async def test_a_page_that_is_reloaded_while_unpaid_sees_the_payment_when_it_has_come(shop: Shop, clock: Clock):
    session = await opened(shop)
    assert_problem(await confirm(shop.browser, session), 400)
    shop.pay(session)

    clock.pass_by(timedelta(seconds=5))
    async with shop.production():
        answer = await confirm(shop.browser, session)

    assert answer.json()["status"] == "sent_to_chinese"


async def test_a_free_order_is_confirmed_by_its_token(shop: Shop):
    async with shop.database.connect() as connection:
        await connection.execute(
            text(
                "INSERT INTO promotions (id, device_id, is_active, daily_cap, starts_at)"
                " VALUES ('test', 'CXYLOGD8OQUK', true, 5, '2026-01-01')"
            )
        )
    session = await opened(shop, QR_CHECKOUT, amount_pence=0, selected_add_ons=[])

    async with shop.production():
        body = (await confirm(shop.browser, session)).json()

    assert session.startswith("free_")
    assert (body["status"], body["amount"]) == ("sent_to_chinese", 0.0)


async def test_a_shell_that_the_page_names_wrongly_changes_nothing_and_is_logged_without_anything_personal(shop: Shop):
    session = await opened(shop)
    (before,) = await shop.orders()

    with capture_logs() as logs:
        await confirm(shop.browser, session, order_data={"mobile_shell_id": "Ada Lovelace"})

    (after,) = await shop.orders()
    assert before["shell_id"] == after["shell_id"]
    (line,) = [line for line in logs if "another shell" in line["event"]]
    assert (line["claimed"], line["frozen"]) == ("(not a shell id)", before["shell_id"])
    assert "Ada" not in str(logs)


@pytest.mark.parametrize("order_data", [{}, {"selectedModelData": None}, {"mobile_shell_id": 7}, {"price": "free"}])
async def test_whatever_the_page_claims_is_no_reason_to_fail(browser: httpx.AsyncClient, order_data: dict[str, Any]):
    assert_problem(await confirm(browser, "cs_test_unknown", order_data=order_data), 404)


class TestWithoutTemporal:
    """Answered from the database where it knows, and "try again" where it does not."""

    @pytest.mark.parametrize(
        ("status", "word"), [(OrderStatus.IN_PRODUCTION, "sent_to_chinese"), (OrderStatus.PREPARING, "paid")]
    )
    async def test_what_the_row_knows_is_answered(
        self, browser: httpx.AsyncClient, database: Database, status: OrderStatus, word: str
    ):
        order = await write_order(database, status, authorized=3500)

        assert (await confirm(browser, order.session_id)).json()["status"] == word

    async def test_an_order_of_which_nothing_is_known_is_try_again(self, browser: httpx.AsyncClient, database: Database):
        order = await write_order(database, OrderStatus.AWAITING_PAYMENT)

        answer = await confirm(browser, order.session_id)

        assert "Nothing is lost" in assert_problem(answer, 503)["detail"]

    @pytest.mark.parametrize("status", [OrderStatus.EXPIRED, OrderStatus.CANCELED, OrderStatus.FAILED])
    async def test_an_order_that_ended_unpaid_is_400(self, browser: httpx.AsyncClient, database: Database, status: OrderStatus):
        order = await write_order(database, status)

        assert_problem(await confirm(browser, order.session_id), 400)

    async def test_another_amount_than_the_orders_is_not_a_payment(self, browser: httpx.AsyncClient, database: Database):
        order = await write_order(database, OrderStatus.ON_HOLD, hold_reason=HoldReason.PAYMENT_MISMATCH, authorized=100)

        assert_problem(await browser.get("/payment-success", params={"session_id": order.session_id}), 400)

    async def test_a_customer_follows_an_order_by_its_token(self, browser: httpx.AsyncClient, database: Database):
        order = await write_order(database, OrderStatus.IN_PRODUCTION, authorized=3500)

        body = (await browser.get(f"/api/orders/{order.token}")).json()

        assert (body["status"], body["order_status"]) == ("sent_to_chinese", "in_production")
        assert body["number"].startswith("PMC-")
        assert body["money"] == {"currency": "gbp", "total": 3500, "authorized": 3500, "captured": 0, "refunded": 0}
        assert [item["status"] for item in body["timeline"]] == ["awaiting_payment", "awaiting_payment", "in_production"]
        assert "Ada" not in str(body)

    async def test_a_token_that_opens_nothing_is_404(self, browser: httpx.AsyncClient):
        assert_problem(await browser.get("/api/orders/nothing"), 404)

    @pytest.mark.parametrize(
        ("status", "authorized", "code"), [(OrderStatus.PREPARING, 3500, 200), (OrderStatus.AWAITING_PAYMENT, 0, 202)]
    )
    async def test_a_claim_that_an_order_is_paid_is_answered_by_what_we_have_verified(
        self, browser: httpx.AsyncClient, database: Database, status: OrderStatus, authorized: int, code: int
    ):
        order = await write_order(database, status, authorized=authorized)
        claim = {"third_id": order.payment_reference, "device_id": "CXYLOGD8OQUK", "status": 3}

        assert (await browser.post("/api/chinese/order/payStatus", json=claim)).json()["code"] == code


@dataclass
class Written:
    """An order in the database without a workflow."""

    session_id: str
    token: str
    payment_reference: str


async def write_order(
    database: Database, status: OrderStatus, *, authorized: int = 0, hold_reason: HoldReason | None = None
) -> Written:
    """Write an order as its workflow would have left it."""
    book, order_id, session = PostgresOrderBook(database), uuid4(), f"cs_{uuid4().hex}"
    width, height = print_size(*IPHONE_15_PRO)
    image = StoredImage(key=f"{order_id}.png", sha256="a" * 64, media_type="image/png", width=width, height=height, size=1)
    upload = Upload(name=f"{order_id}.png", template_id="classic", image=image, created_at=NOW)
    await PostgresUploads(database).add(upload)
    body = CheckoutBody.model_validate({**WEB_CHECKOUT, "final_image_url": ""})

    def enters(version: int, status: OrderStatus) -> Transition:
        reason = hold_reason if status is OrderStatus.ON_HOLD else None
        return Transition(order_id=order_id, version=version, status=status, at=NOW, hold_reason=reason)

    first = enters(1, OrderStatus.AWAITING_PAYMENT)
    placed = await book.place(PlaceOrder(order_id=order_id, request=body.to_request(upload_name=upload.name), enters=first))
    expires = NOW + timedelta(hours=1)
    opens = OpenCheckout(
        order_id=order_id,
        number=placed.number,
        key_number=1,
        lines=placed.quote.lines,
        total=placed.quote.total,
        currency=placed.quote.currency,
        placed_at=NOW,
        expires_at=expires,
        first_opened_at=NOW,
        enters=enters(2, OrderStatus.AWAITING_PAYMENT),
    )
    await book.record_checkout(opens, CheckoutSession(session_id=session, url="https://checkout.example", expires_at=expires))
    if authorized:
        payment = Payment(
            state=PaymentState.AUTHORIZED, session_id=session, order_id=order_id, amount=authorized, amount_authorized=authorized
        )
        await book.record_payment(order_id, payment, None)
    await book.record(enters(3, status))
    reference = await book.reference(ReferenceKind.PAYMENT, order_id=order_id, attempt=1, at=NOW)
    return Written(session, placed.public_token, reference)
