"""Removing the bytes of pictures that nobody needs any more."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from models.base import Contract, Instant

MOST_ANSWERS = 5
"""The AI's answers of one generation that may be in the bucket; more are never paid for."""

SHOWN_REASONS = 10
"""Why objects could not be erased: the first few say it."""


class RetentionPolicy(Contract):
    """How long what is kept.

    Attributes:
        designs: Pictures and designs that were never ordered, after their last use.
        orders: Everything of an order, after its end.
        grace: Between giving a picture up and erasing its bytes: longer than anybody takes from finding a picture to using it.
    """

    designs: timedelta = timedelta(days=30)
    orders: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(hours=12)


class GiveUp(Contract):
    """Give up what nobody needs at this moment."""

    policy: RetentionPolicy
    at: Instant


class GivenUp(Contract):
    """What was given up, and what is kept after all because somebody came to need it."""

    pictures: int
    print_files: int
    designs: int
    kept_after_all: int


class EraseObjects(Contract):
    """Erase what was given up long enough ago.

    Attributes:
        after: Go on behind this key.
    """

    policy: RetentionPolicy
    at: Instant
    after: str = ""


class ErasedFolder(Contract):
    """What was erased of one class of objects: a folder of the bucket.

    Attributes:
        size: Bytes, as far as they are known.
    """

    folder: str
    objects: int
    size: int


class Erased(Contract):
    """What one call has erased.

    Attributes:
        failed: Objects that could not be erased; the next run tries again.
        reasons: The first few, in words.
        last: Go on behind this key; None when all is done.
    """

    folders: tuple[ErasedFolder, ...] = ()
    failed: int = 0
    reasons: Annotated[tuple[str, ...], Field(max_length=SHOWN_REASONS)] = ()
    last: str | None = None


class RetentionReport(Contract):
    """What one run has done."""

    given_up: GivenUp
    folders: tuple[ErasedFolder, ...]
    failed: int
    reasons: tuple[str, ...]
    is_complete: bool = True


def added_up(parts: tuple[ErasedFolder, ...]) -> tuple[ErasedFolder, ...]:
    """Add up what was erased, folder by folder."""
    totals: dict[str, ErasedFolder] = {}
    for part in parts:
        before = totals.get(part.folder, ErasedFolder(folder=part.folder, objects=0, size=0))
        totals[part.folder] = ErasedFolder(
            folder=part.folder, objects=before.objects + part.objects, size=before.size + part.size
        )
    return tuple(totals[folder] for folder in sorted(totals))
