"""Every template draws the same bytes whenever, wherever and by however many threads it is drawn."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.rendering import engine
from adapters.rendering.layout import TEMPLATES
from adapters.rendering.renderer import PrintRenderer
from models.artwork import sha256_of
from models.design import ComposedDesign
from tests.adapters.rendering.record_golden import GOLDEN
from tests.adapters.rendering.samples import SHELL, sample_document, sample_pictures

DIGESTS: dict[str, dict[str, str]] = json.loads((GOLDEN / "digests.json").read_bytes())
WITH_MANY_LAYERS = "film-strip"
ELSEWHERE = (
    {"LC_ALL": "C", "LANG": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "1"},
    {"LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "America/New_York", "VIPS_NOVECTOR": "1"},
)
SCRIPT = """
import asyncio, sys
import pyvips
from adapters.rendering.renderer import PrintRenderer
from tests.adapters.rendering.samples import SHELL, sample_document, sample_pictures

pyvips.vips_lib.vips_concurrency_set(int(sys.argv[2]))
with PrintRenderer() as renderer:
    print(asyncio.run(renderer.compose(sample_document(sys.argv[1]), SHELL, sample_pictures())).sha256)
"""


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    return sample_pictures()


@pytest.fixture(scope="module")
def renderer() -> Iterator[PrintRenderer]:
    with PrintRenderer() as renderer:
        yield renderer


async def drawn(renderer: PrintRenderer, template_id: str, pictures: dict[str, bytes]) -> ComposedDesign:
    return await renderer.compose(sample_document(template_id), SHELL, pictures)


def test_every_template_has_its_golden_image():
    assert set(DIGESTS) == set(TEMPLATES)


@pytest.mark.parametrize("template_id", TEMPLATES)
async def test_a_template_is_drawn_as_it_was_agreed_upon(renderer: PrintRenderer, pictures: dict[str, bytes], template_id: str):
    """When this fails, look at the picture; if it is meant, raise REVISION and run tests/adapters/rendering/record_golden.py."""
    composed = await drawn(renderer, template_id, pictures)
    assert {"print": composed.sha256, "preview": sha256_of(composed.preview)} == DIGESTS[template_id]
    assert composed.sha256 == sha256_of(composed.data)
    assert composed.preview == (GOLDEN / f"{template_id}.webp").read_bytes()
    assert composed.renderer_version == renderer.version


async def test_two_at_the_same_time_do_not_disturb_each_other(renderer: PrintRenderer, pictures: dict[str, bytes]):
    both = await asyncio.gather(*(drawn(renderer, WITH_MANY_LAYERS, pictures) for _ in range(2)))
    assert {composed.sha256 for composed in both} == {DIGESTS[WITH_MANY_LAYERS]["print"]}


@pytest.mark.parametrize(("environment", "threads"), list(zip(ELSEWHERE, (1, 5), strict=True)), ids=["C", "de"])
async def test_another_process_with_another_locale_time_zone_and_number_of_threads_draws_the_same(
    environment: dict[str, str], threads: int
):
    assert threads != engine.THREADS
    command = [sys.executable, "-c", SCRIPT, WITH_MANY_LAYERS, str(threads)]
    root = Path(engine.__file__).parents[2]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=root,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == DIGESTS[WITH_MANY_LAYERS]["print"]
