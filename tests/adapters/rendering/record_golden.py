"""Draw the golden images anew, after a change that was meant: `python -m tests.adapters.rendering.record_golden`.

Look at the previews before you commit them, and raise `REVISION` in adapters/rendering/renderer.py if bytes have changed.
"""

import asyncio
import json
from pathlib import Path

from adapters.rendering.layout import TEMPLATES
from adapters.rendering.renderer import PrintRenderer
from models.artwork import sha256_of
from tests.adapters.rendering.samples import SHELL, sample_document, sample_pictures

GOLDEN = Path(__file__).with_name("golden")


async def draw(templates: list[str]) -> dict[str, dict[str, str]]:
    """Draw the sample documents; the digests by template of file and preview."""
    pictures = sample_pictures()
    drawn = {}
    with PrintRenderer(workers=1) as renderer:
        for template_id in templates:
            composed = await renderer.compose(sample_document(template_id), SHELL, pictures)
            drawn[template_id] = {"print": composed.sha256, "preview": sha256_of(composed.preview)}
            (GOLDEN / f"{template_id}.webp").write_bytes(composed.preview)
    return drawn


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    found = asyncio.run(draw(list(TEMPLATES)))
    (GOLDEN / "digests.json").write_text(json.dumps(found, indent=2) + "\n")
