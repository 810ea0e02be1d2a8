"""The file that is printed: the approved picture scaled to the shell, or a design document drawn for it, and nothing else.

Approved equals printed only if the same input always gives the same bytes. So nothing that could differ gets in: metadata,
time stamps and colour profiles are left behind, and the pixels go onto a new canvas.
"""

import asyncio
import platform
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

import PIL
import pyvips
from PIL import Image

from adapters.rendering.composition import compose
from adapters.rendering.engine import vips_version
from adapters.rendering.fonts import fonts_version
from adapters.rendering.inspection import FINAL_IMAGE, ImageLimits, decode_image, upright
from adapters.rendering.paper import on_paper
from adapters.rendering.png import encode_png
from adapters.rendering.preview import preview_of
from models.artwork import RenderedImage, RenderRequest, fits, print_size, sha256_of
from models.design import ComposedDesign, ComposeRequest, DesignDocument
from models.errors import OrderRefused, RefusalCode

REVISION: Final = 2
"""Raised with every change of this package that changes a print file's bytes."""


class PrintRenderer:
    """Renders in threads of its own; use as a context manager. Fits the ports `Renderer` and `DesignRenderer`.

    Threads and not processes, because both libraries let go of the interpreter while they decode, scale and compress: with two
    renders under way the event loop's delay stays in the milliseconds, and no picture is copied between processes.
    """

    def __init__(self, *, workers: int = 2, limits: ImageLimits = FINAL_IMAGE) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="render")
        self._limits = limits
        self._cpu_seconds = 0.0

    @property
    def version(self) -> str:
        """Name what decides the output's bytes: our own revision, the libraries with all that is in their wheels, and the fonts.

        Also the processor, because two of them may round a pixel's value differently.
        """
        return f"{REVISION}/vips-{vips_version()}/pillow-{PIL.__version__}/{fonts_version()}/{platform.machine()}"

    @property
    def cpu_seconds(self) -> float:
        """Return the processor time that all finished calls of `render` took together."""
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

    async def compose(self, document: DesignDocument, request: ComposeRequest, pictures: Mapping[str, bytes]) -> ComposedDesign:
        """Return a document as print file and preview. `pictures` has the bytes of all that it names.

        Raises `OrderRefused` for a design or a picture that cannot be printed well, `ValueError` as `render`.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _compose, document, request, pictures, self.version)

    def close(self) -> None:
        """Wait for the renders under way; those that have not begun are cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def _compose(document: DesignDocument, request: ComposeRequest, pictures: Mapping[str, bytes], version: str) -> ComposedDesign:
    composition = compose(document, request, pictures)
    pixels = composition.pixels
    with ThreadPoolExecutor(1) as helper:
        small = helper.submit(preview_of, pixels)
        data = encode_png(pixels, width_mm=request.width_mm, height_mm=request.height_mm)
        preview = small.result()
    return ComposedDesign(
        data=data,
        sha256=sha256_of(data),
        width=pixels.width,
        height=pixels.height,
        preview=preview.data,
        preview_width=preview.width,
        preview_height=preview.height,
        renderer_version=version,
        warnings=composition.warnings,
    )


def _render(data: bytes, request: RenderRequest, limits: ImageLimits, version: str) -> tuple[RenderedImage, float]:
    """Return the print file and the processor seconds that it took.

    Compressing is counted by the clock: it is the work of one thread, which belongs to libvips and cannot be asked.
    """
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
    printed = on_paper(picture)
    if printed.size != size:
        printed = printed.resize(size, Image.Resampling.LANCZOS)
    width, height = size
    pixels = pyvips.Image.new_from_memory(printed.tobytes(), width, height, 3, "uchar").copy(interpretation="srgb")
    drawn, encoding = time.thread_time(), time.perf_counter()
    png = encode_png(pixels, width_mm=request.width_mm, height_mm=request.height_mm)
    rendered = RenderedImage(data=png, sha256=sha256_of(png), width=width, height=height, renderer_version=version)
    return rendered, drawn - started + time.perf_counter() - encoding
