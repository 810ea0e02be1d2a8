"""A refund's life: asked for, perhaps pending for days, settled or failed. A refund is not an event, it is a state machine."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.payment import PaymentActivities
    from models.order import Operator
    from models.payment import (
        ReadRefund,
        Refund,
        RefundInput,
        RefundResult,
        RefundState,
        RequestRefund,
    )
    from workflows.attributes import AMOUNT_MINOR, NEEDS_ATTENTION
    from workflows.failures import describe, failure_type, named, refused
    from workflows.handlers import update
    from workflows.options import COMPENSATION, REFUND_LOOK, REFUND_NEEDS_A_PERSON

PENDING = {RefundState.PENDING, RefundState.REQUIRES_ACTION}
AFTER = "**Next:** `retry_step`, or `mark_resolved` when it was settled elsewhere."
STORED_FAILURE_PAUSE = timedelta(seconds=5)


@workflow.defn
class RefundWorkflow:
    """One refund. It ends only when the money is back, or when a person has taken it over."""

    @workflow.init
    def __init__(self, refund: RefundInput) -> None:
        self._input = refund
        self._key_number = 1
        self._refund: Refund | None = None
        self._look_wanted = False
        self._retry: Operator | None = None
        self._resolution: Operator | None = None
        self._waits_for_a_person = False

    @workflow.run
    async def run(self, refund: RefundInput) -> RefundResult:
        """Give the money back and see it arrive."""
        workflow.upsert_search_attributes([AMOUNT_MINOR.value_set(refund.amount), NEEDS_ATTENTION.value_set(False)])
        result = await self._to_its_end(self._give_back())
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _to_its_end(self, work: Coroutine[Any, Any, RefundResult]) -> RefundResult:
        """See it through although somebody cancels this workflow in the Web UI: money that is owed is not taken back by that."""
        running = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:
                raise
            return await running

    async def _give_back(self) -> RefundResult:
        while self._resolution is None:
            try:
                self._refund = await self._ask()
                await self._see_it_settled(self._refund)
            except ActivityError as failure:
                if failure_type(failure) == "StoredFailure":
                    await workflow.sleep(STORED_FAILURE_PAUSE * self._key_number, summary="the next idempotency key")
                else:
                    await self._wait_for_a_person(describe(failure))
                self._key_number += 1
                continue
            if self._refund.state is RefundState.SUCCEEDED:
                break
            await self._wait_for_a_person(f"Stripe says {self._refund.state}: {self._refund.failure_reason or 'no reason given'}")
            self._key_number += 1
        return self._result()

    async def _ask(self) -> Refund:
        asked = self._input
        return await workflow.execute_activity_method(
            PaymentActivities.request_refund,
            RequestRefund(
                order_id=asked.order_id,
                payment_intent_id=asked.payment_intent_id,
                refund_number=asked.refund_number,
                key_number=self._key_number,
                amount=asked.amount,
                currency=asked.currency,
                reason=asked.reason,
                at=workflow.now(),
            ),
            summary=f"give {asked.amount} {asked.currency} back",
            **COMPENSATION,
        )

    async def _see_it_settled(self, refund: Refund) -> None:
        """Ask until the refund is terminal: now and then, and whenever Stripe's webhook says that something changed."""
        impatient_at = workflow.now() + REFUND_NEEDS_A_PERSON
        is_late = False
        while self._refund is not None and self._refund.state in PENDING and self._resolution is None:
            # Uncaught, a time-out would fail the workflow and leave the money where it is.
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._look_wanted or self._resolution is not None,
                    timeout=REFUND_LOOK,
                    timeout_summary="pending at Stripe: ask again",
                )
            self._look_wanted = False
            if workflow.now() >= impatient_at and not is_late:
                is_late = True
                self._call_for_attention(f"pending at Stripe for {REFUND_NEEDS_A_PERSON.days} days")
            self._refund = await workflow.execute_activity_method(
                PaymentActivities.read_refund,
                ReadRefund(
                    order_id=self._input.order_id,
                    payment_intent_id=self._input.payment_intent_id,
                    refund_number=self._input.refund_number,
                    refund_id=refund.refund_id,
                    at=workflow.now(),
                ),
                summary="has it arrived?",
                **COMPENSATION,
            )

    async def _wait_for_a_person(self, why: str) -> None:
        self._call_for_attention(why)
        self._retry, self._waits_for_a_person = None, True
        await workflow.wait_condition(lambda: self._retry is not None or self._resolution is not None)
        self._waits_for_a_person = False
        workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(False)])

    def _call_for_attention(self, why: str) -> None:
        workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(True)])
        workflow.set_current_details(f"**needs a person**\n\n{why}\n\n{AFTER}")

    def _result(self) -> RefundResult:
        refund = self._refund
        if refund is None or refund.state is not RefundState.SUCCEEDED:
            return RefundResult(state=RefundState.FAILED, refunded=0, refund_id=refund.refund_id if refund else None)
        return RefundResult(state=refund.state, refunded=refund.amount, refund_id=refund.refund_id)

    @workflow.signal(description="Stripe says that something about this refund changed: it is read again.")
    def refund_reported(self) -> None:
        """Have the refund read again."""
        self._look_wanted = True

    @update("Try the refund again.")
    async def retry_step(self, by: Operator) -> None:
        """Let a failed refund be tried again under the next key."""
        self._retry = by

    @update("The money went back by another way; this refund ends.")
    async def mark_resolved(self, by: Operator) -> None:
        """Take over from a person."""
        self._resolution = by

    @retry_step.validator
    def _may_retry(self, by: Operator) -> None:
        named(by)
        if not self._waits_for_a_person:
            raise refused("the refund is under way at Stripe: nothing to try again")

    @mark_resolved.validator
    def _may_resolve(self, by: Operator) -> None:
        named(by)
