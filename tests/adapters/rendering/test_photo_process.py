"""Hostile photos end the process that reads them, and nothing else; good ones are read within bounds."""

import asyncio
import random
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import pyvips
from PIL import Image

from adapters.rendering.photo_process import PhotoProcess
from adapters.rendering.photos import normalize_photo
from models.errors import OrderRefused, ProviderUnavailable, RefusalCode
from tests.adapters.rendering.photo_corpus import encoded, portrait, sample, vips

PEAK = 450_000_000
"""Bytes of memory that the process may ever fill, whatever it is sent."""


def child(code: str) -> tuple[str, ...]:
    """A process that answers by other rules than ours."""
    return (sys.executable, "-c", f"import os, sys, time, struct\n{code}")


def reader_of(parent: psutil.Process) -> psutil.Process:
    (reader,) = [child for child in parent.children() if "adapters.rendering.photo_child" in child.cmdline()]
    return reader


async def refusal(process: PhotoProcess, data: bytes) -> OrderRefused:
    with pytest.raises(OrderRefused) as refused:
        await process.normalize(data)
    return refused.value


async def test_a_photo_is_read_elsewhere_and_comes_back_as_it_is_kept():
    data = encoded(portrait(), "JPEG")
    async with PhotoProcess() as process:
        assert await process.normalize(data) == normalize_photo(data)


async def test_a_refusal_comes_back_with_its_sentence_code_and_facts():
    async with PhotoProcess() as process:
        error = await refusal(process, encoded(portrait(size=(100, 300)), "PNG"))

    assert (error.code, error.facts) == (RefusalCode.BAD_IMAGE, {"width": 100, "height": 300, "min_side": 200})
    assert "100 × 300" in error.message


async def test_photos_that_arrive_together_each_get_their_own():
    photos = [encoded(portrait(size=(200 + number, 300)), "PNG") for number in range(12)]
    async with PhotoProcess() as process:
        kept = await asyncio.gather(*(process.normalize(photo) for photo in photos))

    assert [photo.image.width for photo in kept] == [200 + number for number in range(12)]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("os.abort()", id="crashes at once"),
        pytest.param("sys.stdin.buffer.read(100); os.abort()", id="crashes while it reads"),
        pytest.param("sys.stdout.buffer.write(struct.pack('>II', 5, 0) + b'hello')", id="answers what is no JSON"),
        pytest.param("sys.stdout.buffer.write(struct.pack('>II', 2, 0) + b'{}')", id="answers nothing of use"),
        pytest.param("sys.stdout.buffer.write(struct.pack('>II', 2, 4_000_000_000))", id="announces an endless answer"),
        pytest.param("time.sleep(600)", id="hangs"),
    ],
)
async def test_a_process_that_fails_costs_its_photo_and_is_gone(code: str):
    async with PhotoProcess(command=child(code), patience=timedelta(milliseconds=300)) as process:
        before = {child.pid for child in psutil.Process().children()}
        error = await refusal(process, encoded(portrait(), "JPEG"))

        assert error.code is RefusalCode.BAD_IMAGE
        assert {child.pid for child in psutil.Process().children()} == before


async def test_the_next_photo_after_a_crash_is_read(tmp_path: Path):
    crashed = tmp_path / "crashed"
    code = (
        f"import runpy\nif not os.path.exists({str(crashed)!r}):\n    open({str(crashed)!r}, 'w').close()\n    os.abort()\n"
        "sys.argv = ['photo_child']\nrunpy.run_module('adapters.rendering.photo_child', run_name='__main__')"
    )
    async with PhotoProcess(command=child(code)) as process:
        await refusal(process, encoded(portrait(), "JPEG"))
        assert (await process.normalize(encoded(portrait(), "JPEG"))).image.width == 240


async def test_whoever_stops_waiting_does_not_leave_an_answer_for_the_next():
    first, second = encoded(portrait(size=(6000, 4000)), "JPEG"), encoded(portrait(), "JPEG")
    async with PhotoProcess() as process:
        await process.normalize(second)
        waiting = asyncio.ensure_future(process.normalize(first))
        await asyncio.sleep(0)  # by now it has been asked
        waiting.cancel()
        assert (await process.normalize(second)).image.width == 240


async def test_without_processes_photos_can_be_sent_again_later():
    async with PhotoProcess(command=("/nowhere/to/be/found",)) as process:
        with pytest.raises(ProviderUnavailable):
            await process.normalize(encoded(portrait(), "JPEG"))


async def test_the_process_has_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_example")
    async with PhotoProcess() as process:
        await process.normalize(encoded(portrait(), "JPEG"))
        reader = reader_of(psutil.Process())

        assert not {name for name in reader.environ() if name.startswith(("STRIPE", "GEMINI", "STORAGE", "DATABASE", "TEMPORAL"))}


async def test_heic_that_is_damaged_anywhere_is_harmless_or_refused_even_where_the_decoder_crashes():
    """Some damage to this very file makes libheif's wrapper follow a null pointer."""
    dice = random.Random("HEIC")  # noqa: S311 - the same damage every time
    outcomes = set()
    async with PhotoProcess() as process:
        for _ in range(60):
            damaged = bytearray(sample("sideways"))
            for _ in range(dice.randint(1, 8)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            try:
                kept = await process.normalize(bytes(damaged))
            except OrderRefused as error:
                outcomes.add(str(error.code))
            else:
                outcomes.add(kept.image.media_type)
        assert (await process.normalize(sample("sideways"))).image.width == 240
    assert {"bad_image", "image/jpeg"} <= outcomes


def _progressive_ink() -> bytes:
    """25 megapixels in four full colours, coded in passes and held sideways: everything is in memory at once, twice."""
    image = vips(Image.new("CMYK", (5000, 5000), (10, 200, 90, 30)), "cmyk")
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    return bytes(image.jpegsave_buffer(Q=50, interlace=True, subsample_mode="off"))


def _transparent_webp() -> bytes:
    return bytes(vips(Image.new("RGBA", (5000, 5000), (10, 200, 90, 30))).webpsave_buffer(lossless=True, effort=0))


async def test_the_worst_photos_that_are_taken_fill_less_memory_than_is_set_aside():
    async with PhotoProcess() as process:
        for data in (sample("large"), _progressive_ink(), _transparent_webp()):
            kept = await process.normalize(data)
            assert kept.image.width * kept.image.height == pytest.approx(25_000_000, rel=0.001)
        reader = reader_of(psutil.Process())
        status = Path(f"/proc/{reader.pid}/status").read_text(encoding="ascii")

    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    assert 200 * 1024 * 1024 < peak < PEAK
