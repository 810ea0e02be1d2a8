import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from dev.emulators.stripe.remote import INSUFFICIENT_FUNDS
from tests.dev.emulators.stripe.support import World, order, status_of


@pytest.fixture
async def browser(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=world.url) as http:
        yield http


class TestOpening:
    async def test_a_session_is_open_payable_and_has_no_payment_intent_yet(self, world: World):
        session = await world.open_session()
        assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
        assert (session.amount_total, session.currency) == (6299, "gbp")
        assert session.url == f"{world.url}/c/pay/{session.id}"
        assert session.livemode is False
        assert session.client_reference_id == "o-1"
        assert session.metadata is not None
        assert session.metadata["order_id"] == "o-1"

    async def test_line_items_come_only_when_they_are_asked_for(self, world: World):
        session = await world.open_session()
        assert "line_items" not in session
        again = await world.client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["line_items"]})
        assert again.line_items is not None
        assert [(line.description, line.amount_total) for line in again.line_items.data] == [
            ("iPhone 17 case", 6000),
            ("Delivery", 299),
        ]

    @pytest.mark.parametrize(
        ("change", "code", "param"),
        [
            ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
            ({"captrue": "x"}, "parameter_unknown", "captrue"),
            ({"payment_intent_data": {"capture": "manual"}}, "parameter_unknown", "payment_intent_data[capture]"),
            ({"line_items": []}, "parameter_missing", "line_items"),
            ({"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
            ({"expires_at": int(time.time()) + 1200}, None, "expires_at"),
            ({"expires_at": int(time.time()) + 90_000}, None, "expires_at"),
            ({"success_url": "shop"}, None, "success_url"),
            ({"customer_email": ""}, "parameter_invalid_empty", "customer_email"),
            ({"payment_intent_data": {"capture_method": "by hand"}}, None, "payment_intent_data[capture_method]"),
        ],
    )
    async def test_what_stripe_refuses_is_refused(self, world: World, change: dict[str, Any], code: str | None, param: str):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await world.open_session(**change)
        assert (refused.value.code, refused.value.param) == (code, param)

    @pytest.mark.parametrize("amount", [1, 29])
    async def test_less_than_thirty_pence_cannot_be_charged(self, world: World, amount: int):
        item = {"price_data": {"currency": "gbp", "unit_amount": amount, "product_data": {"name": "Sticker"}}, "quantity": 1}
        with pytest.raises(stripe.InvalidRequestError, match=r"at least £0\.30") as refused:
            await world.open_session(line_items=[item])
        assert refused.value.code == "amount_too_small"

    async def test_a_wrong_key_is_refused(self, world: World):
        wrong: Any = {"api_key": "sk_test_wrong_wrong_wrong"}
        with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
            await world.client.v1.checkout.sessions.list_async(None, wrong)

    async def test_unknown_things_and_places_are_not_found(self, world: World):
        with pytest.raises(stripe.InvalidRequestError, match=r"No such checkout\.session") as refused:
            await world.client.v1.checkout.sessions.retrieve_async("cs_test_none")
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
        with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
            await world.client.v1.customers.list_async()


class TestListing:
    async def test_there_is_no_filter_by_our_own_reference(self, world: World):
        params: Any = {"client_reference_id": "o-1"}
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await world.client.v1.checkout.sessions.list_async(params)
        assert refused.value.code == "parameter_unknown"

    async def test_pages_are_newest_first_and_follow_each_other(self, world: World):
        ids = [(await world.open_session()).id for _ in range(5)]
        first = await world.client.v1.checkout.sessions.list_async({"limit": 2})
        assert [session.id for session in first.data] == [ids[4], ids[3]]
        assert first.has_more
        assert [session.id async for session in first.auto_paging_iter()] == list(reversed(ids))
        before = await world.client.v1.checkout.sessions.list_async({"limit": 2, "ending_before": ids[1]})
        assert [session.id for session in before.data] == [ids[3], ids[2]]

    async def test_sessions_are_found_by_time_status_and_payment_intent(self, world: World):
        old = await world.open_session()
        await world.steer.advance(timedelta(minutes=10))
        new, intent = await world.authorized()
        sessions = world.client.v1.checkout.sessions
        since = await sessions.list_async({"created": {"gt": old.created, "lte": old.created + 700}})
        complete = await sessions.list_async({"status": "complete"})
        of_intent = await sessions.list_async({"payment_intent": intent})
        assert [[found.id for found in page.data] for page in (since, complete, of_intent)] == [[new]] * 3
        assert [found.id for found in (await sessions.list_async({"status": "open"})).data] == [old.id]


class TestPaying:
    async def test_a_manual_capture_is_authorized_and_the_session_stays_unpaid(self, world: World):
        session_id, _ = await world.authorized()
        session = await world.client.v1.checkout.sessions.retrieve_async(session_id, {"expand": ["payment_intent.latest_charge"]})
        assert (session.status, session.payment_status, session.url) == ("complete", "unpaid", None)
        intent: Any = session.payment_intent
        assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 6299, 0)
        assert (intent.metadata["order_id"], intent.description) == ("o-1", "PMC-000123")
        charge = intent.latest_charge
        assert (charge.captured, charge.amount_captured, charge.paid) == (False, 0, True)
        week = charge.payment_method_details.card.capture_before - charge.created
        assert week == timedelta(days=7).total_seconds()
        [entry] = await world.steer.ledger()
        assert (entry["operation"], entry["amount"], entry["client_reference_id"]) == ("authorize", 6299, "o-1")

    async def test_an_automatic_capture_is_paid_at_once(self, world: World):
        session_id, intent_id = await world.authorized(payment_intent_data={"capture_method": "automatic"})
        session = await world.client.v1.checkout.sessions.retrieve_async(session_id)
        intent = await world.client.v1.payment_intents.retrieve_async(intent_id)
        assert (session.payment_status, intent.status, intent.amount_received) == ("paid", "succeeded", 6299)

    async def test_a_declined_card_leaves_the_session_open_for_another_card(self, world: World):
        session = await world.open_session()
        assert await status_of(world.steer.pay(session.id, INSUFFICIENT_FUNDS)) == 402
        again = await world.client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
        intent: Any = again.payment_intent
        assert (again.status, intent.status) == ("open", "requires_payment_method")
        assert intent.last_payment_error.decline_code == "insufficient_funds"
        paid = await world.steer.pay(session.id)
        assert (paid["status"], paid["payment_intent"]) == ("complete", intent.id)
        assert len(await world.steer.ledger("authorize")) == 1

    async def test_a_session_is_paid_once_only(self, world: World):
        session_id, _ = await world.authorized()
        assert await status_of(world.steer.pay(session_id)) == 409
        assert len(await world.steer.ledger()) == 1

    async def test_a_session_of_nothing_needs_no_payment(self, world: World):
        item = {"price_data": {"currency": "gbp", "unit_amount": 0, "product_data": {"name": "Gift"}}, "quantity": 1}
        session = await world.open_session(line_items=[item])
        paid = await world.steer.pay(session.id)
        assert (paid["status"], paid["payment_status"], paid["payment_intent"]) == ("complete", "no_payment_required", None)


class TestExpiring:
    async def test_an_expired_session_cannot_be_paid_or_expired_again(self, world: World):
        session = await world.open_session()
        expired = await world.client.v1.checkout.sessions.expire_async(session.id)
        assert (expired.status, expired.url) == ("expired", None)
        assert await status_of(world.steer.pay(session.id)) == 409
        with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
            await world.client.v1.checkout.sessions.expire_async(session.id)

    async def test_a_paid_session_cannot_be_expired(self, world: World):
        session_id, _ = await world.authorized()
        with pytest.raises(stripe.InvalidRequestError, match="status of complete"):
            await world.client.v1.checkout.sessions.expire_async(session_id)

    async def test_a_session_expires_by_the_clock_and_says_so(self, world: World):
        session = await world.open_session()
        await world.steer.decline(session.id)
        await world.steer.advance(timedelta(minutes=59))
        assert (await world.client.v1.checkout.sessions.retrieve_async(session.id)).status == "open"
        await world.steer.advance(timedelta(minutes=2))
        again = await world.client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
        intent: Any = again.payment_intent
        assert (again.status, intent.status) == ("expired", "canceled")
        await world.steer.webhooks_settled()
        assert world.receiver.types[-2:] == ["payment_intent.canceled", "checkout.session.expired"]

    async def test_the_default_is_a_day(self, world: World):
        params = order()
        del params["expires_at"]
        session = await world.client.v1.checkout.sessions.create_async(params)  # type: ignore[arg-type]
        assert session.expires_at - session.created == 86_400


class TestPage:
    async def test_the_page_shows_what_is_bought_and_sends_the_customer_back_after_payment(
        self, world: World, browser: httpx.AsyncClient
    ):
        session = await world.open_session()
        page = await browser.get(f"/c/pay/{session.id}")
        assert page.status_code == 200
        assert all(text in page.text for text in ("iPhone 17 case", "£62.99", "ada@example.com", "TEST MODE"))
        answer = await browser.post(f"/c/pay/{session.id}", data={"card": "4242 4242 4242 4242"})
        assert answer.status_code == 303
        assert answer.headers["location"] == f"http://shop.example/paid?session_id={session.id}"
        assert len(await world.steer.ledger("authorize")) == 1

    @pytest.mark.parametrize(
        ("card", "message"),
        [("4000000000000002", "Your card was declined."), ("1234", "Your card number is invalid")],
    )
    async def test_the_page_says_why_a_card_is_declined(self, world: World, browser: httpx.AsyncClient, card: str, message: str):
        session = await world.open_session()
        answer = await browser.post(f"/c/pay/{session.id}", data={"card": card})
        assert answer.status_code == 402
        assert message in answer.text
        assert await world.steer.ledger() == []

    async def test_the_page_of_a_closed_session_takes_no_money(self, world: World, browser: httpx.AsyncClient):
        paid, _ = await world.authorized()
        assert "already been paid" in (await browser.get(f"/c/pay/{paid}")).text
        assert (await browser.post(f"/c/pay/{paid}", data={"card": "4242424242424242"})).status_code == 410
        expired = await world.open_session()
        await world.client.v1.checkout.sessions.expire_async(expired.id)
        assert "has expired" in (await browser.get(f"/c/pay/{expired.id}")).text
        assert (await browser.get("/c/pay/cs_test_none")).status_code == 404

    async def test_texts_from_the_shop_cannot_inject_markup(self, world: World, browser: httpx.AsyncClient):
        item = {"price_data": {"currency": "gbp", "unit_amount": 100, "product_data": {"name": "<b>x</b>"}}, "quantity": 1}
        session = await world.open_session(line_items=[item])
        assert "<b>x</b>" not in (await browser.get(f"/c/pay/{session.id}")).text
