"""Warnings about places: what is near the edge, and what the cameras cover."""

import json
from pathlib import Path

import pytest
from PIL import Image

from adapters.rendering import areas
from adapters.rendering.areas import (
    SAFE_LEFT,
    SAFE_TOP_AND_BOTTOM,
    SAFE_WIDTH,
    camera_warnings,
    cameras,
    corners_of,
    text_warnings,
)
from models.design import DesignWarning, WarningCode

WIDTH, HEIGHT = 1390, 2833
IPHONE_15_PRO = "MM020250224000010"
CATALOGUE = Path(areas.__file__).parents[1] / "postgres" / "catalogue.json"


def level(left: float, top: float, right: float, bottom: float) -> areas.Corners:
    return (left, top), (right, top), (right, bottom), (left, bottom)


def about(corners: areas.Corners, model: str = "") -> list[DesignWarning]:
    return text_warnings(0, corners, height=HEIGHT, width=WIDTH, model_id=model)


SAFE = (
    SAFE_LEFT * WIDTH,
    SAFE_TOP_AND_BOTTOM * WIDTH,
    (SAFE_LEFT + SAFE_WIDTH) * WIDTH,
    HEIGHT - SAFE_TOP_AND_BOTTOM * WIDTH,
)


def moved(side: int, by: float) -> areas.Corners:
    """Return the safe area's box with one side moved outwards."""
    box = list(SAFE)
    box[side] += by if side >= 2 else -by
    return level(*box)


def test_a_text_that_fills_the_safe_area_is_fine():
    assert about(level(*SAFE)) == []


@pytest.mark.parametrize("side", range(4), ids=("left", "top", "right", "bottom"))
def test_a_text_is_near_the_edge_as_soon_as_it_leaves_the_safe_area(side: int):
    (warning,) = about(moved(side, 2))

    assert (warning.code, warning.layer) == (WarningCode.TEXT_OUTSIDE, "texts[0]")
    assert "close to the edge" in warning.message


@pytest.mark.parametrize("side", range(4), ids=("left", "top", "right", "bottom"))
def test_a_text_beyond_the_edge_is_said_to_be_cut(side: int):
    (warning,) = about(moved(side, 200))

    assert warning.code is WarningCode.TEXT_OUTSIDE
    assert "cut off" in warning.message


def test_a_text_that_fits_only_while_it_is_level_is_near_the_edge_when_it_is_turned():
    level_text, turned_text = (
        corners_of((0, 0, 1100, 100), block=(1100, 100), centre=(WIDTH / 2, 260.0), rotation=rotation) for rotation in (0, 30)
    )

    assert about(level_text) == []
    assert about(turned_text) != []


def test_a_text_without_ink_is_nowhere():
    corners = corners_of((0, 0, 0, 0), block=(10, 10), centre=(-500, -500), rotation=20)

    assert about(corners, IPHONE_15_PRO) == []


def test_every_phone_of_the_catalogue_has_its_cameras_and_no_other():
    phones = {phone["manufacturer_model_id"]: phone for phone in json.loads(CATALOGUE.read_text())["phone_models"]}
    listed = json.loads(areas._CAMERAS.read_text())["cameras"]

    assert set(cameras()) == set(phones)
    for camera in listed:
        assert {phones[model]["display_name"] for model in camera["models"]} == {camera["phone"]}


@pytest.mark.parametrize("model", cameras())
def test_cameras_are_in_the_upper_half_and_begin_on_the_left_as_one_looks_at_the_back(model: str):
    for area in cameras()[model]:
        assert 0 <= area.left < area.right <= 1
        assert 0 <= area.top < area.bottom < 0.5
    assert min(area.left for area in cameras()[model]) < 0.1


def test_a_text_across_the_cameras_is_warned_of_and_below_them_it_is_not():
    high, low = level(200, 200, 1200, 300), level(200, 1500, 1200, 1600)

    (warning,) = about(high, IPHONE_15_PRO)

    assert (warning.code, warning.layer) == (WarningCode.BEHIND_CAMERA, "texts[0]")
    assert about(low, IPHONE_15_PRO) == []


def test_a_text_at_the_edge_and_behind_the_cameras_gets_both_warnings():
    codes = [warning.code for warning in about(level(10, 10, 400, 100), IPHONE_15_PRO)]

    assert codes == [WarningCode.TEXT_OUTSIDE, WarningCode.BEHIND_CAMERA]


def test_what_only_touches_the_cameras_is_not_behind_them():
    (area,) = cameras()[IPHONE_15_PRO]
    right, bottom = area.right * WIDTH, area.bottom * HEIGHT

    assert about(level(right, 200, right + 200, 300), IPHONE_15_PRO) == []
    assert about(level(right - 2, 200, right + 200, 300), IPHONE_15_PRO) != []
    assert about(level(200, bottom, 400, bottom + 100), IPHONE_15_PRO) == []


def test_a_turned_box_is_judged_by_itself_and_not_by_the_room_around_it():
    (area,) = cameras()[IPHONE_15_PRO]
    right, bottom = area.right * WIDTH, area.bottom * HEIGHT
    beside, across = (
        corners_of((0, 0, 600, 60), block=(600, 60), centre=(right + by, bottom + by), rotation=-45) for by in (60, -20)
    )

    assert min(x for x, _ in beside) < right
    assert min(y for _, y in beside) < bottom
    assert about(beside, IPHONE_15_PRO) == []
    assert about(across, IPHONE_15_PRO) != []


def test_a_sticker_that_lies_around_the_cameras_is_called_a_sticker():
    (warning,) = camera_warnings("stickers[3]", level(0, 0, WIDTH, HEIGHT), height=HEIGHT, width=WIDTH, model_id=IPHONE_15_PRO)

    assert warning.layer == "stickers[3]"
    assert "your sticker" in warning.message


def test_of_an_unknown_phone_nothing_is_said():
    assert about(level(200, 200, 1200, 300), "MM-OF-NOBODY") == []


@pytest.mark.parametrize("rotation", [0, 30, 90, 200, -45])
def test_corners_lie_where_the_picture_is_turned_to(rotation: int):
    """Against Pillow, which turns the other way round and about the picture's middle as well."""
    block = Image.new("L", (300, 300))
    box = (120, 100, 220, 160)
    block.paste(255, box)

    found = block.rotate(-rotation, Image.Resampling.BICUBIC).point(lambda value: 255 * (value > 127)).getbbox()
    corners = corners_of(box, block=block.size, centre=(150, 150), rotation=rotation)

    xs, ys = zip(*corners, strict=True)
    assert found == pytest.approx((min(xs), min(ys), max(xs), max(ys)), abs=2)
