from pathlib import Path

from PIL import Image, ImageChops

from adapters.stickers.__main__ import OWN_SET
from adapters.stickers.packs import read_packs
from dev.drawing import things
from dev.drawing.__main__ import BACKGROUNDS, STICKERS, draw_sticker
from models.decoration import DecorationKind


def test_what_is_in_the_repository_is_what_the_script_draws(tmp_path: Path):
    draw_sticker(things.moon, tmp_path / "3.webp")
    drawn, kept = (Image.open(path) for path in (tmp_path / "3.webp", OWN_SET / "sticker" / "SPACE" / "3.webp"))
    assert ImageChops.difference(drawn.convert("RGBA"), kept.convert("RGBA")).getextrema() == ((0, 0),) * 4


def test_every_drawing_is_in_the_repository_and_nothing_else():
    for kind, packs in ((DecorationKind.STICKER, STICKERS), (DecorationKind.BACKGROUND, BACKGROUNDS)):
        drawn = {(pack, str(number)) for pack, drawings in packs.items() for number in range(1, len(drawings) + 1)}
        assert {(file.pack, file.number) for file in read_packs(OWN_SET / kind, kind)} == drawn
