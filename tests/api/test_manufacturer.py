"""The manufacturer's callbacks are hints: written down, acknowledged exactly, and never believed."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.engine import Database
from tests.api.world import as_json

PAYMENT = {"third_id": "PYEN260301000001", "pay_type": 5, "pay_amount": 35.0, "pay_date": "2026-03-01 12:00:00", "status": 3}
ORDER = {"third_id": "OREN260301000001", "status": 12}
SUCCESS = {"code": 200, "data": "success"}


async def rows(database: Database) -> list[tuple[str, str | None, dict[str, Any]]]:
    async with database.connect() as connection:
        answer = await connection.execute(text("SELECT kind, reference, payload FROM inbox ORDER BY id"))
        return [(row.kind, row.reference, row.payload) for row in answer]


def outcome(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["msg"]
    return {"code": body["code"], "data": body["data"]}


@pytest.mark.parametrize("body", [PAYMENT, [PAYMENT]], ids=["an object", "a list"])
async def test_news_of_a_payment_is_written_down_and_acknowledged(browser: httpx.AsyncClient, database: Database, body: Any):
    assert outcome(await browser.post("/api/chinese/order/payStatus", json=body)) == SUCCESS
    assert await rows(database) == [("payment_status", "PYEN260301000001", PAYMENT)]


@pytest.mark.parametrize("path", ["/api/chinese/order/status-update", "/api/chinese/order-status-update"])
async def test_news_of_prints_is_taken_under_both_paths(browser: httpx.AsyncClient, database: Database, path: str):
    assert outcome(await browser.post(path, json=[ORDER, {**ORDER, "status": 16}])) == SUCCESS
    assert [(kind, payload["status"]) for kind, _, payload in await rows(database)] == [
        ("order_status", 12),
        ("order_status", 16),
    ]


async def test_a_form_is_taken_as_well(browser: httpx.AsyncClient, database: Database):
    answer = await browser.post("/api/chinese/order/status-update", data={"third_id": "OREN260301000001", "status": "12"})

    assert outcome(answer) == SUCCESS
    assert await rows(database) == [("order_status", "OREN260301000001", {"third_id": "OREN260301000001", "status": "12"})]


async def test_a_repeated_callback_is_acknowledged_and_stays_one(browser: httpx.AsyncClient, database: Database):
    for body in (PAYMENT, [PAYMENT], [PAYMENT, PAYMENT]):
        assert outcome(await browser.post("/api/chinese/order/payStatus", json=body)) == SUCCESS

    assert len(await rows(database)) == 1


async def test_a_callback_that_could_not_be_stored_is_asked_for_again(stranded: httpx.AsyncClient):
    assert outcome(await stranded.post("/api/chinese/order/payStatus", json=[PAYMENT])) == {"code": 500, "data": "fail"}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"not json at all", {"unreadable": "not json at all"}),
        (b'["PYEN"]', {"unreadable": '["PYEN"]'}),
        (b"[" * 100_000, {"unreadable": "[" * 2000}),
        (as_json({"third_id": "PYEN1\x00", "status": 3}), {"third_id": "PYEN1", "status": 3}),
        (b'{"third_id": "PYEN1", "pay_amount": NaN}', {"third_id": "PYEN1", "pay_amount": "NaN"}),
        (b"\xff\xfe", {"unreadable": "��"}),
    ],
)
async def test_whatever_cannot_be_read_is_kept_for_a_person(
    browser: httpx.AsyncClient, database: Database, body: bytes, kept: dict[str, Any]
):
    answer = await browser.post("/api/chinese/order/payStatus", content=body, headers={"Content-Type": "application/json"})

    assert outcome(answer) == SUCCESS
    assert [payload for _, _, payload in await rows(database)] == [kept]


async def test_an_empty_callback_is_acknowledged(browser: httpx.AsyncClient, database: Database):
    assert outcome(await browser.post("/api/chinese/order/payStatus", content=b"")) == SUCCESS
    assert await rows(database) == []


async def test_a_claim_of_the_storefront_proves_nothing_and_makes_us_ask(browser: httpx.AsyncClient, database: Database):
    claim = {"third_id": "PYEN260301000001", "device_id": "CXYLOGD8OQUK", "status": 3}

    assert outcome(await browser.post("/api/chinese/order/payStatus", json=claim)) == {"code": 202, "data": "fail"}
    assert [(kind, reference) for kind, reference, _ in await rows(database)] == [("payment_claim", "PYEN260301000001")]


async def test_a_forged_callback_cannot_take_the_place_of_a_genuine_one(browser: httpx.AsyncClient, database: Database):
    forged = {"third_id": "PYEN260301000001", "status": 3}

    await browser.post("/api/chinese/order/payStatus", json=forged)
    await browser.post("/api/chinese/order/payStatus", json=[PAYMENT])

    assert len(await rows(database)) == 2


async def test_an_early_announcement_of_a_payment_is_declined_without_an_error(stranded: httpx.AsyncClient):
    early = {"mobile_model_id": "MM1", "device_id": "D1", "third_id": "PYEN260301123456", "pay_amount": 35, "pay_type": 12}

    answer = await stranded.post("/api/chinese/order/payData", json=early)

    assert answer.status_code == 200
    assert answer.json() == {"msg": "announced after payment", "code": 409, "data": None}
