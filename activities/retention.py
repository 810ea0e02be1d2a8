"""Giving up and erasing the bytes that nobody needs any more."""

from temporalio import activity

from activities.ports import ObjectRemover, RetentionBook
from models.errors import ProviderUnavailable
from models.retention import SHOWN_REASONS, Erased, EraseObjects, GivenUp, GiveUp, added_up

BATCHES = 80
"""Batches of one call: a few minutes as a rule, and half an hour where each takes as long as rows may be locked."""


class RetentionActivities:
    """The steps of a retention run. Each may run twice: what is erased stays erased."""

    def __init__(self, book: RetentionBook, remover: ObjectRemover) -> None:
        self._book = book
        self._remover = remover

    @activity.defn
    async def give_up(self, request: GiveUp) -> GivenUp:
        """Mark what nobody needs; from here on it is shown to nobody."""
        return await self._book.give_up(request)

    @activity.defn
    async def erase_objects(self, request: EraseObjects) -> Erased:
        """Erase pictures and print files whose grace is over, some thousand at most, and say where to go on."""
        total = Erased(last=request.after)
        for _ in range(BATCHES):
            batch = await self._book.erase(request.model_copy(update={"after": total.last}), self._remover.delete)
            total = _with(total, batch)
            if batch.last is None:
                break
        return _checked(total)

    @activity.defn
    async def erase_answers(self, request: EraseObjects) -> Erased:
        """Erase the AI's own answers of long ago."""
        total = Erased(last=request.after)
        for _ in range(BATCHES):
            batch = await self._book.erase_answers(request, self._remover.delete)
            total = _with(total, batch)
            if batch.last is None:
                break
        return _checked(total)


def _with(total: Erased, batch: Erased) -> Erased:
    return Erased(
        folders=added_up(total.folders + batch.folders),
        failed=total.failed + batch.failed,
        reasons=(total.reasons + batch.reasons)[:SHOWN_REASONS],
        last=batch.last,
    )


def _checked(total: Erased) -> Erased:
    """Raise when the bucket took nothing at all: that is an outage, and to try again in a while is better than tomorrow."""
    if total.failed and not total.folders:
        raise ProviderUnavailable(f"nothing could be erased: {total.reasons[0]}", provider="r2")
    return total
