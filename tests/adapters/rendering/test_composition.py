"""Everything lands where the document says, and what lies above hides what lies below."""

from collections.abc import Mapping
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from adapters.rendering.composition import compose
from adapters.rendering.layout import LINE, TEMPLATES, Box, lines_of, slots_of
from models.artwork import is_printable, print_size
from models.design import Background, ComposeRequest, DesignDocument, Fit, PhotoLayer, StickerLayer, TextLayer
from models.errors import OrderRefused, RefusalCode
from tests.adapters.rendering.samples import SHELL, SIZE, encoded, flat, landscape, marked

WIDTH, HEIGHT = SIZE
NAVY, WHITE, BLACK = (0, 0, 128), (255, 255, 255), (0, 0, 0)
SLOTS = {template_id: slots_of(template, WIDTH, HEIGHT) for template_id, template in TEMPLATES.items()}


def document(template_id: str = "classic", *photos: PhotoLayer, **parts: Any) -> DesignDocument:
    return DesignDocument(template_id=template_id, photos=photos or (PhotoLayer(photo="a"),), **parts)


def drawn(design: DesignDocument, pictures: Mapping[str, bytes], request: ComposeRequest = SHELL) -> Image.Image:
    pixels = compose(design, request, pictures).pixels
    return Image.frombytes("RGB", (pixels.width, pixels.height), pixels.write_to_memory())


def middle_of_red(image: Image.Image) -> tuple[float, float]:
    """Return the middle of everything red."""
    red, green, blue = (band.point(lambda value, high=high: 255 * ((value > 200) == high)) for band, high in _reds(image))
    box = Image.composite(Image.composite(red, Image.new("L", image.size), green), Image.new("L", image.size), blue).getbbox()
    assert box is not None, "nothing red is to be seen"
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _reds(image: Image.Image) -> list[tuple[Image.Image, bool]]:
    return list(zip(image.split(), (True, False, False), strict=True))


class TestLayout:
    @pytest.mark.parametrize("template_id", TEMPLATES)
    @pytest.mark.parametrize("height", [HEIGHT, 2636, 2637, 1668, 4170])
    def test_slots_and_lines_fill_the_case_without_overlap(self, template_id: str, height: int):
        slots, lines = (found(TEMPLATES[template_id], WIDTH, height) for found in (slots_of, lines_of))
        covered = Image.new("L", (WIDTH, height))
        for box in (*slots, *lines):
            assert box.cut(Box(0, 0, WIDTH, height)) == box
            covered.paste(255, (box.left, box.top, box.right, box.bottom))
        assert covered.getextrema() == (255, 255)
        for number, slot in enumerate(slots):
            assert all(slot.cut(other) is None for other in (*slots[:number], *lines))

    @pytest.mark.parametrize("template_id", TEMPLATES)
    def test_the_photos_of_a_template_are_as_large_as_each_other(self, template_id: str):
        widths, heights = ([getattr(slot, side) for slot in SLOTS[template_id]] for side in ("width", "height"))
        assert max(widths) - min(widths) <= 1
        assert max(heights) - min(heights) <= 1

    @pytest.mark.parametrize("template_id", [template_id for template_id in TEMPLATES if TEMPLATES[template_id].photos > 1])
    def test_each_photo_is_in_its_own_slot_and_black_is_between_them(self, template_id: str):
        colors = ("#ff0000", "#00ff00", "#0000ff", "#ffff00")
        slots = SLOTS[template_id]
        layers = tuple(PhotoLayer(photo=colors[number][1:]) for number in range(len(slots)))
        image = drawn(document(template_id, *layers), {color[1:]: flat(color, (1400, 1400)) for color in colors})
        for slot, color in zip(slots, colors, strict=False):
            expected = tuple(bytes.fromhex(color[1:]))
            corners = [(x, y) for x in (slot.left, slot.right - 1) for y in (slot.top, slot.bottom - 1)]
            assert {image.getpixel(corner) for corner in corners} == {expected}
        gap = (slots[0].left + 5, slots[0].bottom)
        assert {image.getpixel((gap[0], gap[1] + row)) for row in range(LINE)} == {BLACK}

    def test_a_film_strip_has_light_holes_in_black_film_at_both_sides(self):
        image = drawn(document("film-strip", *[PhotoLayer(photo="a")] * 3), {"a": flat("navy", (1400, 1400))})
        for x in (50, WIDTH - 50):
            column = [image.getpixel((x, y)) for y in range(HEIGHT)]
            holes = sum(1 for above, below in pairwise(column) if above == BLACK and below != BLACK)
            assert 30 < holes < 50
            assert set(column) >= {BLACK, (242, 242, 242)}
        assert image.getpixel((3, HEIGHT // 2)) == BLACK

    def test_an_unknown_template_is_refused_by_name(self):
        with pytest.raises(OrderRefused, match="9-in-1") as refused:
            drawn(document("9-in-1"), {})
        assert refused.value.code is RefusalCode.UNKNOWN_TEMPLATE

    @pytest.mark.parametrize(("template_id", "given"), [("classic", 2), ("4-in-1", 3), ("film-strip", 4), ("retro-remix", 0)])
    def test_a_wrong_number_of_photos_is_refused_with_the_right_one(self, template_id: str, given: int):
        design = DesignDocument(template_id=template_id, photos=(PhotoLayer(photo="a"),) * given)
        with pytest.raises(OrderRefused) as refused:
            drawn(design, {"a": flat("navy", (900, 900))})
        assert refused.value.code is RefusalCode.BAD_DESIGN
        assert (refused.value.facts["needed"], refused.value.facts["given"]) == (TEMPLATES[template_id].photos, given)


class TestPhoto:
    @pytest.mark.parametrize("at", [(0.5, 0.5), (0.3, 0.2), (0.6, 0.9)])
    @pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (695, 1453), (2780, 5810)])
    def test_a_photo_of_the_case_s_shape_is_seen_whole(self, size: tuple[int, int], at: tuple[float, float]):
        found = middle_of_red(drawn(document(), {"a": marked(size, at=at)}))
        assert found == pytest.approx((at[0] * WIDTH, at[1] * HEIGHT), abs=3)

    def test_what_covers_is_cut_off_on_both_sides_alike(self):
        image = drawn(document(), {"a": marked((2905, 2905), at=(0.5, 0.5))})
        assert middle_of_red(image) == pytest.approx((WIDTH / 2, HEIGHT / 2), abs=2)
        assert {image.getpixel((x, y)) for x in (0, WIDTH - 1) for y in (0, HEIGHT - 1)} == {NAVY}

    def test_what_is_contained_is_seen_whole_before_the_background(self):
        design = document("classic", PhotoLayer(photo="a", fit=Fit.CONTAIN), background=Background(color="#22c55e"))
        image = drawn(design, {"a": flat("navy", (1000, 1000))})
        top = (HEIGHT - WIDTH) // 2
        assert image.getpixel((5, top - 3)) == (0x22, 0xC5, 0x5E)
        assert image.getpixel((5, top + 3)) == NAVY
        assert image.getpixel((WIDTH - 1, HEIGHT - top - 3)) == NAVY
        assert image.getpixel((5, HEIGHT - top + 3)) == (0x22, 0xC5, 0x5E)

    @pytest.mark.parametrize("zoom", [0.5, 1.5, 2.0])
    def test_zoom_enlarges_around_the_middle_of_the_slot(self, zoom: float):
        image = drawn(document("classic", PhotoLayer(photo="a", zoom=zoom)), {"a": marked(SIZE, at=(0.6, 0.55))})
        expected = ((0.5 + 0.1 * zoom) * WIDTH, (0.5 + 0.05 * zoom) * HEIGHT)
        assert middle_of_red(image) == pytest.approx(expected, abs=3)

    @pytest.mark.parametrize(("x", "y"), [(0.25, 0.0), (0.0, -0.25), (-0.4, 0.3)])
    def test_an_offset_moves_by_a_part_of_the_slot(self, x: float, y: float):
        layers = (PhotoLayer(photo="b"), PhotoLayer(photo="a", offset_x=x, offset_y=y))
        slot = SLOTS["2-in-1"][1]
        pictures = {"a": marked((slot.width, slot.height), at=(0.5, 0.5)), "b": flat("navy", (1400, 1400))}
        expected = (slot.left + (0.5 + x) * slot.width, slot.top + (0.5 + y) * slot.height)
        assert middle_of_red(drawn(document("2-in-1", *layers), pictures)) == pytest.approx(expected, abs=3)

    @pytest.mark.parametrize(
        ("angle", "place"),
        [(90.0, (500, 0)), (-90.0, (-500, 0)), (180.0, (0, 500)), (45.0, (354, -354)), (-315.0, (354, -354)), (360.0, (0, -500))],
    )
    @pytest.mark.parametrize("side", [3000, 1500])
    def test_a_photo_turns_clockwise_around_its_middle(self, angle: float, place: tuple[int, int], side: int):
        """The dot is straight above the middle before: at three o'clock after a quarter."""
        photo = marked((side, side), at=(0.5, 0.5 - 500 / HEIGHT), radius=0.01)
        image = drawn(document("classic", PhotoLayer(photo="a", rotation=angle)), {"a": photo})
        assert middle_of_red(image) == pytest.approx((WIDTH / 2 + place[0], HEIGHT / 2 + place[1]), abs=3)

    @pytest.mark.parametrize(("rotation", "zoom"), [(0.0, 3.0), (30.0, 3.0), (90.0, 3.0)])
    def test_a_photo_never_leaves_its_slot(self, rotation: float, zoom: float):
        plain, wild = PhotoLayer(photo="a"), PhotoLayer(photo="b", zoom=zoom, rotation=rotation)
        pictures = {"a": flat("navy", (1400, 1400)), "b": flat("red", (2800, 2800))}
        image = drawn(document("4-in-1", plain, wild, plain, plain), pictures)
        slot = SLOTS["4-in-1"][1]
        assert image.crop((slot.left, slot.top, slot.right, slot.bottom)).getcolors() == [(slot.area, (255, 0, 0))]
        image.paste(NAVY, (slot.left, slot.top, slot.right, slot.bottom))
        assert {color for _, color in image.getcolors() or []} == {NAVY, BLACK}

    def test_a_photo_that_covers_leaves_no_seam_whatever_its_shape(self):
        for size in ((777, 1611), (1001, 2003), (1389, 2903), (1391, 2907)):
            image = drawn(document(background=Background(color="#ff0000")), {"a": flat("navy", size)})
            assert image.getcolors() == [(WIDTH * HEIGHT, NAVY)], size

    def test_a_large_jpeg_is_scaled_down_to_the_same_picture(self):
        photo = Image.open(BytesIO(landscape(1, (3200, 6688))))
        for x in range(0, 3200, 12):
            photo.paste("black", (x, 0, x + 6, 3000))
        files = [encoded(image, "JPEG", quality=95, subsampling=0) for image in (photo.reduce(2), photo)]
        images = [drawn(document(), {"a": data}) for data in files]
        assert max(ImageStat.Stat(ImageChops.difference(*images)).rms) < 6


class TestOrder:
    def test_later_layers_hide_earlier_ones(self):
        pictures = {"a": flat("navy", SIZE), "s/1": flat("red", (300, 300)), "s/2": flat("lime", (300, 300))}
        one, two = (StickerLayer(sticker=name, width=0.4) for name in ("s/1", "s/2"))
        text = TextLayer(text="█", size=0.2, color="#ffffff")
        assert drawn(document(stickers=(one,)), pictures).getpixel((695, 1452)) == (255, 0, 0)
        assert drawn(document(stickers=(one, two)), pictures).getpixel((695, 1452)) == (0, 255, 0)
        assert drawn(document(stickers=(one, two), texts=(text,)), pictures).getpixel((695, 1452)) == WHITE

    def test_the_background_picture_covers_the_colour_and_photos_cover_both(self):
        background = Background(color="#ff0000", picture="bg/1")
        design = document("classic", PhotoLayer(photo="a", zoom=0.5), background=background)
        image = drawn(design, {"a": flat("navy", SIZE), "bg/1": flat("lime", (300, 400))})
        assert image.getpixel((3, 3)) == (0, 255, 0)
        assert image.getpixel((695, 1452)) == NAVY

    def test_half_transparent_is_mixed_with_what_is_below(self):
        veil = encoded(Image.new("RGBA", (100, 100), (255, 255, 255, 128)))
        image = drawn(document(stickers=(StickerLayer(sticker="s/1"),)), {"a": flat("black", SIZE), "s/1": veil})
        assert image.getpixel((695, 1452)) == (128, 128, 128)
        assert image.getpixel((3, 3)) == BLACK

    def test_a_cut_out_edge_shows_no_colour_of_what_was_cut_away(self):
        """Transparent pixels of white around a black square: scaled and turned, no light fringe may appear on black."""
        square = Image.new("RGBA", (300, 300), (255, 255, 255, 0))
        square.paste((0, 0, 0, 255), (100, 100, 200, 200))
        for rotation in (0.0, 30.0, 90.0):
            for width in (0.13, 0.9):
                sticker = StickerLayer(sticker="s/1", width=width, rotation=rotation)
                image = drawn(document(stickers=(sticker,)), {"a": flat("black", SIZE), "s/1": encoded(square)})
                assert ImageChops.subtract(image, Image.new("RGB", SIZE, (2, 2, 2))).getbbox() is None


class TestSticker:
    @pytest.mark.parametrize(("x", "y"), [(0.2, 0.3), (0.5, 0.5), (0.9, 0.95)])
    @pytest.mark.parametrize("rotation", [0.0, 15.0, 270.0])
    def test_its_middle_is_where_the_document_says(self, x: float, y: float, rotation: float):
        sticker = StickerLayer(sticker="s/1", x=x, y=y, width=0.1, rotation=rotation)
        image = drawn(document(stickers=(sticker,)), {"a": flat("navy", SIZE), "s/1": flat("red", (200, 200))})
        assert middle_of_red(image) == pytest.approx((x * WIDTH, y * HEIGHT), abs=2)

    def test_its_width_is_a_part_of_the_case_s_and_its_shape_is_kept(self):
        sticker = StickerLayer(sticker="s/1", width=0.5)
        image = drawn(document(stickers=(sticker,)), {"a": flat("navy", SIZE), "s/1": flat("red", (400, 100))})
        assert sum(count for count, color in image.getcolors() or [] if color == (255, 0, 0)) == 695 * 174

    def test_one_that_names_a_picture_that_is_not_there_is_refused(self):
        design = document(stickers=(StickerLayer(sticker="s/1"),))
        with pytest.raises(OrderRefused) as refused:
            drawn(design, {"a": flat("navy", SIZE)})
        assert (refused.value.code, refused.value.facts["name"]) == (RefusalCode.UNKNOWN_PICTURE, "s/1")

    def test_one_that_names_no_picture_at_all_is_refused(self):
        with pytest.raises(OrderRefused, match="Sticker 1"):
            drawn(document(stickers=(StickerLayer(),)), {"a": flat("navy", SIZE)})

    def test_one_that_is_damaged_is_refused(self):
        whole = landscape(0)
        for broken in (b"", b"sticker", whole[: len(whole) // 3], flat("red", (300, 300))[:60]):
            with pytest.raises(OrderRefused) as refused:
                drawn(document(stickers=(StickerLayer(sticker="s/1"),)), {"a": flat("navy", SIZE), "s/1": broken})
            assert refused.value.code is RefusalCode.BAD_IMAGE


class TestText:
    def test_its_middle_is_where_the_document_says_and_it_turns_clockwise(self):
        texts = (TextLayer(text="██████", color="#ff0000", size=0.05, x=0.4, y=0.3),)
        level = drawn(document(texts=texts), {"a": flat("navy", SIZE)})
        assert middle_of_red(level) == pytest.approx((0.4 * WIDTH, 0.3 * HEIGHT), abs=12)
        turned = drawn(document(texts=(texts[0].model_copy(update={"rotation": 45.0}),)), {"a": flat("navy", SIZE)})
        assert turned.getpixel((round(0.4 * WIDTH) + 80, round(0.3 * HEIGHT) + 80)) == (255, 0, 0)
        assert turned.getpixel((round(0.4 * WIDTH) + 80, round(0.3 * HEIGHT) - 80)) == NAVY


class TestShell:
    @pytest.mark.parametrize("size", [(69.43, 145.12), (77.55, 147.07), (78.99, 164.59)])
    def test_every_shell_gets_a_file_of_its_own_size(self, size: tuple[float, float]):
        request = ComposeRequest(width_mm=size[0], height_mm=size[1])
        assert drawn(document(), {"a": flat("navy", SIZE)}, request).size == print_size(*size)

    def test_a_shell_that_no_phone_has_is_never_drawn(self):
        assert not is_printable(0.7, 1.4)
        with pytest.raises(ValueError, match="no phone case"):
            drawn(document(), {"a": flat("navy", SIZE)}, ComposeRequest(width_mm=0.7, height_mm=1.4))
