"""Stripe's webhook: who is believed, what is written down, and what follows from it."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from config.temporal import connect
from dev.emulators.stripe.webhooks import sign
from tests.config.lines import Lines
from tests.system.case import until
from tests.system.running import new_namespace
from tests.system.world import WEBHOOK_SECRETS, World, signed

pytestmark = pytest.mark.asyncio(loop_scope="module")


def event(kind: str = "customer.created", **changes: Any) -> dict[str, Any]:
    """An event that names no order of ours."""
    subject = {"id": f"cus_{uuid4().hex[:14]}", "object": "customer", "metadata": {}}
    plain = {"id": f"evt_{uuid4().hex}", "object": "event", "type": kind, "livemode": False, "data": {"object": subject}}
    return {**plain, **changes}


async def stored(world: World, event: dict[str, Any]) -> list[str]:
    """The states of an event's messages in the inbox."""
    return [row["state"] for row in await world.inbox() if row["event_id"] == event["id"]]


@pytest.mark.parametrize("secret", WEBHOOK_SECRETS)
async def test_each_of_two_secrets_is_good_while_one_is_rolled_over(world: World, secret: str):
    news = event()
    assert (await world.send_event(news, secret=secret)).status_code == 200
    assert len(await stored(world, news)) == 1


async def test_the_signature_is_over_the_bytes_as_they_came(world: World):
    news = event()
    body = json.dumps(news).encode()
    reserialised = json.dumps(json.loads(body), indent=1).encode()
    answer = await world.browser.post("/stripe-webhook", content=reserialised, headers=signed(body))
    assert (answer.status_code, answer.json()["detail"]) == (400, "The signature of this event is missing or wrong.")
    assert await stored(world, news) == []


def unsigned(_: bytes) -> dict[str, str]:
    return {}


def forged(body: bytes) -> dict[str, str]:
    return signed(body, "whsec_of_somebody")


def stale(body: bytes) -> dict[str, str]:
    return {"Stripe-Signature": sign(body, WEBHOOK_SECRETS, 1_700_000_000)}


@pytest.mark.parametrize(
    ("changes", "headers", "detail"),
    [
        ({}, unsigned, "The signature of this event is missing or wrong."),
        ({}, forged, "The signature of this event is missing or wrong."),
        ({}, stale, "The signature of this event is too old."),
        ({"livemode": True}, signed, "This event is of Stripe's other mode (test or live)."),
        ({"object": "v2.core.event"}, signed, "This is not an event."),
    ],
    ids=["unsigned", "forged", "stale", "of the other mode", "thin"],
)
async def test_what_stripe_did_not_send_us_now_is_refused_and_not_kept(world: World, changes, headers, detail):
    news = event(**changes)
    body = json.dumps(news).encode()
    answer = await world.browser.post("/stripe-webhook", content=body, headers=headers(body))
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)
    assert await stored(world, news) == []


async def test_without_a_secret_there_is_no_webhook(world: World):
    async with world.another_api(stripe={"webhook_secrets": ()}) as browser:
        answer = await world.send_event(event(), browser)
    assert answer.status_code == 404


async def test_unknown_events_are_written_down_and_nothing_follows(world: World):
    news = event("billing_portal.configuration.created")
    assert (await world.send_event(news)).status_code == 200

    async def recorded() -> bool:
        return await stored(world, news) == ["recorded"]

    await until(recorded)


@pytest.mark.parametrize("kind", ["checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed"])
async def test_a_payment_that_settles_later_raises_the_alarm_and_is_never_printed(world: World, log: Lines, kind: str):
    case = await world.order()
    subject = {"id": case.session_id, "object": "checkout.session", "metadata": {"order_id": str(case.order_id)}}
    news = event(kind, data={"object": subject})
    assert (await world.send_event(news)).status_code == 200

    async def recorded() -> bool:
        return await stored(world, news) == ["recorded"]

    await until(recorded)
    (alarm,) = [line for line in log.all() if line["level"] == "error"]
    assert (alarm["event"], alarm["kind"]) == ("a payment method that settles later is switched on at Stripe", kind)
    assert (await case.row())["status"] == "awaiting_payment"
    assert (await case.success()).status_code == 400


async def test_the_same_event_twenty_times_at_once_is_written_down_once(world: World):
    for _ in range(5):
        news = event()
        answers = await asyncio.gather(*[world.send_event(news) for _ in range(20)])
        assert {answer.status_code for answer in answers} == {200}
        assert len(await stored(world, news)) == 1


async def test_what_happens_long_after_the_end_is_written_down_and_revives_nothing(world: World, log: Lines):
    case = await world.paid()
    await case.deliver()
    await world.inbox_settled()
    before = await orders_of(world.client)
    (payment,) = await world.rows("SELECT * FROM payments WHERE order_id = :id", id=case.order_id)
    await world.stripe.dashboard_refund(payment["payment_intent_id"], amount=500)
    dispute = await world.stripe.dispute(payment["payment_intent_id"], amount=1000)
    await world.stripe.webhooks_settled()
    late = [row for row in await world.inbox_settled() if row["kind"] in {"charge.dispute.created", "charge.refunded"}]
    assert {row["kind"]: row["state"] for row in late} == {"charge.refunded": "recorded", "charge.dispute.created": "delivered"}
    assert await orders_of(world.client) == before
    row = await case.row()
    assert (row["status"], row["disputed"]) == ("completed", 1000)
    (task,) = await world.rows("SELECT * FROM operator_tasks WHERE order_id = :id", id=case.order_id)
    assert (task["kind"], task["subject"], task["amount"], task["closed_at"]) == ("dispute", dispute["id"], 1000, None)
    (alarm,) = [line for line in log.all() if line["level"] == "error"]
    assert (alarm["event"], alarm["order_id"]) == ("a customer disputes a charge", str(case.order_id))

    await world.stripe.close_dispute(dispute["id"], "won")
    await world.stripe.webhooks_settled()
    await world.inbox_settled()
    assert (await case.row())["disputed"] == 0


async def test_a_dispute_of_a_payment_that_is_not_ours_is_written_down_only(world: World):
    subject = {"id": "du_of_nobody", "object": "dispute", "payment_intent": "pi_of_nobody", "metadata": {}}
    news = event("charge.dispute.created", data={"object": subject})
    assert (await world.send_event(news)).status_code == 200

    async def recorded() -> bool:
        return await stored(world, news) == ["recorded"]

    await until(recorded)
    assert await world.rows("SELECT * FROM operator_tasks WHERE subject = 'du_of_nobody'") == []


async def test_when_temporal_has_forgotten_an_order_its_news_fulfils_nothing_again(world: World):
    case = await world.paid()
    await case.deliver()
    await world.inbox_settled()
    accepted = await world.manufacturer.ledger("order_accepted")
    forgetful = f"forgetful-{uuid4().hex[:12]}"
    await new_namespace(world.settings.temporal.address, forgetful)
    temporal = await connect(world.settings.temporal.model_copy(update={"namespace": forgetful}))
    await world.stop_drainer()
    world.start_drainer(temporal)

    completed = await world.stripe_event("checkout.session.completed", case)
    for news in (completed, {**completed, "id": f"evt_{uuid4().hex}"}):
        assert (await world.send_event(news)).status_code == 200
    settled = [row for row in await world.inbox_settled() if row["order_id"] == case.order_id]
    assert (settled[-1]["state"], settled[-1]["note"]) == ("recorded", "the order had ended")
    async with world.another_api(temporal={"namespace": forgetful}) as browser:
        page = await case.success(browser)
    assert (page.status_code, page.json()["order_id"]) == (200, str(case.order_id))
    assert await orders_of(temporal) == set()
    assert await world.manufacturer.ledger("order_accepted") == accepted
    await world.stop_drainer()


async def orders_of(temporal: Client) -> set[str]:
    """The workflow ids of every order that a namespace knows."""
    return {execution.id async for execution in temporal.list_workflows("WorkflowType = 'OrderWorkflow'")}
