from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import stripe
from pydantic import SecretStr

from activities.ports import PaymentGateway
from adapters.stripe.gateway import connect
from config.settings import StorefrontSettings, StripeSettings
from models.errors import (
    AlreadyExists,
    IntegrityBroken,
    NotThere,
    OrderPipelineError,
    OutcomeUnknown,
    PaymentDeclined,
    ProviderRejected,
    ProviderUnavailable,
    StoredFailure,
)
from models.order import OrderLine, OrderStatus, Transition
from models.payment import (
    CapturePayment,
    CheckoutSession,
    ExpireCheckout,
    OpenCheckout,
    Payment,
    PaymentState,
    RefundState,
    RequestRefund,
    VoidPayment,
)
from tests.dev.emulators.stripe.support import KEY, World, stripe_world

NOW = datetime.now(UTC).replace(microsecond=0)
CARD_OF_A_BANK_THAT_CHANGES_ITS_MIND: dict[str, Any] = {
    "status": 402,
    "detail": {"type": "card_error", "code": "expired_card", "message": "Your card has expired."},
}


@dataclass
class Shop:
    """Our side of the counter, and the whole world of Stripe on the other."""

    gateway: PaymentGateway
    world: World

    async def paid(self, order_id: UUID) -> Payment:
        session = await self.gateway.open_checkout(opening(order_id))
        await self.world.steer.pay(session.session_id)
        return await self.gateway.read_payment(session.session_id)

    async def captured(self, order_id: UUID) -> Payment:
        return await self.gateway.capture(capturing(order_id, await self.paid(order_id)))

    async def ledger(self) -> list[tuple[str, int]]:
        return [(entry["operation"], entry["amount"]) for entry in await self.world.steer.ledger()]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A gateway, connected as the worker connects it, to a fresh Stripe."""
    async with stripe_world() as world:
        settings = StripeSettings.model_validate(
            {"api_key": SecretStr(KEY), "api_base": world.url, "timeout": timedelta(seconds=2)}
        )
        storefront = StorefrontSettings.model_validate({"url": "https://shop.example"})
        async with connect(settings, storefront) as gateway:
            yield Shop(gateway, world)


def opening(order_id: UUID, key_number: int = 1, **changes: Any) -> OpenCheckout:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "number": "PMC-000123",
        "key_number": key_number,
        "lines": (
            OrderLine(sku="case", title="iPhone 17 case", unit_amount=3000, quantity=2),
            OrderLine(sku="delivery", title="Delivery", unit_amount=299),
        ),
        "total": 6299,
        "currency": "gbp",
        "customer_email": "ada@example.com",
        "placed_at": NOW,
        "expires_at": NOW + timedelta(minutes=60),
        "first_opened_at": NOW,
        "enters": Transition(order_id=order_id, version=2, status=OrderStatus.PAID, at=NOW),
    }
    return OpenCheckout(**{**fields, **changes})


def capturing(order_id: UUID, payment: Payment, **changes: Any) -> CapturePayment:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "session_id": payment.session_id,
        "payment_intent_id": payment.payment_intent_id,
        "amount": 6299,
        "currency": "gbp",
        "enters": Transition(order_id=order_id, version=2, status=OrderStatus.PAID, at=NOW),
    }
    return CapturePayment(**{**fields, **changes})


def voiding(order_id: UUID, payment: Payment) -> VoidPayment:
    return VoidPayment(
        order_id=order_id, session_id=payment.session_id, payment_intent_id=str(payment.payment_intent_id), key_number=1
    )


def refunding(order_id: UUID, payment: Payment, **changes: Any) -> RequestRefund:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "payment_intent_id": payment.payment_intent_id,
        "refund_number": 1,
        "amount": 6299,
        "currency": "gbp",
        "reason": "the printer broke",
        "at": NOW,
    }
    return RequestRefund(**{**fields, **changes})


class TestOpenCheckout:
    async def test_the_session_is_what_the_order_says(self, shop: Shop):
        order_id = uuid4()
        opened = await shop.gateway.open_checkout(opening(order_id))
        assert opened.url == f"{shop.world.url}/c/pay/{opened.session_id}"
        assert (opened.expires_at, opened.key_number) == (NOW + timedelta(minutes=60), 1)
        session = await shop.world.client.v1.checkout.sessions.retrieve_async(opened.session_id)
        assert session.client_reference_id == str(order_id)
        assert session.metadata is not None
        assert session.metadata["order_id"] == str(order_id)
        assert session.success_url == "https://shop.example/payment-success?session_id={CHECKOUT_SESSION_ID}"
        assert session.cancel_url == "https://shop.example/payment-cancel"
        assert session.payment_method_types == ["card"]
        await shop.world.steer.pay(opened.session_id)
        [intent] = (await shop.world.client.v1.payment_intents.list_async()).data
        assert (intent.capture_method, intent.metadata["order_id"]) == ("manual", str(order_id))

    async def test_asking_again_opens_nothing_new(self, shop: Shop):
        order_id = uuid4()
        answers = [await shop.gateway.open_checkout(opening(order_id)) for _ in range(2)]
        assert answers[0] == answers[1]

    async def test_lines_that_do_not_add_up_are_never_sent(self, shop: Shop):
        with pytest.raises(IntegrityBroken):
            await shop.gateway.open_checkout(opening(uuid4(), total=6298))
        assert (await shop.world.client.v1.checkout.sessions.list_async()).data == []

    async def test_a_lost_answer_is_unknown_and_the_same_key_finds_it(self, shop: Shop):
        order_id = uuid4()
        await shop.world.steer.fault("checkout.sessions.create", "answer_lost")
        with pytest.raises(OutcomeUnknown):
            await shop.gateway.open_checkout(opening(order_id))
        found = await shop.gateway.find_checkout(order_id, since=NOW - timedelta(minutes=5))
        assert await shop.gateway.open_checkout(opening(order_id)) == found

    async def test_a_server_error_is_unknown_first_and_stored_ever_after(self, shop: Shop):
        order_id = uuid4()
        await shop.world.steer.fault("checkout.sessions.create", "http_500")
        with pytest.raises(OutcomeUnknown):
            await shop.gateway.open_checkout(opening(order_id))
        for _ in range(2):
            with pytest.raises(StoredFailure):
                await shop.gateway.open_checkout(opening(order_id))
        assert await shop.gateway.find_checkout(order_id, since=NOW - timedelta(minutes=5)) is None
        assert (await shop.gateway.open_checkout(opening(order_id, key_number=2))).key_number == 2

    async def test_a_stored_failure_may_hide_a_session_that_exists(self, shop: Shop):
        order_id = uuid4()
        await shop.world.steer.fault("checkout.sessions.create", "answer_lost", status=500)
        for error in (OutcomeUnknown, StoredFailure):
            with pytest.raises(error):
                await shop.gateway.open_checkout(opening(order_id))
        found = await shop.gateway.find_checkout(order_id, since=NOW - timedelta(minutes=5))
        assert found is not None
        assert found.key_number == 1

    async def test_changed_parameters_under_the_same_key_go_to_a_person(self, shop: Shop):
        order_id = uuid4()
        await shop.gateway.open_checkout(opening(order_id))
        with pytest.raises(ProviderRejected, match="IdempotencyError"):
            await shop.gateway.open_checkout(opening(order_id, customer_email=None))

    async def test_the_sdk_never_tries_again_by_itself(self, shop: Shop):
        await shop.world.steer.fault("checkout.sessions.create", "http_503", times=3)
        with pytest.raises(OutcomeUnknown):
            await shop.gateway.open_checkout(opening(uuid4()))
        [left] = await shop.world.steer.call("GET", "/faults")
        assert left["times"] == 2


class TestFindCheckout:
    async def test_only_an_open_session_of_this_order_is_found_on_whatever_page(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("adapters.stripe.gateway._PAGE", 2)
        order_id = uuid4()
        mine = await shop.gateway.open_checkout(opening(order_id))
        for _ in range(4):
            await shop.gateway.open_checkout(opening(uuid4()))
        assert await shop.gateway.find_checkout(order_id, since=NOW - timedelta(minutes=5)) == mine
        await shop.gateway.expire_checkout(ExpireCheckout(order_id=order_id, session_id=mine.session_id))
        assert await shop.gateway.find_checkout(order_id, since=NOW - timedelta(minutes=5)) is None

    async def test_older_sessions_are_not_looked_through(self, shop: Shop):
        order_id = uuid4()
        await shop.gateway.open_checkout(opening(order_id))
        assert await shop.gateway.find_checkout(order_id, since=NOW + timedelta(hours=1)) is None


class TestReadPayment:
    async def test_an_unpaid_session_is_open_even_after_a_declined_card(self, shop: Shop):
        opened = await shop.gateway.open_checkout(opening(uuid4()))
        await shop.world.steer.decline(opened.session_id)
        payment = await shop.gateway.read_payment(opened.session_id)
        assert (payment.state, payment.amount_authorized, payment.charge_id) == (PaymentState.OPEN, 0, None)

    async def test_a_complete_session_is_authorized_whatever_its_payment_status(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.paid(order_id)
        assert (payment.state, payment.order_id, payment.currency) == (PaymentState.AUTHORIZED, order_id, "gbp")
        assert (payment.amount, payment.amount_authorized, payment.amount_captured) == (6299, 6299, 0)
        assert payment.capture_before is not None
        assert timedelta(days=6) < payment.capture_before - NOW < timedelta(days=8)

    async def test_refunds_from_the_dashboard_show(self, shop: Shop):
        payment = await shop.captured(uuid4())
        await shop.world.steer.dashboard_refund(str(payment.payment_intent_id), 299)
        assert (await shop.gateway.read_payment(payment.session_id)).amount_refunded == 299

    async def test_an_authorization_that_ran_out_is_canceled(self, shop: Shop):
        payment = await shop.paid(uuid4())
        await shop.world.steer.advance(timedelta(days=8))
        assert (await shop.gateway.read_payment(payment.session_id)).state is PaymentState.CANCELED

    async def test_an_unknown_session_is_not_there(self, shop: Shop):
        with pytest.raises(NotThere):
            await shop.gateway.read_payment("cs_test_none")

    async def test_a_session_of_another_shop_names_no_order_of_ours(self, shop: Shop):
        session = await shop.world.open_session(client_reference_id="basket 7")
        assert (await shop.gateway.read_payment(session.id)).order_id is None

    @pytest.mark.parametrize("kind", ["answer_lost", "down", "http_500", "http_503", "error_body_200"])
    async def test_a_read_that_goes_wrong_did_nothing(self, shop: Shop, kind: str):
        payment = await shop.paid(uuid4())
        await shop.world.steer.fault("checkout.sessions.retrieve", kind)
        with pytest.raises(ProviderUnavailable):
            await shop.gateway.read_payment(payment.session_id)


class TestExpireCheckout:
    async def test_an_open_session_becomes_unpayable(self, shop: Shop):
        request = await self._request(shop)
        for _ in range(2):
            assert (await shop.gateway.expire_checkout(request)).state is PaymentState.EXPIRED

    async def test_a_session_that_was_paid_at_the_bell_is_returned_as_paid(self, shop: Shop):
        request = await self._request(shop)
        await shop.world.steer.pay(request.session_id)
        assert (await shop.gateway.expire_checkout(request)).state is PaymentState.AUTHORIZED

    async def test_a_spent_key_does_not_keep_a_session_payable(self, shop: Shop):
        request = await self._request(shop)
        await shop.world.steer.fault("checkout.sessions.expire", "http_500")
        with pytest.raises(OutcomeUnknown):
            await shop.gateway.expire_checkout(request)
        assert (await shop.gateway.expire_checkout(request)).state is PaymentState.EXPIRED

    async def test_a_lost_answer_is_asked_for_again(self, shop: Shop):
        request = await self._request(shop)
        await shop.world.steer.fault("checkout.sessions.expire", "answer_lost")
        with pytest.raises(OutcomeUnknown):
            await shop.gateway.expire_checkout(request)
        assert (await shop.gateway.expire_checkout(request)).state is PaymentState.EXPIRED

    async def _request(self, shop: Shop) -> ExpireCheckout:
        order_id = uuid4()
        opened: CheckoutSession = await shop.gateway.open_checkout(opening(order_id))
        return ExpireCheckout(order_id=order_id, session_id=opened.session_id)


class TestCapture:
    async def test_money_is_taken_once_however_often_it_is_asked_for(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.paid(order_id)
        for request in (capturing(order_id, payment), capturing(order_id, payment), capturing(order_id, payment, key_number=2)):
            captured = await shop.gateway.capture(request)
            assert (captured.state, captured.amount_captured) == (PaymentState.CAPTURED, 6299)
        assert await shop.ledger() == [("authorize", 6299), ("capture", 6299)]

    async def test_a_lost_answer_takes_the_money_once(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.paid(order_id)
        await shop.world.steer.fault("payment_intents.capture", "answer_lost")
        with pytest.raises(OutcomeUnknown):
            await shop.gateway.capture(capturing(order_id, payment))
        assert (await shop.gateway.capture(capturing(order_id, payment))).state is PaymentState.CAPTURED
        assert await shop.ledger() == [("authorize", 6299), ("capture", 6299)]

    async def test_another_amount_that_was_taken_before_is_never_success(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.paid(order_id)
        await shop.gateway.capture(capturing(order_id, payment, amount=6000))
        with pytest.raises(IntegrityBroken):
            await shop.gateway.capture(capturing(order_id, payment, key_number=2))

    async def test_an_authorization_that_is_gone_is_rejected(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.paid(order_id)
        await shop.world.steer.dashboard_cancel(str(payment.payment_intent_id))
        with pytest.raises(ProviderRejected) as refused:
            await shop.gateway.capture(capturing(order_id, payment))
        assert refused.value.code == "payment_intent_unexpected_state"

    async def test_a_bank_that_changes_its_mind_declines(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.paid(order_id)
        await shop.world.steer.fault("payment_intents.capture", "http_error", **CARD_OF_A_BANK_THAT_CHANGES_ITS_MIND)
        with pytest.raises(PaymentDeclined) as declined:
            await shop.gateway.capture(capturing(order_id, payment))
        assert (declined.value.provider, declined.value.code) == ("stripe", "expired_card")


class TestVoid:
    async def test_an_authorization_is_given_back_once(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.paid(order_id)
        for _ in range(2):
            assert (await shop.gateway.void(voiding(order_id, payment))).state is PaymentState.CANCELED
        assert await shop.ledger() == [("authorize", 6299), ("void", 6299)]

    async def test_one_that_was_canceled_elsewhere_is_success(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.paid(order_id)
        await shop.world.steer.dashboard_cancel(str(payment.payment_intent_id))
        assert (await shop.gateway.void(voiding(order_id, payment))).state is PaymentState.CANCELED

    async def test_money_that_was_taken_after_all_is_reported_and_stays_taken(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.captured(order_id)
        assert (await shop.gateway.void(voiding(order_id, payment))).state is PaymentState.CAPTURED
        assert ("void", 6299) not in await shop.ledger()


class TestRefund:
    async def test_the_same_refund_is_made_once(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.captured(order_id)
        await shop.world.steer.fault("refunds.create", "answer_lost")
        with pytest.raises(OutcomeUnknown):
            await shop.gateway.refund(refunding(order_id, payment))
        refund = await shop.gateway.refund(refunding(order_id, payment))
        assert (refund.state, refund.amount, refund.currency) == (RefundState.SUCCEEDED, 6299, "gbp")
        assert await shop.gateway.find_refund(refunding(order_id, payment)) == refund
        assert [entry for entry in await shop.ledger() if entry[0] == "refund"] == [("refund", 6299)]

    async def test_money_that_went_back_before_already_exists(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.captured(order_id)
        await shop.world.steer.dashboard_refund(str(payment.payment_intent_id))
        with pytest.raises(AlreadyExists):
            await shop.gateway.refund(refunding(order_id, payment))
        assert await shop.gateway.find_refund(refunding(order_id, payment)) is None

    async def test_a_disputed_charge_is_rejected(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.captured(order_id)
        await shop.world.steer.dispute(str(payment.payment_intent_id))
        with pytest.raises(ProviderRejected) as refused:
            await shop.gateway.refund(refunding(order_id, payment))
        assert refused.value.code == "charge_disputed"

    async def test_more_than_is_left_is_rejected(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.captured(order_id)
        await shop.world.steer.dashboard_refund(str(payment.payment_intent_id), 1)
        with pytest.raises(ProviderRejected, match="greater than unrefunded"):
            await shop.gateway.refund(refunding(order_id, payment))

    async def test_two_refunds_of_an_order_are_told_apart_by_their_numbers(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.captured(order_id)
        first = await shop.gateway.refund(refunding(order_id, payment, amount=299))
        second = await shop.gateway.refund(refunding(order_id, payment, amount=1000, refund_number=2))
        assert await shop.gateway.find_refund(refunding(order_id, payment)) == first
        assert await shop.gateway.find_refund(refunding(order_id, payment, refund_number=2)) == second

    async def test_a_refund_that_waits_and_fails_says_why(self, shop: Shop):
        order_id = uuid4()
        payment = await shop.captured(order_id)
        await shop.world.steer.fault("refunds.create", "refund_pending")
        refund = await shop.gateway.refund(refunding(order_id, payment))
        assert refund.state is RefundState.PENDING
        await shop.world.steer.settle_refund(refund.refund_id, "failed", "expired_or_canceled_card")
        again = await shop.gateway.read_refund(refund.refund_id)
        assert (again.state, again.failure_reason) == (RefundState.FAILED, "expired_or_canceled_card")

    async def test_an_unknown_refund_is_not_there(self, shop: Shop):
        with pytest.raises(NotThere):
            await shop.gateway.read_refund("re_none")


class TestFaultsOfEveryWrite:
    """A POST that may have been carried out is unknown; one that cannot have been is unavailable."""

    @pytest.mark.parametrize("operation", ["open", "expire", "capture", "void", "refund"])
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"kind": "down"}, OutcomeUnknown),
            ({"kind": "http_500"}, OutcomeUnknown),
            ({"kind": "http_503"}, OutcomeUnknown),
            ({"kind": "answer_lost"}, OutcomeUnknown),
            ({"kind": "http_error", "status": 409}, OutcomeUnknown),
            ({"kind": "http_error", "status": 429}, ProviderUnavailable),
            ({"kind": "http_error", "status": 401}, ProviderUnavailable),
        ],
    )
    async def test_nothing_is_guessed(self, shop: Shop, operation: str, fault: dict[str, Any], error: type[OrderPipelineError]):
        order_id = uuid4()
        name, call = await self._prepare(shop, operation, order_id)
        await shop.world.steer.fault(name, **fault)
        with pytest.raises(error):
            await call()

    async def test_a_stripe_that_is_not_there_was_never_asked(self):
        settings = StripeSettings.model_validate({"api_key": SecretStr(KEY), "api_base": "http://127.0.0.1:9"})
        storefront = StorefrontSettings.model_validate({"url": "https://shop.example"})
        async with connect(settings, storefront) as gateway:
            with pytest.raises(ProviderUnavailable) as down:
                await gateway.open_checkout(opening(uuid4()))
        assert isinstance(down.value.__cause__, stripe.APIConnectionError)

    async def _prepare(self, shop: Shop, operation: str, order_id: UUID) -> Any:
        gateway = shop.gateway
        if operation == "open":
            return "checkout.sessions.create", lambda: gateway.open_checkout(opening(order_id))
        if operation == "expire":
            opened = await gateway.open_checkout(opening(order_id))
            request = ExpireCheckout(order_id=order_id, session_id=opened.session_id)
            return "checkout.sessions.expire", lambda: gateway.expire_checkout(request)
        payment = await shop.paid(order_id)
        if operation == "capture":
            return "payment_intents.capture", lambda: gateway.capture(capturing(order_id, payment))
        if operation == "void":
            return "payment_intents.cancel", lambda: gateway.void(voiding(order_id, payment))
        await gateway.capture(capturing(order_id, payment))
        return "refunds.create", lambda: gateway.refund(refunding(order_id, payment))
