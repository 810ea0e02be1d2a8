"""Sizes of print files, shapes of pictures, names of objects."""

import pytest

from models.artwork import RATIO_TOLERANCE, StoredImage, fits, is_printable, object_key, print_size, sha256_of

SHELLS = {
    "iPhone 15 Pro": (69.43, 145.12),
    "iPhone 15 Pro, basic": (73.24, 149.27),
    "iPhone 15 Pro Max": (75.35, 158.33),
    "iPhone 16 Pro Max": (78.91, 164.34),
    "iPhone 16 Pro Max, new": (76.03, 161.04),
    "iPhone 12 mini": (68.58, 135.97),
    "iPhone XS Max": (75.95, 156.04),
    "iPhone 17 Pro Max": (77.55, 147.07),
    "iPhone 17 Air": (78.99, 164.59),
}
SHELLS_OF_ONE_PHONE = [("iPhone 15 Pro", "iPhone 15 Pro, basic"), ("iPhone 16 Pro Max", "iPhone 16 Pro Max, new")]


def picture(width: int, height: int) -> StoredImage:
    digest = sha256_of(b"")
    return StoredImage(key="k", sha256=digest, media_type="image/png", width=width, height=height, size=1)


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_the_storefronts_canvas_fits_its_shell(shell: tuple[float, float]):
    width, height = print_size(*shell)
    assert width == 1390
    assert abs(height - 1390 * shell[1] / shell[0]) <= 0.5
    assert fits(picture(width, height), *shell)
    assert fits(picture(width, height + 1), *shell)
    assert fits(picture(width, height - 1), *shell)


@pytest.mark.parametrize(("one", "other"), SHELLS_OF_ONE_PHONE)
def test_a_picture_for_one_shell_of_a_phone_never_fits_another_of_its_shells(one: str, other: str):
    assert not fits(picture(*print_size(*SHELLS[one])), *SHELLS[other])
    assert not fits(picture(*print_size(*SHELLS[other])), *SHELLS[one])


def test_pixels_do_not_matter_and_the_shape_may_be_a_little_off():
    assert fits(picture(700, 1400), 70, 140)
    assert fits(picture(10_000, int(20_000 * (1 + RATIO_TOLERANCE)) - 1), 70, 140)
    assert not fits(picture(10_000, int(20_000 * (1 + RATIO_TOLERANCE)) + 1), 70, 140)
    assert not fits(picture(1400, 700), 70, 140)


@pytest.mark.parametrize("area", [(0, 140), (29.9, 60), (70, 0), (70, 301), (201, 300), (100, 119), (40, 121), (-70, -140)])
def test_nothing_is_printed_on_an_area_that_no_phone_has(area: tuple[float, float]):
    assert not is_printable(*area)
    assert not fits(picture(1390, 2780), *area)
    with pytest.raises(ValueError, match="no phone case"):
        print_size(*area)


def test_an_object_is_named_by_its_content_alone():
    digest = sha256_of(b"picture")
    assert object_key("print", digest, "image/png") == f"print/{digest}.png"
    with pytest.raises(KeyError):
        object_key("print", digest, "image/gif")
