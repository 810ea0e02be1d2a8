"""Stripe in memory."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from models.base import Contract
from models.errors import AlreadyExists, NotThere, StoredFailure
from models.payment import (
    CapturePayment,
    CheckoutSession,
    ExpireCheckout,
    OpenCheckout,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    RequestRefund,
    VoidPayment,
)
from tests.fakes.faults import Faults

R = TypeVar("R")


class FakeGateway:
    """Stripe as one order sees it, with a ledger of what was taken and given back.

    Keys behave as Stripe's do: the first outcome is kept, failures included, and other parameters under a key are refused.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.payments: dict[str, Payment] = {}
        self.sessions: list[CheckoutSession] = []
        self.captured: list[str] = []
        self.voided: list[str] = []
        self.refunds: list[tuple[RequestRefund, Refund]] = []
        self.refund_state = RefundState.SUCCEEDED
        self.pay_on_expire = False
        self.keys: list[str] = []
        self._answers: dict[str, tuple[Contract, Any]] = {}
        self._spoiled: set[str] = set()
        self._to_spoil: dict[str, bool] = {}

    def spoil_key(self, call: str, *, done: bool = False) -> None:
        """Have Stripe keep a server error as the outcome of the next key, with or without (`done`) the work being done."""
        self._to_spoil[call] = done

    def forget_keys(self) -> None:
        """What Stripe does with keys that are older than a day."""
        self._answers.clear()

    def pay(
        self, session_id: str, *, amount: int | None = None, currency: str | None = None, capture_before: datetime | None = None
    ) -> None:
        """Have the customer pay at the Session's page, which an expired Session no longer allows."""
        payment = self.payments[session_id]
        assert payment.state is PaymentState.OPEN, f"{session_id} cannot be paid: it is {payment.state}"
        paid = payment.amount if amount is None else amount
        self.payments[session_id] = payment.model_copy(
            update={
                "state": PaymentState.AUTHORIZED,
                "payment_intent_id": f"pi_{session_id}",
                "amount": paid,
                "amount_authorized": paid,
                "currency": currency or payment.currency,
                "capture_before": capture_before,
            }
        )

    def void_by_hand(self, session_id: str) -> None:
        """What a person does in Stripe's dashboard: the authorisation is given back without us."""
        voided = {"state": PaymentState.CANCELED, "amount_authorized": 0}
        self.payments[session_id] = self.payments[session_id].model_copy(update=voided)

    def capture_by_hand(self, session_id: str, *, refunded: int = 0) -> None:
        """What a person does in Stripe's dashboard: the money is taken, and perhaps some of it given back."""
        amount = self.payments[session_id].amount
        taken = {"state": PaymentState.CAPTURED, "amount_captured": amount, "amount_authorized": 0, "amount_refunded": refunded}
        self.payments[session_id] = self.payments[session_id].model_copy(update=taken)

    @property
    def session(self) -> CheckoutSession:
        """The Session opened last."""
        return self.sessions[-1]

    @property
    def payable(self) -> list[str]:
        """The Sessions that a customer could pay right now."""
        return [session_id for session_id, payment in self.payments.items() if payment.state is PaymentState.OPEN]

    @property
    def refunded(self) -> int:
        """What went back or is on its way, in minor units."""
        lost = {RefundState.FAILED, RefundState.CANCELED}
        return sum(refund.amount for _, refund in self.refunds if refund.state not in lost)

    async def open_checkout(self, request: OpenCheckout) -> CheckoutSession:
        return await self._once("open_checkout", request, lambda: self._open(request))

    def _open(self, request: OpenCheckout) -> CheckoutSession:
        session = CheckoutSession(
            session_id=f"cs_{len(self.sessions) + 1}",
            url=f"https://checkout.example/{len(self.sessions) + 1}",
            expires_at=request.expires_at,
            key_number=request.key_number,
        )
        self.sessions.append(session)
        self.payments[session.session_id] = Payment(
            state=PaymentState.OPEN,
            session_id=session.session_id,
            order_id=request.order_id,
            amount=request.total,
            currency=request.currency,
        )
        return session

    async def find_checkout(self, order_id: UUID, *, since: datetime) -> CheckoutSession | None:
        await self.faults.before("find_checkout")
        open_sessions = [s for s in self.sessions if self.payments[s.session_id].state is PaymentState.OPEN]
        return open_sessions[-1] if open_sessions else None

    async def read_payment(self, session_id: str) -> Payment:
        await self.faults.before("read_payment")
        if session_id not in self.payments:
            raise NotThere("no such Session", provider="stripe")
        await self.faults.after("read_payment")
        return self.payments[session_id]

    async def expire_checkout(self, request: ExpireCheckout) -> Payment:
        await self.faults.before("expire_checkout")
        payment = self.payments[request.session_id]
        if self.pay_on_expire and payment.state is PaymentState.OPEN:
            self.pay(request.session_id)
        payment = self.payments[request.session_id]
        if payment.state is PaymentState.OPEN:
            payment = payment.model_copy(update={"state": PaymentState.EXPIRED})
            self.payments[request.session_id] = payment
        await self.faults.after("expire_checkout")
        return payment

    async def capture(self, request: CapturePayment) -> Payment:
        return await self._once("capture", request, lambda: self._capture(request))

    def _capture(self, request: CapturePayment) -> Payment:
        payment = self.payments[request.session_id]
        if payment.state is PaymentState.AUTHORIZED:
            self.captured.append(request.payment_intent_id)
            update = {"state": PaymentState.CAPTURED, "amount_captured": request.amount, "amount_authorized": 0}
            payment = payment.model_copy(update=update)
            self.payments[request.session_id] = payment
        return payment

    async def void(self, request: VoidPayment) -> Payment:
        return await self._once("void", request, lambda: self._void(request))

    def _void(self, request: VoidPayment) -> Payment:
        payment = self.payments[request.session_id]
        if payment.state is PaymentState.AUTHORIZED:
            self.voided.append(request.payment_intent_id)
            payment = payment.model_copy(update={"state": PaymentState.CANCELED, "amount_authorized": 0})
            self.payments[request.session_id] = payment
        return payment

    async def refund(self, request: RequestRefund) -> Refund:
        return await self._once("refund", request, lambda: self._refund(request))

    def _refund(self, request: RequestRefund) -> Refund:
        captured = sum(payment.amount_captured for payment in self.payments.values())
        if self.refunded + request.amount > captured:
            raise AlreadyExists("charge_already_refunded", provider="stripe")
        refund = Refund(
            refund_id=f"re_{len(self.refunds) + 1}", state=self.refund_state, amount=request.amount, currency=request.currency
        )
        self.refunds.append((request, refund))
        return refund

    async def find_refund(self, request: RequestRefund) -> Refund | None:
        await self.faults.before("find_refund")
        found = [refund for asked, refund in self.refunds if asked.refund_number == request.refund_number]
        return found[-1] if found else None

    async def read_refund(self, refund_id: str) -> Refund:
        await self.faults.before("read_refund")
        at = next(at for at, (_, refund) in enumerate(self.refunds) if refund.refund_id == refund_id)
        asked, refund = self.refunds[at]
        self.refunds[at] = (asked, refund.model_copy(update={"state": self.refund_state}))
        return self.refunds[at][1]

    async def _once(
        self, call: str, request: OpenCheckout | CapturePayment | VoidPayment | RequestRefund, work: Callable[[], R]
    ) -> R:
        key = request.idempotency_key
        self.keys.append(key)
        await self.faults.before(call)
        if key in self._spoiled:
            raise StoredFailure("this key has failed before", provider="stripe")
        if call in self._to_spoil:
            self._spoiled.add(key)
            if self._to_spoil.pop(call):
                work()
            raise StoredFailure("server error", provider="stripe")
        parameters = request.model_copy(update={"enters": None, "at": None})
        known_parameters, answer = self._answers.get(key, (parameters, None))
        assert known_parameters == parameters, f"{key} came back with other parameters"
        if answer is None:
            answer = work()
            self._answers[key] = (parameters, answer)
        await self.faults.after(call)
        return cast("R", answer)
