"""Disputes and early fraud warnings: what the customer's bank says weeks later."""

from dev.emulators.state import Document
from dev.emulators.stripe import objects
from dev.emulators.stripe.account import Account


class Disputes:
    """What banks do to Charges."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def open(self, charge: Document, amount: int | None = None, reason: str = "fraudulent") -> Document:
        """Take the money back into dispute; a disputed Charge cannot be refunded."""
        account = self._account
        dispute = objects.dispute(charge, amount=amount or charge["amount_captured"], created=account.now(), reason=reason)
        account.disputes.put(dispute["id"], dispute)
        account.change(account.charges, charge, disputed=True)
        account.record("dispute", account.intent(charge["payment_intent"]), amount=dispute["amount"], dispute=dispute["id"])
        account.emit("charge.dispute.created", dispute)
        return dispute

    def close(self, dispute: Document, status: str) -> Document:
        """End it `won` or `lost`."""
        account = self._account
        previous = account.change(account.disputes, dispute, status=status)
        intent = account.intent(dispute["payment_intent"])
        account.record(f"dispute_{status}", intent, amount=dispute["amount"], dispute=dispute["id"])
        account.emit("charge.dispute.closed", dispute, previous)
        return dispute

    def warn(self, charge: Document) -> Document:
        """The bank suspects fraud; no money has moved yet."""
        warning = objects.fraud_warning(charge, created=self._account.now())
        self._account.warnings.put(warning["id"], warning)
        self._account.emit("radar.early_fraud_warning.created", warning)
        return warning
