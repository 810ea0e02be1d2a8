"""What a folder of packs holds: `<pack>/<number>.png`, or `.jpg` or `.webp`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.decoration import BACKGROUND_PREFIX, DecorationKind, decoration_key

_ENDINGS: Final = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_OURS: Final = frozenset({"thumbnails", "highres"})
"""Smaller and larger pictures of a bucket that was copied: ours are made of the pictures themselves."""
_PACK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,40}")
_NUMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,40}")


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file that is to become a decoration.

    Attributes:
        problem: Why it cannot; empty if it may.
    """

    path: Path
    pack: str
    number: str
    order: int
    problem: str = ""

    @property
    def title(self) -> str:
        """Return what a person finds the file by."""
        return f"{self.pack}/{self.path.name}" if self.pack else self.path.name

    def key(self, kind: DecorationKind) -> str:
        """Return what identifies the decoration."""
        return decoration_key(f"{BACKGROUND_PREFIX if kind is DecorationKind.BACKGROUND else ''}{self.pack}/{self.number}")


def read_packs(folder: Path, kind: DecorationKind) -> list[PackFile]:
    """List the files of all packs, in their order. Of two that would be one decoration the second has a problem."""
    found: list[PackFile] = []
    seen: dict[str, str] = {}
    for file in _files(folder):
        if not file.problem:
            twin = seen.setdefault(file.key(kind), file.title)
            if twin != file.title:
                found.append(_with_problem(file, f"is called as {twin} is"))
                continue
        found.append(file)
    return found


def _files(folder: Path) -> Iterator[PackFile]:
    for entry in _listed(folder):
        if entry.is_dir():
            yield from _pack(entry)
        else:
            yield PackFile(entry, pack="", number="", order=0, problem="lies in no pack: packs are folders")


def _pack(folder: Path) -> Iterator[PackFile]:
    for order, path in enumerate(_listed(folder), start=1):
        if path.is_dir():
            if path.name.lower() not in _OURS:
                yield PackFile(path, folder.name, number="", order=0, problem="is a folder within a pack")
            continue
        file = PackFile(path, folder.name, number=path.stem, order=int(path.stem) if _is_number(path.stem) else order)
        if path.suffix.lower() not in _ENDINGS:
            yield _with_problem(file, "is no picture that can be used: PNG, JPEG or WebP")
        elif not _PACK.fullmatch(folder.name) or not _NUMBER.fullmatch(path.stem):
            yield _with_problem(file, "has a name that paths cannot have: letters, digits, spaces and _.- can be used")
        else:
            yield file


def _listed(folder: Path) -> list[Path]:
    """What is in a folder, 2 before 10."""
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(visible, key=lambda path: (int(path.stem) if _is_number(path.stem) else 10**9, path.name))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9


def _with_problem(file: PackFile, problem: str) -> PackFile:
    return PackFile(file.path, file.pack, file.number, file.order, problem)
