"""The print file: right size, right colours, nothing else in it, and the same bytes every time."""

import asyncio
import hashlib
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import PIL
import pytest
import pyvips
from PIL import Image, ImageChops, ImageCms, ImageStat, PngImagePlugin

from adapters.rendering import renderer as module
from adapters.rendering.fonts import fonts_version
from adapters.rendering.renderer import PrintRenderer
from models.artwork import RATIO_TOLERANCE, RenderedImage, RenderRequest, sha256_of
from models.errors import OrderRefused, RefusalCode

Encode = Callable[..., bytes]

SHELL = RenderRequest(width_mm=70.0, height_mm=140.0)
"""A shell of the shape of the `design` fixture."""


@pytest.fixture
def renderer() -> Iterator[PrintRenderer]:
    with PrintRenderer(workers=1) as renderer:
        yield renderer


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data), formats=["PNG"])
    image.load()
    return image


def chunks_of(png: bytes) -> list[bytes]:
    kinds, at = [], 8
    while at < len(png):
        kinds.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return kinds


def difference(left: Image.Image, right: Image.Image) -> float:
    """Return the mean difference of a channel of a pixel, 0 to 255."""
    return max(ImageStat.Stat(ImageChops.difference(left.convert("RGB"), right.convert("RGB"))).mean)


class TestSize:
    @pytest.mark.parametrize(
        ("width_mm", "height_mm", "size"),
        [
            (73.24, 149.27, (1390, 2833)),  # iPhone 15 Pro, basic shell
            (69.43, 145.12, (1390, 2905)),  # iPhone 15 Pro
            (75.35, 158.33, (1390, 2921)),  # iPhone 15 Pro Max
            (77.55, 147.07, (1390, 2636)),  # iPhone 17 Pro Max
            (68.58, 135.97, (1390, 2756)),  # iPhone 12 mini
            (74.42, 150.96, (1390, 2820)),  # iPhone 16
        ],
    )
    async def test_every_shell_gets_1390_pixels_across_and_its_own_height(
        self,
        renderer: PrintRenderer,
        design: Image.Image,
        encode: Encode,
        width_mm: float,
        height_mm: float,
        size: tuple[int, int],
    ):
        picture = encode(design.resize(size), "PNG")
        printed = await renderer.render(picture, RenderRequest(width_mm=width_mm, height_mm=height_mm))
        assert (printed.width, printed.height) == size
        assert opened(printed.data).size == size

    async def test_the_file_says_how_large_it_is_in_millimetres(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode
    ):
        printed = opened((await renderer.render(encode(design, "PNG"), SHELL)).data)
        across, down = (pixels / dpi * 25.4 for pixels, dpi in zip(printed.size, printed.info["dpi"], strict=True))
        assert across == pytest.approx(SHELL.width_mm, abs=0.01)
        assert down == pytest.approx(SHELL.height_mm, abs=0.01)

    async def test_a_picture_just_within_the_tolerance_is_stretched_and_one_beyond_it_is_refused(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode
    ):
        edge = int(2000 * (1 + RATIO_TOLERANCE))
        assert (await renderer.render(encode(design.resize((1000, edge - 1)), "PNG"), SHELL)).height == 2780
        with pytest.raises(OrderRefused) as refused:
            await renderer.render(encode(design.resize((1000, edge + 1)), "PNG"), SHELL)
        assert refused.value.code is RefusalCode.WRONG_RATIO
        assert refused.value.facts["print_height"] == 2780

    async def test_a_shell_that_no_phone_has_is_never_rendered(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode
    ):
        with pytest.raises(ValueError, match="no phone case"):
            await renderer.render(encode(design, "PNG"), RenderRequest(width_mm=0.7, height_mm=1.4))


class TestPicture:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    async def test_what_was_approved_is_what_is_printed(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode, kind: str
    ):
        printed = opened((await renderer.render(encode(design, kind), SHELL)).data)
        assert printed.mode == "RGB"
        assert difference(printed, design.resize(printed.size)) < 2

    async def test_a_picture_of_the_exact_size_keeps_every_pixel(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode
    ):
        exact = design.resize((1390, 2780))
        printed = opened((await renderer.render(encode(exact, "PNG"), SHELL)).data)
        assert printed.tobytes() == exact.tobytes()

    @pytest.mark.parametrize(("kind", "orientation"), [*(("JPEG", turn) for turn in range(1, 9)), ("PNG", 6), ("WEBP", 6)])
    async def test_a_photo_taken_sideways_is_printed_upright(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode, kind: str, orientation: int
    ):
        turned_by_camera = {
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }
        stored = design.transpose(turned_by_camera[orientation]) if orientation > 1 else design
        exif = Image.Exif()
        exif[0x0112] = orientation
        printed = opened((await renderer.render(encode(stored, kind, exif=exif), SHELL)).data)
        assert difference(printed, design.resize(printed.size)) < 2

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
    async def test_what_is_transparent_shows_white_paper(self, renderer: PrintRenderer, encode: Encode, mode: str):
        clear = Image.new("RGBA", (1390, 2780), (0, 0, 0, 0))
        clear.paste((0, 0, 0, 255), (0, 0, 1390, 1390))
        printed = opened((await renderer.render(encode(clear.convert(mode), "PNG"), SHELL)).data)
        assert printed.getpixel((700, 100)) == (0, 0, 0)
        assert printed.getpixel((700, 2700)) == (255, 255, 255)

    async def test_half_transparent_is_mixed_with_white(self, renderer: PrintRenderer, encode: Encode):
        veil = Image.new("RGBA", (1390, 2780), (255, 0, 0, 128))
        printed = opened((await renderer.render(encode(veil, "PNG"), SHELL)).data)
        assert printed.getpixel((5, 5)) == (255, 127, 127)

    async def test_sixteen_bit_grey_keeps_its_middle(self, renderer: PrintRenderer, encode: Encode):
        grey = Image.new("I;16", (1390, 2780), 0x8000)
        printed = opened((await renderer.render(encode(grey, "PNG"), SHELL)).data)
        assert printed.getpixel((5, 5)) == (128, 128, 128)

    async def test_a_colour_profile_is_applied_and_left_behind(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode
    ):
        swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")
        swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
        lime = Image.new("RGB", (1390, 2780), "lime")
        printed = (await renderer.render(encode(lime, "PNG", icc_profile=bytes(swapped)), SHELL)).data
        assert b"iCCP" not in chunks_of(printed)
        red_now = opened(printed).getpixel((5, 5))
        assert isinstance(red_now, tuple)
        assert red_now[0] > 250
        assert red_now[1] < 5

    @pytest.mark.parametrize("profile", [b"not a profile", b"\x00" * 200])
    async def test_a_broken_profile_is_ignored_as_browsers_do(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode, profile: bytes
    ):
        plain = await renderer.render(encode(design, "PNG"), SHELL)
        assert (await renderer.render(encode(design, "PNG", icc_profile=profile), SHELL)).data == plain.data

    async def test_what_is_no_picture_is_refused(self, renderer: PrintRenderer):
        with pytest.raises(OrderRefused) as refused:
            await renderer.render(b"picture", SHELL)
        assert refused.value.code is RefusalCode.BAD_IMAGE


class TestBytes:
    async def test_the_same_picture_gives_the_same_bytes_and_their_hash(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode
    ):
        first = await renderer.render(encode(design, "PNG"), SHELL)
        second = await renderer.render(encode(design, "PNG"), SHELL)
        assert first.data == second.data
        assert first.sha256 == sha256_of(first.data)
        assert first.renderer_version == renderer.version

    async def test_nothing_but_the_pixels_decides_the_bytes(self, renderer: PrintRenderer, design: Image.Image, encode: Encode):
        remarks = PngImagePlugin.PngInfo()
        remarks.add_text("Author", "somebody")
        remarks.add(b"tIME", b"\x07\xea\x01\x01\x00\x00\x00")
        exif = Image.Exif()
        exif[0x9286] = "taken in London"
        plain = await renderer.render(encode(design, "PNG"), SHELL)
        talkative = encode(design, "PNG", pnginfo=remarks, exif=exif, dpi=(72, 72), compress_level=1)
        assert (await renderer.render(talkative, SHELL)).data == plain.data

    async def test_the_file_holds_size_colours_resolution_and_pixels_only(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode
    ):
        data = (await renderer.render(encode(design, "JPEG"), SHELL)).data
        kinds = chunks_of(data)
        assert list(dict.fromkeys(kinds)) == [b"IHDR", b"sRGB", b"pHYs", b"IDAT", b"IEND"]

    async def test_another_process_makes_the_same_bytes(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode, tmp_path: Path
    ):
        source = tmp_path / "design.jpg"
        source.write_bytes(encode(design, "JPEG"))
        script = (
            "import asyncio, pathlib, sys\n"
            "from adapters.rendering.renderer import PrintRenderer\n"
            "from models.artwork import RenderRequest\n"
            "async def main():\n"
            "    data = pathlib.Path(sys.argv[1]).read_bytes()\n"
            "    with PrintRenderer() as renderer:\n"
            f"        done = await renderer.render(data, RenderRequest(width_mm={SHELL.width_mm}, height_mm={SHELL.height_mm}))\n"
            "    print(done.sha256)\n"
            "asyncio.run(main())\n"
        )
        here = (await renderer.render(source.read_bytes(), SHELL)).sha256
        elsewhere = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", script, str(source)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(module.__file__).parents[2],
            env={"LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "1"},
        )
        assert elsewhere.stdout.strip() == here

    def test_the_version_names_all_whose_change_would_change_the_bytes(self, renderer: PrintRenderer):
        libvips = ".".join(str(pyvips.version(part)) for part in range(3))
        for name in (f"vips-{libvips}", f"pillow-{PIL.__version__}", fonts_version(), platform.machine()):
            assert name in renderer.version


class TestEventLoop:
    async def test_the_event_loop_goes_on_while_a_picture_is_rendered(
        self, renderer: PrintRenderer, design: Image.Image, encode: Encode, monkeypatch: pytest.MonkeyPatch
    ):
        go_on = threading.Event()
        render = module._render

        def held(*args: Any) -> tuple[RenderedImage, float]:
            assert go_on.wait(timeout=30), "the event loop stood still"
            return render(*args)

        monkeypatch.setattr(module, "_render", held)
        task = asyncio.create_task(renderer.render(encode(design, "PNG"), SHELL))
        await asyncio.sleep(0)
        go_on.set()
        assert (await task).height == 2780

    async def test_processor_time_is_counted(self, renderer: PrintRenderer, design: Image.Image, encode: Encode):
        assert renderer.cpu_seconds == 0
        await renderer.render(encode(design, "PNG"), SHELL)
        first = renderer.cpu_seconds
        assert first > 0
        await renderer.render(encode(design, "PNG"), SHELL)
        assert renderer.cpu_seconds > first


async def test_these_pixels_were_agreed_upon(renderer: PrintRenderer, design: Image.Image, encode: Encode):
    """One render, pinned. When this fails and Pillow's version (part of ours) did not change, raise our own revision."""
    printed = await renderer.render(encode(design, "PNG"), SHELL)
    pixels = hashlib.sha256(opened(printed.data).tobytes()).hexdigest()
    assert pixels == "eee67fc52ff1e264d035f5fbdd26b0ec7673042140405fcb74d768732858957f"
