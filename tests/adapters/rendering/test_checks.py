"""A customer hears what is wrong with a design before it is paid for, and never pays for one that cannot look right."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from PIL import Image

from adapters.rendering.checks import GOOD_DPI, LEAST_DPI
from adapters.rendering.composition import compose
from adapters.rendering.layout import TEMPLATES
from models.design import (
    Background,
    ComposeRequest,
    DesignDocument,
    DesignWarning,
    Fit,
    PhotoLayer,
    StickerLayer,
    TextLayer,
    WarningCode,
)
from models.errors import OrderRefused, RefusalCode
from tests.adapters.rendering.samples import SHELL, SIZE, encoded, flat, landscape

DPI = SIZE[0] / SHELL.width_mm * 25.4
"""Of the print file: 508."""
BARE = Background(color="#ffffff")


def warnings(design: DesignDocument, pictures: Mapping[str, bytes], request: ComposeRequest = SHELL) -> Sequence[DesignWarning]:
    return compose(design, request, pictures).warnings


def codes(design: DesignDocument, pictures: Mapping[str, bytes]) -> set[tuple[WarningCode, str]]:
    return {(warning.code, warning.layer) for warning in warnings(design, pictures)}


def classic(photo: PhotoLayer | None = None, **parts: Any) -> DesignDocument:
    return DesignDocument(template_id="classic", photos=(photo or PhotoLayer(photo="a"),), **parts)


def sized_for(dpi: float) -> bytes:
    """Return a picture of the case's shape that would be printed with this resolution."""
    return flat("navy", (round(SIZE[0] * dpi / DPI), round(SIZE[1] * dpi / DPI)))


class TestResolution:
    @pytest.mark.parametrize("template_id", TEMPLATES)
    def test_photos_with_enough_pixels_are_no_reason_to_say_anything(self, template_id: str):
        photos = (PhotoLayer(photo="a"),) * TEMPLATES[template_id].photos
        assert warnings(DesignDocument(template_id=template_id, photos=photos), {"a": landscape(0)}) == ()

    def test_below_two_hundred_dots_per_inch_is_a_warning_with_the_number(self):
        assert warnings(classic(), {"a": sized_for(GOOD_DPI + 2)}) == ()
        (found,) = warnings(classic(), {"a": sized_for(GOOD_DPI - 2)})
        assert (found.code, found.layer, found.facts["photo"]) == (WarningCode.LOW_RESOLUTION, "photos[0]", 1)
        assert found.facts["dpi"] == pytest.approx(GOOD_DPI - 2, abs=1)
        assert f"{found.facts['dpi']} dots per inch" in found.message

    def test_below_a_hundred_is_refused_with_what_to_do(self):
        assert len(warnings(classic(), {"a": sized_for(LEAST_DPI + 2)})) == 1
        with pytest.raises(OrderRefused, match=r"Photo 1 .* zoom out, or choose") as refused:
            warnings(classic(), {"a": sized_for(LEAST_DPI - 2)})
        assert refused.value.code is RefusalCode.LOW_RESOLUTION
        assert refused.value.facts["photo"] == 1
        assert refused.value.facts["dpi"] == pytest.approx(LEAST_DPI - 2, abs=1)

    def test_the_refusal_names_the_photo_that_it_is_about(self):
        photos = tuple(PhotoLayer(photo=name) for name in "aab")
        with pytest.raises(OrderRefused) as refused:
            warnings(DesignDocument(template_id="3-in-1", photos=photos), {"a": landscape(0), "b": flat("navy", (200, 200))})
        assert refused.value.facts["photo"] == 3

    def test_zooming_in_takes_resolution_away(self):
        good = {"a": sized_for(300)}
        assert warnings(classic(PhotoLayer(photo="a", zoom=1.4)), good) == ()
        assert codes(classic(PhotoLayer(photo="a", zoom=1.6)), good) == {(WarningCode.LOW_RESOLUTION, "photos[0]")}
        with pytest.raises(OrderRefused):
            warnings(classic(PhotoLayer(photo="a", zoom=3.1)), good)

    @pytest.mark.parametrize(
        ("size", "is_good"), [((1536, 2752), True), ((1792, 2400), True), ((768, 1376), True), ((1024, 1024), False)]
    )
    def test_what_the_ai_makes_of_2048_pixels_prints_sharp_and_of_1024_it_prints(self, size: tuple[int, int], is_good: bool):
        """Pictures of 2K in 9:16 and 3:4, and of 1K in 9:16 and square, on a case 70 mm wide."""
        found = warnings(classic(), {"a": flat("navy", size)}, ComposeRequest(width_mm=70, height_mm=146))
        assert [warning.code for warning in found] == ([] if is_good else [WarningCode.LOW_RESOLUTION])

    def test_a_customer_s_own_sticker_may_be_soft_but_ours_are_our_business(self):
        pictures = {"a": landscape(0), "b": flat("red", (60, 60)), "s/1": flat("red", (60, 60))}
        own, ours = StickerLayer(photo="b"), StickerLayer(sticker="s/1")
        assert codes(classic(stickers=(ours, own)), pictures) == {(WarningCode.LOW_RESOLUTION, "stickers[1]")}


class TestEmpty:
    @pytest.mark.parametrize(
        "photo",
        [
            PhotoLayer(photo="a", fit=Fit.CONTAIN, zoom=0.5),
            PhotoLayer(photo="a", zoom=0.6),
            PhotoLayer(photo="a", offset_y=0.4),
            PhotoLayer(photo="a", rotation=90, fit=Fit.CONTAIN),
            PhotoLayer(photo="a", rotation=45, zoom=0.9),
        ],
    )
    def test_much_background_colour_is_said(self, photo: PhotoLayer):
        found = warnings(classic(photo), {"a": landscape(0, SIZE)})
        assert [(warning.code, warning.layer) for warning in found] == [(WarningCode.EMPTY_AREA, "")]

    def test_the_part_is_right(self):
        (found,) = warnings(classic(PhotoLayer(photo="a", zoom=0.5)), {"a": landscape(0, SIZE)})
        assert found.facts["part"] == pytest.approx(0.75, abs=0.01)
        assert "75%" in found.message

    def test_a_little_is_not(self):
        assert warnings(classic(PhotoLayer(photo="a", offset_y=0.2)), {"a": landscape(0, SIZE)}) == ()

    def test_with_a_background_picture_nothing_is_empty(self):
        background = Background(picture="bg/1")
        photo = PhotoLayer(photo="a", zoom=0.4)
        assert warnings(classic(photo, background=background), {"a": landscape(0, SIZE), "bg/1": flat("lime", (99, 200))}) == ()

    def test_a_photo_that_was_moved_out_of_its_place_is_named(self):
        photos = (PhotoLayer(photo="a"), PhotoLayer(photo="a", offset_x=2))
        design = DesignDocument(template_id="2-in-1", photos=photos)
        expected = {(WarningCode.EMPTY_AREA, "photos[1]"), (WarningCode.EMPTY_AREA, "")}
        assert codes(design, {"a": landscape(0, (1390, 1460))}) == expected

    @pytest.mark.parametrize(
        "parts",
        [
            {},
            {"stickers": (StickerLayer(sticker="s/1", x=2, y=2),)},
            {"stickers": (StickerLayer(sticker="s/clear"),)},
            {"texts": (TextLayer(text="Hello", x=-1, y=-1, size=0.05),)},
            {"texts": (TextLayer(text="   "),)},
        ],
        ids=["nothing", "sticker outside", "clear sticker", "text outside", "blank text"],
    )
    def test_a_case_with_nothing_on_it_is_refused(self, parts: dict[str, Any]):
        pictures = {"a": landscape(0, SIZE), "s/1": flat("red", (99, 99)), "s/clear": flat("#ff000000", (99, 99), mode="RGBA")}
        with pytest.raises(OrderRefused, match="blank") as refused:
            warnings(classic(PhotoLayer(photo="a", offset_x=2), **parts), pictures)
        assert refused.value.code is RefusalCode.BAD_DESIGN

    def test_a_case_with_only_a_text_on_it_is_not_blank(self):
        design = classic(PhotoLayer(photo="a", offset_x=2), texts=(TextLayer(text="Hello"),))
        assert (WarningCode.EMPTY_AREA, "photos[0]") in codes(design, {"a": landscape(0, SIZE)})

    def test_a_photo_that_is_all_transparent_is_blank(self):
        with pytest.raises(OrderRefused, match="blank"):
            warnings(classic(), {"a": flat("#ff000000", SIZE, mode="RGBA")})


class TestTransparent:
    @pytest.mark.parametrize("rotation", [0.0, 90.0, 180.0, 20.0])
    def test_transparency_before_bare_colour_is_said(self, rotation: float):
        photo = Image.new("RGBA", (2905, 2905), (0, 0, 128, 255))
        whole, holed = encoded(photo), photo
        holed.paste((0, 0, 0, 0), (1200, 1200, 1800, 1800))
        turned = PhotoLayer(photo="a", rotation=rotation, zoom=1.4)
        assert warnings(classic(turned), {"a": whole}) == ()
        (found,) = warnings(classic(turned), {"a": encoded(holed)})
        assert (found.code, found.layer) == (WarningCode.TRANSPARENT_AREA, "photos[0]")
        assert found.facts["part"] == pytest.approx((600 * 1.4) ** 2 / (SIZE[0] * SIZE[1]), abs=0.003)

    def test_before_a_background_picture_it_is_what_the_customer_wants(self):
        pictures = {"a": flat("#00008040", SIZE, mode="RGBA"), "bg/1": flat("lime", (99, 200))}
        assert warnings(classic(background=Background(picture="bg/1")), pictures) == ()
        assert codes(classic(), pictures) == {(WarningCode.TRANSPARENT_AREA, "photos[0]")}


class TestPlaces:
    def test_texts_and_stickers_are_checked_where_they_are_drawn(self):
        design = classic(
            texts=(TextLayer(text="Edge", x=0.05, y=0.5), TextLayer(text="Fine\ue000", x=0.5, y=0.5)),
            stickers=(StickerLayer(sticker="s/1", x=0.2, y=0.1, width=0.2), StickerLayer(sticker="s/1", x=0.5, y=0.8)),
        )
        request = SHELL.model_copy(update={"model_id": "MM020250224000010"})
        found = warnings(design, {"a": landscape(0), "s/1": flat("red", (600, 600))}, request)
        assert {(warning.code, warning.layer) for warning in found} == {
            (WarningCode.TEXT_OUTSIDE, "texts[0]"),
            (WarningCode.MISSING_CHARACTER, "texts[1]"),
            (WarningCode.BEHIND_CAMERA, "stickers[0]"),
        }
