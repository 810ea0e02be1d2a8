"""The file that is printed: the approved picture, scaled to the shell, and nothing else.

Approved equals printed only if the same picture always gives the same bytes. So nothing that could differ gets in: metadata,
time stamps and colour profiles are left behind, and the pixels go onto a new canvas.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from types import TracebackType
from typing import Final, Self

import PIL
from PIL import Image, ImageCms, PngImagePlugin, features

from adapters.rendering.inspection import FINAL_IMAGE, ImageLimits, decode_image, upright
from models.artwork import RenderedImage, RenderRequest, fits, print_size, sha256_of
from models.errors import OrderRefused, RefusalCode

REVISION: Final = 1
"""Raised with every change of this package that changes a print file's bytes."""

PNG_COMPRESSION: Final = 4
"""zlib level. A photo of 1390 × 2833 px takes 0.5 s and 4.0 MB at level 3, 0.6 s and 3.7 MB at 4, 2.2 s and 3.7 MB at 6."""

_PAPER: Final = "white"
"""What shows through a transparent design: the print is made on white."""

_MM_PER_INCH: Final = 25.4
_SRGB_CHUNK: Final = b"\x00"
"""Rendering intent *perceptual*; with this chunk a PNG needs no embedded profile."""


class PillowRenderer:
    """Renders in threads of its own; use as a context manager.

    Threads and not processes, because Pillow lets go of the interpreter while it decodes, scales and compresses: with two
    renders under way the event loop's delay stays in the milliseconds, and no picture is copied between processes.
    """

    def __init__(self, *, workers: int = 2, limits: ImageLimits = FINAL_IMAGE) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="render")
        self._limits = limits
        self._cpu_seconds = 0.0

    @property
    def version(self) -> str:
        """Name what decides the output's bytes: our own revision, Pillow and the deflate library inside its wheel."""
        deflate = features.version("zlib_ng") or f"zlib-{features.version('zlib')}"
        return f"{REVISION}/pillow-{PIL.__version__}/deflate-{deflate}"

    @property
    def cpu_seconds(self) -> float:
        """Return the processor time that all finished renders took together."""
        return self._cpu_seconds

    async def render(self, data: bytes, request: RenderRequest) -> RenderedImage:
        """Return the print file: PNG, sRGB, 1390 px × round(1390 × height_mm / width_mm), with its size in mm as resolution.

        Raises `OrderRefused` for a picture that is not one or does not have the shell's shape, `ValueError` for a shell whose
        size no phone case has.
        """
        loop = asyncio.get_running_loop()
        rendered, cpu_seconds = await loop.run_in_executor(self._pool, _render, data, request, self._limits, self.version)
        self._cpu_seconds += cpu_seconds
        return rendered

    def close(self) -> None:
        """Wait for the renders under way; those that have not begun are cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def _render(data: bytes, request: RenderRequest, limits: ImageLimits, version: str) -> tuple[RenderedImage, float]:
    """Return the print file and the processor seconds of this thread that it took."""
    started = time.thread_time()
    size = print_size(request.width_mm, request.height_mm)
    picture = upright(decode_image(data, limits=limits))
    if not fits(picture, request.width_mm, request.height_mm):
        raise OrderRefused(
            f"This picture is {picture.width} × {picture.height} pixels and does not have the shape of the chosen phone. "
            "Please design it again for your phone.",
            code=RefusalCode.WRONG_RATIO,
            facts={"width": picture.width, "height": picture.height, "print_width": size[0], "print_height": size[1]},
        )
    printed = _on_paper(picture)
    if printed.size != size:
        printed = printed.resize(size, Image.Resampling.LANCZOS)
    png = _png(printed, request)
    width, height = size
    rendered = RenderedImage(data=png, sha256=sha256_of(png), width=width, height=height, renderer_version=version)
    return rendered, time.thread_time() - started


def _on_paper(picture: Image.Image) -> Image.Image:
    """Return the picture as opaque sRGB on a new canvas."""
    if picture.mode == "I;16":  # `convert` would clip everything above 255 to white
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
        picture.info.pop("transparency", None)  # one of 65 536 greys: no longer to be told from its neighbours
    paper = Image.new("RGB", picture.size, _PAPER)
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        # Not `alpha_composite`: it holds the interpreter for as long as it takes, `paste` does not.
        paper.paste(_in_srgb(layers.convert("RGB"), picture), mask=layers.getchannel("A"))
    else:
        paper.paste(_in_srgb(picture.convert("RGB"), picture))
    return paper


def _in_srgb(pixels: Image.Image, source: Image.Image) -> Image.Image:
    """Convert from the profile that came with the picture; one that is broken or for other pixels is ignored, as browsers do."""
    profile = source.info.get("icc_profile")
    if not profile:
        return pixels
    try:
        converted = ImageCms.profileToProfile(pixels, BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return pixels
    return converted or pixels


def _png(image: Image.Image, request: RenderRequest) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", _SRGB_CHUNK)
    dpi = (image.width / request.width_mm * _MM_PER_INCH, image.height / request.height_mm * _MM_PER_INCH)
    file = BytesIO()
    image.save(file, "PNG", compress_level=PNG_COMPRESSION, dpi=dpi, pnginfo=chunks)
    return file.getvalue()
