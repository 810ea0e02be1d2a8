"""Where the tests' servers keep what nobody needs afterwards: in memory, where the machine has enough of it.

A copy of a database is four hundred files. In memory it takes 15 ms of processor time, on a disk five to ten times as much.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's own file system in memory, on every Linux; elsewhere there is none
ENOUGH_BYTES = 1 << 30
"""What must be free in it. One session uses 100 to 200 MB; a container is often given only 64 MB."""

_PREFIX = "pimpmycase-tests-"
_LOCK = "in-use"


@contextmanager
def temporary_folder(memory: Path = MEMORY, *, enough: int = ENOUGH_BYTES) -> Iterator[Path]:
    """A folder that is gone when the block ends; in `memory` if that exists and `enough` bytes are free."""
    _sweep(memory)
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free >= enough
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=memory if is_roomy else None) as name:
        folder = Path(name)
        with (folder / "new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "new").rename(folder / _LOCK)  # nobody ever sees it without its lock
            yield folder


def _sweep(memory: Path) -> None:
    """Give back what sessions that were killed have left; a living one holds its lock."""
    for lock in memory.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
