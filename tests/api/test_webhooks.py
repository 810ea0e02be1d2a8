"""Stripe's events are written down before they are acknowledged, each once, and only if Stripe signed them."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import Client

from adapters.postgres.engine import Database
from config.settings import Settings
from tests.api.conftest import browser_of, running
from tests.api.world import NOW, STRIPE_SECRET, Clock, MemoryStore, as_json, assert_problem, signed, stripe_event


async def rows(database: Database) -> list[dict[str, object]]:
    async with database.connect() as connection:
        answer = await connection.execute(
            text("SELECT source, event_id, kind, order_id::text, reference, state FROM inbox ORDER BY id")
        )
        return [dict(row) for row in answer.mappings()]


async def test_an_event_is_in_the_inbox_when_it_is_acknowledged(browser: httpx.AsyncClient, database: Database):
    body = as_json(stripe_event())

    answer = await browser.post("/stripe-webhook", content=body, headers=signed(body))

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert await rows(database) == [
        {
            "source": "stripe",
            "event_id": "evt_1",
            "kind": "checkout.session.completed",
            "order_id": "6f1d7c1a-52a5-5a3f-9a0e-5b8f0c0e7d11",
            "reference": "cs_test_1",
            "state": "waiting",
        }
    ]


async def test_a_redelivered_event_is_acknowledged_and_stays_one(browser: httpx.AsyncClient, database: Database):
    body = as_json(stripe_event())

    for _ in range(3):
        assert (await browser.post("/stripe-webhook", content=body, headers=signed(body))).status_code == 200

    assert len(await rows(database)) == 1


async def test_an_event_that_cannot_be_stored_is_not_acknowledged(stranded: httpx.AsyncClient):
    body = as_json(stripe_event())

    assert_problem(await stranded.post("/stripe-webhook", content=body, headers=signed(body)), 503)


@pytest.mark.parametrize("secret", [STRIPE_SECRET, "whsec_the-next-one"])
async def test_each_of_two_secrets_is_good_while_one_is_rolled_over(browser: httpx.AsyncClient, secret: str):
    body = as_json(stripe_event())

    assert (await browser.post("/stripe-webhook", content=body, headers=signed(body, secret=secret))).status_code == 200


async def test_an_event_that_nobody_signed_is_refused(stranded: httpx.AsyncClient):
    body = as_json(stripe_event())

    assert_problem(await stranded.post("/stripe-webhook", content=body), 400)
    assert_problem(await stranded.post("/stripe-webhook", content=body, headers=signed(body, secret="whsec_forged")), 400)


async def test_a_body_that_was_parsed_and_written_again_is_refused(stranded: httpx.AsyncClient):
    body = as_json(stripe_event())

    assert_problem(await stranded.post("/stripe-webhook", content=body + b"\n", headers=signed(body)), 400)


async def test_a_signature_older_than_the_tolerance_is_refused(stranded: httpx.AsyncClient, clock: Clock):
    body = as_json(stripe_event())
    clock.pass_by(timedelta(minutes=6))

    assert_problem(await stranded.post("/stripe-webhook", content=body, headers=signed(body, at=NOW)), 400)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"nonsense", as_json(stripe_event(livemode=True))])
async def test_what_is_no_event_of_this_mode_is_refused_even_with_a_good_signature(stranded: httpx.AsyncClient, body: bytes):
    assert_problem(await stranded.post("/stripe-webhook", content=body, headers=signed(body)), 400)


async def test_without_a_secret_there_is_no_webhook(
    settings: Settings, clock: Clock, database: Database, temporal: Client, store: MemoryStore
):
    without = settings.model_copy(update={"stripe": settings.stripe.model_copy(update={"webhook_secrets": ()})})
    body = as_json(stripe_event())

    async with running(without, clock, database=database, temporal=temporal, store=store) as app, browser_of(app) as browser:
        assert_problem(await browser.post("/stripe-webhook", content=body, headers=signed(body)), 404)
