"""Lists as Stripe pages them: newest first, by object id; source: https://docs.stripe.com/api/pagination."""

from collections.abc import Callable

from dev.emulators.state import Collection, Document
from dev.emulators.stripe import objects
from dev.emulators.stripe.errors import not_found
from dev.emulators.stripe.params import CreatedRange, ListByCreation

_NOT_FILTERS = {"expand", "limit", "starting_after", "ending_before", "created", "types", "delivery_success"}


def page(collection: Collection, params: ListByCreation, url: str, matches: Callable[[Document], bool] | None = None) -> Document:
    """One page of the documents that fit `created`, every other filter by its field, and `matches`."""
    newest_first = list(reversed(collection.values()))
    wanted = params.model_dump(exclude=_NOT_FILTERS, exclude_none=True)
    found = [
        document
        for document in newest_first
        if _created_within(document["created"], params.created)
        and all(document.get(name) == value for name, value in wanted.items())
        and (matches is None or matches(document))
    ]
    if params.starting_after is not None:
        found = found[_position(found, collection, params.starting_after, "starting_after") + 1 :]
    if params.ending_before is not None:
        found = found[: _position(found, collection, params.ending_before, "ending_before")]
        return objects.list_of(url, found[-params.limit :], has_more=len(found) > params.limit)
    return objects.list_of(url, found[: params.limit], has_more=len(found) > params.limit)


def _position(found: list[Document], collection: Collection, name: str, param: str) -> int:
    if name not in collection:
        raise not_found("object", name, param)
    ids = [document["id"] for document in found]
    return ids.index(name) if name in ids else len(ids)


def _created_within(created: int, bounds: CreatedRange | int | None) -> bool:
    if bounds is None:
        return True
    if isinstance(bounds, int):
        return created == bounds
    return (
        (bounds.gt is None or created > bounds.gt)
        and (bounds.gte is None or created >= bounds.gte)
        and (bounds.lt is None or created < bounds.lt)
        and (bounds.lte is None or created <= bounds.lte)
    )
