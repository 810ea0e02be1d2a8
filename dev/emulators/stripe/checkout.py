"""Checkout Sessions: opened by us, paid or abandoned by the customer, expired by us or by the clock."""

from dev.emulators.state import Document
from dev.emulators.stripe import objects
from dev.emulators.stripe.account import Account
from dev.emulators.stripe.cards import TestCard
from dev.emulators.stripe.errors import StripeApiError
from dev.emulators.stripe.params import CreateSession, PaymentIntentData
from dev.emulators.stripe.payments import Payments

MINIMUM = {"gbp": 30, "eur": 50, "usd": 50}
"""The smallest chargeable amount, https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts."""
MAXIMUM = 99_999_999
SHORTEST_S = 30 * 60
LONGEST_S = 24 * 60 * 60


class CardDeclined(Exception):
    """The customer's bank said no; the Session stays open and can be paid with another card."""

    def __init__(self, card: TestCard) -> None:
        super().__init__(card.message)
        self.card = card


class NotPayable(Exception):
    """The Session is complete or expired: there is nothing to pay any more."""


class Checkout:
    """What happens to Checkout Sessions."""

    def __init__(self, account: Account, payments: Payments) -> None:
        self._account = account
        self._payments = payments
        account.timers.when_due("session", self._run_out)
        for session in account.sessions.values():
            self._watch(session)

    def open(self, params: CreateSession, base_url: str) -> Document:
        account = self._account
        currency, total = _total(params)
        expires_at = self._expiry(params.expires_at)
        session = objects.session(
            params, currency=currency, total=total, created=account.now(), expires_at=expires_at, base_url=base_url
        )
        plan = {
            "line_items": [objects.line_item(item, currency) for item in params.line_items],
            "payment_intent_data": params.payment_intent_data.model_dump(),
        }
        account.plans.put(session["id"], plan)
        account.sessions.put(session["id"], session)
        self._watch(session)
        return session

    def line_items(self, session: Document) -> list[Document]:
        plan = self._account.plans.get(session["id"])
        items: list[Document] = plan["line_items"] if plan else []
        return items

    def expire(self, session: Document) -> Document:
        if session["status"] != "open":
            raise StripeApiError(
                f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of'
                f" {session['status']}.",
                param="session",
            )
        self._close(session)
        return session

    def pay(self, session: Document, card: TestCard, email: str | None = None) -> Document:
        """The customer presses the button. Raises CardDeclined or NotPayable."""
        if session["status"] != "open":
            raise NotPayable(f"the Session is {session['status']}")
        account = self._account
        email = email or session["customer_email"]
        if session["amount_total"] == 0:
            self._complete(session, email, payment_status="no_payment_required")
            return session
        intent = self._intent_of(session)
        if card.code is not None:
            self._payments.decline(intent, card, email)
            raise CardDeclined(card)
        self._payments.charge(intent, card, email)
        paid = intent["status"] == "succeeded"
        self._complete(session, email, payment_status="paid" if paid else "unpaid")
        account.emit("checkout.session.completed", session)
        self._payments.after_payment(intent, card)
        return session

    def _complete(self, session: Document, email: str | None, payment_status: str) -> None:
        details: Document = {"address": None, "email": email, "name": None, "phone": None, "tax_exempt": "none", "tax_ids": []}
        self._account.change(
            self._account.sessions,
            session,
            status="complete",
            payment_status=payment_status,
            customer_details=details,
            url=None,
        )

    def _intent_of(self, session: Document) -> Document:
        """The Session's PaymentIntent, which comes into being with the first attempt to pay."""
        account = self._account
        if session["payment_intent"] is not None:
            return account.intent(session["payment_intent"])
        plan = account.plans.get(session["id"]) or {}
        intent = objects.payment_intent(
            PaymentIntentData.model_validate(plan["payment_intent_data"]),
            amount=session["amount_total"],
            currency=session["currency"],
            created=account.now(),
            kinds=session["payment_method_types"],
        )
        account.intents.put(intent["id"], intent)
        account.origins.put(intent["id"], {"session": session["id"]})
        account.change(account.sessions, session, payment_intent=intent["id"])
        account.emit("payment_intent.created", intent)
        return intent

    def _expiry(self, wanted: int | None) -> int:
        now = self._account.now()
        if wanted is None:
            return now + LONGEST_S
        if not now + SHORTEST_S <= wanted <= now + LONGEST_S:
            bound = "at least 30 minutes" if wanted < now + SHORTEST_S else "less than 24 hours"
            raise StripeApiError(
                f"The `expires_at` timestamp must be {bound} from Checkout Session creation.", param="expires_at"
            )
        return wanted

    def _watch(self, session: Document) -> None:
        if session["status"] == "open":
            self._account.timers.add(session["expires_at"], "session", session["id"])

    def _run_out(self, name: str) -> None:
        session = self._account.sessions.get(name)
        if session is not None and session["status"] == "open":
            self._close(session)

    def _close(self, session: Document) -> None:
        account = self._account
        account.change(account.sessions, session, status="expired", url=None)
        if session["payment_intent"] is not None:
            self._payments.abandon(account.intent(session["payment_intent"]))
        account.emit("checkout.session.expired", session)


def _total(params: CreateSession) -> tuple[str, int]:
    currencies = {item.price_data.currency for item in params.line_items}
    if len(currencies) > 1:
        raise StripeApiError("All line items must have the same currency.", param="line_items")
    currency = currencies.pop()
    total = sum(item.price_data.unit_amount * item.quantity for item in params.line_items)
    minimum = MINIMUM.get(currency, 50)
    if 0 < total < minimum:
        raise StripeApiError(
            f"The Checkout Session's total amount due must add up to at least {_price(minimum, currency)} {currency}",
            code="amount_too_small",
        )
    if total > MAXIMUM:
        raise StripeApiError(
            f"The Checkout Session's total amount must be no more than {_price(MAXIMUM, currency)}", code="amount_too_large"
        )
    return currency, total


def _price(amount: int, currency: str) -> str:
    symbol = {"gbp": "£", "eur": "€", "usd": "$"}.get(currency, "")
    return f"{symbol}{amount / 100:,.2f}"
