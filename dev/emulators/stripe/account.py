"""One emulated Stripe account: its objects, its events, and what falls due by its clock."""

import copy
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

from dev.emulators.control import Controls
from dev.emulators.state import Collection, Document
from dev.emulators.stripe import objects
from dev.emulators.stripe.cards import CARDS, TestCard
from dev.emulators.stripe.errors import not_found
from dev.emulators.stripe.settings import API_VERSION, StripeEmulatorSettings

EVENT_TYPES = frozenset(
    {
        "charge.captured",
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.expired",
        "charge.failed",
        "charge.refund.updated",
        "charge.refunded",
        "charge.succeeded",
        "checkout.session.completed",
        "checkout.session.expired",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "radar.early_fraud_warning.created",
        "refund.created",
        "refund.failed",
        "refund.updated",
    }
)

_request: ContextVar[tuple[str | None, str | None]] = ContextVar("request", default=(None, None))
"""Id and idempotency key of the API request that is being carried out."""


@contextmanager
def on_behalf_of(request_id: str, idempotency_key: str | None) -> Iterator[None]:
    """Events made inside name this API request; those made outside happened by themselves or in the dashboard."""
    token = _request.set((request_id, idempotency_key))
    try:
        yield
    finally:
        _request.reset(token)


class Account:
    """The objects by kind, and how they change: `change` writes, `emit` tells the world."""

    def __init__(self, controls: Controls, settings: StripeEmulatorSettings, deliver: Callable[[Document], None]) -> None:
        store = controls.store
        self.settings = settings
        self.clock = controls.clock
        self.faults = controls.faults
        self.ledger = controls.ledger
        self.sessions = store.collection("sessions")
        self.plans = store.collection("plans")
        """What a Session keeps to itself: its line items and its PaymentIntent's data, by Session id."""
        self.origins = store.collection("origins")
        """Which Session a PaymentIntent came from, by PaymentIntent id."""
        self.intents = store.collection("payment_intents")
        self.charges = store.collection("charges")
        self.cards = store.collection("cards")
        """The card that a Charge was made to, by Charge id."""
        self.refunds = store.collection("refunds")
        self.disputes = store.collection("disputes")
        self.warnings = store.collection("early_fraud_warnings")
        self.events = store.collection("events")
        self._deliver = deliver
        self.timers = Timers(self)

    def now(self) -> int:
        """The account's time, Unix seconds."""
        return int(self.clock.now().timestamp())

    def later(self, delta: timedelta) -> int:
        return self.now() + int(delta.total_seconds())

    def session(self, name: str) -> Document:
        return _found(self.sessions, name, "checkout.session", "session")

    def intent(self, name: str) -> Document:
        return _found(self.intents, name, "payment_intent", "intent")

    def charge(self, name: str) -> Document:
        return _found(self.charges, name, "charge", "charge")

    def refund(self, name: str) -> Document:
        return _found(self.refunds, name, "refund", "refund")

    def dispute(self, name: str) -> Document:
        return _found(self.disputes, name, "dispute", "dispute")

    def session_of(self, intent: Document) -> Document | None:
        origin = self.origins.get(intent["id"])
        return self.sessions.get(origin["session"]) if origin else None

    def card_of(self, charge: Document) -> TestCard:
        return CARDS[(self.cards.get(charge["id"]) or {})["number"]]

    def change(self, collection: Collection, document: Document, **fields: object) -> Document:
        """Set `fields`, keep the document, return the earlier values as `previous_attributes` has them."""
        previous = {name: copy.deepcopy(document.get(name)) for name, value in fields.items() if document.get(name) != value}
        document.update(fields)
        collection.put(document["id"], document)
        return previous

    def emit(self, kind: str, document: Document, previous: Document | None = None) -> Document:
        """Keep the event and hand it to the webhook endpoints; `data.object` is the document as it is now."""
        if kind not in EVENT_TYPES:
            raise ValueError(f"{kind} is missing in EVENT_TYPES")
        event = objects.event(
            kind,
            copy.deepcopy(document),
            api_version=API_VERSION,
            created=self.now(),
            request=dict(zip(("id", "idempotency_key"), _request.get(), strict=True)),
            previous=previous,
            endpoints=len(self.settings.webhook_urls),
        )
        self.events.put(event["id"], event)
        self._deliver(event)
        return event

    def record(self, operation: str, intent: Document, *, amount: int, **more: object) -> None:
        """Note a movement of money in the ledger, with every id that a test may look for."""
        session = self.session_of(intent)
        self.ledger.append(
            operation,
            amount=amount,
            currency=intent["currency"],
            payment_intent=intent["id"],
            charge=intent["latest_charge"],
            session=session["id"] if session else None,
            client_reference_id=session["client_reference_id"] if session else None,
            metadata=intent["metadata"],
            idempotency_key=_request.get()[1],
            **more,
        )


def _found(collection: Collection, name: str, what: str, param: str) -> Document:
    document = collection.get(name)
    if document is None:
        raise not_found(what, name, param)
    return document


class Timers:
    """What falls due by the account's clock: (when, what, id), the earliest first; rebuilt from the objects at the start."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._due: list[tuple[int, str, str]] = []
        self._actions: dict[str, Callable[[str], None]] = {}

    def when_due(self, what: str, action: Callable[[str], None]) -> None:
        """Register what happens; an action must not mind that its object has changed meanwhile."""
        self._actions[what] = action

    def add(self, at: int, what: str, name: str) -> None:
        heapq.heappush(self._due, (at, what, name))

    def clear(self) -> None:
        self._due.clear()

    def run_due(self) -> None:
        """Do everything whose time has come, in the order of its times."""
        while self._due and self._due[0][0] <= self._account.now():
            _, what, name = heapq.heappop(self._due)
            self._actions[what](name)
