"""The table of the emulated `/v1` endpoints; the operation's name is the one that faults use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dev.emulators.state import Document
from dev.emulators.stripe import objects, params
from dev.emulators.stripe.account import Account
from dev.emulators.stripe.checkout import Checkout
from dev.emulators.stripe.errors import not_found
from dev.emulators.stripe.lists import page
from dev.emulators.stripe.payments import Payments
from dev.emulators.stripe.refunds import Refunds

SESSIONS = "/v1/checkout/sessions"
INTENTS = "/v1/payment_intents"
CHARGES = "/v1/charges"
REFUNDS = "/v1/refunds"
DISPUTES = "/v1/disputes"
EVENTS = "/v1/events"


@dataclass(frozen=True)
class Call:
    """One accepted request: the id in its path, its parameters (of the endpoint's model), and the host it came in by."""

    name: str
    params: Any
    base_url: str


@dataclass(frozen=True)
class Endpoint:
    """An operation of the API."""

    method: str
    path: str
    operation: str
    params: type[params.Expand]
    work: Callable[[Call], Document]


def endpoints(account: Account, checkout: Checkout, payments: Payments, refunds: Refunds) -> list[Endpoint]:
    return [
        *_sessions(account, checkout),
        *_intents(account, payments),
        *_refunds(account, refunds),
        *_records(account),
    ]


def _sessions(account: Account, checkout: Checkout) -> list[Endpoint]:
    def create(call: Call) -> Document:
        return checkout.open(call.params, call.base_url)

    def retrieve(call: Call) -> Document:
        return account.session(call.name)

    def list_all(call: Call) -> Document:
        return page(account.sessions, call.params, SESSIONS)

    def expire(call: Call) -> Document:
        return checkout.expire(account.session(call.name))

    def line_items(call: Call) -> Document:
        items = checkout.line_items(account.session(call.name))
        return objects.list_of(f"{SESSIONS}/{call.name}/line_items", items[: call.params.limit])

    return [
        Endpoint("POST", SESSIONS, "checkout.sessions.create", params.CreateSession, create),
        Endpoint("GET", SESSIONS, "checkout.sessions.list", params.ListSessions, list_all),
        Endpoint("GET", SESSIONS + "/{id}", "checkout.sessions.retrieve", params.Expand, retrieve),
        Endpoint("POST", SESSIONS + "/{id}/expire", "checkout.sessions.expire", params.Expand, expire),
        Endpoint("GET", SESSIONS + "/{id}/line_items", "checkout.sessions.line_items", params.Page, line_items),
    ]


def _intents(account: Account, payments: Payments) -> list[Endpoint]:
    def retrieve(call: Call) -> Document:
        return account.intent(call.name)

    def list_all(call: Call) -> Document:
        return page(account.intents, call.params, INTENTS)

    def capture(call: Call) -> Document:
        return payments.capture(account.intent(call.name), call.params)

    def cancel(call: Call) -> Document:
        return payments.cancel(account.intent(call.name), call.params)

    return [
        Endpoint("GET", INTENTS, "payment_intents.list", params.ListPaymentIntents, list_all),
        Endpoint("GET", INTENTS + "/{id}", "payment_intents.retrieve", params.Expand, retrieve),
        Endpoint("POST", INTENTS + "/{id}/capture", "payment_intents.capture", params.Capture, capture),
        Endpoint("POST", INTENTS + "/{id}/cancel", "payment_intents.cancel", params.Cancel, cancel),
    ]


def _refunds(account: Account, refunds: Refunds) -> list[Endpoint]:
    def create(call: Call) -> Document:
        return refunds.create(call.params)

    def retrieve(call: Call) -> Document:
        return account.refund(call.name)

    def list_all(call: Call) -> Document:
        return page(account.refunds, call.params, REFUNDS)

    def cancel(call: Call) -> Document:
        return refunds.cancel(account.refund(call.name))

    return [
        Endpoint("POST", REFUNDS, "refunds.create", params.CreateRefund, create),
        Endpoint("GET", REFUNDS, "refunds.list", params.ListRefunds, list_all),
        Endpoint("GET", REFUNDS + "/{id}", "refunds.retrieve", params.Expand, retrieve),
        Endpoint("POST", REFUNDS + "/{id}/cancel", "refunds.cancel", params.Expand, cancel),
    ]


def _records(account: Account) -> list[Endpoint]:
    """Objects that can only be read."""

    def charge(call: Call) -> Document:
        return account.charge(call.name)

    def charges(call: Call) -> Document:
        return page(account.charges, call.params, CHARGES)

    def dispute(call: Call) -> Document:
        return account.dispute(call.name)

    def disputes(call: Call) -> Document:
        return page(account.disputes, call.params, DISPUTES)

    def event(call: Call) -> Document:
        found = account.events.get(call.name)
        if found is None:
            raise not_found("event", call.name, "id")
        return found

    def events(call: Call) -> Document:
        wanted = call.params
        return page(
            account.events,
            wanted,
            EVENTS,
            lambda one: (
                (wanted.types is None or one["type"] in wanted.types)
                and (wanted.delivery_success is None or (one["pending_webhooks"] == 0) == wanted.delivery_success)
            ),
        )

    return [
        Endpoint("GET", CHARGES, "charges.list", params.ListCharges, charges),
        Endpoint("GET", CHARGES + "/{id}", "charges.retrieve", params.Expand, charge),
        Endpoint("GET", DISPUTES, "disputes.list", params.ListRefunds, disputes),
        Endpoint("GET", DISPUTES + "/{id}", "disputes.retrieve", params.Expand, dispute),
        Endpoint("GET", EVENTS, "events.list", params.ListEvents, events),
        Endpoint("GET", EVENTS + "/{id}", "events.retrieve", params.Expand, event),
    ]
