"""What a print file costs, in time and memory: the renderer against a floor, and against the same in plain Pillow.

Every measurement is one print file in a process of its own, which has loaded its libraries before the clock starts. The
contestants take turns, so that whatever else the machine does meets all of them. `python -m benchmarks.render --help`;
benchmarks/README.md says how to read the result.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import pyvips
from PIL import Image, ImageOps
from rich.console import Console

from adapters.rendering.layout import lines_of, slots_of, template_of
from adapters.rendering.renderer import PrintRenderer
from benchmarks.report import new_table
from models.artwork import print_size
from models.design import ComposeRequest, DesignDocument, PhotoLayer
from models.errors import OrderPipelineError

SHELL: Final = ComposeRequest(width_mm=69.43, height_mm=145.12)
SAMPLE: Final = Path(__file__).parents[1] / "dev/samples/deep-field.jpg"
PHOTO: Final = (4000, 6000)
"""24 megapixels: the most that is kept of a customer's photo, give or take one."""
NOISE: Final = 4
"""Standard deviation of a sensor's noise, of 255; without it an enlarged picture would be compressed too easily."""
MAX_BYTES: Final = 10_000_000
GOAL_FLOOR: Final = 1.5
GOAL_PILLOW: Final = 0.5
GOAL_MIB: Final = 400
TEMPLATES: Final = ("classic", "4-in-1")


@dataclass(frozen=True)
class Cost:
    """One print file: milliseconds by the clock and of all processors, MiB of the whole process at its highest, bytes."""

    ms: float
    cpu_ms: float
    peak_mib: float
    size: int


Contestant = Callable[[DesignDocument, bytes], int]
"""Makes the print file of a document whose photos are all the same, and returns how many bytes it has."""


def ours(document: DesignDocument, photo: bytes) -> int:
    """Make what the worker makes: print file, preview, checks."""

    async def compose() -> int:
        with PrintRenderer(workers=1) as renderer:
            composed = await renderer.compose(document, SHELL, dict.fromkeys(document.photo_names, photo))
            return len(composed.data)

    return asyncio.run(compose())


def floor(document: DesignDocument, photo: bytes) -> int:
    """Decode one photo, scale it to cover the case, write it: no template, no checks, no preview.

    With libvips's fastest way for each, the next step beginning before the last one ends, and of its encoders the fastest whose
    file has at most 10 MB: level 0 takes a fifth of the time of level 1, and 12 MB.
    """
    width, height = print_size(SHELL.width_mm, SHELL.height_mm)
    image = pyvips.Image.jpegload_buffer(photo, shrink=2, access="sequential", fail_on="error")
    image = image.resize(max(width / image.width, height / image.height))
    image = image.crop((image.width - width) // 2, (image.height - height) // 2, width, height)
    return len(image.pngsave_buffer(compression=1, filter="up", keep="none"))


def pillow(document: DesignDocument, photo: bytes) -> int:
    """Make the same composition the way of every tutorial: decode, resize with LANCZOS, paste, save with the default level."""
    size = print_size(SHELL.width_mm, SHELL.height_mm)
    template = template_of(document.template_id)
    canvas = Image.new("RGB", size, document.background.color)
    for slot in slots_of(template, *size):
        with Image.open(BytesIO(photo), formats=["JPEG"]) as image:
            fitted = ImageOps.fit(image.convert("RGB"), (slot.width, slot.height), Image.Resampling.LANCZOS)
        canvas.paste(fitted, (slot.left, slot.top))
    for line in lines_of(template, *size):
        canvas.paste("black", (line.left, line.top, line.right, line.bottom))
    file = BytesIO()
    canvas.save(file, "PNG")
    return len(file.getvalue())


CONTESTANTS: Final[dict[str, Contestant]] = {"ours": ours, "floor": floor, "pillow": pillow}


def document_of(template_id: str) -> DesignDocument:
    """Return a document with a photo in each place of a template."""
    photos = template_of(template_id).photos
    return DesignDocument(template_id=template_id, photos=tuple(PhotoLayer(photo=f"{number}.jpg") for number in range(photos)))


def sample_photo() -> bytes:
    """Return a photo as we keep them: JPEG, 4:4:4, 24 megapixels, with the noise of a sensor. Always the same."""
    image = pyvips.Image.jpegload_buffer(SAMPLE.read_bytes())
    image = image.resize(PHOTO[0] / image.width, vscale=PHOTO[1] / image.height)
    noise = pyvips.Image.gaussnoise(*PHOTO, mean=0, sigma=NOISE, seed=1)
    photo: bytes = (
        (image + noise).cast("uchar").copy(interpretation="srgb").jpegsave_buffer(Q=92, subsample_mode="off", keep="none")
    )
    return photo


def measure_here(name: str, template_id: str, photo: bytes) -> Cost:
    """Make one print file in this process, which must be fresh for its peak to mean anything."""
    document = document_of(template_id)
    cpu, started = time.process_time(), time.perf_counter()
    size = CONTESTANTS[name](document, photo)
    ms, cpu_ms = (time.perf_counter() - started) * 1000, (time.process_time() - cpu) * 1000
    return Cost(ms, cpu_ms, _peak_mib(), size)


def _peak_mib() -> float:
    """Return the most memory that this process ever had. Not `getrusage`'s: that begins with the peak of whoever started us."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def measure(rounds: int, *, limit: float) -> dict[str, dict[str, Cost]]:
    """Measure all contestants in turn; medians by template and name. Raises `subprocess.CalledProcessError`, `TimeoutExpired`."""
    found: dict[str, dict[str, list[Cost]]] = {template: {name: [] for name in CONTESTANTS} for template in TEMPLATES}
    with TemporaryDirectory() as folder:
        photo = Path(folder, "photo.jpg")
        photo.write_bytes(sample_photo())
        for _ in range(rounds):
            for template, costs in found.items():
                for name, kept in costs.items():
                    command = [sys.executable, "-m", "benchmarks.render", "--one", name, template, str(photo)]
                    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit)  # noqa: S603 - ourselves
                    kept.append(Cost(**json.loads(done.stdout)))
    return {template: {name: _middle(kept) for name, kept in costs.items()} for template, costs in found.items()}


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(
        ms=median(cost.ms for cost in costs),
        cpu_ms=median(cost.cpu_ms for cost in costs),
        peak_mib=max(cost.peak_mib for cost in costs),
        size=costs[0].size,
    )


def show(found: dict[str, dict[str, Cost]], console: Console) -> None:
    """Print the table."""
    table = new_table("one print file", "template", "who", "ms", "processor ms", "peak MiB", "MB", "× floor", "× Pillow")
    for template, costs in found.items():
        for name, cost in costs.items():
            ratios = [f"{cost.ms / costs[other].ms:.2f}" for other in ("floor", "pillow")]
            facts = [f"{cost.ms:.0f}", f"{cost.cpu_ms:.0f}", f"{cost.peak_mib:.0f}", f"{cost.size / 1e6:.1f}"]
            table.add_row(template, name, *facts, *ratios)
    console.print(table)


def failures(found: dict[str, dict[str, Cost]]) -> list[str]:
    """Say which goals were missed. The floor is one photo's, so only what has one photo is held to it."""
    missed = []
    for template, costs in found.items():
        ours, floor, pillow = (costs[name] for name in ("ours", "floor", "pillow"))
        if template_of(template).photos == 1 and ours.ms > GOAL_FLOOR * floor.ms:
            missed.append(f"{template}: {ours.ms / floor.ms:.2f} × floor, the goal is {GOAL_FLOOR}")
        if ours.ms > GOAL_PILLOW * pillow.ms:
            missed.append(f"{template}: {ours.ms / pillow.ms:.2f} × Pillow, the goal is {GOAL_PILLOW}")
        if ours.peak_mib > GOAL_MIB:
            missed.append(f"{template}: {ours.peak_mib:.0f} MiB, the goal is {GOAL_MIB}")
        missed += [f"{template}: {name}'s file is too large" for name, cost in costs.items() if cost.size > MAX_BYTES]
    return missed


def main() -> int:
    """Measure and print; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.render", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="print files of each kind (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=120, help="seconds for any one of them (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--one", nargs=3, metavar=("WHO", "TEMPLATE", "PHOTO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, template, photo = arguments.one
        print(json.dumps(asdict(measure_here(name, template, Path(photo).read_bytes()))))
        return 0
    found = measure(arguments.rounds, limit=arguments.limit)
    show(found, Console())
    if arguments.json:
        costs = {template: {name: asdict(cost) for name, cost in costs.items()} for template, costs in found.items()}
        arguments.json.write_text(json.dumps(costs, indent=2))
    missed = failures(found)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OrderPipelineError, subprocess.SubprocessError) as error:
        sys.exit(f"{error}\n{getattr(error, 'stderr', '') or ''}")
