"""Make the files of `adapters/rendering/fonts` out of the fonts' originals.

Run by hand, in an environment of its own, when a font is added or a newer version of one is wanted:

    pip install fonttools==4.68.0
    python dev/make_fonts.py ORIGINALS adapters/rendering/fonts

`ORIGINALS` is a folder in which the files named in `ORIGINALS_OF` lie, however deep; the fonts' README says where they come from.
The same originals give the same bytes. Others change what texts look like, and with that the renderer's version.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fontTools import subset  # type: ignore[import-not-found]
from fontTools.ttLib import TTFont, newTable  # type: ignore[import-not-found]
from fontTools.ttLib.tables import ttProgram  # type: ignore[import-not-found]
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable  # type: ignore[import-not-found]
from fontTools.ttLib.tables._k_e_r_n import KernTable_format_0  # type: ignore[import-not-found]

ORIGINALS_OF: Final = {
    "anton.ttf": "Anton_400Regular.ttf",
    "arimo.ttf": "Arimo_400Regular.ttf",
    "bebas-neue.ttf": "BebasNeue_400Regular.ttf",
    "comic-neue.ttf": "ComicNeue_400Regular.ttf",
    "cousine.ttf": "Cousine_400Regular.ttf",
    "dancing-script.ttf": "DancingScript_400Regular.ttf",
    "dejavu-sans-condensed.ttf": "DejaVuSansCondensed.ttf",
    "dejavu-sans-mono.ttf": "DejaVuSansMono.ttf",
    "dejavu-sans.ttf": "DejaVuSans.ttf",
    "gelasio.ttf": "Gelasio_400Regular.ttf",
    "inter.ttf": "Inter_400Regular.ttf",
    "lato.ttf": "Lato_400Regular.ttf",
    "montserrat.ttf": "Montserrat_400Regular.ttf",
    "noto-emoji.ttf": "NotoEmoji_400Regular.ttf",
    "nunito.ttf": "Nunito_400Regular.ttf",
    "open-sans.ttf": "OpenSans_400Regular.ttf",
    "oswald.ttf": "Oswald_400Regular.ttf",
    "pacifico.ttf": "Pacifico_400Regular.ttf",
    "playfair-display.ttf": "PlayfairDisplay_400Regular.ttf",
    "poppins.ttf": "Poppins_400Regular.ttf",
    "quicksand.ttf": "Quicksand_400Regular.ttf",
    "raleway.ttf": "Raleway_400Regular.ttf",
    "roboto.ttf": "Roboto_400Regular.ttf",
    "source-sans-3.ttf": "SourceSans3_400Regular.ttf",
    "tex-gyre-pagella.otf": "texgyrepagella-regular.otf",
    "tinos.ttf": "Tinos_400Regular.ttf",
    "ubuntu.ttf": "Ubuntu_400Regular.ttf",
}

Ranges = tuple[tuple[int, int], ...]

LETTERS: Final[Ranges] = (
    *((0x20, 0x7E), (0xA0, 0x24F), (0x2B0, 0x36F)),  # Latin
    *((0x370, 0x3FF), (0x400, 0x52F), (0x1E00, 0x1EFF)),  # Greek, Cyrillic, Vietnamese
    *((0x2000, 0x209F), (0x20A0, 0x20CF), (0x2100, 0x218F), (0xFB00, 0xFB06)),  # punctuation, currencies, ligatures
)
SIGNS: Final[Ranges] = ((0x2190, 0x22FF), (0x2500, 0x27BF))
KERNED: Final[Ranges] = (
    *((0x20, 0x7E), (0xA0, 0x17F), (0x386, 0x3CE), (0x400, 0x45F), (0x490, 0x491)),
    *((0x1E9E, 0x1E9E), (0x2010, 0x2026), (0x20AC, 0x20AC)),
)
LEAST_KERNING: Final = 0.012
"""In em; a smaller one is not seen, and most of the pairs are smaller."""
PAIRS_IN_TABLE: Final = 10_000
"""A table of pairs counts its bytes in 16 bits."""

NO_HINTING: Final = bytes([0xB1, 1, 1, 0x8E, 0xB0, 0, 0x21, 0xB0, 0, 0x21])
"""INSTCTRL: no programs of glyphs. FreeType reshapes letters by its own rules where this program has no more than seven bytes."""

DROPPED: Final = (
    *("GSUB", "GPOS", "GDEF", "kern", "DSIG", "STAT", "FFTM", "meta"),
    *("BASE", "MATH", "gasp", "vhea", "vmtx", "VORG", "avar", "MVAR"),
)


def make(original: Path, target: Path, number: int) -> None:
    """Write the subset; `number` names it, because some licences keep the font's name for the original."""
    font = TTFont(original, recalcTimestamp=False)
    pairs = kerning(font)
    options = subset.Options(hinting=False, layout_features=[], name_IDs=["*"], name_languages=[0x409], notdef_outline=True)
    options.drop_tables += DROPPED
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for code in font.getBestCmap() if is_kept(code, target.stem)])
    subsetter.subset(font)
    write_characters(font)
    write_kerning(font, pairs)
    write_names(font, f"Case Print {number:02d}")
    if "glyf" in font:
        font["prep"] = newTable("prep")
        font["prep"].program = ttProgram.Program()
        font["prep"].program.fromBytecode(NO_HINTING)
    font.save(target, reorderTables=None)


def is_kept(code: int, name: str) -> bool:
    if name == "noto-emoji":
        return code == 0x20 or code > 0x7F
    return within(code, LETTERS) or (within(code, SIGNS) and name != "dejavu-sans-condensed")


def within(code: int, ranges: Ranges) -> bool:
    return any(first <= code <= last for first, last in ranges)


def kerning(font: Any) -> dict[tuple[str, str], int]:
    """Read the pairs of GPOS that people write beside each other: letters of one script, digits, punctuation."""
    codes: dict[str, int] = {}
    for code, glyph in font.getBestCmap().items():
        if within(code, KERNED):
            codes.setdefault(glyph, code)
    found: dict[tuple[str, str], int] = {}
    for lookup in lookups(font):
        pairs: dict[tuple[str, str], int] = {}
        for table in lookup.SubTable:
            for pair, value in values(table.ExtSubTable if table.LookupType == 9 else table, codes):
                pairs.setdefault(pair, value)
        for pair, value in pairs.items():
            found[pair] = found.get(pair, 0) + value
    least = font["head"].unitsPerEm * LEAST_KERNING
    return {
        (left, right): value
        for (left, right), value in found.items()
        if abs(value) >= least and len({script(codes[left]), script(codes[right])} - {""}) < 2
    }


def lookups(font: Any) -> list[Any]:
    if "GPOS" not in font:
        return []
    table = font["GPOS"].table
    languages = [record.Script.DefaultLangSys for record in table.ScriptList.ScriptRecord if record.ScriptTag in SCRIPTS]
    features = [table.FeatureList.FeatureRecord[index] for language in languages if language for index in language.FeatureIndex]
    wanted = {index for feature in features if feature.FeatureTag == "kern" for index in feature.Feature.LookupListIndex}
    return [table.LookupList.Lookup[index] for index in sorted(wanted)]


SCRIPTS: Final = frozenset({"DFLT", "latn", "grek", "cyrl"})


def values(table: Any, codes: dict[str, int]) -> Iterator[tuple[tuple[str, str], int]]:
    """Read one table of pair positions, of single glyphs or of classes of them."""
    if table.LookupType != 2:
        return
    for number, left in enumerate(table.Coverage.glyphs):
        if left not in codes:
            continue
        if table.Format == 1:
            records = {record.SecondGlyph: record.Value1 for record in table.PairSet[number].PairValueRecord}
        else:
            row = table.Class1Record[table.ClassDef1.classDefs.get(left, 0)].Class2Record
            records = {right: row[table.ClassDef2.classDefs.get(right, 0)].Value1 for right in codes}
        for right in records.keys() & codes.keys():
            yield (left, right), getattr(records[right], "XAdvance", 0) or 0


def script(code: int) -> str:
    if 0x370 <= code <= 0x3FF:
        return "Greek"
    if 0x400 <= code <= 0x52F:
        return "Cyrillic"
    return "Latin" if chr(code).isalpha() else ""


def write_characters(font: Any) -> None:
    """Leave one table of characters, in the only form that the renderer reads."""
    table = CmapSubtable.newSubtable(12)
    table.platformID, table.platEncID, table.language, table.format = 3, 10, 0, 12
    table.reserved = table.length = table.nGroups = 0
    table.cmap = dict(font.getBestCmap())
    font["cmap"] = newTable("cmap")
    font["cmap"].tableVersion, font["cmap"].tables = 0, [table]


def write_kerning(font: Any, pairs: dict[tuple[str, str], int]) -> None:
    """Write the pairs in the old form, which needs no layout engine."""
    order = font.getReverseGlyphMap()
    kept = sorted((pair for pair in pairs if order.keys() >= set(pair)), key=lambda pair: (order[pair[0]], order[pair[1]]))
    if not kept:
        return
    font["kern"] = newTable("kern")
    font["kern"].version, font["kern"].kernTables = 0, []
    for at in range(0, len(kept), PAIRS_IN_TABLE):
        table = KernTable_format_0(apple=False)
        table.coverage, table.tupleIndex = 1, None
        table.kernTable = {pair: pairs[pair] for pair in kept[at : at + PAIRS_IN_TABLE]}
        font["kern"].kernTables.append(table)


def write_names(font: Any, name: str) -> None:
    """Rename it, and leave copyright, trademark, authors and licence."""
    joined = name.replace(" ", "")
    font["name"].names = [record for record in font["name"].names if record.nameID in {0, 5, 7, 8, 9, 13, 14}]
    for number, text in ((1, name), (2, "Regular"), (3, f"{name} of PimpMyCase"), (4, name), (6, joined)):
        font["name"].setName(text, number, 3, 1, 0x409)
    if "CFF " in font:
        cff = font["CFF "].cff
        cff.fontNames = [joined]
        cff.topDictIndex[0].FullName = cff.topDictIndex[0].FamilyName = name


def main() -> None:
    originals, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for number, (target, original) in enumerate(sorted(ORIGINALS_OF.items()), 1):
        make(next(iter(originals.rglob(original))), folder / target, number)


if __name__ == "__main__":
    main()
