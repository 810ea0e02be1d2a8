"""Room for everybody: a machine that hangs must not take every place that tries have in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from models.errors import NotYet

NEXT_TRY = timedelta(seconds=1)


class Seats:
    """At most `per_device` tries for one machine are under way here at once; the others come again a little later."""

    def __init__(self, per_device: int) -> None:
        self._per_device = per_device
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, device_id: str) -> Iterator[None]:
        """Take a seat for the block. Raises `NotYet` when all of this machine are taken."""
        if self._taken[device_id] >= self._per_device:
            raise NotYet(f"{self._per_device} tries for {device_id} are under way", retry_after=NEXT_TRY)
        self._taken[device_id] += 1
        try:
            yield
        finally:
            self._taken[device_id] -= 1
