"""A whole world that is thrown away: in a temporary folder, on ports that nobody uses. For journeys and benchmarks."""

import io
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from dev.guard import Guard
from dev.process import free_port
from dev.runner import Options, start_world
from dev.supervisor import Supervisor
from dev.world import PRINT_STEP, Ports


@dataclass(frozen=True)
class World:
    """A running world: where it lives, where it listens, what its children are told, and who owns them."""

    folder: Path
    ports: Ports
    env: Mapping[str, str]
    supervisor: Supervisor

    def log_of(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for one world, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="pimpmycase-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # as root, PostgreSQL runs as another account and must get through
        (folder / "logs").mkdir()
        yield folder


@asynccontextmanager
async def temporary_world(
    *, print_step: timedelta = PRINT_STEP, variables: Mapping[str, str] | None = None, console: Console | None = None
) -> AsyncIterator[World]:
    """Start everything that `python -m dev` starts, and stop and remove it at the end of the block.

    Args:
        print_step: How long the emulated machine needs for each step of a print.
        variables: Settings that differ from those of `.env.example`.
        console: Where each start is shown; nowhere by default.
    """
    with temporary_folder() as folder, Guard(log=folder / "logs" / "guard.log") as guard:
        screen = console or Console(file=io.StringIO())
        async with Supervisor(logs=folder / "logs", guard=guard, console=screen) as supervisor:
            options = Options(data=folder, ports=free_ports(), print_step=print_step, variables=variables or {})
            env = await start_world(supervisor, options)
            yield World(folder, options.ports, env, supervisor)


def free_ports() -> Ports:
    """One port for everything that listens, all different, none in use at this moment."""
    names = [field.name for field in fields(Ports)]
    found: set[int] = set()
    while len(found) < len(names):
        found.add(free_port())
    return Ports(**dict(zip(names, found, strict=True)))
