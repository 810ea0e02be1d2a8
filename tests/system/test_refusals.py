"""Whatever cannot be ordered is refused in words that a person can act on, and leaves nothing behind."""

import base64
import zlib
from typing import Any

import httpx
import pytest

from tests.system.storefront import CUSTOMER, QR_BODY, new_picture, picture, upload_form
from tests.system.world import World, signed

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def written(world: World) -> dict[str, Any]:
    """All that an order leaves behind, here, in Temporal and at Stripe."""
    tables = ("orders", "order_lines", "order_events", "payments", "stock_holds", "manufacturer_references", "inbox")
    held = await world.rows("SELECT sum(held) AS held FROM stock_levels")
    workflows = {execution.id async for execution in world.client.list_workflows("WorkflowType = 'OrderWorkflow'")}
    return {
        **{table: await world.count(table) for table in tables},
        "held": held[0]["held"],
        "workflows": workflows,
        "sessions": len(await world.stripe_objects("checkout/sessions")),
    }


def refused(answer: httpx.Response, status: int, *words: str) -> None:
    """Check that an answer is a problem with a sentence in it that says `words`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail = answer.json()["detail"]
    assert " " in detail
    assert detail.endswith((".", ")", "!", "?"))
    for word in words:
        assert word in detail, detail


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"amount_pence": 1}, 409, ["£35.00"]),
        ({"amount_pence": 0}, 409, ["£35.00"]),
        ({"selected_add_ons": ["screen-protector"]}, 409, ["£42.99"]),
        ({"selected_add_ons": ["gold-plating"]}, 422, ["gold-plating"]),
        ({"model": "iPhone 3G"}, 422, ["iPhone 15 Pro", "iPhone 16 Pro Max"]),
        ({"brand": "NOKIA"}, 422, ["iPhone", "Samsung"]),
        ({"brand": "SAMSUNG", "model": "iPhone 15 Pro"}, 422, ["Galaxy S22+"]),
        ({"final_image_url": "https://elsewhere.example/image/x.png"}, 422, ["design"]),
        ({"final_image_url": ""}, 422, ["design"]),
        ({"shipping_address_line1": "", "shipping_postcode": ""}, 422, ["street", "postcode"]),
        (dict.fromkeys(CUSTOMER, ""), 422, ["name", "e-mail address", "street", "town", "postcode"]),
        ({"customer_email": "not an address"}, 422, ["email"]),
        ({**QR_BODY, "machine_id": "NOSUCHMACHIN"}, 422, ["machine"]),
        ({**QR_BODY, "machine_id": ""}, 422, ["machine"]),
        ({"amount_pence": None}, 422, []),
        ({"amount_pence": -3500}, 422, []),
    ],
)
async def test_what_cannot_be_ordered_is_refused_and_nothing_is_written(
    world: World, changes: dict[str, Any], status: int, words: list[str]
):
    case = await world.design()
    before = await written(world)
    refused(await case.ask_checkout(**changes), status, *words)
    assert await written(world) == before


async def test_a_picture_that_does_not_fit_the_phone_is_refused_before_anything_is_written(world: World):
    case = await world.design(data=picture(7, (1390, 2650)))
    before = await written(world)
    answer = await case.ask_checkout()
    refused(answer, 422, "iPhone 15 Pro")
    assert answer.json()["code"] == "wrong_ratio"
    assert await written(world) == before


def truncated() -> bytes:
    return new_picture()[:-5_000]


def decompression_bomb() -> bytes:
    """Some 50 kB that claim to be 30 000 × 30 000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    side = (30_000).to_bytes(4, "big")
    header = chunk(b"IHDR", side + side + bytes([8, 2, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000_000))) + chunk(b"IEND", b"")


def square() -> bytes:
    return picture(7, (1390, 1390))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (truncated, 422),
        (decompression_bomb, 413),
        (lambda: b"<svg/>", 422),
        (lambda: b"", 422),
        (square, 422),
    ],
    ids=["truncated", "decompression bomb", "no picture", "nothing", "no phone has this shape"],
)
async def test_a_picture_that_cannot_be_printed_is_refused_at_the_upload_and_not_kept(world: World, data, status: int):
    uploads, objects = await world.count("uploads"), await world.object_names()
    refused(await world.browser.post("/api/images/upload-final", data=upload_form(data())), status)
    assert (await world.count("uploads"), await world.object_names()) == (uploads, objects)


async def test_an_upload_of_more_than_twenty_megabytes_is_refused_as_too_large(world: World):
    form = upload_form(b"")
    form["final_image_data"] = f"data:image/png;base64,{base64.b64encode(bytes(15_100_000)).decode()}"
    uploads = await world.count("uploads")
    refused(await world.browser.post("/api/images/upload-final", data=form), 413, "20 MB", "choose a smaller one")
    assert await world.count("uploads") == uploads


@pytest.mark.parametrize("session_id", ["cs_test_of_nobody", "free_of_nobody", "x"])
async def test_an_unknown_session_is_not_found(world: World, session_id: str):
    before = await written(world)
    refused(await world.browser.post("/process-payment-success", json={"session_id": session_id}), 404, "payment")
    refused(await world.browser.get("/payment-success", params={"session_id": session_id}), 404, "payment")
    assert await written(world) == before


async def test_an_unpaid_session_is_not_shown_as_paid(world: World):
    case = await world.order()
    refused(await case.success(), 400, "not been paid", "Nothing was charged")


async def test_a_webhook_with_a_wrong_signature_is_refused_and_not_written_down(world: World):
    before = await written(world)
    answer = await world.browser.post("/stripe-webhook", content=b"{}", headers=signed(b"{ }"))
    refused(answer, 400, "signature")
    assert await written(world) == before


async def test_the_last_shell_is_sold_once(world: World):
    await world.rows(
        "UPDATE stock_levels SET stock = held + 1 WHERE shell_id = 'MS102509090018' AND device_id = 'DEFAULTUK001' RETURNING 1"
    )
    wish = {"model": "iPhone 15 Pro Max"}
    first, second = await world.design(), await world.design()
    await first.checkout(**wish)
    before = await written(world)
    answer = await second.ask_checkout(None, **wish)
    refused(answer, 409)
    assert answer.json()["code"] == "out_of_stock"
    assert await written(world) == before
