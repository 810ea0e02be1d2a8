import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from tests.dev.emulators.stripe.support import KEY, World, order


async def test_the_same_key_gets_the_first_answer_again(world: World):
    params = order()
    first = await world.open_session("order:1:checkout:1", **params)
    second = await world.open_session("order:1:checkout:1", **params)
    assert second.id == first.id
    assert len((await world.client.v1.checkout.sessions.list_async()).data) == 1


async def test_a_replay_says_so_and_names_the_original_request(world: World):
    _, intent = await world.authorized()
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "order:1:capture:1"}
    async with httpx.AsyncClient(base_url=world.url, headers=headers) as http:
        first = await http.post(f"/v1/payment_intents/{intent}/capture")
        second = await http.post(f"/v1/payment_intents/{intent}/capture")
    assert second.json() == first.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["original-request"] == first.headers["request-id"] != second.headers["request-id"]
    assert len(await world.steer.ledger("capture")) == 1


async def test_the_same_key_with_other_parameters_is_refused(world: World):
    await world.open_session("order:1:checkout:1")
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        await world.open_session("order:1:checkout:1", client_reference_id="o-2")


async def test_the_same_key_at_another_endpoint_is_refused(world: World):
    session = await world.open_session("one key")
    options: Any = {"idempotency_key": "one key"}
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        await world.client.v1.checkout.sessions.expire_async(session.id, None, options)


async def test_the_same_key_while_the_first_request_runs_is_a_conflict(world: World):
    params = order()
    await world.steer.fault("checkout.sessions.create", "slow", delay_s=0.3)
    answers = await asyncio.gather(
        *(world.open_session("order:1:checkout:1", **params) for _ in range(2)), return_exceptions=True
    )
    [conflict] = [answer for answer in answers if isinstance(answer, stripe.StripeError)]
    assert (conflict.http_status, conflict.error and conflict.error.code) == (409, "idempotency_key_in_use")
    assert len((await world.client.v1.checkout.sessions.list_async()).data) == 1


async def test_a_refusal_is_the_outcome_of_its_key(world: World):
    """The charge is disputed at first; when it is not any more, only another key brings the refund."""
    intent = await world.captured()
    dispute = await world.steer.dispute(intent)
    options: Any = {"idempotency_key": "order:1:refund:1"}
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await world.client.v1.refunds.create_async({"payment_intent": intent}, options)
        assert refused.value.code == "charge_disputed"
        await world.steer.close_dispute(dispute["id"], "won")
    other: Any = {"idempotency_key": "order:1:refund:2"}
    assert (await world.client.v1.refunds.create_async({"payment_intent": intent}, other)).status == "succeeded"


async def test_what_fails_validation_does_not_spend_the_key(world: World):
    with pytest.raises(stripe.InvalidRequestError):
        await world.open_session("order:1:checkout:1", colour="red")
    assert (await world.open_session("order:1:checkout:1")).status == "open"


async def test_a_server_error_is_kept_for_a_day_and_then_forgotten(world: World):
    _, intent = await world.authorized()
    options: Any = {"idempotency_key": "order:1:capture:1"}
    await world.steer.fault("payment_intents.capture", "http_500")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            await world.client.v1.payment_intents.capture_async(intent, None, options)
        assert failed.value.http_status == 500
    assert await world.steer.ledger("capture") == []
    await world.steer.advance(timedelta(hours=24))
    assert (await world.client.v1.payment_intents.capture_async(intent, None, options)).status == "succeeded"


async def test_a_server_error_after_the_work_is_kept_although_the_money_was_taken(world: World):
    _, intent = await world.authorized()
    options: Any = {"idempotency_key": "order:1:capture:1"}
    await world.steer.fault("payment_intents.capture", "answer_lost", status=500)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await world.client.v1.payment_intents.capture_async(intent, None, options)
    assert (await world.client.v1.payment_intents.retrieve_async(intent)).status == "succeeded"
    assert len(await world.steer.ledger("capture")) == 1


async def test_a_lost_answer_is_found_again_under_its_key(world: World):
    intent = await world.captured()
    options: Any = {"idempotency_key": "order:1:refund:1"}
    await world.steer.fault("refunds.create", "answer_lost")
    with pytest.raises(stripe.APIConnectionError):
        await world.client.v1.refunds.create_async({"payment_intent": intent}, options)
    refund = await world.client.v1.refunds.create_async({"payment_intent": intent}, options)
    [entry] = await world.steer.ledger("refund")
    assert (entry["refund"], entry["idempotency_key"]) == (refund.id, "order:1:refund:1")


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ({"kind": "down"}, stripe.APIConnectionError, None),
        ({"kind": "http_503"}, stripe.APIError, 503),
        ({"kind": "http_error", "status": 429}, stripe.RateLimitError, 429),
        ({"kind": "http_error", "status": 403, "detail": {"message": "No"}}, stripe.PermissionError, 403),
    ],
)
async def test_what_never_reached_stripe_does_not_spend_the_key(
    world: World, fault: dict[str, Any], error: type[stripe.StripeError], status: int | None
):
    params = order()
    await world.steer.fault("checkout.sessions.create", **fault)
    with pytest.raises(error) as failed:
        await world.open_session("order:1:checkout:1", **params)
    assert failed.value.http_status == status
    assert (await world.open_session("order:1:checkout:1", **params)).status == "open"
