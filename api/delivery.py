"""From the inbox to the workflow: what was written down at the door is handed over here, again and again until it has arrived.

The loop runs in the worker, so that a webhook's 2xx needs nothing but the database.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError, WorkflowUpdateStage
from temporalio.service import RPCError, RPCStatusCode

from activities.ports import Inbox
from api.handles import order_handle, refund_handle
from api.ports import Notified
from models.errors import ProviderUnavailable
from models.inbox import InboxMessage, InboxSource, InboxState, Settlement
from models.order import order_workflow_id
from models.payment import PaymentReport
from models.tracking import NewTask, TaskKind
from workflows.order import OrderWorkflow
from workflows.refund import RefundWorkflow

SWEEP = timedelta(seconds=5)
"""What a lost notification costs at most."""
BATCH = 50
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=10)
UPDATE_ACCEPTED_WITHIN = timedelta(seconds=10)

INBOX_CHANNEL = "inbox"

log = structlog.get_logger(__name__)

PAYMENT_FACTS: Mapping[str, str] = {
    "checkout.session.completed": "authorized",
    "payment_intent.amount_capturable_updated": "capturable",
    "checkout.session.expired": "expired",
    "payment_intent.canceled": "canceled",
}
"""Stripe's event types that make an order look at its payment, and the fact that they report: one fact is one update.

A PaymentIntent can be authorised a moment before its Session is complete: a look at that moment must not be the answer to the
Session's own news.
"""
REFUND_EVENTS = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
"""Stripe's event types that make a refund look at itself."""
ALARMING = frozenset({"checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed"})
"""Cards and wallets never settle later: such an event means that a payment method is on which must not be."""
DISPUTE_EVENTS = frozenset({"charge.dispute.created", "charge.dispute.closed"})
"""Stripe's event types that are a person's business, however long ago the order ended."""
DISPUTES_GIVEN_UP = frozenset({"won", "warning_closed"})
"""Stripe's words for a dispute that takes nothing from us. Source: https://docs.stripe.com/api/disputes/object."""


def is_awaited(kind: str) -> bool:
    """Whether anything follows from a Stripe event of this type; all others are only written down."""
    return kind in PAYMENT_FACTS or kind in REFUND_EVENTS or kind in ALARMING or kind in DISPUTE_EVENTS


class InboxDrainer:
    """Delivers messages, one per order at a time; whatever goes wrong postpones a message and never loses it."""

    def __init__(self, inbox: Inbox, client: Client, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._inbox = inbox
        self._client = client
        self._clock = clock

    async def run(self, notified: Notified) -> None:
        """Drain whenever something came in, and every few seconds in case that nobody said so."""
        while True:
            try:
                while await self.drain_once():
                    pass
            except (ProviderUnavailable, RPCError) as outage:
                log.warning("inbox waits", reason=str(outage)[:200])
            await notified.wait(SWEEP)

    async def drain_once(self) -> bool:
        """Deliver what is due now, of each order its oldest message; return whether there was more."""
        messages = await self._inbox.claim(at=self._clock(), limit=BATCH)
        outcomes = await asyncio.gather(*(self._handle(message) for message in messages), return_exceptions=True)
        settled = [outcome for outcome in outcomes if isinstance(outcome, Settlement)]
        if settled:
            await self._inbox.settle(settled, at=self._clock())
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(messages) == BATCH or any(message.is_followed for message in messages)

    async def _handle(self, message: InboxMessage) -> Settlement | None:
        """Deliver a message; return how it ended, None where it was put back."""
        try:
            state, note = await self._deliver(message)
        except (ProviderUnavailable, RPCError, TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as failure:
            await self._postpone(message, InboxState.WAITING, f"{type(failure).__name__}: {failure}"[:200])
            return None
        except Exception as bug:
            log.exception("an inbox message cannot be delivered", kind=message.kind, attempts=message.attempts)
            await self._postpone(message, InboxState.UNMATCHED, f"a bug of ours: {type(bug).__name__}")
            return None
        if state is InboxState.WAITING:
            await self._postpone(message, InboxState.UNMATCHED, note)
            log.warning("inbox message names nothing that we know", kind=message.kind, note=note, attempts=message.attempts)
            return None
        return Settlement(id=message.id, state=state, note=note)

    async def _postpone(self, message: InboxMessage, state: InboxState, note: str) -> None:
        pause = min(FIRST_PAUSE * 2 ** min(message.attempts, 20), LONGEST_PAUSE)
        await self._inbox.postpone(message.id, until=self._clock() + pause, state=state, note=note)

    async def _deliver(self, message: InboxMessage) -> tuple[InboxState, str]:
        match message.source:
            case InboxSource.STRIPE if message.kind in PAYMENT_FACTS:
                return await self._report_payment(message)
            case InboxSource.STRIPE if message.kind in REFUND_EVENTS:
                return await self._report_refund(message)
            case InboxSource.STRIPE if message.kind in DISPUTE_EVENTS:
                return await self._record_dispute(message)
            case InboxSource.MANUFACTURER:
                return await self._make_due(message)
            case _:
                if message.kind in ALARMING:
                    log.error("a payment method that settles later is switched on at Stripe", kind=message.kind)
                return InboxState.RECORDED, "nothing follows from it"

    async def _report_payment(self, message: InboxMessage) -> tuple[InboxState, str]:
        order_id = await self._order_of(message)
        if order_id is None or message.reference is None:
            return InboxState.WAITING, "no order of ours is named"
        handle = order_handle(self._client, order_id)
        try:
            await handle.start_update(
                OrderWorkflow.report_payment,
                PaymentReport(session_id=message.reference),
                id=_fact(message),
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                rpc_timeout=UPDATE_ACCEPTED_WITHIN,
            )
        except RPCError as refusal:
            if refusal.status is not RPCStatusCode.NOT_FOUND:
                raise
            if await self._is_closed(order_workflow_id(order_id)) or await self._inbox.has_ended(order_id):
                return InboxState.RECORDED, "the order had ended"
            return InboxState.WAITING, "the order does not exist yet"
        return InboxState.DELIVERED, ""

    async def _order_of(self, message: InboxMessage) -> UUID | None:
        if message.order_id is not None or message.reference is None:
            return message.order_id
        return await self._inbox.order_of(message.reference)

    async def _is_closed(self, workflow_id: str) -> bool:
        try:
            description = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as refusal:
            if refusal.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return description.close_time is not None

    async def _report_refund(self, message: InboxMessage) -> tuple[InboxState, str]:
        metadata = message.payload.get("data", {}).get("object", {}).get("metadata") or {}
        number = str(metadata.get("refund_number", ""))
        if message.order_id is None or not number.isdecimal():
            return InboxState.RECORDED, "not a refund of ours"
        handle = refund_handle(self._client, message.order_id, int(number))
        try:
            await handle.signal(RefundWorkflow.refund_reported)
        except RPCError as refusal:
            if refusal.status is not RPCStatusCode.NOT_FOUND:
                raise
            return InboxState.RECORDED, "the refund had ended"
        return InboxState.DELIVERED, ""

    async def _record_dispute(self, message: InboxMessage) -> tuple[InboxState, str]:
        """Have a person answer it; the order, which may have ended long ago, is not told and starts nothing."""
        order_id = await self._order_of(message)
        if order_id is None:
            return InboxState.RECORDED, "not a payment of ours"
        dispute = message.payload["data"]["object"]
        task = NewTask(
            kind=TaskKind.DISPUTE,
            subject=dispute["id"],
            order_id=order_id,
            amount=dispute["amount"],
            currency=dispute["currency"],
            note=f"disputed ({dispute['reason']}): answer it in Stripe's Dashboard",
            opened_at=message.received_at,
        )
        disputed = 0 if dispute["status"] in DISPUTES_GIVEN_UP else task.amount
        if await self._inbox.record_dispute(task, disputed=disputed, is_over=message.kind == "charge.dispute.closed"):
            log.error("a customer disputes a charge", order_id=str(order_id), dispute=task.subject, amount=task.amount)
        return InboxState.DELIVERED, ""

    async def _make_due(self, message: InboxMessage) -> tuple[InboxState, str]:
        """A callback is a hint, never a proof: the manufacturer is asked about what it names."""
        if message.reference is None or not await self._inbox.make_due(message.reference, at=self._clock()):
            log.warning("a callback names nothing that we know", kind=message.kind)
            return InboxState.UNMATCHED, "a reference that we never gave out"
        return InboxState.DELIVERED, ""


def _fact(message: InboxMessage) -> str:
    """Return the update id: `<PaymentIntent, or the Session while it has none>:<fact>`, the same from whichever event."""
    subject = message.payload.get("data", {}).get("object", {})
    return f"{subject.get('payment_intent') or message.reference}:{PAYMENT_FACTS[message.kind]}"
