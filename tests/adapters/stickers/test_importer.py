"""Packs from a folder, in bucket and database: checked, in three sizes, and the same again is nothing."""

import asyncio
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from adapters.stickers.__main__ import OWN_SET, main
from adapters.stickers.importer import Outcome
from adapters.stickers.packs import read_packs
from models.artwork import StoredImage
from models.decoration import DecorationKind
from models.errors import ProviderUnavailable
from tests.adapters.stickers.conftest import Packs, sticker


async def read(packs: Packs, image: StoredImage) -> Image.Image:
    data = await packs.store.get(image.key)
    picture = Image.open(BytesIO(data))
    assert (image.size, image.width, image.height) == (len(data), *picture.size)
    assert picture.get_format_mimetype() == image.media_type
    return picture


async def test_a_sticker_is_kept_in_three_sizes_transparent_where_it_was_and_without_metadata(packs: Packs):
    packs.add("CAT/7.png", sticker(side=400))
    assert await packs.bring() == {"CAT/7.png": Outcome.NEW}

    (kept,) = await packs.book.offered()
    assert (kept.name, kept.picture.media_type, kept.thumbnail.media_type) == ("CAT/7", "image/png", "image/webp")
    for image, side in ((kept.picture, 400), (kept.highres, 400), (kept.thumbnail, 160)):
        picture = await read(packs, image)
        assert image.key.startswith("stickers/")
        assert (picture.size, picture.mode, picture.info.get("Author")) == ((side, side), "RGBA", None)
        assert picture.getpixel((2, 2))[3] == 0  # type: ignore[index]
        assert picture.getpixel((side // 2, side // 2))[3] == 255  # type: ignore[index]


async def test_the_same_again_changes_nothing_and_a_changed_file_replaces_its_sticker(packs: Packs):
    packs.add("CAT/1.png", sticker("teal"))
    packs.add("CAT/2.png", sticker("red"))
    await packs.bring()
    before = await packs.book.offered()
    assert await packs.bring() == {"CAT/1.png": Outcome.UNCHANGED, "CAT/2.png": Outcome.UNCHANGED}

    packs.add("CAT/2.png", sticker("blue"))
    assert await packs.bring() == {"CAT/1.png": Outcome.UNCHANGED, "CAT/2.png": Outcome.REPLACED}
    after = await packs.book.offered()
    assert [one.name for one in after] == ["CAT/1", "CAT/2"]
    assert (after[0] == before[0], after[1].picture == before[1].picture) == (True, False)


async def test_a_picture_that_the_bucket_lost_is_brought_back(packs: Packs, tmp_path: Path):
    packs.add("CAT/1.png")
    await packs.bring()
    (kept,) = await packs.book.offered()
    for file in (tmp_path / "bucket").rglob(f"*{kept.thumbnail.sha256}*"):
        file.unlink()
    assert not await packs.store.exists(kept.thumbnail.key)
    assert await packs.bring() == {"CAT/1.png": Outcome.REPLACED}
    assert await packs.store.exists(kept.thumbnail.key)


async def test_what_will_not_do_is_refused_by_name_and_keeps_nothing_else_out(packs: Packs):
    packs.add("CAT/1.png")
    packs.add("CAT/1.webp", sticker("red", kind="WEBP"))
    packs.add("CAT/2.png", sticker()[:300])
    packs.add("CAT/3.gif", b"GIF89a")
    packs.add("CAT/4.png", sticker("#00000000"))
    packs.add("CAT/5.png", sticker(side=60))
    packs.add("CAT/thumbnails/1.webp", b"not ours")
    packs.add("DÖG/1.png")
    packs.add("loose.png")
    outcomes = await packs.bring()
    assert outcomes.pop("CAT/1.png") is Outcome.NEW
    assert set(outcomes.values()) == {Outcome.REFUSED}
    assert set(outcomes) == {"CAT/1.webp", "CAT/2.png", "CAT/3.gif", "CAT/4.png", "CAT/5.png", "DÖG/1.png", "loose.png"}
    assert [one.name for one in await packs.book.offered()] == ["CAT/1"]


async def test_a_dry_run_reports_the_same_and_writes_nothing(packs: Packs, tmp_path: Path):
    packs.add("CAT/1.png")
    assert await packs.bring(dry_run=True) == {"CAT/1.png": Outcome.NEW}
    assert await packs.book.offered() == []
    assert [file for file in (tmp_path / "bucket").rglob("*.png*") if file.is_file()] == []


async def test_what_has_no_file_any_more_is_withdrawn_only_on_request_and_can_come_back(packs: Packs):
    packs.add("CAT/1.png")
    gone = packs.add("CAT/2.png", sticker("red"))
    await packs.bring()
    gone.unlink()
    assert await packs.bring() == {"CAT/1.png": Outcome.UNCHANGED}
    assert len(await packs.book.offered()) == 2
    assert await packs.bring(deactivate_missing=True) == {"CAT/1.png": Outcome.UNCHANGED, "CAT/2": Outcome.WITHDRAWN}
    assert [one.name for one in await packs.book.offered()] == ["CAT/1"]
    assert await packs.book.find_decorations(["CAT/2"]) == {}

    packs.add("CAT/2.png", sticker("red"))
    assert (await packs.bring())["CAT/2.png"] is Outcome.REPLACED
    assert len(await packs.book.offered()) == 2


async def test_a_refused_file_and_an_empty_folder_withdraw_nothing(packs: Packs):
    packs.add("CAT/1.png")
    await packs.bring()
    packs.add("CAT/1.png", b"damaged")
    assert await packs.bring(deactivate_missing=True) == {"CAT/1.png": Outcome.REFUSED}
    (packs.folder / "CAT" / "1.png").unlink()
    assert await packs.bring(deactivate_missing=True) == {}
    assert [one.name for one in await packs.book.offered()] == ["CAT/1"]


async def test_stickers_and_backgrounds_of_one_pack_and_number_are_two(packs: Packs):
    packs.add("SPACE/1.png", sticker(side=1000))
    await packs.bring()
    await packs.bring(DecorationKind.BACKGROUND)
    found = await packs.book.find_decorations(["space/1", "BACKGROUND-SPACE/1.png", "SPACE/2", "nonsense"])
    assert set(found) == {"space/1", "BACKGROUND-SPACE/1.png"}
    assert await packs.bring(DecorationKind.BACKGROUND, deactivate_missing=True) == {"SPACE/1.png": Outcome.UNCHANGED}
    assert len(await packs.book.offered()) == 2


async def test_an_outage_is_reported_as_one(packs: Packs, monkeypatch: pytest.MonkeyPatch):
    async def away(*_: object, **__: object) -> None:
        raise ProviderUnavailable("away", provider="r2")

    packs.add("CAT/1.png")
    packs.add("CAT/2.png", sticker("red"))
    monkeypatch.setattr(packs.store, "put", away)
    with pytest.raises(ProviderUnavailable):
        await packs.bring()
    assert await packs.book.offered() == []


def test_the_projects_own_set_has_something_for_every_screen():
    stickers, backgrounds = (read_packs(OWN_SET / kind, kind) for kind in DecorationKind)
    assert not [file.title for file in (*stickers, *backgrounds) if file.problem]
    assert len({file.pack for file in stickers}) >= 6
    assert len(stickers) >= 18
    assert len(backgrounds) >= 6


def test_the_command_refuses_what_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "is not a folder" in capsys.readouterr().err


async def test_the_command_prints_what_became_of_each_file_and_its_exit_status_says_whether_all_were_taken(
    packs: Packs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in packs.environment.items():
        monkeypatch.setenv(name, value)
    packs.add("CAT/1.png")
    assert await asyncio.to_thread(main, [str(packs.folder)]) == 0
    assert await asyncio.to_thread(main, [str(packs.folder)]) == 0
    packs.add("CAT/2.png", b"GIF89a")
    assert await asyncio.to_thread(main, [str(packs.folder)]) == 1
    first, first_sum, second_sum, refused, third_sum = capsys.readouterr().out.splitlines()
    assert first.split() == ["new", "CAT/1.png"]
    assert refused.startswith("refused    CAT/2.png: This is a GIF")
    assert [line.split(", ")[0] for line in (first_sum, second_sum, third_sum)] == ["1 new", "0 new", "0 new"]
    assert [line.split(", ")[3] for line in (first_sum, second_sum, third_sum)] == ["0 refused", "0 refused", "1 refused"]
    assert [one.name for one in await packs.book.offered()] == ["CAT/1"]


async def test_the_command_says_what_is_missing_when_nothing_can_be_done(
    packs: Packs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: int
):
    for name, value in (packs.environment | {"STORAGE_ENDPOINT_URL": f"http://127.0.0.1:{port}"}).items():
        monkeypatch.setenv(name, value)
    assert await asyncio.to_thread(main, [str(packs.folder)]) == 2
    packs.add("CAT/1.png")
    assert await asyncio.to_thread(main, [str(packs.folder)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert "holds no packs" in errors[0]
    assert "could not look up stickers/" in errors[1]
