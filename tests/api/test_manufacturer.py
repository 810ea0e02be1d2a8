"""The manufacturer's callbacks are hints: written down, acknowledged exactly, and never believed."""

import random
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.engine import Database
from api.callback_bodies import LONGEST_TEXT, MAX_FIELDS, MAX_ITEMS
from models.production import ManufacturerOrderStatus, ManufacturerPaymentStatus
from tests.api.world import FORM, as_json, assert_problem

PAYMENT = {"third_id": "PYEN260301000001", "pay_type": 5, "pay_amount": 35.0, "pay_date": "2026-03-01 12:00:00", "status": 3}
ORDER = {"third_id": "OREN260301000001", "status": 12}
SUCCESS = {"code": 200, "data": "success"}
PAY_STATUS, STATUS_UPDATE, OLDER_STATUS_UPDATE = (
    f"/api/chinese/{path}" for path in ("order/payStatus", "order/status-update", "order-status-update")
)
WORDS = ("pending", "printing", "printed", "completed", "failed", "cancelled")


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


@pytest.mark.parametrize("spell", [int, str], ids=["as a number", "as text"])
@pytest.mark.parametrize(
    ("path", "states"),
    [
        (PAY_STATUS, list(ManufacturerPaymentStatus)),
        (STATUS_UPDATE, list(ManufacturerOrderStatus)),
        (OLDER_STATUS_UPDATE, list(ManufacturerOrderStatus)),
    ],
)
async def test_every_state_is_taken(browser: httpx.AsyncClient, database: Database, path: str, states: list[int], spell: Any):
    sent = [{"third_id": f"OREN2603010000{status:02}", "status": spell(int(status))} for status in states]

    assert outcome(await browser.post(path, json=sent)) == SUCCESS
    assert [payload for _, _, payload in await rows(database)] == sent


async def test_the_older_words_for_states_are_taken(browser: httpx.AsyncClient, database: Database):
    said = {"order_id": "7", "equipment_id": "CXYLOGD8OQUK", "chinese_order_id": "MSOR10260301000001", "notes": None}

    for word in WORDS:
        assert outcome(await browser.post(OLDER_STATUS_UPDATE, json={**said, "status": word})) == SUCCESS

    assert await rows(database) == [("order_status", "MSOR10260301000001", {**said, "status": word}) for word in WORDS]


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ({"third_id": " OREN260301000001 "}, "OREN260301000001"),
        ({"thirdId": "PYEN260301000001"}, "PYEN260301000001"),
        ({"order_id": "6f1d7c1a-52a5-5a3f-9a0e-5b8f0c0e7d11", "third_id": "OREN260301000001"}, "OREN260301000001"),
        ({"third_id": "", "orderId": "OREN260301000001"}, "OREN260301000001"),
        ({"id": "MSOR10260301000001", "third_id": "OREN260301000001"}, "OREN260301000001"),
        ({"id": "MSOR10260301000001", "order_id": "17"}, "MSOR10260301000001"),
        ({"order_id": 17}, "17"),
        ({"third_id": True, "order_id": None}, None),
        ({"status": 12}, None),
        ({"third_id": "x" * 300}, "x" * 200),
    ],
)
async def test_what_a_callback_is_about_is_found_under_any_of_its_names(
    browser: httpx.AsyncClient, database: Database, said: dict[str, Any], reference: str | None
):
    assert outcome(await browser.post(STATUS_UPDATE, json=said)) == SUCCESS
    assert [named for _, named, _ in await rows(database)] == [reference]


AS_TEXT = {"third_id": "OREN260301000001", "status": "12"}
URLENCODED = b"third_id=OREN260301000001&status=12"
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="third_id"\r\n\r\nOREN260301000001\r\n'
    b'--b\r\nContent-Disposition: form-data; name="status"\r\n\r\n12\r\n--b--\r\n'
)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (URLENCODED, FORM["Content-Type"]),
        (URLENCODED, "Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
        (URLENCODED + b"\n", None),
        (URLENCODED, "text/plain"),
        (MULTIPART, "multipart/form-data; boundary=b"),
        (MULTIPART, "multipart/form-data; boundary=b; charset=of-nobody"),
        (as_json(AS_TEXT), None),
        (as_json(AS_TEXT), "text/plain"),
        (as_json([AS_TEXT]), FORM["Content-Type"]),
        (b"\xef\xbb\xbf" + as_json(AS_TEXT), "application/json;charset=UTF-8"),
        (as_json(AS_TEXT), "no content type at all"),
    ],
)
async def test_the_same_is_understood_however_it_is_written(
    browser: httpx.AsyncClient, database: Database, body: bytes, content_type: str | None
):
    answer = await browser.post(STATUS_UPDATE, content=body, headers={"Content-Type": content_type} if content_type else {})

    assert outcome(answer) == SUCCESS
    assert await rows(database) == [("order_status", "OREN260301000001", AS_TEXT)]


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
        (b'["PYEN"]', {"unreadable": '"PYEN"'}),
        (b'{"third_id": "PYEN1', {"unreadable": '{"third_id": "PYEN1'}),
        (b"third_id=PYEN1", {"unreadable": "third_id=PYEN1"}),
        (b"[" * 100_000, {"unreadable": "[" * 2000}),
        (as_json({"third_id": "PYEN1\x00", "status": 3}), {"third_id": "PYEN1", "status": 3}),
        (b'{"third_id": "PYEN1", "st\\u0000atus": "\\ud800"}', {"third_id": "PYEN1", "status": "?"}),
        (b'{"third_id": "PYEN1", "pay_amount": NaN}', {"third_id": "PYEN1", "pay_amount": "NaN"}),
        (b'{"third_id": "PYEN1", "pay_amount": 1e999}', {"third_id": "PYEN1", "pay_amount": "inf"}),
        (b'{"third_id": "PYEN1", "more": {"a": [1, "\\u0000"]}}', {"third_id": "PYEN1", "more": '{"a": [1, "\\u0000"]}'}),
        (as_json({"third_id": "PYEN1", "notes": "n" * 900_000}), {"third_id": "PYEN1", "notes": "n" * LONGEST_TEXT}),
        (b"\xff\xfe", {"unreadable": "��"}),
    ],
)
async def test_whatever_cannot_be_read_is_kept_for_a_person(
    browser: httpx.AsyncClient, database: Database, body: bytes, kept: dict[str, Any]
):
    answer = await browser.post("/api/chinese/order/payStatus", content=body, headers={"Content-Type": "application/json"})

    assert outcome(answer) == SUCCESS
    assert [payload for _, _, payload in await rows(database)] == [kept]


async def test_nul_in_a_form_is_not_repeated_for_ever(browser: httpx.AsyncClient, database: Database):
    answer = await browser.post(STATUS_UPDATE, content=b"third_id=OREN1%00&status=%ED%A0%80", headers=FORM)

    assert outcome(answer) == SUCCESS
    assert [reference for _, reference, _ in await rows(database)] == ["OREN1"]


@pytest.mark.parametrize("depth", [200, 900, 5000])
async def test_however_deep_a_callback_is_nested_it_is_written_down(browser: httpx.AsyncClient, database: Database, depth: int):
    body = b'{"third_id": "OREN1", "a": ' * depth + b"1" + b"}" * depth

    assert outcome(await browser.post(STATUS_UPDATE, content=body)) == SUCCESS
    assert len(await rows(database)) == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--b\r\nnonsense", "multipart/form-data; boundary=b"),
        (MULTIPART, "multipart/form-data"),
        (MULTIPART.replace(b'"third_id"', b'"third_id"; filename="a.json"'), "multipart/form-data; boundary=b"),
        (b"&".join(b"a%d=1" % number for number in range(MAX_FIELDS + 1)), FORM["Content-Type"]),
    ],
)
async def test_a_form_that_cannot_be_read_is_kept_as_it_came(
    browser: httpx.AsyncClient, database: Database, body: bytes, content_type: str
):
    assert outcome(await browser.post(STATUS_UPDATE, content=body, headers={"Content-Type": content_type})) == SUCCESS
    ((_, reference, payload),) = await rows(database)
    assert (reference, payload) == (None, {"unreadable": body.decode()})


async def test_a_callback_that_is_too_large_for_anything_is_not_read(stranded: httpx.AsyncClient):
    assert_problem(await stranded.post(STATUS_UPDATE, content=b"[" + b" " * 1_000_000), 413, code="body_too_large")


async def test_news_among_nonsense_is_not_lost(browser: httpx.AsyncClient, database: Database):
    assert outcome(await browser.post(STATUS_UPDATE, json=[None, 7, {}, ORDER, "x"])) == SUCCESS
    assert [payload for _, _, payload in await rows(database)] == [{"unreadable": "7"}, ORDER, {"unreadable": '"x"'}]


async def test_of_more_items_than_anybody_sends_the_first_are_taken(browser: httpx.AsyncClient, database: Database):
    many = [{"third_id": f"OREN260301{number:06}", "status": 12} for number in range(MAX_ITEMS + 50)]

    assert outcome(await browser.post(STATUS_UPDATE, json=many)) == SUCCESS
    stored = [payload for _, _, payload in await rows(database)]
    assert stored == [*many[:MAX_ITEMS], {"unreadable": "50 more items were sent"}]


async def test_of_more_fields_than_anybody_sends_the_first_are_kept(browser: httpx.AsyncClient, database: Database):
    assert outcome(await browser.post(STATUS_UPDATE, json={f"f{number}": number for number in range(10_000)})) == SUCCESS
    ((_, _, payload),) = await rows(database)
    assert payload == {f"f{number}": number for number in range(MAX_FIELDS)}


async def test_whatever_anybody_sends_is_acknowledged(browser: httpx.AsyncClient):
    """A body that makes us fail comes ten times, and could hide the news that stands beside it."""
    chance = random.Random(20260301)  # noqa: S311 - the same bodies every time
    pieces = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"third_id"',
        '"\\u0000"',
        '"\\ud800"',
        "1e999",
        "-0",
        "NaN",
        "null",
        "a=b",
        "&",
        "%00",
    ]
    types = ["application/json", FORM["Content-Type"], "multipart/form-data; boundary=b", "text/plain", "/"]
    for _ in range(300):
        body = "".join(chance.choices([*pieces, quote("\x00é"), "--b\r\n", "\x00", "9" * 5000], k=chance.randint(1, 12))).encode()
        headers = {"Content-Type": chance.choice(types)}

        answer = await browser.post(chance.choice([PAY_STATUS, STATUS_UPDATE]), content=body, headers=headers)

        assert outcome(answer) == SUCCESS, (body, headers)


@pytest.mark.parametrize("path", [PAY_STATUS, STATUS_UPDATE, OLDER_STATUS_UPDATE])
async def test_an_empty_callback_is_acknowledged(browser: httpx.AsyncClient, database: Database, path: str):
    for body in (b"", b" \r\n", b"\x00", b"{}", b"[]", b"[{}]", b"null"):
        assert outcome(await browser.post(path, content=body)) == SUCCESS
    assert await rows(database) == []


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
