import hashlib

import pytest

from models.artwork import StoredImage, Upload
from models.errors import OrderRefused, RefusalCode
from tests.adapters.postgres.shop import NOW, Shop, together

SHA256 = hashlib.sha256(b"picture").hexdigest()


def upload(name: str, template_id: str = "classic") -> Upload:
    image = StoredImage(
        key=f"uploads/{SHA256}.png", sha256=SHA256, media_type="image/png", width=1390, height=2905, size=1_000_000
    )
    return Upload(name=name, template_id=template_id, image=image, created_at=NOW)


async def test_an_upload_is_found_by_its_name(shop: Shop):
    await shop.uploads.add(upload("one.png"))

    assert await shop.uploads.find("one.png") == upload("one.png")
    assert await shop.uploads.find("other.png") is None


async def test_the_same_picture_sent_twice_is_two_uploads_of_one_asset(shop: Shop):
    """Each sending is an attempt to order of its own."""
    await shop.uploads.add(upload("one.png"))
    await shop.uploads.add(upload("two.png"))

    assert len(await shop.rows("SELECT 1 FROM uploads")) == 2
    assert len(await shop.rows("SELECT 1 FROM assets")) == 1


async def test_the_same_picture_sent_twice_at_once_is_one_asset(shop: Shop):
    outcomes = await together(*(shop.uploads.add(upload(f"{number}.png")) for number in range(12)))

    assert outcomes == [None] * 12
    assert len(await shop.rows("SELECT 1 FROM assets")) == 1


async def test_the_template_is_known_by_the_storefronts_spelling(shop: Shop):
    await shop.uploads.add(upload("one.png", "film-strip-3"))

    assert await shop.uploads.find("one.png") == upload("one.png", "film-strip")


async def test_an_unknown_template_is_refused_and_nothing_is_written(shop: Shop):
    with pytest.raises(OrderRefused) as caught:
        await shop.uploads.add(upload("one.png", "5-in-1"))

    assert caught.value.code is RefusalCode.UNKNOWN_TEMPLATE
    assert await shop.rows("SELECT 1 FROM assets") == []
