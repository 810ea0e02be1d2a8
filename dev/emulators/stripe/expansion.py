"""`expand[]=payment_intent.latest_charge`: ids become objects; source: https://docs.stripe.com/api/expanding_objects."""

import copy
from collections.abc import Callable

from dev.emulators.state import Document
from dev.emulators.stripe import objects
from dev.emulators.stripe.account import Account
from dev.emulators.stripe.checkout import Checkout
from dev.emulators.stripe.errors import StripeApiError

_DEEPEST = 4


class Expansion:
    """Knows which field of which object is whose id."""

    def __init__(self, account: Account, checkout: Checkout) -> None:
        intent, charge = account.intent, account.charge
        self._checkout = checkout
        self._fields: dict[str, dict[str, Callable[[str], Document]]] = {
            "checkout.session": {"payment_intent": intent},
            "payment_intent": {"latest_charge": charge},
            "charge": {"payment_intent": intent},
            "refund": {"charge": charge, "payment_intent": intent},
            "dispute": {"charge": charge, "payment_intent": intent},
        }

    def apply(self, document: Document, paths: list[str]) -> Document:
        """A copy of `document` with `paths` expanded; what is null stays null."""
        expanded = copy.deepcopy(document)
        for path in paths:
            names = path.split(".")
            if len(names) > _DEEPEST:
                raise StripeApiError(f"You cannot expand more than {_DEEPEST} levels of a property ({path}).", param="expand")
            self._expand(expanded, names, path)
        return expanded

    def _expand(self, document: Document, names: list[str], path: str) -> None:
        name, rest = names[0], names[1:]
        if document["object"] == "list" and name == "data":
            for item in document["data"]:
                self._expand(item, rest, path)
            return
        if document["object"] == "checkout.session" and name == "line_items" and not rest:
            url = f"/v1/checkout/sessions/{document['id']}/line_items"
            document["line_items"] = objects.list_of(url, copy.deepcopy(self._checkout.line_items(document)))
            return
        read = self._fields.get(document["object"], {}).get(name)
        if read is None:
            raise StripeApiError(f"This property cannot be expanded ({path}).", param="expand")
        if isinstance(document[name], str):
            document[name] = copy.deepcopy(read(document[name]))
        if rest and document[name] is not None:
            self._expand(document[name], rest, path)
