"""libvips, as this process uses it; imported by every module that calls it, so that no picture is touched before this is set."""

from typing import Final

import pyvips

THREADS: Final = 2
"""Of libvips for one picture. It never decides what comes out, only how soon."""

pyvips.block_untrusted_set(True)  # loaders that libvips itself would not give to strangers
pyvips.cache_set_max(0)  # nothing is computed twice, and a cache would hold on to pictures
pyvips.vips_lib.vips_concurrency_set(THREADS)


def vips_version() -> str:
    """Return libvips's version; its decoders and encoders come with it in one wheel, built for that version."""
    return ".".join(str(pyvips.version(part)) for part in range(3))
