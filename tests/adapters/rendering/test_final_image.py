"""A ready-made design is looked at before anyone pays: what would print blank is refused, what would print white is said."""

from io import BytesIO

import pytest
from PIL import Image, ImageDraw

from adapters.rendering.final_image import inspect_final_image
from models.design import WarningCode
from models.errors import OrderRefused, RefusalCode

SIZE = (1390, 2905)


def png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def with_hole(part: float) -> Image.Image:
    """A design that is transparent from its top down to this part of its height."""
    image = Image.new("RGBA", SIZE, "teal")
    ImageDraw.Draw(image).rectangle((0, 0, SIZE[0], int(SIZE[1] * part) - 1), fill=(0, 0, 0, 0))
    return image


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", SIZE, "white"),
        Image.new("L", SIZE, 255),
        Image.new("RGBA", SIZE, (200, 10, 10, 0)),
        Image.new("RGBA", SIZE, (255, 255, 255, 128)),
    ],
    ids=["white", "grey", "transparent", "half-transparent white"],
)
def test_a_design_of_which_nothing_would_be_seen_is_refused(image: Image.Image):
    with pytest.raises(OrderRefused, match="arrived empty") as caught:
        inspect_final_image(png(image))

    assert caught.value.code is RefusalCode.BAD_IMAGE


def test_one_dot_is_a_design():
    image = Image.new("RGB", SIZE, "white")
    image.putpixel((700, 1400), (254, 255, 255))

    assert inspect_final_image(png(image))[1] == ()


def test_what_is_transparent_is_said_with_how_much_it_is():
    _, (warning,) = inspect_final_image(png(with_hole(0.25)))

    assert (warning.code, warning.facts) == (WarningCode.TRANSPARENT_AREA, {"part": 0.25})
    assert "25%" in warning.message


def test_a_smooth_edge_is_no_hole():
    assert inspect_final_image(png(with_hole(0.005)))[1] == ()


def test_the_facts_are_those_of_the_bytes_that_came():
    data = png(Image.new("RGB", SIZE, "teal"))
    image, _ = inspect_final_image(data)

    assert (image.width, image.height, image.size, image.media_type) == (*SIZE, len(data), "image/png")
