import hashlib
from typing import Any
from uuid import uuid4

import pytest

from adapters.postgres.designs import PostgresDesigns
from models.artwork import PictureKind, StoredImage, Upload
from models.design import Design, DesignDocument, DesignNames, DesignWarning, KeptDesign, PhotoLayer, TextLayer, WarningCode
from models.errors import OrderRefused, RefusalCode
from models.order import Channel, CheckoutRequest
from tests.adapters.postgres.shop import NOW, Shop, web_request


def stored(folder: str, ending: str, media_type: str, width: int, height: int) -> StoredImage:
    sha256 = hashlib.sha256(uuid4().bytes).hexdigest()
    key = f"{folder}/{sha256}.{ending}"
    return StoredImage(key=key, sha256=sha256, media_type=media_type, width=width, height=height, size=1_000)


def kept(**changes: Any) -> KeptDesign:
    number = uuid4().hex
    document = DesignDocument(
        template_id="2-in-1",
        photos=(PhotoLayer(photo="one.jpg"), PhotoLayer(photo="two.jpg", zoom=1.5)),
        texts=(TextLayer(text="Für Ada\n💙", color="#FF0000"),),
    )
    warning = DesignWarning(code=WarningCode.LOW_RESOLUTION, message="blurred", layer="photos[1]", facts={"dpi": 150})
    design = Design(
        print_image=stored("print", "png", "image/png", 1390, 2905),
        preview=stored("previews", "webp", "image/webp", 400, 836),
        shell_id="MS102509090019",
        renderer_version="1/test",
        warnings=(warning,),
    )
    names = DesignNames(token=f"token-{number}", final=f"{number}.png", preview=f"{number}.webp")
    return KeptDesign.model_validate({"names": names, "document": document, "design": design, "at": NOW, **changes})


def unplaced(**changes: Any) -> CheckoutRequest:
    """A request for a case that has no picture yet."""
    return web_request("", **{"template_id": "classic", "amount": 0, "customer": None, **changes})


@pytest.fixture
def designs(open_shop: Shop) -> PostgresDesigns:
    return PostgresDesigns(open_shop.database)


async def test_a_kept_design_is_found_whole_by_its_token(designs: PostgresDesigns):
    design = kept()

    await designs.keep(design)

    assert await designs.find(design.names.token) == design
    assert await designs.find("another token") is None


async def test_a_design_that_is_kept_twice_stands_once(designs: PostgresDesigns, open_shop: Shop):
    """An activity whose answer was lost runs again."""
    design = kept()

    await designs.keep(design)
    await designs.keep(design)

    assert await open_shop.rows("SELECT name FROM uploads WHERE name LIKE :name", name=f"{design.names.final[:32]}%") == [
        {"name": design.names.final},
        {"name": design.names.preview},
    ]


async def test_a_kept_design_is_an_upload_that_can_be_ordered_and_its_preview_is_not(designs: PostgresDesigns, open_shop: Shop):
    design = kept()
    await designs.keep(design)

    quote = await open_shop.reader.quote(web_request(design.names.final), at=NOW)
    with pytest.raises(OrderRefused) as caught:
        await open_shop.reader.quote(web_request(design.names.preview), at=NOW)

    assert (quote.image, quote.product.template_id) == (design.design.print_image, "2-in-1")
    assert caught.value.code is RefusalCode.UNKNOWN_UPLOAD


async def test_the_same_drawing_can_be_kept_under_many_names(designs: PostgresDesigns):
    """Each request to have it drawn is another attempt to order."""
    first = kept()
    second = kept(design=first.design)

    await designs.keep(first)
    await designs.keep(second)

    assert await designs.find(first.names.token) == first
    assert await designs.find(second.names.token) == second


async def test_a_design_whose_picture_was_removed_is_gone_until_it_is_drawn_again(designs: PostgresDesigns, open_shop: Shop):
    design = kept()
    await designs.keep(design)
    await open_shop.execute("UPDATE assets SET removed_at = now() WHERE sha256 = :it", it=design.design.print_image.sha256)

    assert await designs.find(design.names.token) is None
    with pytest.raises(OrderRefused):
        await open_shop.reader.quote(web_request(design.names.final), at=NOW)

    await designs.keep(kept(design=design.design))
    assert await designs.find(design.names.token) == design


async def test_photos_and_generated_pictures_are_found_by_name_and_no_others(designs: PostgresDesigns, open_shop: Shop):
    images = {f"{uuid4().hex}.jpg": stored("photos", "jpg", "image/jpeg", 900, 1200) for _ in range(3)}
    for (name, image), kind in zip(images.items(), (PictureKind.PHOTO, PictureKind.GENERATED, PictureKind.PREVIEW), strict=True):
        await open_shop.uploads.add(Upload(name=name, image=image, created_at=NOW, kind=kind))
    gone, _, preview = images
    await open_shop.execute("UPDATE assets SET removed_at = now() WHERE sha256 = :it", it=images[gone].sha256)

    found = await designs.pictures([*images, "nobody's.jpg"])

    assert found == {name: image for name, image in images.items() if name not in {gone, preview}}


async def test_a_case_without_a_picture_is_resolved_by_the_storefronts_words(designs: PostgresDesigns):
    product = await designs.case(unplaced(template_id="film-strip-3"), at=NOW)

    assert (product.model_name, product.shell_id, product.template_id) == ("iPhone 15 Pro", "MS102509090019", "film-strip")
    assert (product.width_mm, product.height_mm, product.device_id) == (69.43, 145.12, "DEFAULTUK001")


async def test_the_other_shell_of_a_phone_can_be_asked_for(designs: PostgresDesigns):
    product = await designs.case(unplaced(), at=NOW, shell_id="MS102503270003")

    assert (product.width_mm, product.height_mm) == (73.24, 149.27)


@pytest.mark.parametrize(
    ("changes", "shell_id", "code"),
    [
        ({"model": "Nokia 3310"}, None, RefusalCode.UNKNOWN_MODEL),
        ({}, "MS102504100001", RefusalCode.UNKNOWN_MODEL),
        ({"template_id": "5-in-1"}, None, RefusalCode.UNKNOWN_TEMPLATE),
        ({"channel": Channel.APP, "device_id": "NOWHERE"}, None, RefusalCode.UNKNOWN_DEVICE),
    ],
)
async def test_what_is_not_sold_is_not_designed_for(
    designs: PostgresDesigns, changes: dict[str, Any], shell_id: str | None, code: RefusalCode
):
    with pytest.raises(OrderRefused) as caught:
        await designs.case(unplaced(**changes), at=NOW, shell_id=shell_id)

    assert caught.value.code is code


async def test_a_case_that_is_sold_out_can_be_designed_and_not_commissioned(shop: Shop):
    """A preview costs nothing; a picture by AI for an order does."""
    designs = PostgresDesigns(shop.database)
    await shop.execute("UPDATE stock_levels SET stock = held")

    assert (await designs.case(unplaced(), at=NOW)).shell_id == "MS102509090019"
    with pytest.raises(OrderRefused) as caught:
        await designs.case(unplaced(), at=NOW, in_stock=True)

    assert caught.value.code is RefusalCode.OUT_OF_STOCK
