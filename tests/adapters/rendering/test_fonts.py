"""Fonts: whatever the catalogue offers is printed, always by the same files."""

import json
import re
from pathlib import Path

import pytest
from PIL import ImageFont

from adapters.rendering import fonts
from adapters.rendering.fonts import FALLBACKS, FOLDER, FONT_FILES, font_file, fonts_version
from adapters.rendering.metrics import font_metrics
from models.errors import OrderRefused, RefusalCode

CATALOGUE = Path(fonts.__file__).parents[1] / "postgres" / "catalogue.json"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in {".ttf", ".otf"})
NOBODYS = "\U0010fffd"


def characters(path: Path) -> frozenset[str]:
    return frozenset(font_metrics(path).glyphs)


def offered() -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads(CATALOGUE.read_text())["fonts"]
    return listed


def test_every_font_of_the_catalogue_is_printed_and_no_other():
    assert set(FONT_FILES) == {font["id"] for font in offered()}


def test_a_font_is_found_by_its_id_and_by_its_name_in_any_spelling():
    for font in offered():
        assert font_file(font["name"]) == font_file(font["name"].upper()) == font_file(font["id"])
        assert font_file(font["id"]).exists()


def test_an_unknown_font_is_refused_with_the_ones_to_choose_from():
    with pytest.raises(OrderRefused) as refused:
        font_file("Wingdings")

    assert refused.value.code is RefusalCode.UNKNOWN_FONT
    assert "Wingdings" in refused.value.message
    assert all(font in refused.value.message for font in FONT_FILES)


def test_every_file_is_used_and_they_are_few_megabytes():
    assert set(FILES) == {font_file(font) for font in FONT_FILES} | set(FALLBACKS)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 4 * 1024 * 1024


def test_every_font_has_the_letters_of_western_europe_itself():
    needed = {chr(code) for code in (*range(0x20, 0x7F), *range(0xC0, 0x100))} | set("€£–’“”…")
    for font in FONT_FILES:
        assert needed <= characters(font_file(font)), font


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_characters_that_a_file_names_are_the_ones_that_freetype_finds(path: Path):
    font = ImageFont.truetype(path, 24, layout_engine=ImageFont.Layout.BASIC)
    nothing = shape(font, NOBODYS)
    everyones = sorted(frozenset.union(*(characters(file) for file in FILES)))[::7]

    wrong = [
        character
        for character in everyones
        if (shape(font, character) != nothing) is not (character in characters(path)) and not blank(font, character)
    ]

    assert wrong == []


def shape(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes, float]:
    mask = font.getmask(character)
    return mask.size, bytes(mask), font.getlength(character)


def blank(font: ImageFont.FreeTypeFont, character: str) -> bool:
    return font.getmask(character).getbbox() is None


@pytest.mark.parametrize("path", [path for path in FILES if path.stem != "noto-emoji"], ids=lambda path: path.name)
def test_letters_are_as_tall_as_they_were_drawn_and_not_as_the_pixels_are(path: Path):
    """The last row is covered by as much as a letter reaches into it; hinting would fill it, or leave it out."""
    finely = 64
    small, large = (ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC) for size in (51, 51 * finely))
    mask = small.getmask("H")

    upper_row = max(bytes(mask)[: mask.size[0]]) / 255
    height = -large.getbbox("H", anchor="ls")[1] / finely

    assert upper_row == pytest.approx(height % 1, abs=0.12)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_has_its_origin_and_its_licence_beside_it(path: Path):
    rows = re.findall(
        r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \| \[[^\]]+\]\(([^)]+)\) \| ([^|]+) \|",
        (FOLDER / "README.md").read_text(),
        re.MULTILINE,
    )
    licences = {name: (FOLDER / licence, copyright_line) for name, licence, copyright_line in rows}

    licence, copyright_line = licences[path.name]
    assert licence.read_text().strip()
    assert copyright_line.strip()


def test_another_file_or_another_freetype_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    other = tmp_path / FALLBACKS[-1].name
    other.write_bytes(FALLBACKS[-1].read_bytes()[:-1] + b"\x55")
    version = fonts_version.__wrapped__()
    assert fonts_version() == version

    with monkeypatch.context() as patch:
        patch.setattr(fonts, "FALLBACKS", (FALLBACKS[0], other))
        assert fonts_version.__wrapped__() != version
    with monkeypatch.context() as patch:
        patch.setattr("PIL.features.version", lambda feature: f"another {feature}")
        assert fonts_version.__wrapped__() != version
