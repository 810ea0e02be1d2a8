"""Whatever a document says, it is drawn or refused; the files stay small and the memory bounded."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from adapters.rendering import engine, png, preview
from adapters.rendering.png import encode_png
from adapters.rendering.preview import preview_of
from adapters.rendering.renderer import PrintRenderer
from models.artwork import print_size
from models.design import DesignDocument, Fit, PhotoLayer, StickerLayer, TextLayer
from models.errors import OrderRefused, RefusalCode
from tests.adapters.rendering.samples import SHELL, SIZE, encoded, flat, landscape, star

MOST_MIB = 400
SCRIPT = """
import asyncio, sys
from pathlib import Path
from adapters.rendering.renderer import PrintRenderer
from models.design import DesignDocument, PhotoLayer
from tests.adapters.rendering.samples import SHELL

photo = Path(sys.argv[1]).read_bytes()
layers = tuple(PhotoLayer(photo="a", zoom=1.2, rotation=float(angle)) for angle in sys.argv[2].split(","))
with PrintRenderer() as renderer:
    asyncio.run(renderer.compose(DesignDocument(template_id="4-in-1", photos=layers), SHELL, {"a": photo}))
# Not `getrusage`: its peak begins with that of the process that started this one.
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1])
"""


@pytest.fixture(scope="module")
def renderer() -> Iterator[PrintRenderer]:
    with PrintRenderer(workers=1) as renderer:
        yield renderer


@pytest.fixture(scope="module")
def large() -> bytes:
    return flat("navy", (4000, 6000))


@pytest.fixture(scope="module")
def progressive() -> bytes:
    """A photo of 24 megapixels in the form whose decoding takes the most memory."""
    return encoded(Image.open(BytesIO(landscape(0, (4000, 6000)))), "JPEG", progressive=True, subsampling=0)


def noise(width: int, height: int) -> pyvips.Image:
    """Return what nothing can compress."""
    bands = [pyvips.Image.gaussnoise(width, height, mean=0, sigma=90, seed=seed) + 128 for seed in range(3)]
    return bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb").copy_memory()


async def test_forty_stickers_and_twenty_texts_are_drawn(renderer: PrintRenderer):
    stickers = tuple(
        StickerLayer(sticker="s/1", x=number % 5 / 4, y=number / 40, width=0.1 + number / 40, rotation=number * 9.0)
        for number in range(40)
    )
    texts = tuple(TextLayer(text="Every\nwhere 😀", y=number / 20, rotation=number * 18.0) for number in range(20))
    design = DesignDocument(template_id="classic", photos=(PhotoLayer(photo="a"),), stickers=stickers, texts=texts)
    composed = await renderer.compose(design, SHELL, {"a": landscape(0), "s/1": star()})
    assert (composed.width, composed.height) == SIZE


@pytest.mark.parametrize(
    "photo",
    [
        PhotoLayer(photo="a", zoom=10, offset_x=2, offset_y=-2),
        PhotoLayer(photo="a", zoom=10, offset_x=-2, offset_y=2, rotation=33.3),
        PhotoLayer(photo="a", zoom=10, rotation=270, fit=Fit.CONTAIN),
        PhotoLayer(photo="a", zoom=0.1, offset_x=2),
        PhotoLayer(photo="a", zoom=0.1, rotation=359.999),
        PhotoLayer(photo="a", zoom=0.1, rotation=360, fit=Fit.CONTAIN),
        PhotoLayer(photo="a", rotation=-360),
        PhotoLayer(photo="a", rotation=0.001),
    ],
    ids=str,
)
async def test_the_ends_of_every_range_are_drawn(renderer: PrintRenderer, large: bytes, photo: PhotoLayer):
    design = DesignDocument(template_id="classic", photos=(photo,), texts=(TextLayer(text="Hi"),))
    composed = await renderer.compose(design, SHELL, {"a": large})
    assert Image.open(BytesIO(composed.data)).size == SIZE


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
async def test_a_tiny_or_very_thin_photo_is_refused_for_its_resolution(renderer: PrintRenderer, size: tuple[int, int]):
    design = DesignDocument(template_id="classic", photos=(PhotoLayer(photo="a", rotation=30),))
    with pytest.raises(OrderRefused) as refused:
        await renderer.compose(design, SHELL, {"a": flat("navy", size)})
    assert refused.value.code is RefusalCode.LOW_RESOLUTION


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
@pytest.mark.parametrize("rotation", [0.0, 30.0, 90.0])
async def test_a_sticker_of_any_shape_is_drawn(renderer: PrintRenderer, size: tuple[int, int], rotation: float):
    sticker = StickerLayer(photo="b", width=4, rotation=rotation)
    design = DesignDocument(template_id="classic", photos=(PhotoLayer(photo="a"),), stickers=(sticker,))
    composed = await renderer.compose(design, SHELL, {"a": landscape(0), "b": flat("red", size)})
    assert Image.open(BytesIO(composed.data)).size == SIZE


@pytest.mark.parametrize(
    ("kind", "color"), [("L", 128), ("LA", (128, 255)), ("P", 3), ("1", 1), ("I;16", 0x8080), ("RGBA", (9, 99, 199, 255))]
)
async def test_a_picture_of_any_pixel_format_is_drawn(renderer: PrintRenderer, kind: str, color: int):
    file = BytesIO()
    Image.new(kind, SIZE, color).save(file, "PNG")
    design = DesignDocument(template_id="classic", photos=(PhotoLayer(photo="a"),))
    composed = await renderer.compose(design, SHELL, {"a": file.getvalue()})
    shown = Image.open(BytesIO(composed.data)).getcolors()
    assert shown is not None
    assert len(shown) == 1
    if kind in {"L", "LA", "I;16"}:
        assert shown[0][1] == (128, 128, 128)


def test_a_file_has_at_most_ten_megabytes_even_of_noise_and_still_shows_it(monkeypatch: pytest.MonkeyPatch):
    """Shown with small pictures and a limit to match: noise takes all of its bytes, and ten megabytes are 57 % of the largest."""
    width, height = print_size(70, 210)
    largest = 3 * width * height
    image = noise(139, 417)
    monkeypatch.setattr(png, "MAX_BYTES", png.MAX_BYTES * image.width * image.height * 3 // largest)
    first, second = (encode_png(image, width_mm=70, height_mm=210) for _ in range(2))
    assert first == second
    assert len(first) <= png.MAX_BYTES
    assert (pyvips.Image.pngload_buffer(first) - image).abs().max() <= 8


def test_what_can_be_compressed_loses_nothing():
    image = noise(1390, 2905).gaussblur(2).cast("uchar").copy_memory()
    data = encode_png(image, width_mm=70, height_mm=146)
    assert len(data) <= png.MAX_BYTES
    assert (pyvips.Image.pngload_buffer(data) - image).abs().max() == 0


@pytest.mark.parametrize("sigma", [0, 3])
def test_a_preview_has_at_most_a_hundred_kilobytes_even_of_noise(sigma: int):
    image = noise(1390, 2905)
    small = preview_of(image.gaussblur(sigma).cast("uchar") if sigma else image)
    assert len(small.data) <= preview.MAX_BYTES
    assert Image.open(BytesIO(small.data)).size == (small.width, small.height)
    assert small.height / small.width == pytest.approx(2905 / 1390, rel=0.01)


@pytest.mark.parametrize("angles", ["0,0,0,0", "10,90,180,45"])
async def test_four_photos_of_24_megapixels_are_drawn_in_bounded_memory(tmp_path: Path, progressive: bytes, angles: str):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(progressive)
    command = [sys.executable, "-c", SCRIPT, str(photo), angles]
    root = Path(engine.__file__).parents[2]
    done = await asyncio.to_thread(subprocess.run, command, cwd=root, capture_output=True, text=True, check=True, timeout=60)
    assert 50 < int(done.stdout) / 1024 < MOST_MIB


@pytest.mark.parametrize("sticker", [StickerLayer(), StickerLayer(sticker="s/1", photo="a")], ids=["neither", "both"])
async def test_a_sticker_is_one_of_ours_or_a_photo_and_never_left_to_chance(renderer: PrintRenderer, sticker: StickerLayer):
    design = DesignDocument(template_id="classic", photos=(PhotoLayer(photo="a"),), stickers=(sticker,))

    with pytest.raises(OrderRefused, match="one of the two") as refused:
        await renderer.compose(design, SHELL, {"a": landscape(0), "s/1": star()})

    assert refused.value.code is RefusalCode.BAD_DESIGN
