"""The manufacturer and its people as they really call us: by their own ids, without proof, with a key."""

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.order import OrderStatus
from tests.system.case import until
from tests.system.storefront import DEFAULT_DEVICE
from tests.system.test_manufacturer import ACKNOWLEDGED, in_production, printed_once
from tests.system.world import ORDER_CALLBACK, PARTNER_KEY, PAYMENT_CALLBACK, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
KEY = {"Authorization": f"Bearer {PARTNER_KEY}"}


async def last_read(world: World, reference: str) -> datetime | None:
    (row,) = await world.rows("SELECT read_at FROM manufacturer_references WHERE reference = :reference", reference=reference)
    read_at: datetime | None = row["read_at"]
    return read_at


async def test_a_callback_by_the_manufacturers_own_ids_makes_us_ask_and_moves_nothing(world: World):
    case = await in_production(world)
    row = await case.row()
    names = {row["print_reference"]: row["manufacturer_order_id"], row["payment_reference"]: row["manufacturer_payment_id"]}
    assert all(names.values())
    before = {reference: await last_read(world, reference) for reference in names}
    for theirs in names.values():
        forged = {"order_id": str(case.order_id), "chinese_order_id": theirs, "equipment_id": DEFAULT_DEVICE, "status": "failed"}
        answer = await world.browser.post("/api/chinese/order-status-update", json=forged)
        assert answer.json() == ACKNOWLEDGED

    async def both_were_asked_about() -> bool:
        return all([await last_read(world, reference) != before[reference] for reference in names])

    await until(both_were_asked_about)
    after = await case.row()
    assert (after["status"], after["captured"], after["needs_attention"]) == ("in_production", 3500, False)
    await world.manufacturer.call("PUT", "/clock", {"frozen": False})
    await printed_once(case)


async def claimed(world: World, reference: str) -> dict[str, Any]:
    body = {"third_id": reference, "device_id": DEFAULT_DEVICE, "status": 3}
    answer = await world.browser.post(PAYMENT_CALLBACK, json=body)
    assert answer.status_code == 200
    return dict(answer.json())


async def test_a_claim_of_a_payment_is_answered_by_what_stripe_showed_us(world: World):
    case = await in_production(world)
    reference = (await case.row())["payment_reference"]

    assert await claimed(world, reference) == ACKNOWLEDGED
    assert (await world.browser.get(f"/api/chinese/payment/{reference}/status")).json()["status"] == 3

    await world.manufacturer.call("PUT", f"/orders/{(await case.row())['print_reference']}/status", {"status": 14})
    await world.manufacturer.call("PUT", "/clock", {"frozen": False})
    await case.reaches(OrderStatus.ON_HOLD)
    assert await claimed(world, reference) == ACKNOWLEDGED


async def test_what_nobody_knows_is_found_by_the_query_of_the_runbook(world: World):
    reference = "OREN991231000002"
    await world.browser.post(ORDER_CALLBACK, json=[{"third_id": reference, "status": 12}, "nonsense"])
    (query,) = [sql for sql in re.findall(r"```sql\n(.*?);?\n```", RUNBOOK.read_text(), re.DOTALL) if "'manufacturer'" in sql]

    async def kept() -> list[dict[str, Any]]:
        rows = await world.rows(query.replace(";", ""))
        return rows if {row["reference"] for row in rows} >= {reference, None} else []

    payloads = [row["payload"] for row in await until(kept)]
    assert {"unreadable": '"nonsense"'} in payloads
    assert {"third_id": reference, "status": 12} in payloads


async def test_a_partner_follows_an_order_and_fetches_the_very_file_that_its_machine_printed(world: World):
    case = await world.paid()
    row = await case.reaches(OrderStatus.TO_SHIP)

    async def ask(path: str) -> dict[str, Any]:
        answer = await world.browser.get(f"/api/chinese/{path}", headers=KEY)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def out_of_the_machine() -> dict[str, Any] | None:
        found = await ask(f"print/{row['manufacturer_order_id']}/status")
        return found if found["print_status"] == 16 else None

    status = await until(out_of_the_machine)
    links = await ask(f"order/{row['print_reference']}/download-links")
    machine = await ask(f"equipment/{DEFAULT_DEVICE}/info")

    assert status is not None
    assert (status["third_id"], status["queue_number"]) == (row["print_reference"], row["queue_number"])
    async with httpx.AsyncClient(trust_env=False) as anybody:
        served = await anybody.get(links["download_links"][0]["url"])
    (downloaded,) = await world.manufacturer.ledger("picture_downloaded", third_id=row["print_reference"])
    assert hashlib.sha256(served.content).hexdigest() == downloaded["sha256"] == row["print_sha256"]
    assert row["print_reference"] in [order["third_id"] for order in machine["recent_orders"]]
    assert (await world.browser.get(f"/api/chinese/order/{row['print_reference']}/download-links")).status_code == 401
