from datetime import timedelta
from typing import Any

import pytest
import stripe

from dev.emulators.stripe.remote import REFUND_FAILS_LATER, REFUND_PENDING
from tests.dev.emulators.stripe.support import World, status_of


class TestCapture:
    async def test_captured_money_is_received_and_the_session_is_paid(self, world: World):
        session_id, intent_id = await world.authorized()
        intent = await world.client.v1.payment_intents.capture_async(intent_id)
        session = await world.client.v1.checkout.sessions.retrieve_async(session_id)
        assert (intent.status, intent.amount_received, intent.amount_capturable) == ("succeeded", 6299, 0)
        assert session.payment_status == "paid"
        [entry] = await world.steer.ledger("capture")
        assert (entry["payment_intent"], entry["amount"]) == (intent_id, 6299)

    async def test_less_than_authorized_can_be_captured_and_makes_no_refund(self, world: World):
        _, intent_id = await world.authorized()
        intent = await world.client.v1.payment_intents.capture_async(
            intent_id, {"amount_to_capture": 3000, "expand": ["latest_charge"]}
        )
        charge: Any = intent.latest_charge
        assert (intent.amount_received, charge.amount_captured, charge.amount_refunded) == (3000, 3000, 0)

    async def test_more_than_authorized_is_refused(self, world: World):
        _, intent_id = await world.authorized()
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await world.client.v1.payment_intents.capture_async(intent_id, {"amount_to_capture": 6300})
        assert refused.value.code == "amount_too_large"
        assert await world.steer.ledger("capture") == []

    async def test_nothing_is_captured_twice(self, world: World):
        intent_id = await world.captured()
        with pytest.raises(stripe.InvalidRequestError, match="already been captured") as refused:
            await world.client.v1.payment_intents.capture_async(intent_id)
        assert refused.value.code == "payment_intent_unexpected_state"
        details: Any = refused.value.error
        assert details.payment_intent.status == "succeeded"


class TestCancel:
    async def test_a_canceled_authorization_is_given_back_without_a_refund(self, world: World):
        _, intent_id = await world.authorized()
        intent = await world.client.v1.payment_intents.cancel_async(
            intent_id, {"cancellation_reason": "abandoned", "expand": ["latest_charge"]}
        )
        charge: Any = intent.latest_charge
        assert (intent.status, intent.cancellation_reason, intent.amount_capturable) == ("canceled", "abandoned", 0)
        assert (charge.refunded, charge.amount_refunded, charge.amount_captured) == (False, 0, 0)
        assert [entry["operation"] for entry in await world.steer.ledger()] == ["authorize", "void"]
        await world.steer.webhooks_settled()
        assert "charge.refunded" not in world.receiver.types

    async def test_captured_or_canceled_money_cannot_be_canceled(self, world: World):
        intent_id = await world.captured()
        with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
            await world.client.v1.payment_intents.cancel_async(intent_id)
        _, other = await world.authorized()
        await world.client.v1.payment_intents.cancel_async(other)
        with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
            await world.client.v1.payment_intents.cancel_async(other)
        with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
            await world.client.v1.payment_intents.capture_async(other)

    async def test_the_intent_of_an_open_session_is_canceled_by_expiring_the_session(self, world: World):
        session = await world.open_session()
        open_intent = (await world.steer.decline(session.id))["payment_intent"]
        with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session"):
            await world.client.v1.payment_intents.cancel_async(open_intent)

    async def test_an_authorization_that_nobody_captures_runs_out(self, world: World):
        _, intent_id = await world.authorized()
        await world.steer.advance(timedelta(days=6, hours=23))
        assert (await world.client.v1.payment_intents.retrieve_async(intent_id)).status == "requires_capture"
        await world.steer.advance(timedelta(hours=2))
        intent = await world.client.v1.payment_intents.retrieve_async(intent_id)
        assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")
        assert len(await world.steer.ledger("authorization_expired", payment_intent=intent_id)) == 1
        await world.steer.webhooks_settled()
        assert world.receiver.types[-2:] == ["charge.expired", "payment_intent.canceled"]


class TestRefunds:
    async def test_parts_are_refunded_until_nothing_is_left(self, world: World):
        intent = await world.captured()
        first = await world.client.v1.refunds.create_async({"payment_intent": intent, "amount": 299, "metadata": {"n": "1"}})
        assert (first.status, first.amount, first.payment_intent) == ("succeeded", 299, intent)
        with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
            await world.client.v1.refunds.create_async({"payment_intent": intent, "amount": 6001})
        rest = await world.client.v1.refunds.create_async(
            {"payment_intent": intent, "reason": "requested_by_customer", "expand": ["charge"]}
        )
        charge: Any = rest.charge
        assert (rest.amount, charge.amount_refunded, charge.refunded) == (6000, 6299, True)
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await world.client.v1.refunds.create_async({"payment_intent": intent})
        assert refused.value.code == "charge_already_refunded"
        listed = await world.client.v1.refunds.list_async({"payment_intent": intent})
        assert [refund.id for refund in listed.data] == [rest.id, first.id]
        assert [entry["amount"] for entry in await world.steer.ledger("refund")] == [299, 6000]

    async def test_an_authorization_is_not_refundable(self, world: World):
        _, intent = await world.authorized()
        with pytest.raises(stripe.InvalidRequestError, match="must cancel the PaymentIntent"):
            await world.client.v1.refunds.create_async({"payment_intent": intent})

    async def test_a_refund_can_wait_and_then_succeed(self, world: World):
        intent = await world.captured()
        await world.steer.fault("refunds.create", "refund_pending")
        refund = await world.client.v1.refunds.create_async({"payment_intent": intent})
        assert refund.status == "pending"
        await world.steer.settle_refund(refund.id, "succeeded")
        assert (await world.client.v1.refunds.retrieve_async(refund.id)).status == "succeeded"

    async def test_a_refund_that_fails_gives_its_amount_back_to_be_refunded_again(self, world: World):
        intent = await world.captured()
        await world.steer.fault("refunds.create", "refund_failed", detail={"failure_reason": "lost_or_stolen_card"})
        failed = await world.client.v1.refunds.create_async({"payment_intent": intent})
        assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
        again = await world.client.v1.refunds.create_async({"payment_intent": intent})
        assert (again.status, again.amount) == ("succeeded", 6299)
        settled = await world.steer.settle_refund(again.id, "failed", "expired_or_canceled_card")
        assert settled["failure_reason"] == "expired_or_canceled_card"
        third = await world.client.v1.refunds.create_async({"payment_intent": intent})
        assert third.amount == 6299

    @pytest.mark.parametrize(
        ("card", "before", "after"), [(REFUND_PENDING, "pending", "succeeded"), (REFUND_FAILS_LATER, "succeeded", "failed")]
    )
    async def test_some_cards_take_their_time(self, world: World, card: str, before: str, after: str):
        intent = await world.captured(card)
        refund = await world.client.v1.refunds.create_async({"payment_intent": intent})
        assert refund.status == before
        await world.steer.advance(timedelta(minutes=1))
        assert (await world.client.v1.refunds.retrieve_async(refund.id)).status == after

    async def test_a_refund_from_the_dashboard_is_told_by_events(self, world: World):
        intent = await world.captured()
        refund = await world.steer.dashboard_refund(intent, 500)
        await world.steer.webhooks_settled()
        assert world.receiver.types[-2:] == ["refund.created", "charge.refunded"]
        [entry] = await world.steer.ledger("refund")
        assert (entry["refund"], entry["source"], entry["amount"]) == (refund["id"], "dashboard", 500)

    async def test_a_card_refund_cannot_be_canceled(self, world: World):
        intent = await world.captured()
        refund = await world.client.v1.refunds.create_async({"payment_intent": intent})
        with pytest.raises(stripe.InvalidRequestError, match="requires_action"):
            await world.client.v1.refunds.cancel_async(refund.id)


class TestDisputes:
    async def test_a_disputed_charge_cannot_be_refunded_until_the_dispute_is_won(self, world: World):
        intent = await world.captured()
        dispute = await world.steer.dispute(intent)
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await world.client.v1.refunds.create_async({"payment_intent": intent})
        assert refused.value.code == "charge_disputed"
        await world.steer.close_dispute(dispute["id"], "won")
        assert (await world.client.v1.refunds.create_async({"payment_intent": intent})).status == "succeeded"
        assert (await world.client.v1.disputes.retrieve_async(dispute["id"])).status == "won"

    async def test_only_captured_money_is_disputed(self, world: World):
        _, intent = await world.authorized()
        assert await status_of(world.steer.dispute(intent)) == 409

    async def test_a_card_that_disputes_does_so_when_the_money_is_taken(self, world: World):
        intent = await world.captured("4000000000000259")
        [dispute] = (await world.client.v1.disputes.list_async({"payment_intent": intent})).data
        assert (dispute.amount, dispute.reason) == (6299, "fraudulent")

    async def test_a_warning_moves_no_money(self, world: World):
        intent = await world.captured("4000000000005423")
        await world.steer.webhooks_settled()
        assert "radar.early_fraud_warning.created" in world.receiver.types
        assert [entry["operation"] for entry in await world.steer.ledger(payment_intent=intent)] == ["authorize", "capture"]
