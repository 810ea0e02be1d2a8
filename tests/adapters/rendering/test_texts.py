"""Texts: the same letters everywhere, none cut, none left out without a word."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageFont

from adapters.rendering import texts
from adapters.rendering.checks import check_characters
from adapters.rendering.fonts import FONT_FILES, font_file
from adapters.rendering.metrics import font_metrics
from adapters.rendering.texts import LARGEST_SIDE, LINE_HEIGHT, DrawnText, draw_text
from models.design import TextAlign, TextLayer, WarningCode
from models.errors import OrderRefused, RefusalCode

WIDTH = 500
EM = 50


def drawn(text: str, **options: Any) -> DrawnText:
    return draw_text(TextLayer(text=text, **({"size": EM / WIDTH} | options)), width=WIDTH)


def coverage(block: DrawnText) -> Image.Image:
    return Image.frombytes("RGBA", (block.width, block.height), block.rgba).getchannel("A")


def letters(block: DrawnText) -> Image.Image:
    return coverage(block).crop(block.ink)


def middle(block: DrawnText) -> tuple[float, float]:
    """Of the ink, seen from the block's middle."""
    left, top, right, bottom = block.ink
    return (left + right - block.width) / 2, (top + bottom - block.height) / 2


@pytest.mark.parametrize("font", FONT_FILES)
def test_every_font_writes_a_name_with_nothing_missing_and_nothing_cut(font: str):
    block = drawn("Åfg jÿ Zoë & Jürgen f", font=font)

    left, top, right, bottom = block.ink
    assert block.missing == ""
    assert left > 0 < top
    assert right < block.width
    assert bottom < block.height
    assert len(block.rgba) == block.width * block.height * 4


def test_no_two_fonts_look_alike_but_those_that_are_printed_by_one():
    pictures = {font: sha256(drawn("Hamburgefonstiv", font=font).rgba).digest() for font in FONT_FILES}

    assert len(set(pictures.values())) == len(set(FONT_FILES.values()))
    assert pictures["arial"] == pictures["helvetica"]


def test_a_text_is_of_its_colour_alone_with_soft_edges():
    block = drawn("Zoë", color="#1A2b3C")
    image = Image.frombytes("RGBA", (block.width, block.height), block.rgba)

    assert [image.getchannel(band).getextrema() for band in "RGB"] == [(0x1A, 0x1A), (0x2B, 0x2B), (0x3C, 0x3C)]
    assert coverage(block).getextrema() == (0, 255)
    assert any(coverage(block).histogram()[64:192])


def test_letters_grow_with_the_area():
    small = draw_text(TextLayer(text="Hope", size=0.1), width=500)
    large = draw_text(TextLayer(text="Hope", size=0.1), width=1000)

    for one, other in zip(letters(small).size, letters(large).size, strict=True):
        assert other == pytest.approx(2 * one, abs=3)


@pytest.mark.parametrize("font", FONT_FILES)
def test_the_middle_line_of_three_lies_where_it_lies_alone(font: str):
    alone, three = drawn("Hope", font=font), drawn("Hope\nHope\nHope", font=font)

    assert middle(three) == pytest.approx(middle(alone), abs=1)
    assert letters(three).height == pytest.approx(letters(alone).height + 2 * LINE_HEIGHT * EM, abs=1)


@pytest.mark.parametrize("font", FONT_FILES)
def test_capitals_are_near_the_middle_of_their_line(font: str):
    x, y = middle(drawn("HOH", font=font))

    assert abs(x) <= 0.1 * EM
    assert abs(y) <= 0.2 * EM


def test_empty_lines_keep_their_height():
    assert drawn("a\n\n\nb").height == pytest.approx(4 * LINE_HEIGHT * EM, abs=4)
    assert middle(drawn("Hope\n"))[1] == pytest.approx(middle(drawn("Hope"))[1] - LINE_HEIGHT * EM / 2, abs=1)


@pytest.mark.parametrize(("align", "place"), [(TextAlign.LEFT, -1), (TextAlign.CENTER, 0), (TextAlign.RIGHT, 1)])
def test_a_short_line_stands_where_it_is_aligned_to(align: TextAlign, place: int):
    wide = "HHHHHHHH"
    block = drawn(f"{wide}\nHH", align=align)
    lower = coverage(block).crop((0, block.height // 2, block.width, block.height)).getbbox()
    assert lower is not None
    left, right = lower[0] - block.ink[0], block.ink[2] - lower[2]

    assert (left > right + 5) - (right > left + 5) == place
    assert min(left, right) <= 1 or place == 0


@pytest.mark.parametrize(("font", "close", "wide"), [("inter", "AVAVAV", "AAAVVV"), ("montserrat", "ГАГАГА", "ГГГААА")])
def test_letters_stand_as_close_as_their_font_wants_it(font: str, close: str, wide: str):
    assert letters(drawn(close, font=font)).width < letters(drawn(wide, font=font)).width


@pytest.mark.parametrize("letter", ["ë", "Å"])
@pytest.mark.parametrize("font", FONT_FILES)
def test_a_letter_with_an_accent_is_the_one_that_the_font_has(font: str, letter: str):
    mask = ImageFont.truetype(font_file(font), EM, layout_engine=ImageFont.Layout.BASIC).getmask(letter)
    own = Image.frombytes("L", mask.size, bytes(mask))

    assert letters(drawn(letter, font=font)).tobytes() == own.crop(own.getbbox()).tobytes()


def test_a_letter_that_the_font_lacks_is_taken_from_another():
    assert "Ж" not in font_metrics(font_file("lato")).glyphs

    block = drawn("Жук", font="lato")

    assert block.missing == ""
    assert letters(block).tobytes() == letters(drawn("Жук", font="verdana")).tobytes()


def test_emoji_are_drawn_in_the_colour_of_the_text():
    block = drawn("😀", color="#aa0000")

    assert block.missing == ""
    assert block.rgba[:3] == b"\xaa\x00\x00"
    assert letters(block).width > EM / 2


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Zoe\u0308", "Zoë"),
        ("\u200eZo\u00adë\u200d", "Zoë"),
        ("👍🏽", "👍"),
        ("❤\ufe0f", "❤"),
        ("1\ufe0f\u20e3", "1"),
        ("a\u2009\u3000b", "a  b"),
        ("a\u2028b", "a\nb"),
    ],
)
def test_what_has_no_shape_of_its_own_leaves_no_trace(text: str, same: str):
    assert drawn(text, font="lato") == drawn(same, font="lato")


@pytest.mark.parametrize("foreign", ["你好", "שלום", "مرحبا", "नमस्ते", "\ue000"])
def test_what_no_font_has_is_named_and_not_drawn(foreign: str):
    block = drawn(f"Zoë{foreign}")

    assert set(block.missing) == set(foreign)
    assert letters(block).tobytes() == letters(drawn("Zoë")).tobytes()


def test_a_text_of_which_nothing_can_be_drawn_has_no_ink():
    block = drawn("你你")

    assert (block.missing, block.ink) == ("你", (0, 0, 0, 0))
    assert not any(block.rgba[3::4])


def test_the_customer_reads_which_characters_are_left_out():
    (warning,) = check_characters(2, drawn("Zoë 你好").missing)

    assert (warning.code, warning.layer) == (WarningCode.MISSING_CHARACTER, "texts[2]")
    assert "你 好" in warning.message
    assert check_characters(2, drawn("Zoë").missing) == []


@pytest.mark.parametrize("text", ["W" * 300, "\n" * 299 + "W"])
def test_a_text_larger_than_any_case_is_refused_before_it_takes_memory(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "new", None)

    with pytest.raises(OrderRefused) as refused:
        draw_text(TextLayer(text=text, size=1), width=1390)

    assert refused.value.code is RefusalCode.BAD_DESIGN


def test_the_largest_text_that_is_drawn_stays_within_the_limit():
    block = drawn("W" * 30)

    assert 2 * WIDTH < block.width <= LARGEST_SIDE * WIDTH


def test_an_unknown_font_is_refused():
    with pytest.raises(OrderRefused) as refused:
        drawn("Zoë", font="Wingdings")

    assert refused.value.code is RefusalCode.UNKNOWN_FONT


PROGRAM = """
from hashlib import sha256
from adapters.rendering.fonts import FONT_FILES
from adapters.rendering.texts import draw_text
from models.design import TextLayer
for font in FONT_FILES:
    print(font, sha256(draw_text(TextLayer(text="Für Zoë\\n– Ω Ж 123 & ♥ 😀", font=font), width=500).rgba).hexdigest())
"""


@pytest.mark.parametrize("settings", [{"LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_another_process_with_other_settings_draws_the_same_bytes(settings: dict[str, str], tmp_path: Path):
    root = Path(texts.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), **settings}
    here = {
        font: sha256(draw_text(TextLayer(text="Für Zoë\n– Ω Ж 123 & ♥ 😀", font=font), width=500).rgba).hexdigest()
        for font in FONT_FILES
    }

    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    there = subprocess.run([sys.executable, str(program)], env=environment, cwd=tmp_path, check=True, capture_output=True)

    assert dict(line.split() for line in there.stdout.decode().splitlines()) == here


def test_the_machines_own_libraries_have_no_say_in_the_layout():
    assert texts._font(font_file("inter"), EM).layout_engine is ImageFont.Layout.BASIC


def test_threads_draw_the_same_as_one_after_the_other():
    layers = [TextLayer(text=f"Hope {number} ♥ 😀", font=font, size=0.1) for font in FONT_FILES for number in range(4)]
    one_by_one = [draw_text(layer, width=WIDTH) for layer in layers]

    texts._font.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(lambda layer: draw_text(layer, width=WIDTH), layers))

    assert at_once == one_by_one


def test_a_line_does_not_disturb_the_one_above_it():
    """Pacifico's letters reach into the next line: both are seen."""
    both = coverage(drawn("gggg\nÅÅÅÅ", font="pacifico"))
    upper, lower = coverage(drawn("gggg\n ", font="pacifico")), coverage(drawn(" \nÅÅÅÅ", font="pacifico"))
    size = (max(picture.width for picture in (both, upper, lower)), max(picture.height for picture in (both, upper, lower)))

    for one in (upper, lower):
        assert ImageChops.subtract(on(one, size), on(both, size)).getbbox() is None


def on(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new("L", size)
    canvas.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return canvas
