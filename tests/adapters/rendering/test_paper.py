"""A design that arrived empty is never sold."""

import pytest
from PIL import Image, ImageDraw

from adapters.rendering.paper import inspect_final_image
from models.errors import OrderRefused, RefusalCode
from tests.adapters.rendering.samples import encoded

SIZE = (1000, 2000)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", SIZE, "white"),
        Image.new("L", SIZE, 255),
        Image.new("RGBA", SIZE, (200, 0, 0, 0)),
        Image.new("LA", SIZE, (0, 0)),
        Image.new("RGBA", SIZE, (255, 255, 255, 128)),
    ],
    ids=lambda image: f"{image.mode} {image.getpixel((0, 0))}",
)
def test_what_would_be_printed_blank_is_refused(image: Image.Image):
    with pytest.raises(OrderRefused, match="empty") as refused:
        inspect_final_image(encoded(image))
    assert refused.value.code is RefusalCode.BAD_IMAGE
    ImageDraw.Draw(image).point((500, 900), fill=(0,) * (len(image.getbands()) - 1) + (255,) if image.mode.endswith("A") else 0)
    assert inspect_final_image(encoded(image)).width == SIZE[0]


@pytest.mark.parametrize("color", ["black", "navy", "#fffffe"])
def test_a_case_of_one_colour_may_be_wanted(color: str):
    facts = inspect_final_image(encoded(Image.new("RGB", SIZE, color)))
    assert facts.key == f"uploads/{facts.sha256}.png"


def test_all_else_is_checked_as_ever():
    with pytest.raises(OrderRefused) as refused:
        inspect_final_image(encoded(Image.new("RGB", (1000, 1000), "navy")))
    assert refused.value.code is RefusalCode.WRONG_RATIO
