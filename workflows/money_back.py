"""Money back: an authorisation is voided, what was captured is refunded by a workflow of its own."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.payment import PaymentActivities
    from models.payment import PaymentState, RefundInput, RefundResult, VoidPayment, refund_workflow_id
    from workflows.failures import failure_type, present
    from workflows.life import OrderLife
    from workflows.options import COMPENSATION
    from workflows.refund import RefundWorkflow

NEXT_KEY_PAUSE = timedelta(seconds=5)


class MoneyBack:
    """What the order owes its customer when it does not deliver."""

    def __init__(self, life: OrderLife) -> None:
        self._life = life
        self._voids = 0

    async def return_everything(self) -> None:
        """Undo the payment, whatever became of it: nothing, a void, or a refund of what is left."""
        life = self._life
        while life.payment is not None and life.payment.state is PaymentState.AUTHORIZED:
            try:
                await self._void()
            except ActivityError as failure:
                if failure_type(failure) != "StoredFailure":
                    raise
                await life.sleep(NEXT_KEY_PAUSE * self._voids, summary="the next idempotency key gives the authorisation back")
        if life.refundable:
            await self.refund(life.refundable, "the order was not delivered", operator=None)

    async def _void(self) -> None:
        life = self._life
        payment = present(life.payment)
        self._voids += 1
        life.payment = await life.call(
            PaymentActivities.void_payment,
            VoidPayment(
                order_id=life.order_id,
                session_id=payment.session_id,
                payment_intent_id=present(payment.payment_intent_id),
                key_number=self._voids,
            ),
            COMPENSATION,
            summary="give the authorisation back",
        )

    async def refund(self, amount: int, reason: str, *, operator: str | None) -> RefundResult:
        """Start the next RefundWorkflow and wait for its end; it outlives this order."""
        life = self._life
        payment = life.payment
        if payment is None or payment.payment_intent_id is None:
            raise RuntimeError("there is no payment to give back")
        life.refunds_started += 1
        number = life.refunds_started
        life.refunding += amount
        try:
            result = await life.undisturbed(
                workflow.execute_child_workflow(
                    RefundWorkflow.run,
                    RefundInput(
                        order_id=life.order_id,
                        refund_number=number,
                        session_id=payment.session_id,
                        payment_intent_id=payment.payment_intent_id,
                        amount=amount,
                        currency=payment.currency,
                        reason=reason,
                        operator=operator,
                    ),
                    id=refund_workflow_id(life.order_id, number),
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    static_summary=f"refund {number} of {life.order.number}",
                )
            )
        finally:
            life.refunding -= amount
        life.refunded += result.refunded
        return result
