"""What an AI answers is looked at like everything from outside, and kept small."""

from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from adapters.rendering.generated import GeneratedPictures
from models.artwork import sha256_of
from models.errors import OrderRefused, RefusalCode


def answer(size: tuple[int, int] = (600, 1200), *, mode: str = "RGB", kind: str = "PNG") -> bytes:
    picture = Image.effect_noise(size, 60).convert(mode)
    if mode == "RGBA":
        picture.putalpha(120)
    remark = PngImagePlugin.PngInfo()
    remark.add_text("prompt", "the customer's secret")
    file = BytesIO()
    picture.save(file, kind, **({"pnginfo": remark} if kind == "PNG" else {}))
    return file.getvalue()


async def test_an_answer_becomes_a_jpeg_of_pixels_alone_named_by_its_content() -> None:
    asked = answer()
    clean = await GeneratedPictures().clean(asked)

    assert (clean.image.media_type, clean.image.width, clean.image.height) == ("image/jpeg", 600, 1200)
    assert clean.image.key == f"generated/{sha256_of(clean.data)}.jpg"
    assert clean.image.size == len(clean.data) < len(asked)
    assert b"secret" not in clean.data
    assert Image.open(BytesIO(clean.data)).size == (600, 1200)


async def test_the_same_answer_always_gives_the_same_bytes() -> None:
    pictures, asked = GeneratedPictures(), answer()
    assert len({(await pictures.clean(asked)).image.sha256 for _ in range(2)}) == 1


async def test_what_is_transparent_stays_so() -> None:
    clean = await GeneratedPictures().clean(answer(mode="RGBA"))

    assert clean.image.key == f"generated/{sha256_of(clean.data)}.png"
    assert Image.open(BytesIO(clean.data)).mode == "RGBA"


async def test_a_jpeg_is_kept_as_one() -> None:
    clean = await GeneratedPictures().clean(answer(kind="JPEG"))
    assert clean.image.media_type == "image/jpeg"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"I am sorry, I cannot draw this.", RefusalCode.BAD_IMAGE),
        (b"", RefusalCode.BAD_IMAGE),
        (answer()[:5_000], RefusalCode.BAD_IMAGE),
        (answer((300, 300)), RefusalCode.BAD_IMAGE),
        (answer((8_200, 510)), RefusalCode.IMAGE_TOO_LARGE),
    ],
    ids=["words", "nothing", "cut off", "too small", "too wide"],
)
async def test_what_is_no_usable_picture_is_refused(data: bytes, code: RefusalCode) -> None:
    with pytest.raises(OrderRefused) as refused:
        await GeneratedPictures().clean(data)
    assert refused.value.code is code
