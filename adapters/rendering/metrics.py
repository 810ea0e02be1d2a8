"""What a font file says about its letters: which it has, how wide they are, and which of them stand closer together.

Pillow's plain layout cannot be asked for the first, rounds the second to whole pixels, and applies a sixty-fourth of the third.
The files are our own (`fonts/README.md`), so only the forms of the tables that they have are read here.
Tables: https://learn.microsoft.com/typography/opentype/spec/otff
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from struct import Struct, unpack_from
from typing import Final

_TABLE: Final = Struct(">4s4xII")
_GROUP: Final = Struct(">III")
_METRIC: Final = Struct(">H2x")
_PAIR: Final = Struct(">Ih")


@dataclass(frozen=True, slots=True)
class FontMetrics:
    """Measures of one font, in units of which `units_per_em` make an em.

    Attributes:
        ascent: From the base line up.
        descent: From the base line down, positive.
        glyphs: The number of each character's glyph; a character that is not here has none.
        advances: Widths by glyph; the last one goes for all that follow.
        kerning: By two glyphs (the left one × 65536 + the right one), what is added between them.
    """

    units_per_em: int
    ascent: int
    descent: int
    glyphs: Mapping[str, int]
    advances: tuple[int, ...]
    kerning: Mapping[int, int]

    def advance(self, character: str) -> int:
        """Return its width. Raises `KeyError` if the font does not have it."""
        return self.advances[min(self.glyphs[character], len(self.advances) - 1)]

    def kern(self, left: str, right: str) -> int:
        """Return what is added between two characters of this font; mostly nothing, mostly negative."""
        return self.kerning.get((self.glyphs[left] << 16) + self.glyphs[right], 0)


@cache
def font_metrics(path: Path) -> FontMetrics:
    """Read a font file of ours. Raises `ValueError` if it is of another make."""
    data = path.read_bytes()
    (count,) = unpack_from(">H", data, 4)
    tables = {tag: data[start : start + length] for tag, start, length in _TABLE.iter_unpack(data[12 : 12 + count * 16])}
    (units_per_em,) = unpack_from(">H", tables[b"head"], 18)
    ascent, descent = unpack_from(">hh", tables[b"hhea"], 4)
    (widths,) = unpack_from(">H", tables[b"hhea"], 34)
    return FontMetrics(
        units_per_em=units_per_em,
        ascent=ascent,
        descent=-descent,
        glyphs=_glyphs(tables[b"cmap"], path.name),
        advances=tuple(width for (width,) in _METRIC.iter_unpack(tables[b"hmtx"][: widths * _METRIC.size])),
        kerning=_kerning(tables.get(b"kern", bytes(4))),
    )


def _glyphs(table: bytes, name: str) -> dict[str, int]:
    _, count, _, _, at = unpack_from(">4HI", table)
    form, _, _, _, groups = unpack_from(">HHIII", table, at)
    if (count, form) != (1, 12):
        message = f"{name}: one table of characters in format 12 was expected"
        raise ValueError(message)
    ranges = _GROUP.iter_unpack(table[at + 16 : at + 16 + groups * _GROUP.size])
    return {chr(code): glyph + code - first for first, last, glyph in ranges for code in range(first, last + 1)}


def _kerning(table: bytes) -> dict[int, int]:
    pairs: dict[int, int] = {}
    _, count = unpack_from(">HH", table)
    at = 4
    for _ in range(count):
        _, length, _, number = unpack_from(">4H", table, at)
        pairs.update(_PAIR.iter_unpack(table[at + 14 : at + 14 + number * _PAIR.size]))
        at += length
    return pairs
