"""Refunds: a state machine of their own, because they can wait, fail at once, or fail after they have succeeded."""

from dev.emulators.state import Document
from dev.emulators.stripe import objects
from dev.emulators.stripe.account import Account
from dev.emulators.stripe.errors import StripeApiError
from dev.emulators.stripe.params import CreateRefund

REFUND_PENDING = "refund_pending"
"""Fault: the refund stays `pending` until it is settled through the control routes."""
REFUND_FAILED = "refund_failed"
"""Fault: the refund is `failed` from the start; `detail.failure_reason` says why."""

_OPEN = ("pending", "succeeded", "requires_action")


class Refunds:
    """What happens to Refunds."""

    def __init__(self, account: Account) -> None:
        self._account = account
        account.timers.when_due("refund", self._run_out)
        for refund in account.refunds.values():
            self._watch(refund)

    def create(self, params: CreateRefund, source: str = "api") -> Document:
        charge = self._charge_of(params)
        amount = self._amount(charge, params.amount)
        fault = self._account.faults.take("refunds.create", {REFUND_PENDING, REFUND_FAILED})
        status = "pending" if self._account.card_of(charge).refund == "pending" else "succeeded"
        if fault is not None:
            status = "pending" if fault.kind == REFUND_PENDING else "failed"
        refund = objects.refund(
            charge, amount=amount, created=self._account.now(), status=status, reason=params.reason, metadata=params.metadata
        )
        if fault is not None and status == "pending":
            refund["pending_reason"] = "insufficient_funds"
        if status == "failed":
            refund["failure_reason"] = fault.detail.get("failure_reason", "expired_or_canceled_card") if fault else "unknown"
        self._account.refunds.put(refund["id"], refund)
        self._announce(refund, charge, source)
        if fault is None:
            self._watch(refund)
        return refund

    def settle(self, refund: Document, status: str, failure_reason: str | None = None) -> Document:
        """Let a refund succeed, fail or be canceled now; failing works after it has succeeded too."""
        account = self._account
        charge = account.charge(refund["charge"])
        counted = refund["status"] in _OPEN
        fields: Document = {"status": status}
        if status == "failed":
            fields |= {"failure_reason": failure_reason or "unknown", "failure_balance_transaction": objects.new_id("txn")}
        previous = account.change(account.refunds, refund, **fields)
        refund.pop("pending_reason", None)
        account.refunds.put(refund["id"], refund)
        if counted and status in ("failed", "canceled"):
            self._count(charge, -refund["amount"])
        self._record(f"refund_{status}", refund)
        if status == "failed":
            account.emit("refund.failed", refund, previous)
        account.emit("refund.updated", refund, previous)
        account.emit("charge.refund.updated", refund, previous)
        return refund

    def cancel(self, refund: Document) -> Document:
        if refund["status"] != "requires_action":
            raise StripeApiError(
                f"You can only cancel a refund with a status of requires_action; this one is {refund['status']}.", param="refund"
            )
        return self.settle(refund, "canceled")

    def _charge_of(self, params: CreateRefund) -> Document:
        account = self._account
        if (params.charge is None) == (params.payment_intent is None):
            raise StripeApiError("One of the following params should be provided for this request: payment_intent or charge.")
        if params.charge is not None:
            charge = account.charge(params.charge)
        else:
            intent = account.intent(str(params.payment_intent))
            if intent["latest_charge"] is None:
                raise StripeApiError(
                    f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.", param="payment_intent"
                )
            charge = account.charge(intent["latest_charge"])
        if not charge["captured"]:
            raise StripeApiError(
                f"This uncaptured Charge was created by a PaymentIntent ({charge['payment_intent']}). You must cancel the"
                " PaymentIntent to reverse the authorization instead of refunding the Charge directly.",
                param="charge",
            )
        return charge

    def _amount(self, charge: Document, wanted: int | None) -> int:
        left: int = charge["amount_captured"] - charge["amount_refunded"]
        if any(one["charge"] == charge["id"] and one["status"] != "won" for one in self._account.disputes.values()):
            raise StripeApiError(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
        if left == 0:
            raise StripeApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        if wanted is not None and wanted > left:
            raise StripeApiError(f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount")
        return wanted or left

    def _announce(self, refund: Document, charge: Document, source: str) -> None:
        account = self._account
        failed = refund["status"] == "failed"
        if not failed:
            self._count(charge, refund["amount"])
        self._record("refund_failed" if failed else "refund", refund, source=source)
        account.emit("refund.created", refund)
        if failed:
            account.emit("refund.failed", refund)
        else:
            account.emit("charge.refunded", charge)

    def _count(self, charge: Document, amount: int) -> None:
        refunded = charge["amount_refunded"] + amount
        self._account.change(
            self._account.charges, charge, amount_refunded=refunded, refunded=refunded == charge["amount_captured"]
        )

    def _record(self, operation: str, refund: Document, **more: object) -> None:
        intent = self._account.intent(refund["payment_intent"])
        self._account.record(
            operation, intent, amount=refund["amount"], refund=refund["id"], refund_status=refund["status"], **more
        )

    def _watch(self, refund: Document) -> None:
        card = self._account.card_of(self._account.charge(refund["charge"]))
        waits = (card.refund, refund["status"]) in {("pending", "pending"), ("fails_later", "succeeded")}
        if waits and "pending_reason" not in refund:
            settles_at = refund["created"] + int(self._account.settings.refund_settles_after.total_seconds())
            self._account.timers.add(settles_at, "refund", refund["id"])

    def _run_out(self, name: str) -> None:
        refund = self._account.refunds.get(name)
        if refund is None:
            return
        if refund["status"] == "pending":
            self.settle(refund, "succeeded")
        elif refund["status"] == "succeeded":
            self.settle(refund, "failed", "expired_or_canceled_card")
