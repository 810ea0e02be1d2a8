"""Supervisors of their own, for tests about supervising."""

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from dev.guard import Guard
from dev.supervisor import Supervisor


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    with Guard(log=tmp_path / "guard.log") as guard:
        yield guard


@pytest.fixture
def screen() -> io.StringIO:
    """What the person at the keyboard sees."""
    return io.StringIO()


@pytest.fixture
async def supervisor(tmp_path: Path, guard: Guard, screen: io.StringIO) -> AsyncIterator[Supervisor]:
    async with Supervisor(logs=tmp_path, guard=guard, console=Console(file=screen, width=200)) as supervisor:
        yield supervisor
