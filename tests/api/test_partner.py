"""The manufacturer is told what it needs to print, and strangers whether a payment was made; asking changes nothing."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from temporalio.client import Client

from adapters.postgres.engine import Database
from config.settings import Settings
from models.artwork import sha256_of
from models.order import OrderStatus, PlacedOrder
from models.production import ManufacturerOrderId, PrintReference, ReferenceKind, Submission
from tests.adapters.postgres.shop import Shop, step
from tests.api.conftest import browser_of, running
from tests.api.world import API, NOW, PARTNER_KEYS, Clock, MemoryStore, assert_problem, path_of

DEVICE = "DEFAULTUK001"
KEY = {"Authorization": f"Bearer {PARTNER_KEYS[0]}"}
PRINT_FILE = b"\x89PNG, as it is printed"
PRIVATE = ("Ada", "ada@example.com", "Analytical", "SW1A", "7700900000")
KEYED = (
    "print/OREN260301000002/status",
    "order/OREN260301000002/download-links",
    "images/batch-download",
    f"equipment/{DEVICE}/info",
    "models/stock-status",
)


@dataclass
class Printed:
    """An order at the manufacturer."""

    shop: Shop
    placed: PlacedOrder
    pyen: str
    oren: str
    version: int = 2

    @property
    def theirs(self) -> str:
        return "MSOR10260301000001"

    async def enters(self, status: OrderStatus, *, at: datetime) -> None:
        """Let it take its next step."""
        self.version += 1
        await self.shop.orders.record(step(self.placed.order_id, self.version, status).model_copy(update={"at": at}))

    async def stands(self, status: str, **facts: Any) -> None:
        """Put it where a test wants it."""
        columns = ", ".join(f"{name} = :{name}" for name in {"status": status, **facts})
        statement = f"UPDATE orders SET {columns} WHERE id = :id"  # noqa: S608 - names of columns that the test itself wrote
        await self.shop.execute(statement, status=status, **facts, id=self.placed.order_id)


@pytest.fixture
async def printed(database: Database, store: MemoryStore) -> Printed:
    """A paid order that the manufacturer has, with its print file in the bucket."""
    shop = Shop(database)
    placed = await shop.place()
    pyen = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
    oren = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)
    order = Printed(shop, placed, pyen, oren)
    submission = Submission(
        reference=PrintReference(oren), manufacturer_order_id=ManufacturerOrderId(order.theirs), queue_number="007"
    )
    await shop.orders.record_submission(placed.order_id, submission, step(placed.order_id, 2, OrderStatus.IN_PRODUCTION))
    sha256 = sha256_of(PRINT_FILE)
    await store.put(f"print/{sha256}.png", PRINT_FILE, media_type="image/png")
    await order.stands("in_production", authorized=3500, captured=3500, payment_reference=pyen, print_sha256=sha256)
    return order


@pytest.fixture
async def keyless(
    settings: Settings, database: Database, clock: Clock, store: MemoryStore, temporal: Client
) -> AsyncIterator[httpx.AsyncClient]:
    """A stranger at an installation that has no partner key."""
    manufacturer = settings.manufacturer.model_copy(update={"partner_keys": ()})
    changed = settings.model_copy(update={"manufacturer": manufacturer})
    async with running(changed, clock, database=database, temporal=temporal, store=store) as app, browser_of(app) as browser:
        yield browser


async def ask(browser: httpx.AsyncClient, path: str, **params: str) -> dict[str, Any]:
    """Ask with the key; nothing of the customer is ever told."""
    answer = await browser.get(f"/api/chinese/{path}", headers=KEY, params=params)
    assert answer.status_code == 200, answer.text
    assert not [word for word in PRIVATE if word in answer.text]
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


class TestKeys:
    @pytest.mark.parametrize("path", KEYED)
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer of-somebody-else"},
            {"Authorization": f"Basic {PARTNER_KEYS[0]}"},
            {"Authorization": PARTNER_KEYS[0]},
            {"Authorization": "Bearer"},
            {"Authorization": f"Bearer {PARTNER_KEYS[0]}x"},
            {"Authorization": b"Bearer \xe9\xff"},
        ],
    )
    async def test_without_the_key_nothing_private_is_told(self, stranded: httpx.AsyncClient, path: str, headers: Any):
        """Whether or not there is such a thing: the database is not even asked."""
        answer = await stranded.get(f"/api/chinese/{path}", headers=headers)

        assert_problem(answer, 401, code="unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("path", KEYED)
    @pytest.mark.parametrize("headers", [{}, KEY, {"Authorization": "Bearer "}])
    async def test_without_a_configured_key_the_answer_says_what_to_configure(
        self, keyless: httpx.AsyncClient, printed: Printed, path: str, headers: dict[str, str]
    ):
        answer = await keyless.get(f"/api/chinese/{path}", headers=headers)

        assert "MANUFACTURER_PARTNER_KEYS" in assert_problem(answer, 404, code="not_found")["detail"]

    @pytest.mark.parametrize("key", PARTNER_KEYS)
    async def test_two_keys_are_good_while_one_replaces_the_other(self, browser: httpx.AsyncClient, printed: Printed, key: str):
        for path in KEYED:
            answer = await browser.get(f"/api/chinese/{path}", headers={"Authorization": f"bearer {key}"})
            assert answer.status_code == 200, answer.text

    async def test_the_key_itself_is_never_logged(self, browser: httpx.AsyncClient, printed: Printed):
        with capture_logs() as lines:
            await ask(browser, f"order/{printed.oren}/download-links")
            await browser.get(f"/api/chinese/order/{printed.oren}/download-links", headers={"Authorization": "Bearer wrong-key"})

        assert not [line for line in lines if PARTNER_KEYS[0] in json.dumps(line, default=str)]
        assert not [line for line in lines if "wrong-key" in json.dumps(line, default=str)]


class TestPayment:
    async def state(self, browser: httpx.AsyncClient, name: str, **headers: str) -> dict[str, Any]:
        answer = await browser.get(f"/api/chinese/payment/{name}/status", headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "raw-token-of-another-kind"}])
    async def test_a_stranger_learns_that_a_payment_was_made_and_nothing_else(
        self, browser: httpx.AsyncClient, printed: Printed, headers: dict[str, str]
    ):
        assert await self.state(browser, printed.pyen, **headers) == {
            "success": True,
            "third_id": printed.pyen,
            "status": 3,
            "payment_status": "paid",
            "order_id": None,
            "total_amount": None,
            "currency": None,
            "polling_complete": True,
            "message": "the payment is verified",
        }

    @pytest.mark.parametrize(
        "facts",
        [
            {"status": "awaiting_payment"},
            {"status": "expired"},
            {"status": "canceled"},
            {"status": "on_hold", "hold_reason": "payment_mismatch", "authorized": 1},
            {"status": "awaiting_payment", "channel": "machine"},
        ],
    )
    async def test_to_a_stranger_an_unpaid_order_is_like_one_that_does_not_exist(
        self, browser: httpx.AsyncClient, keyless: httpx.AsyncClient, printed: Printed, facts: dict[str, Any]
    ):
        await printed.stands(**{"authorized": 0, "captured": 0, **facts})
        await printed.shop.execute("UPDATE manufacturer_references SET last_status = 4")
        nobodys = await self.state(browser, "PYEN260301999999")

        assert (nobodys["status"], nobodys["payment_status"], nobodys["polling_complete"]) == (1, "pending", False)
        for asked in (browser, keyless):
            assert await self.state(asked, printed.pyen) == {**nobodys, "third_id": printed.pyen}

    async def test_with_the_key_amount_and_order_are_told(self, browser: httpx.AsyncClient, printed: Printed):
        state = await self.state(browser, printed.pyen, **KEY)

        assert (state["order_id"], state["total_amount"], state["currency"]) == (printed.placed.number, 35.0, "GBP")
        assert (state["status"], state["polling_complete"]) == (3, True)

    @pytest.mark.parametrize(
        ("channel", "status", "reading", "told", "word", "complete"),
        [
            ("web", "awaiting_payment", None, 1, "pending", False),
            ("web", "awaiting_payment", 4, 1, "pending", False),
            ("web", "expired", None, 4, "failed", True),
            ("machine", "awaiting_payment", 2, 2, "pending", False),
            ("machine", "awaiting_payment", 3, 3, "paid", True),
            ("machine", "awaiting_payment", 4, 4, "failed", False),
            ("machine", "awaiting_payment", 5, 5, "failed", False),
            ("machine", "awaiting_payment", 99, 1, "pending", False),
            ("machine", "canceled", 3, 4, "failed", True),
        ],
    )
    async def test_with_the_key_every_state_is_told(
        self,
        browser: httpx.AsyncClient,
        printed: Printed,
        channel: str,
        status: str,
        reading: int | None,
        told: int,
        word: str,
        complete: bool,
    ):
        """A failed payment at a machine is not the end: a second card may succeed."""
        await printed.stands(status, channel=channel, authorized=0, captured=0)
        await printed.shop.execute("UPDATE manufacturer_references SET last_status = :reading", reading=reading)

        state = await self.state(browser, printed.pyen, **KEY)

        assert (state["status"], state["payment_status"], state["polling_complete"]) == (told, word, complete)

    async def test_an_unknown_payment_is_waited_for(self, browser: httpx.AsyncClient, printed: Printed):
        state = await self.state(browser, "PYEN260301999999", **KEY)

        assert (state["status"], state["order_id"], state["polling_complete"]) == (1, None, False)

    async def test_asking_changes_nothing(self, browser: httpx.AsyncClient, printed: Printed):
        before = await printed.shop.rows("SELECT * FROM manufacturer_references ORDER BY reference")

        await self.state(browser, printed.pyen)
        await self.state(browser, printed.pyen, **KEY)

        assert await printed.shop.rows("SELECT * FROM manufacturer_references ORDER BY reference") == before
        assert await printed.shop.rows("SELECT 1 FROM inbox") == []

    async def test_without_the_database_it_says_to_try_again(self, stranded: httpx.AsyncClient):
        assert_problem(await stranded.get("/api/chinese/payment/PYEN260301000001/status"), 503, code="try_again")


class TestPrints:
    async def test_where_a_print_stands_is_told_by_any_of_its_names(self, browser: httpx.AsyncClient, printed: Printed):
        await printed.stands("in_production", manufacturer_status=11)
        names = (printed.oren, printed.pyen, printed.theirs, printed.placed.number, str(printed.placed.order_id))

        answers = [await ask(browser, f"print/{name}/status") for name in names]

        assert answers == [answers[0]] * 5
        assert {name: answers[0][name] for name in ("order_id", "third_id", "third_pay_id", "chinese_order_id")} == {
            "order_id": printed.placed.number,
            "third_id": printed.oren,
            "third_pay_id": printed.pyen,
            "chinese_order_id": printed.theirs,
        }
        assert (answers[0]["success"], answers[0]["status"], answers[0]["print_status"]) == (True, "sent_to_chinese", 11)
        assert (answers[0]["equipment_id"], answers[0]["queue_number"]) == (DEVICE, "007")

    @pytest.mark.parametrize("path", ["print/{}/status", "order/{}/download-links"])
    async def test_what_was_not_given_to_the_manufacturer_is_not_found(
        self, browser: httpx.AsyncClient, printed: Printed, path: str
    ):
        placed = await printed.shop.place()

        for name in (placed.number, str(placed.order_id), "OREN260301999999"):
            answer = await browser.get(f"/api/chinese/{path.format(name)}", headers=KEY)
            assert_problem(answer, 404, code="not_found")


class TestLinks:
    async def test_a_link_opens_the_print_file_for_two_days(self, browser: httpx.AsyncClient, printed: Printed, clock: Clock):
        answer = await ask(browser, f"order/{printed.theirs}/download-links")
        (link,) = answer["download_links"]

        assert link["url"].startswith(f"{API}/image/{link['filename']}?token=")
        assert link["expires_at"] == (NOW + timedelta(hours=48)).isoformat().replace("+00:00", "Z")
        clock.pass_by(timedelta(hours=48, seconds=-1))
        assert (await browser.get(link["url"])).content == PRINT_FILE
        clock.pass_by(timedelta(seconds=1))
        assert_problem(await browser.get(link["url"]), 403)

    async def test_it_is_written_down_who_was_given_what(self, browser: httpx.AsyncClient, printed: Printed):
        with capture_logs() as lines:
            await ask(browser, f"order/{printed.oren}/download-links")

        (line,) = [line for line in lines if line["event"] == "a print file's link was given out"]
        assert (line["partner"], line["order_id"]) == (sha256_of(PARTNER_KEYS[0].encode())[:8], str(printed.placed.order_id))
        assert line["reference"] == printed.oren
        assert "token" not in json.dumps(line)

    @pytest.mark.parametrize("status", ["canceled", "failed", "expired"])
    async def test_what_must_not_be_printed_is_not_given_out(self, browser: httpx.AsyncClient, printed: Printed, status: str):
        await printed.stands(status)

        answer = await browser.get(f"/api/chinese/order/{printed.oren}/download-links", headers=KEY)
        batch = await ask(browser, "images/batch-download", order_ids=printed.oren)

        assert_problem(answer, 409, code="order_closed")
        assert [(order["download_links"], order["message"]) for order in batch["orders"]] == [
            ([], "This order was cancelled. It must not be printed.")
        ]

    async def test_a_week_after_the_print_the_file_is_not_given_out_nor_shown_any_more(
        self, browser: httpx.AsyncClient, printed: Printed, clock: Clock
    ):
        path = f"order/{printed.oren}/download-links"
        await printed.enters(OrderStatus.PRINTED, at=clock.now - timedelta(days=7))
        (link,) = (await ask(browser, path))["download_links"]
        assert (await browser.get(path_of(link["url"]))).content == PRINT_FILE

        clock.now += timedelta(seconds=1)

        assert_problem(await browser.get(f"/api/chinese/{path}", headers=KEY), 409, code="order_closed")
        assert_problem(await browser.get(path_of(link["url"])), 403)

    async def test_what_is_printed_once_more_is_shown_again(self, browser: httpx.AsyncClient, printed: Printed, clock: Clock):
        await printed.enters(OrderStatus.PRINTED, at=clock.now - timedelta(days=30))
        await printed.enters(OrderStatus.IN_PRODUCTION, at=clock.now)
        (link,) = (await ask(browser, f"order/{printed.oren}/download-links"))["download_links"]
        assert (await browser.get(path_of(link["url"]))).content == PRINT_FILE

    @pytest.mark.parametrize("status", ["canceled", "failed", "expired"])
    async def test_a_machine_that_comes_late_for_the_file_of_an_order_that_ended_without_a_case_gets_none(
        self, browser: httpx.AsyncClient, printed: Printed, status: str
    ):
        """Its money went back: whatever the machine has kept in its queue, no case is made for nothing."""
        (link,) = (await ask(browser, f"order/{printed.oren}/download-links"))["download_links"]
        await printed.stands(status)
        assert_problem(await browser.get(path_of(link["url"])), 403)

    async def test_a_batch_is_good_for_a_day_and_names_what_is_not_found(
        self, browser: httpx.AsyncClient, printed: Printed, clock: Clock
    ):
        unsubmitted = await printed.shop.place()

        batch = await ask(
            browser, "images/batch-download", order_ids=f" {printed.oren} ,,OREN260301999999,{unsubmitted.number}", limit="1"
        )

        assert (batch["success"], batch["total_orders"]) == (True, 1)
        assert batch["not_found"] == ["OREN260301999999", unsubmitted.number]
        ((link,),) = [order["download_links"] for order in batch["orders"]]
        assert (await browser.get(link["url"])).content == PRINT_FILE
        clock.pass_by(timedelta(hours=24))
        assert_problem(await browser.get(link["url"]), 403)

    async def test_a_batch_of_nothing_in_particular_is_what_waits_to_be_printed(
        self, browser: httpx.AsyncClient, printed: Printed
    ):
        listed = await ask(browser, "images/batch-download")
        await printed.stands("printed")

        assert [order["order"]["third_id"] for order in listed["orders"]] == [printed.oren]
        assert (await ask(browser, "images/batch-download"))["orders"] == []

    @pytest.mark.parametrize(
        "params", [{"order_ids": ",".join(["PMC-000001"] * 51)}, {"limit": "0"}, {"limit": "51"}, {"order_ids": "\x00"}]
    )
    async def test_more_than_fifty_at_once_are_refused(self, stranded: httpx.AsyncClient, params: dict[str, str]):
        assert_problem(await stranded.get("/api/chinese/images/batch-download", headers=KEY, params=params), 422)


class TestMachines:
    async def test_a_machine_is_described_with_its_last_orders(self, browser: httpx.AsyncClient, printed: Printed):
        answer = await ask(browser, f"equipment/{DEVICE}/info")

        assert answer["equipment"]["id"] == DEVICE
        assert answer["equipment"].keys() == {"id", "name", "location", "is_active"}
        assert [(order["third_id"], order["status"]) for order in answer["recent_orders"]] == [(printed.oren, "sent_to_chinese")]
        assert (await ask(browser, "equipment/CXYLOGD8OQUK/info"))["recent_orders"] == []

    async def test_an_unknown_machine_is_not_found(self, browser: httpx.AsyncClient):
        for path in ("equipment/NOBODYS00001/info", "models/stock-status?device_id=NOBODYS00001"):
            assert_problem(await browser.get(f"/api/chinese/{path}", headers=KEY), 404, code="not_found")

    async def test_the_stock_of_every_model_is_less_what_is_held(self, browser: httpx.AsyncClient, printed: Printed):
        """Two of each on the shelf, one of them this order's."""
        web, other = (
            await ask(browser, "models/stock-status"),
            await ask(browser, "models/stock-status", device_id="CXYLOGD8OQUK"),
        )

        assert (web["device_id"], other["device_id"]) == (DEVICE, "CXYLOGD8OQUK")
        ours = next(item for item in web["models"] if item["mobile_shell_id"] == printed.placed.quote.product.shell_id)
        assert ours["stock"] == 1
        assert {item["stock"] for item in other["models"]} == {2}
        assert web["total_models"] == len(web["models"]) == web["in_stock_models"]
        assert {item["mobile_model_name"].split()[0] for item in web["models"]} >= {"iPhone", "Galaxy"}


async def test_the_document_says_which_paths_want_the_key(stranded_app: FastAPI):
    document = stranded_app.openapi()
    keyed = {path for path, item in document["paths"].items() if item.get("get", {}).get("security")}

    assert document["components"]["securitySchemes"]["PartnerKey"]["scheme"] == "bearer"
    assert keyed == {
        f"/api/chinese/{path}"
        for path in (
            "payment/{third_id}/status",
            "print/{order_id}/status",
            "order/{order_id}/download-links",
            "images/batch-download",
            "equipment/{device_id}/info",
            "models/stock-status",
        )
    }
