"""Whole orders as the storefront places them, from the upload to the customer's hand."""

import hashlib
import json
from typing import Any

import pytest

from adapters.rendering.renderer import PrintRenderer
from models.artwork import RenderRequest, print_size
from models.order import OrderStatus
from tests.system.case import Case
from tests.system.storefront import DEFAULT_DEVICE, FREE_MACHINE, IPHONE_15_PRO, MACHINE, QR_BODY, SHELL, WEB_BODY, new_picture
from tests.system.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIRMATION = {
    "success": True,
    "status": "sent_to_chinese",
    "brand": "iPhone",
    "model": "iPhone 15 Pro",
    "template": "classic",
    "currency": "GBP",
}
"""What the confirmation page shows of every order of these tests."""


async def confirmed(case: Case) -> dict[str, Any]:
    """The confirmation page once the manufacturer has accepted the order."""
    answer = await case.success()
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body.items() >= {**CONFIRMATION, "order_id": str(case.order_id)}.items()
    return body


async def printed(case: Case) -> dict[str, Any]:
    """What the manufacturer printed of an order: exactly one case."""
    row = await case.row()
    (entry,) = await case.world.manufacturer.ledger("order_printed", third_id=row["print_reference"])
    assert entry["third_pay_id"] == row["payment_reference"]
    return dict(entry)


async def rendered_hash(data: bytes) -> str:
    """The hash of the print file that must come of a design."""
    with PrintRenderer(workers=1) as renderer:
        print_file = await renderer.render(data, RenderRequest(width_mm=IPHONE_15_PRO[0], height_mm=IPHONE_15_PRO[1]))
    return hashlib.sha256(print_file.data).hexdigest()


async def test_the_recorded_web_body_is_printed_exactly_as_designed_posted_and_paid_once(world: World):
    design = new_picture()
    case = await (await world.design(WEB_BODY, data=design)).checkout()
    assert case.session_id.startswith("cs_test_")
    assert case.checkout_url.endswith(case.session_id)

    await case.pay()
    page = await confirmed(case)
    assert (page["amount"], page["entry_source"]) == (35.0, "vanilla")
    assert (page["is_machine_collection"], page["collection_device_id"]) == (False, None)
    assert page["queue_no"].isdecimal()
    assert page["chinese_order_id"].startswith("MSOR10")
    assert page["chinese_payment_id"].startswith("MSPY10")

    result = await case.deliver()
    assert result.status is OrderStatus.COMPLETED
    seen = [status for status in await case.statuses() if status != "printed"]  # a quick print may be seen when it is out already
    assert seen == ["awaiting_payment", "paid", "preparing", "submitting", "in_production", "to_ship", "shipped", "completed"]
    (capture,) = await world.stripe.ledger("capture", client_reference_id=str(case.order_id))
    assert (capture["amount"], capture["currency"]) == (3500, "gbp")

    made = await printed(case)
    (print_file,) = await world.rows("SELECT * FROM print_files WHERE sha256 = :sha256", sha256=made["sha256"])
    assert made["sha256"] == await rendered_hash(design)
    assert print_file["approved_sha256"] == hashlib.sha256(design).hexdigest()
    assert (print_file["width"], print_file["height"]) == print_size(*IPHONE_15_PRO)
    assert (made["device_id"], made["mobile_shell_id"]) == (DEFAULT_DEVICE, SHELL)


async def test_the_recorded_qr_body_paid_in_the_app_is_collected_at_the_scanned_machine(world: World):
    case = await world.paid(QR_BODY)
    page = await confirmed(case)
    assert (page["amount"], page["entry_source"]) == (42.99, "qr")
    assert (page["is_machine_collection"], page["collection_device_id"]) == (True, MACHINE)
    assert MACHINE in page["message"]

    result = await case.collect()
    assert result.status is OrderStatus.COMPLETED
    (capture,) = await world.stripe.ledger("capture", client_reference_id=str(case.order_id))
    assert capture["amount"] == 4299
    assert (await printed(case))["device_id"] == MACHINE
    (announced,) = await world.manufacturer.ledger("payment_announced", third_id=(await case.row())["payment_reference"])
    assert (announced["pay_type"], announced["pay_amount"]) == (12, "42.99")


async def test_a_promotion_makes_an_order_free_and_stripe_never_hears_of_it(world: World):
    case = await (await world.design({**QR_BODY, "machine_id": FREE_MACHINE})).checkout()
    assert case.session_id.startswith("free_")
    assert case.checkout_url == f"https://shop.test.example/payment-success?session_id={case.session_id}"

    page = await confirmed(case)
    assert (page["amount"], page["collection_device_id"]) == (0.0, FREE_MACHINE)
    assert (await case.collect()).status is OrderStatus.COMPLETED
    assert await printed(case)
    row = await case.row()
    (announced,) = await world.manufacturer.ledger("payment_announced", third_id=row["payment_reference"])
    assert (announced["pay_type"], announced["pay_amount"]) == (12, "0.0")
    for heard in ("checkout/sessions", "payment_intents", "events"):
        assert str(case.order_id) not in json.dumps(await world.stripe_objects(heard))
    assert await world.rows("SELECT 1 FROM payments WHERE order_id = :id", id=case.order_id) == []
