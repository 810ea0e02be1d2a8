"""Steers a running Stripe emulator: the customer at the payment page, the dashboard, the banks, the webhooks."""

from dev.emulators.remote import Remote
from dev.emulators.state import Document

DECLINED = "4000000000000002"
INSUFFICIENT_FUNDS = "4000000000009995"
REFUND_PENDING = "4000000000007726"
REFUND_FAILS_LATER = "4000000000005126"


class RemoteStripe(Remote):
    """The Stripe emulator's controls."""

    async def pay(self, session_id: str, card: str = "4242424242424242") -> Document:
        """Pay as the customer; the Session as it is then. HTTP 402: the card is declined; 409: there is nothing to pay."""
        session: Document = await self.call("POST", f"/sessions/{session_id}/pay", {"card": card})
        return session

    async def decline(self, session_id: str) -> Document:
        session: Document = await self.call("POST", f"/sessions/{session_id}/decline")
        return session

    async def dashboard_refund(self, payment_intent: str, amount: int | None = None) -> Document:
        refund: Document = await self.call("POST", f"/payment_intents/{payment_intent}/refund", {"amount": amount})
        return refund

    async def dashboard_cancel(self, payment_intent: str) -> Document:
        intent: Document = await self.call("POST", f"/payment_intents/{payment_intent}/cancel")
        return intent

    async def dashboard_capture(self, payment_intent: str) -> Document:
        intent: Document = await self.call("POST", f"/payment_intents/{payment_intent}/capture")
        return intent

    async def dispute(self, payment_intent: str, amount: int | None = None, reason: str = "fraudulent") -> Document:
        body = {"amount": amount, "reason": reason}
        dispute: Document = await self.call("POST", f"/payment_intents/{payment_intent}/dispute", body)
        return dispute

    async def close_dispute(self, dispute: str, status: str) -> Document:
        closed: Document = await self.call("POST", f"/disputes/{dispute}/close", {"status": status})
        return closed

    async def early_fraud_warning(self, payment_intent: str) -> Document:
        warning: Document = await self.call("POST", f"/payment_intents/{payment_intent}/early_fraud_warning")
        return warning

    async def settle_refund(self, refund: str, status: str, failure_reason: str | None = None) -> Document:
        body = {"status": status, "failure_reason": failure_reason}
        settled: Document = await self.call("POST", f"/refunds/{refund}/settle", body)
        return settled

    async def hold_webhooks(self) -> None:
        await self.call("POST", "/deliveries/hold")

    async def release_webhooks(self, *, backwards: bool = False, order: list[str] | None = None) -> None:
        """Let held deliveries go: as they came, backwards, or with the events of `order` first."""
        await self.call("POST", "/deliveries/release", {"backwards": backwards, "order": order})

    async def webhooks_settled(self) -> list[Document]:
        """Return the log of deliveries when none is on its way any more."""
        log: list[Document] = await self.call("POST", "/deliveries/settle")
        return log

    async def redeliver(self, event: str, times: int = 1) -> None:
        await self.call("POST", f"/events/{event}/deliver", {"times": times})
