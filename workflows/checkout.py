"""Until there is money: the order is priced, a Session is opened, and the order waits to be paid."""

import asyncio
from collections import deque
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.order import OrderActivities
    from activities.payment import PaymentActivities
    from models.errors import RefusalCode
    from models.order import (
        Checkout,
        CheckoutRequest,
        HoldReason,
        OrderStatus,
        PlacedOrder,
        PlaceOrder,
        ReleaseHold,
        StandingCheckout,
    )
    from models.payment import (
        CheckoutSession,
        ExpireCheckout,
        LookAtPayment,
        OpenCheckout,
        Payment,
        PaymentState,
    )
    from workflows.failures import describe, failure_type, mismatch, present
    from workflows.life import OrderEnded, OrderLife
    from workflows.money_back import MoneyBack
    from workflows.options import COMPENSATION, STRIPE, WHILE_CUSTOMER_WAITS, ActivityOptions

FIRST_REQUEST_LIMIT = timedelta(hours=1)
"""An order that nobody asks anything of is nobody's."""
SPENT_KEYS = 3
"""How many idempotency keys in a row may be spent on failures that Stripe keeps before the customer is told to try again."""
FINAL_REFUSALS = {"ProviderRejected", "NeedsPerson", "PaymentDeclined"}
"""Stripe will not open a checkout for this order, however often it is asked."""
REFUSALS = {
    RefusalCode.ALREADY_PAID: "This order is paid already and cannot be changed.",
    RefusalCode.ORDER_CLOSED: "This order is closed. Please start again from your design.",
    RefusalCode.NOT_APPROVED: "Your design has changed since you looked at it. Please look at it once more before you order it.",
    RefusalCode.ALREADY_APPROVED: "This design is approved already. To change it, please start a new order.",
}


class Asked:
    """A checkout request and the caller who waits for its answer."""

    def __init__(self, request: CheckoutRequest) -> None:
        self.request = request
        self.answer: asyncio.Future[Checkout] = asyncio.Future()


class CheckoutDesk:
    """Opens Sessions, at most one payable at a time, and finds out whether the customer has paid."""

    def __init__(self, life: OrderLife, money_back: MoneyBack) -> None:
        self._life = life
        self._money_back = money_back
        self._asked: deque[Asked] = deque()
        self._is_open = True
        self._request: CheckoutRequest | None = None
        self._checkout: Checkout | None = None
        self._session: CheckoutSession | None = None
        self._key_number = 0
        self._placed_at = workflow.now()
        self._first_opened_at: datetime | None = None
        self._reports = 0
        self._reports_answered = 0

    async def ask(self, request: CheckoutRequest) -> Checkout:
        """Queue a checkout request and wait for its answer (an update handler's work)."""
        asked = Asked(request)
        if self._is_open:
            self._asked.append(asked)
        else:
            self._answer_late(asked)
        return await asked.answer

    async def report(self) -> None:
        """Have Stripe asked, and wait until a look that began after this call is done (an update handler's work)."""
        self._reports += 1
        mine = self._reports
        await workflow.wait_condition(lambda: self._reports_answered >= mine or not self._is_open)

    def close(self) -> None:
        """Take no more requests, and answer everybody who still waits."""
        self._is_open = False
        while self._asked:
            self._answer_late(self._asked.popleft())

    async def collect_payment(self) -> None:
        """Answer checkout requests until the order is paid.

        Raises:
            OrderEnded: Expired, canceled, or it could not be placed at all.
        """
        life = self._life
        while life.payment is None and not (life.placed is not None and life.placed.is_free):
            life.guard()
            happened = await life.wait(
                lambda: self._asked or self._reports > self._reports_answered or life.cancel,
                until=self._session.expires_at if self._session else workflow.now() + FIRST_REQUEST_LIMIT,
                summary="checkout runs out",
            )
            if self._asked:
                await self._answer(self._asked.popleft())
            elif self._reports > self._reports_answered:
                await self._look()
            elif not happened:
                await self._expire()
        self.close()

    def _answer_late(self, asked: Asked) -> None:
        if asked.request == self._request and self._checkout is not None and self._life.ended is None:
            asked.answer.set_result(self._checkout)
        elif self._life.payment is not None:
            asked.answer.set_exception(refusal(RefusalCode.ALREADY_PAID))
        else:
            asked.answer.set_exception(refusal(RefusalCode.ORDER_CLOSED))

    async def _answer(self, asked: Asked) -> None:
        """Answer one request: the Session that stands, or a new one for a changed order."""
        if asked.request == self._request and self._checkout is not None:
            asked.answer.set_result(self._checkout)
            return
        try:
            if self._session is not None and await self._is_paid_on_closing(self._session):
                asked.answer.set_exception(refusal(RefusalCode.ALREADY_PAID))
                return
            placed = await self._place(asked.request)
            self._checkout = await self._free(placed) if placed.is_free else await self._open(asked.request, placed)
        except ActivityError as failure:
            asked.answer.set_exception(_for_the_customer(failure))
            if _is_paid_by_another_run(failure):
                return
            if self._never_came_to_be or failure_type(failure) in FINAL_REFUSALS:
                raise OrderEnded(OrderStatus.FAILED, describe(failure)) from failure
        except OrderEnded:
            asked.answer.set_exception(refusal(RefusalCode.ORDER_CLOSED))
            raise
        else:
            self._request = asked.request
            asked.answer.set_result(self._checkout)

    @property
    def _never_came_to_be(self) -> bool:
        """Whether nothing is left of an order that could not be placed; one with a picture may still be ordered differently."""
        return self._life.placed is None and not self._life.opens_with_design

    async def _place(self, request: CheckoutRequest) -> PlacedOrder:
        life = self._life
        transition = life.progress.next(OrderStatus.AWAITING_PAYMENT, "priced, a shell is held")
        if not life.undo:
            life.undo.append(self.release_hold)
        placed = await life.call(
            OrderActivities.place_order,
            PlaceOrder(order_id=life.order_id, request=request, upload_attempt=life.upload_attempt, enters=transition),
            WHILE_CUSTOMER_WAITS,
            summary="price it, hold a shell, write it down",
        )
        life.placed = placed
        self._placed_at = transition.at
        life.progress.placed(placed, transition)
        return placed

    async def _free(self, placed: PlacedOrder) -> Checkout:
        life = self._life
        await life.record(life.progress.next(OrderStatus.PAID, "a promotion of ours: nothing to pay"))
        return _checkout(placed, session_id=f"free_{placed.public_token}", url=None)

    async def _open(self, request: CheckoutRequest, placed: PlacedOrder) -> Checkout:
        life = self._life
        if self._first_opened_at is None:
            self._first_opened_at = self._placed_at
            life.undo += [self._money_back.return_everything, self._give_up_session]
            if placed.checkout is not None:
                return self._resume(placed, placed.checkout)
        spent = 0
        while True:
            try:
                self._session = await self._open_session(request, placed, self._first_opened_at)
            except ActivityError as failure:
                spent += 1
                if failure_type(failure) != "StoredFailure" or spent == SPENT_KEYS:
                    raise
            else:
                return _checkout(placed, session_id=self._session.session_id, url=self._session.url)

    def _resume(self, placed: PlacedOrder, standing: StandingCheckout) -> Checkout:
        """Go on with the Session of an earlier run, which was reset: it may be paid, and our parameters would not fit its key."""
        self._key_number = standing.key_number
        self._session = CheckoutSession(**standing.model_dump())
        return _checkout(placed, session_id=standing.session_id, url=standing.url)

    async def _open_session(self, request: CheckoutRequest, placed: PlacedOrder, first_opened_at: datetime) -> CheckoutSession:
        """Open a Session under the next idempotency key.

        Its parameters are made of when the order was placed, which a run that is reset to here does not change: Stripe answers a
        key that it knows by the Session of the first time, or, asked with other parameters, not at all.
        """
        life = self._life
        self._key_number += 1
        placed_at = self._placed_at
        return await life.call(
            PaymentActivities.open_checkout,
            OpenCheckout(
                order_id=life.order_id,
                number=placed.number,
                key_number=self._key_number,
                lines=placed.quote.lines,
                total=placed.quote.total,
                currency=placed.quote.currency,
                customer_email=request.customer.email if request.customer else None,
                placed_at=placed_at,
                expires_at=placed_at + life.policy.checkout_lifetime,
                first_opened_at=first_opened_at,
                enters=life.progress.next(OrderStatus.AWAITING_PAYMENT, "checkout is open"),
            ),
            WHILE_CUSTOMER_WAITS,
            summary=f"open checkout {self._key_number}",
        )

    async def _look(self) -> None:
        """Re-read the Session; what was said about it is only the reason to look."""
        upto = self._reports
        if self._session is not None:
            await self._settle(await self._read(self._session))
        self._reports_answered = upto

    async def _read(self, session: CheckoutSession) -> Payment:
        life = self._life
        quote = life.order.quote
        request = LookAtPayment(
            order_id=life.order_id,
            session_id=session.session_id,
            total=quote.total,
            currency=quote.currency,
            enters=life.progress.next(OrderStatus.PAID, f"{quote.total} {quote.currency} authorised"),
        )
        payment = await life.insist(
            HoldReason.OUTCOME_UNKNOWN,
            lambda: life.call(PaymentActivities.look_at_payment, request, STRIPE, summary="ask Stripe whether it is paid"),
            gives_back=False,
        )
        if payment.is_paid and request.is_matched_by(payment):
            life.progress.entered(request.enters)
        return payment

    async def _settle(self, payment: Payment) -> None:
        """Draw the consequence of what Stripe says."""
        life = self._life
        if payment.state is PaymentState.OPEN:
            return
        if not payment.is_paid:
            raise OrderEnded(OrderStatus.EXPIRED, "the checkout can no longer be paid")
        life.payment = payment
        while life.progress.status is not OrderStatus.PAID:
            self.close()
            if payment.is_all_gone:
                raise OrderEnded(OrderStatus.CANCELED, "all of the money had gone back before the order was made")
            await life.hold(HoldReason.PAYMENT_MISMATCH, mismatch(payment, life.order.quote))
            payment = life.payment = await self._read(present(self._session))

    async def _close_session(self, session: CheckoutSession, options: ActivityOptions) -> Payment:
        return await self._life.call(
            PaymentActivities.expire_checkout,
            ExpireCheckout(order_id=self._life.order_id, session_id=session.session_id),
            options,
            summary="close the checkout",
        )

    async def _is_paid_on_closing(self, session: CheckoutSession) -> bool:
        """Make a Session unpayable; one that was paid in the same second stands."""
        life = self._life
        closed = await life.insist(HoldReason.OUTCOME_UNKNOWN, lambda: self._close_session(session, STRIPE), gives_back=False)
        if closed.is_paid:
            await self._settle(await self._read(session))
            return True
        self._session = self._checkout = self._request = None
        return False

    async def _expire(self) -> None:
        """Time is up: only Stripe's own word that nobody paid closes the order."""
        if self._session is None or not await self._is_paid_on_closing(self._session):
            raise OrderEnded(OrderStatus.EXPIRED, "not paid in time")

    async def _give_up_session(self) -> None:
        """Undo an open checkout; if it was paid at the last second, the payment's own undo gives the money back."""
        if self._session is not None and self._life.payment is None:
            closed = await self._close_session(self._session, COMPENSATION)
            if closed.is_paid:
                self._life.payment = closed

    async def release_hold(self) -> None:
        """Let somebody else have the shell, if it is still held."""
        await self._life.call(
            OrderActivities.release_hold,
            ReleaseHold(order_id=self._life.order_id, at=workflow.now()),
            COMPENSATION,
            summary="give the shell back",
        )


def refusal(code: RefusalCode) -> ApplicationError:
    """Return the refusal as the HTTP edge knows it from every other source."""
    return ApplicationError(REFUSALS[code], {"code": code.value, "facts": {}}, type="OrderRefused", non_retryable=True)


def _is_paid_by_another_run(failure: ActivityError) -> bool:
    """Whether the order was changed and paid before this run was reset: a later request is the one that counts."""
    cause = failure.cause
    if not isinstance(cause, ApplicationError) or cause.type != "OrderRefused":
        return False
    return any(detail.get("code") == RefusalCode.ALREADY_PAID for detail in cause.details)


def _for_the_customer(failure: ActivityError) -> ApplicationError:
    """Return what the caller may know: a refusal in its own words, any other failure as "try again"."""
    if isinstance(failure.cause, ApplicationError) and failure.cause.type == "OrderRefused":
        return failure.cause
    return ApplicationError(
        "Payments are not available right now. Nothing was charged: please try again in a few minutes.",
        type="ProviderUnavailable",
        non_retryable=True,
    )


def _checkout(placed: PlacedOrder, *, session_id: str, url: str | None) -> Checkout:
    return Checkout(
        order_id=placed.order_id,
        number=placed.number,
        public_token=placed.public_token,
        checkout_url=url,
        session_id=session_id,
    )
