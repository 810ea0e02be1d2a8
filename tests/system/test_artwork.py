"""From a photo to the case: what the customer saw is what the machine printed, byte for byte, whichever way they designed it."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image, ImageOps

from dev.emulators.gemini.app import OPERATION, REFUSED
from models.artwork import print_size
from models.order import OrderStatus
from tests.system.case import Case, until
from tests.system.storefront import CUSTOMER, IPHONE_15_PRO, QR_BODY, WEB_BODY, upload_form
from tests.system.test_orders import printed, rendered_hash
from tests.system.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE = {"brand": "APPLE", "model": "iPhone 15 Pro"}
STYLE = '{"keyword": "80s Neon"}'


@dataclass
class DesignedCase(Case):
    """An order that was opened with a design."""

    opened_as: UUID | None = None

    @property
    def order_id(self) -> UUID:
        assert self.opened_as is not None
        return self.opened_as


def photo(size: tuple[int, int] = (1600, 2400)) -> bytes:
    """A photo that nobody else has."""
    file = BytesIO()
    picture = ImageOps.colorize(Image.linear_gradient("L").resize(size), f"#{uuid4().hex[:6]}", "#ffffff")
    file = BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


async def upload_photo(world: World, data: bytes | None = None) -> str:
    answer = await world.browser.post("/api/photos", files={"image": ("IMG_0001.JPG", data or photo(), "image/jpeg")})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["filename"])


async def generate(world: World, template: str = "retro-remix", style: str = STYLE) -> dict[str, Any]:
    """What the storefront does when a style is picked."""
    answer = await world.browser.post(
        "/api/images/generate",
        data={"template_id": template, "style_params": style, "quality": "low", "size": "1024x1536"},
        files={"image": ("me.jpg", photo(), "image/jpeg")},
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def bytes_at(world: World, url: str) -> bytes:
    answer = await world.browser.get(url)
    assert answer.status_code == 200, answer.text
    return answer.content


async def printed_hash(case: Case) -> str:
    """The hash of what the machine fetched and printed."""
    await case.pay()
    assert (await case.success()).status_code == 200

    async def is_printed() -> bool:
        reference = (await case.row())["print_reference"]
        return bool(await case.world.manufacturer.ledger("order_printed", third_id=reference))

    await until(is_printed, what="the machine prints")
    return str((await printed(case))["sha256"])


async def test_the_storefronts_way_from_generate_to_checkout_prints_the_picture_that_was_approved(world: World):
    """With its own recorded bodies: the picture is drawn on a canvas in the browser and sent back as a finished design."""
    made = await generate(world)
    canvas = Image.new("RGB", print_size(*IPHONE_15_PRO), "white")
    with Image.open(BytesIO(await bytes_at(world, made["public_url"]))) as generated:
        canvas.paste(ImageOps.fit(generated.convert("RGB"), canvas.size))
    file = BytesIO()
    canvas.save(file, "PNG")
    form = {**upload_form(file.getvalue()), "template_id": "retro-remix"}
    upload = (await world.browser.post("/api/images/upload-final", data=form)).json()
    case = await Case(world, upload, {**WEB_BODY, "final_image_url": upload["public_url"]}).checkout()

    assert await printed_hash(case) == await rendered_hash(file.getvalue())
    row = await case.row()
    assert (row["approved_sha256"], row["template_id"]) == (hashlib.sha256(file.getvalue()).hexdigest(), "retro-remix")


@pytest.mark.parametrize("body", [WEB_BODY, {**QR_BODY, "amount_pence": 4299}], ids=["posted", "collected"])
async def test_a_design_document_is_printed_as_the_very_file_whose_preview_was_seen(world: World, body: dict[str, Any]):
    document = {
        "template_id": "2-in-1",
        "photos": [{"photo": await upload_photo(world)}, {"photo": await upload_photo(world), "zoom": 1.3, "rotation": 5}],
        "texts": [{"text": "Für Ada", "font": "pacifico", "color": "#ef4444", "size": 0.14, "y": 0.8}],
    }
    machine = {"machine_id": body["machine_id"]} if "machine_id" in body else {}
    drawn = (await world.browser.post("/api/designs", json={**PHONE, **machine, "design": document})).json()
    assert len(await bytes_at(world, drawn["preview_url"])) <= 100_000
    upload = {"filename": drawn["filename"], "public_url": drawn["final_image_url"]}
    case = await Case(world, upload, {**body, "final_image_url": drawn["final_image_url"]}).checkout()

    assert await printed_hash(case) == drawn["print_sha256"]
    assert hashlib.sha256(await bytes_at(world, drawn["final_image_url"])).hexdigest() == drawn["print_sha256"]


async def test_an_order_opened_with_a_design_whose_picture_the_ai_makes_is_printed_as_it_was_approved(world: World):
    document = {"template_id": "cover-shoot", "photos": [{"photo": await upload_photo(world)}], "ai": {"style": "Mono Mood"}}
    body = {**PHONE, "request_id": f"page-{uuid4().hex}", "design": document}
    opened = (await world.browser.post("/api/orders", json=body)).json()
    assert opened["status"] == "ready", opened

    sha256 = opened["artwork"]["print_sha256"]
    approval = {**CUSTOMER, "amount_pence": 3500, "print_sha256": sha256}
    checkout = (await world.browser.post(f"/api/orders/{opened['order_id']}/approve", json=approval)).json()
    upload = {"public_url": opened["artwork"]["final_image_url"]}
    case = DesignedCase(world, upload, {}, session_id=checkout["session_id"], opened_as=UUID(opened["order_id"]))

    assert await printed_hash(case) == sha256
    assert (await case.deliver()).status is OrderStatus.COMPLETED
    paid = [entry for entry in await world.gemini.ledger(OPERATION) if entry["look"] == "Quiet monochrome"]
    assert len(paid) == 1


async def test_a_style_is_seen_in_the_picture(world: World):
    """A person who runs the emulators sees which style was made: each has a look of its own."""
    noir, neon = [
        await bytes_at(world, (await generate(world, style=f'{{"keyword": "{name}"}}'))["public_url"])
        for name in ("Classic Film Noir", "80s Neon")
    ]

    assert _colourfulness(noir) < 10 < _colourfulness(neon)


async def test_what_the_ai_will_not_make_is_said_in_words_and_costs_the_customer_nothing(world: World):
    await world.gemini.fault(OPERATION, REFUSED, detail={"reason": "IMAGE_SAFETY", "text": "secret reasons"})

    answer = await world.browser.post(
        "/api/images/generate",
        data={"template_id": "retro-remix", "style_params": STYLE},
        files={"image": ("me.jpg", photo(), "image/jpeg")},
    )

    assert answer.status_code == 422
    assert (answer.json()["code"], "secret" in answer.text) == ("generation_refused", False)


async def test_a_photo_that_would_print_blurred_is_refused_before_anybody_pays(world: World):
    tiny = await upload_photo(world, photo((210, 300)))
    document = {"template_id": "classic", "photos": [{"photo": tiny}]}

    answer = await world.browser.post("/api/designs", json={**PHONE, "design": document})

    assert (answer.status_code, answer.json()["code"]) == (422, "low_resolution")


def _colourfulness(data: bytes) -> float:
    with Image.open(BytesIO(data)) as image:
        _, saturation, _ = image.convert("HSV").resize((60, 100)).split()
    values = sorted(saturation.tobytes())
    return values[len(values) // 2]
