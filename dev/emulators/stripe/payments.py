"""PaymentIntents and their Charges: authorised, captured, canceled, run out.

Since the version 2025-03-31.basil neither a cancellation nor a partial capture makes a Refund: `amount_refunded` stays as it is
and no `charge.refunded` is sent. Source: https://docs.stripe.com/changelog/basil/2025-03-31/remove-refund-from-partial-capture-and-payment-cancellation-flow
"""

from dev.emulators.state import Document
from dev.emulators.stripe import objects
from dev.emulators.stripe.account import Account
from dev.emulators.stripe.cards import TestCard
from dev.emulators.stripe.disputes import Disputes
from dev.emulators.stripe.errors import StripeApiError
from dev.emulators.stripe.params import Cancel, Capture

_CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")


class Payments:
    """What happens to PaymentIntents."""

    def __init__(self, account: Account, disputes: Disputes) -> None:
        self._account = account
        self._disputes = disputes
        account.timers.when_due("authorization", self._run_out)
        for charge in account.charges.values():
            self._watch(charge)

    def charge(self, intent: Document, card: TestCard, email: str | None) -> None:
        """The bank says yes: the money is authorised, and taken at once unless the intent is captured by hand."""
        account = self._account
        manual = intent["capture_method"] == "manual"
        capture_before = account.later(account.settings.capture_window) if manual else None
        intent["payment_method"] = objects.new_id("pm")
        charge = objects.charge(intent, card, created=account.now(), email=email, capture_before=capture_before)
        account.charges.put(charge["id"], charge)
        account.cards.put(charge["id"], {"number": card.number})
        previous = account.change(
            account.intents,
            intent,
            latest_charge=charge["id"],
            last_payment_error=None,
            status="requires_capture" if manual else "succeeded",
            amount_capturable=intent["amount"] if manual else 0,
            amount_received=0 if manual else intent["amount"],
        )
        account.record("authorize" if manual else "capture", intent, amount=intent["amount"])
        account.emit("charge.succeeded", charge)
        if manual:
            self._watch(charge)
            account.emit("payment_intent.amount_capturable_updated", intent, previous)
        else:
            account.emit("payment_intent.succeeded", intent, previous)

    def after_payment(self, intent: Document, card: TestCard) -> None:
        """What some cards bring later: a warning at once, a dispute as soon as the money is taken."""
        charge = self._account.charge(intent["latest_charge"])
        if card.fraud_warning:
            self._disputes.warn(charge)
        if card.disputed and charge["captured"]:
            self._disputes.open(charge)

    def decline(self, intent: Document, card: TestCard, email: str | None) -> None:
        """The bank says no: the intent waits for another card."""
        account = self._account
        charge = objects.charge(intent, card, created=account.now(), email=email, capture_before=None)
        account.charges.put(charge["id"], charge)
        error = {
            "type": "card_error",
            "code": card.code,
            "decline_code": card.decline_code,
            "message": card.message,
            "charge": charge["id"],
        }
        account.change(account.intents, intent, latest_charge=charge["id"], last_payment_error=error)
        account.emit("charge.failed", charge)
        account.emit("payment_intent.payment_failed", intent)

    def capture(self, intent: Document, params: Capture) -> Document:
        """Take what is authorised, or less; the rest goes back to the customer's card."""
        if intent["status"] != "requires_capture":
            raise _unexpected_state("captured", intent, ("requires_capture",))
        amount = params.amount_to_capture or intent["amount_capturable"]
        if amount > intent["amount_capturable"]:
            raise StripeApiError(
                f"The provided amount_to_capture ({amount}) is greater than the PaymentIntent's amount_capturable"
                f" ({intent['amount_capturable']}).",
                code="amount_too_large",
                param="amount_to_capture",
            )
        if not params.final_capture:
            raise StripeApiError("Multicapture is not available for this PaymentIntent.", param="final_capture")
        return self._take(intent, amount, params.metadata)

    def cancel(self, intent: Document, params: Cancel) -> Document:
        """Give an authorisation back, or give up an intent that nobody has paid."""
        if intent["status"] not in _CANCELABLE:
            raise _unexpected_state("canceled", intent, _CANCELABLE)
        session = self._account.session_of(intent)
        if session is not None and session["status"] == "open":
            raise StripeApiError(
                "You cannot cancel this PaymentIntent because it was created by a Checkout Session that is still open."
                " Expire the Checkout Session instead.",
                code="payment_intent_unexpected_state",
                payment_intent=intent,
            )
        self._cancel(intent, params.cancellation_reason, "void")
        return intent

    def abandon(self, intent: Document) -> None:
        """The Session that the intent belongs to has expired."""
        if intent["status"] in _CANCELABLE:
            self._cancel(intent, "automatic", "void")

    def _take(self, intent: Document, amount: int, metadata: dict[str, str] | None) -> Document:
        account = self._account
        charge = account.charge(intent["latest_charge"])
        before = account.change(
            account.charges, charge, captured=True, amount_captured=amount, balance_transaction=objects.new_id("txn")
        )
        previous = account.change(
            account.intents,
            intent,
            status="succeeded",
            amount_capturable=0,
            amount_received=amount,
            metadata={**intent["metadata"], **(metadata or {})},
        )
        session = account.session_of(intent)
        if session is not None:
            account.change(account.sessions, session, payment_status="paid")
        account.record("capture", intent, amount=amount)
        account.emit("charge.captured", charge, before)
        account.emit("payment_intent.succeeded", intent, previous)
        if account.card_of(charge).disputed:
            self._disputes.open(charge)
        return intent

    def _cancel(self, intent: Document, reason: str | None, operation: str) -> None:
        account = self._account
        released = intent["amount_capturable"]
        previous = account.change(
            account.intents,
            intent,
            status="canceled",
            canceled_at=account.now(),
            cancellation_reason=reason,
            amount_capturable=0,
        )
        if released:
            account.record(operation, intent, amount=released)
        account.emit("payment_intent.canceled", intent, previous)

    def _watch(self, charge: Document) -> None:
        capture_before = charge["payment_method_details"]["card"]["capture_before"]
        if capture_before is not None and not charge["captured"]:
            self._account.timers.add(capture_before, "authorization", charge["id"])

    def _run_out(self, name: str) -> None:
        account = self._account
        charge = account.charges.get(name)
        intent = account.intents.get(charge["payment_intent"]) if charge else None
        if charge is None or intent is None or intent["status"] != "requires_capture":
            return
        account.emit("charge.expired", charge)
        self._cancel(intent, "expired", "authorization_expired")


def _unexpected_state(verb: str, intent: Document, allowed: tuple[str, ...]) -> StripeApiError:
    status = intent["status"]
    if verb == "captured" and status == "succeeded":
        message = "This PaymentIntent could not be captured because it has already been captured."
    else:
        message = (
            f"This PaymentIntent could not be {verb} because it has a status of {status}. Only a PaymentIntent with one of the"
            f" following statuses may be {verb}: {', '.join(allowed)}."
        )
    return StripeApiError(message, code="payment_intent_unexpected_state", payment_intent=intent)
