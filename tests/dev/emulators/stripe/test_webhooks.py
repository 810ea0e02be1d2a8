import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import stripe

from dev.emulators.stripe.settings import API_VERSION
from tests.dev.emulators.stripe.support import Receiver, World, stripe_world

PAID = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.amount_capturable_updated",
    "checkout.session.completed",
]


class TestEvents:
    async def test_a_manual_payment_tells_its_story_in_order(self, world: World):
        _, intent = await world.authorized()
        await world.client.v1.payment_intents.capture_async(intent)
        await world.steer.webhooks_settled()
        assert world.receiver.types == [*PAID, "charge.captured", "payment_intent.succeeded"]

    async def test_an_event_is_a_snapshot_that_names_the_request_behind_it(self, world: World):
        _, intent = await world.authorized()
        options: Any = {"idempotency_key": "order:1:capture:1"}
        await world.client.v1.payment_intents.capture_async(intent, None, options)
        await world.steer.webhooks_settled()
        events = [json.loads(body) for body, _ in world.receiver.requests]
        updated, succeeded = events[2], events[-1]
        assert updated["data"]["object"]["status"] == "requires_capture"
        assert succeeded["data"]["object"]["status"] == "succeeded"
        assert succeeded["data"]["previous_attributes"]["status"] == "requires_capture"
        assert (updated["request"]["id"], succeeded["request"]["idempotency_key"]) == (None, "order:1:capture:1")
        assert {(event["api_version"], event["livemode"]) for event in events} == {(API_VERSION, False)}

    async def test_events_can_be_listed_and_read(self, world: World):
        await world.authorized()
        await world.steer.webhooks_settled()
        events = world.client.v1.events
        assert [event.type for event in (await events.list_async()).data] == list(reversed(PAID))
        [event] = (await events.list_async({"types": ["checkout.session.completed"]})).data
        assert (await events.retrieve_async(event.id)).pending_webhooks == 0


class TestDelivery:
    async def test_each_secret_of_a_roll_over_signs(self):
        async with stripe_world(webhook_secrets=("whsec_new", "whsec_emulator")) as world:
            await world.authorized()
            await world.steer.webhooks_settled()
            assert world.receiver.verified(0)
            assert Receiver("whsec_new", requests=world.receiver.requests).verified(0)
            assert not Receiver("whsec_other", requests=world.receiver.requests).verified(0)

    async def test_an_event_is_sent_again_until_it_is_taken(self, world: World):
        world.receiver.statuses.extend([503, 302])
        session = await world.open_session()
        await world.client.v1.checkout.sessions.expire_async(session.id)
        [entry] = await world.steer.webhooks_settled()
        assert (entry["state"], entry["attempts"], entry["status"]) == ("delivered", 3, 200)
        assert len({body for body, _ in world.receiver.requests}) == 1

    async def test_an_endpoint_that_never_takes_it_is_given_up(self, world: World):
        world.receiver.statuses.extend([500] * 10)
        session = await world.open_session()
        await world.client.v1.checkout.sessions.expire_async(session.id)
        [entry] = await world.steer.webhooks_settled()
        assert (entry["state"], entry["attempts"]) == ("given_up", 3)

    async def test_an_endpoint_that_is_not_there_harms_nobody(self):
        async with stripe_world(webhook_urls=("http://127.0.0.1:9/hook",), redelivery_delays=()) as world:
            await world.authorized()
            assert {entry["state"] for entry in await world.steer.webhooks_settled()} == {"given_up"}

    async def test_a_duplicate_is_the_same_event_twice(self, world: World):
        await world.steer.fault("webhook.checkout.session.completed", "duplicate")
        await world.authorized()
        await world.steer.webhooks_settled()
        assert world.receiver.types == [*PAID, "checkout.session.completed"]
        assert json.loads(world.receiver.requests[-1][0])["id"] == json.loads(world.receiver.requests[-2][0])["id"]

    async def test_an_event_can_be_overtaken_by_the_next(self, world: World):
        await world.steer.fault("webhook.payment_intent.created", "out_of_order")
        await world.authorized()
        await world.steer.webhooks_settled()
        assert world.receiver.types == [PAID[1], PAID[0], *PAID[2:]]

    @pytest.mark.parametrize("detail", [{}, {"age_s": 600}])
    async def test_a_wrong_signature_does_not_verify_and_the_right_one_follows(self, world: World, detail: dict[str, int]):
        await world.steer.fault("webhook", "wrong_signature", detail=detail)
        world.receiver.statuses.append(400)
        session = await world.open_session()
        await world.client.v1.checkout.sessions.expire_async(session.id)
        await world.steer.webhooks_settled()
        assert (world.receiver.verified(0), world.receiver.verified(1)) == (False, True)

    async def test_held_events_go_out_in_the_order_that_is_asked_for(self, world: World):
        await world.steer.hold_webhooks()
        await world.authorized()
        await world.steer.webhooks_settled()
        assert world.receiver.requests == []
        await world.steer.release_webhooks(backwards=True)
        await world.steer.webhooks_settled()
        assert world.receiver.types == list(reversed(PAID))

    async def test_an_event_can_be_delivered_again_at_any_time(self, world: World):
        await world.authorized()
        [event] = (await world.client.v1.events.list_async({"type": "checkout.session.completed"})).data
        await world.steer.redeliver(event.id, times=2)
        await world.steer.webhooks_settled()
        assert world.receiver.types.count("checkout.session.completed") == 3


class TestRestart:
    async def test_a_restart_keeps_payments_keys_deliveries_and_deadlines(self, tmp_path: Path):
        file = tmp_path / "stripe.db"
        async with stripe_world(state_file=file, webhook_urls=("http://127.0.0.1:9/hook",)) as world:
            _, intent = await world.authorized()
            await world.steer.hold_webhooks()
            options: Any = {"idempotency_key": "order:1:capture:1"}
            await world.client.v1.payment_intents.capture_async(intent, None, options)
            open_session = await world.open_session()
            _, uncaptured = await world.authorized()
        async with stripe_world(state_file=file) as world:
            again = await world.client.v1.payment_intents.capture_async(intent, None, options)
            assert again.status == "succeeded"
            assert len(await world.steer.ledger("capture")) == 1
            [event] = (await world.client.v1.events.list_async({"type": "payment_intent.succeeded"})).data
            assert event.id in {entry["event"] for entry in await world.steer.call("GET", "/deliveries")}
            await world.steer.call("PUT", "/clock", {"advance_s": 8 * 86_400})
            assert (await world.client.v1.checkout.sessions.retrieve_async(open_session.id)).status == "expired"
            assert (await world.client.v1.payment_intents.retrieve_async(uncaptured)).status == "canceled"

    async def test_a_reset_forgets_everything(self, world: World):
        await world.authorized()
        await world.steer.reset()
        assert (await world.client.v1.checkout.sessions.list_async()).data == []
        assert await world.steer.webhooks_settled() == []

    async def test_no_task_outlives_the_app(self):
        before = asyncio.all_tasks()
        async with stripe_world() as world:
            world.receiver.statuses.extend([500] * 5)
            await world.authorized()
        assert asyncio.all_tasks() == before


def test_the_emulator_speaks_the_version_of_the_pinned_sdk():
    assert stripe.api_version == API_VERSION
