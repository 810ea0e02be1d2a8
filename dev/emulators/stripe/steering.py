"""The control routes that only the Stripe emulator has: the customer, the dashboard, the banks, the webhooks.

They hang below `/_emulator`, beside clock, faults, ledger and reset.
"""

from typing import Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from dev.emulators.state import Document
from dev.emulators.stripe.account import Account
from dev.emulators.stripe.cards import CARDS
from dev.emulators.stripe.checkout import CardDeclined, Checkout, NotPayable
from dev.emulators.stripe.disputes import Disputes
from dev.emulators.stripe.params import Cancel, Capture, CreateRefund
from dev.emulators.stripe.payments import Payments
from dev.emulators.stripe.refunds import Refunds
from dev.emulators.stripe.webhooks import Webhooks


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pay(_Body):
    """The customer's card, one of Stripe's test cards."""

    card: str = "4242424242424242"
    email: str | None = None


class DashboardRefund(_Body):
    """A refund that a person makes in the dashboard; None is everything that is left."""

    amount: int | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = "requested_by_customer"


class OpenDispute(_Body):
    """None is the whole charge."""

    amount: int | None = None
    reason: str = "fraudulent"


class CloseDispute(_Body):
    """How the bank decided."""

    status: Literal["won", "lost"]


class SettleRefund(_Body):
    """How a refund goes on."""

    status: Literal["succeeded", "failed", "canceled"]
    failure_reason: str | None = None


class Release(_Body):
    """In which order held deliveries go out: as they came, backwards, or these events first."""

    backwards: bool = False
    order: list[str] | None = None


class Redeliver(_Body):
    """How often an event is sent again."""

    times: int = 1


def steering_routes(
    account: Account, checkout: Checkout, payments: Payments, refunds: Refunds, disputes: Disputes, webhooks: Webhooks
) -> APIRouter:
    router = APIRouter(prefix="/_emulator", tags=["stripe"])
    _add_customer(router, account, checkout)
    _add_dashboard(router, account, payments, refunds)
    _add_bank(router, account, refunds, disputes)
    _add_webhooks(router, account, webhooks)
    return router


def _add_customer(router: APIRouter, account: Account, checkout: Checkout) -> None:
    @router.post("/sessions/{name}/pay")
    async def pay(name: str, body: Pay | None = None) -> Document:
        """Pay as the customer does on the page: 402 declined, 409 not payable any more."""
        account.timers.run_due()
        wish = body or Pay()
        number = wish.card.replace(" ", "")
        if number not in CARDS:
            raise HTTPException(422, f"{wish.card} is none of the test cards {list(CARDS)}")
        try:
            return checkout.pay(account.session(name), CARDS[number], wish.email)
        except CardDeclined as declined:
            detail = {"code": declined.card.code, "decline_code": declined.card.decline_code, "message": declined.card.message}
            raise HTTPException(402, detail) from declined
        except NotPayable as error:
            raise HTTPException(409, str(error)) from error

    @router.post("/sessions/{name}/decline")
    async def decline(name: str) -> Document:
        """Try to pay with a card that is declined; the Session stays open."""
        account.timers.run_due()
        session = account.session(name)
        try:
            checkout.pay(session, CARDS["4000000000000002"])
        except CardDeclined:
            return session
        except NotPayable as error:
            raise HTTPException(409, str(error)) from error
        raise HTTPException(409, "a Session of nothing cannot be declined")


def _add_dashboard(router: APIRouter, account: Account, payments: Payments, refunds: Refunds) -> None:
    @router.post("/payment_intents/{name}/refund")
    async def refund(name: str, body: DashboardRefund | None = None) -> Document:
        wish = body or DashboardRefund()
        return refunds.create(CreateRefund(payment_intent=name, amount=wish.amount, reason=wish.reason), source="dashboard")

    @router.post("/payment_intents/{name}/capture")
    async def capture(name: str) -> Document:
        account.timers.run_due()
        return payments.capture(account.intent(name), Capture())

    @router.post("/payment_intents/{name}/cancel")
    async def cancel(name: str) -> Document:
        account.timers.run_due()
        return payments.cancel(account.intent(name), Cancel(cancellation_reason="requested_by_customer"))


def _add_bank(router: APIRouter, account: Account, refunds: Refunds, disputes: Disputes) -> None:
    @router.post("/refunds/{name}/settle")
    async def settle(name: str, body: SettleRefund) -> Document:
        return refunds.settle(account.refund(name), body.status, body.failure_reason)

    @router.post("/payment_intents/{name}/dispute")
    async def dispute(name: str, body: OpenDispute | None = None) -> Document:
        charge = account.charge(account.intent(name)["latest_charge"])
        if not charge["captured"]:
            raise HTTPException(409, "nobody can dispute a charge that was never captured")
        wish = body or OpenDispute()
        return disputes.open(charge, wish.amount, wish.reason)

    @router.post("/disputes/{name}/close")
    async def close(name: str, body: CloseDispute) -> Document:
        return disputes.close(account.dispute(name), body.status)

    @router.post("/payment_intents/{name}/early_fraud_warning")
    async def warn(name: str) -> Document:
        return disputes.warn(account.charge(account.intent(name)["latest_charge"]))


def _add_webhooks(router: APIRouter, account: Account, webhooks: Webhooks) -> None:
    @router.get("/deliveries")
    async def deliveries() -> list[Document]:
        return webhooks.log()

    @router.post("/deliveries/hold", status_code=204)
    async def hold() -> None:
        webhooks.hold()

    @router.post("/deliveries/release", status_code=204)
    async def release(body: Release | None = None) -> None:
        wish = body or Release()
        webhooks.release(wish.order, backwards=wish.backwards)

    @router.post("/deliveries/settle")
    async def settled() -> list[Document]:
        """Answers when nothing is on its way any more."""
        await webhooks.settled()
        return webhooks.log()

    @router.post("/events/{name}/deliver", status_code=202)
    async def redeliver(name: str, body: Redeliver | None = None) -> None:
        event = account.events.get(name)
        if event is None:
            raise HTTPException(404, f"no such event: {name}")
        for _ in range((body or Redeliver()).times):
            webhooks.deliver(event)
