"""What a customer should know about where things lie on the case: near its edge, or behind the phone's cameras.

Nothing is cut out of the print file, and none of this refuses a design. The picture is the outside of the case's back, as one
looks at it: an iPhone's cameras are in its upper left corner.
"""

from functools import cache
from itertools import pairwise
from math import cos, radians, sin
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from models.design import DesignWarning, WarningCode

SAFE_LEFT: Final = 0.08
"""Of the area's width, as the storefront's mask has it."""
SAFE_WIDTH: Final = 0.85
"""Of the area's width, as the storefront's mask has it."""
SAFE_TOP_AND_BOTTOM: Final = 0.08
"""Of the area's *width*: as far from the edge in mm as on the left, because a case is rounded alike on all sides."""

_CAMERAS: Final = Path(__file__).with_name("cameras.json")
_TOUCH: Final = 0.5
"""Pixels that do not count: where a box is placed is rounded to whole ones."""

Point = tuple[float, float]
"""x and y in pixels of the print file."""
Corners = tuple[Point, Point, Point, Point]
"""Of a box that may be turned, one after the other around it."""


class CameraArea(BaseModel):
    """A rectangle that the cameras take, in fractions of the printable area's width and height; approximate."""

    left: float
    top: float
    right: float
    bottom: float

    def corners(self, *, width: int, height: int) -> Corners:
        """Return it on a print file of this size."""
        left, right = self.left * width, self.right * width
        top, bottom = self.top * height, self.bottom * height
        return (left, top), (right, top), (right, bottom), (left, bottom)


class Camera(BaseModel):
    """One phone's entry in `cameras.json`.

    Attributes:
        phone: Its name, for readers of the file.
        models: The manufacturer's ids of it.
    """

    phone: str
    models: tuple[str, ...]
    areas: tuple[CameraArea, ...]


class _CameraFile(BaseModel):
    about: str
    cameras: tuple[Camera, ...]


@cache
def cameras() -> dict[str, tuple[CameraArea, ...]]:
    """Return what the cameras take, by the manufacturer's model id."""
    listed = _CameraFile.model_validate_json(_CAMERAS.read_bytes()).cameras
    return {model: camera.areas for camera in listed for model in camera.models}


def corners_of(box: tuple[int, int, int, int], *, block: tuple[int, int], centre: Point, rotation: float) -> Corners:
    """Return where a box inside a block lies after the block was turned about its middle and put onto the print file.

    Args:
        box: Left, top, right and bottom in the block, in pixels: of a text its ink, of a sticker the whole block.
        block: Width and height, in pixels.
        centre: Where the block's middle is put.
        rotation: Degrees, clockwise.
    """
    left, top, right, bottom = box
    cosine, sine = cos(radians(rotation)), sin(radians(rotation))

    def turned(x: float, y: float) -> Point:
        x, y = x - block[0] / 2, y - block[1] / 2
        return centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine

    return turned(left, top), turned(right, top), turned(right, bottom), turned(left, bottom)


def text_warnings(index: int, corners: Corners, *, height: int, width: int, model_id: str) -> list[DesignWarning]:
    """Say what the customer should know about where a text's ink (`corners`) lies on a print file; nothing if it has none."""
    if len(set(corners)) == 1:
        return []
    layer = f"texts[{index}]"
    return [
        *_outside(layer, corners, width=width, height=height),
        *camera_warnings(layer, corners, height=height, width=width, model_id=model_id),
    ]


def camera_warnings(layer_name: str, corners: Corners, *, height: int, width: int, model_id: str) -> list[DesignWarning]:
    """Say that a text or sticker is partly where the cameras are; nothing for phones whose cameras we do not know."""
    if not any(_overlap(corners, area.corners(width=width, height=height)) for area in cameras().get(model_id, ())):
        return []
    return [
        DesignWarning(
            code=WarningCode.BEHIND_CAMERA,
            message=f"The phone’s cameras will cover part of your {_noun(layer_name)}. Move it further down to see all of it.",
            layer=layer_name,
        )
    ]


def _outside(layer: str, corners: Corners, *, width: int, height: int) -> list[DesignWarning]:
    if not _within(corners, (0, 0, width, height)):
        message = "Part of your text is outside of the case and will be cut off. Move it in, or make its letters smaller."
    elif not _within(corners, _safe_area(width, height)):
        message = "Your text is very close to the edge, where the case is rounded. Move it in a little to keep it readable."
    else:
        return []
    return [DesignWarning(code=WarningCode.TEXT_OUTSIDE, message=message, layer=layer)]


def _safe_area(width: int, height: int) -> tuple[float, float, float, float]:
    margin = SAFE_TOP_AND_BOTTOM * width
    return SAFE_LEFT * width, margin, (SAFE_LEFT + SAFE_WIDTH) * width, height - margin


def _within(corners: Corners, box: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = box
    return all(left - _TOUCH <= x <= right + _TOUCH and top - _TOUCH <= y <= bottom + _TOUCH for x, y in corners)


def _overlap(one: Corners, other: Corners) -> bool:
    """Whether two turned boxes share more than their border: seen along the sides of either, none lies beside the other."""
    for box in (one, other):
        for (x1, y1), (x2, y2) in pairwise(box[:3]):
            length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
            if length == 0:
                return False
            across = ((y1 - y2) / length, (x2 - x1) / length)
            here, there = ([x * across[0] + y * across[1] for x, y in corners] for corners in (one, other))
            if max(here) <= min(there) + _TOUCH or max(there) <= min(here) + _TOUCH:
                return False
    return True


def _noun(layer_name: str) -> str:
    return {"texts": "text", "stickers": "sticker", "photos": "photo"}.get(layer_name.partition("[")[0], "design")
