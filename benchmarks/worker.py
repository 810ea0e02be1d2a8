"""The shipped worker, which also writes down the processor seconds that rendering took: `python -m benchmarks.worker FILE`.

Rendering runs in threads of the worker's process, so nobody outside can tell its processor time from the rest.
"""

import asyncio
import sys
from pathlib import Path

import worker
from adapters.rendering.renderer import PrintRenderer
from models.artwork import RenderedImage, RenderRequest

_FILE = Path(sys.argv[1])


class MeasuredRenderer(PrintRenderer):
    """Renders as ever, and says after each picture how much all of them took."""

    async def render(self, data: bytes, request: RenderRequest) -> RenderedImage:
        rendered = await super().render(data, request)
        _FILE.write_text(str(self.cpu_seconds))  # noqa: ASYNC240 - a number into the page cache
        return rendered


if __name__ == "__main__":
    vars(worker)[PrintRenderer.__name__] = MeasuredRenderer
    asyncio.run(worker.main())
