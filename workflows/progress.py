"""Where an order stands, told three ways at once: the database row's next step, search attributes, and the Web UI's details."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from models.order import HoldReason, Operator, OrderStatus, PlacedOrder, Shipment, Transition
    from workflows.attributes import (
        AMOUNT_MINOR,
        MANUFACTURER_ORDER_ID,
        NEEDS_ATTENTION,
        ORDER_NUMBER,
        ORDER_STATUS,
    )

NEXT = {
    OrderStatus.GENERATING: "The picture is made by AI or drawn from the design; nothing is paid yet.",
    OrderStatus.AWAITING_APPROVAL: "The customer looks at the preview and approves it, or sends another design.",
    OrderStatus.AWAITING_PAYMENT: "The customer pays at Stripe; Stripe is asked once more when the Session runs out.",
    OrderStatus.PAID: "The print file is made from the approved picture.",
    OrderStatus.PREPARING: "The payment is announced to the manufacturer.",
    OrderStatus.SUBMITTING: "The order is sent to the manufacturer; the money is taken when it is accepted.",
    OrderStatus.VERIFYING: "The manufacturer is asked whether it has the order. Nothing is given back before that is known.",
    OrderStatus.IN_PRODUCTION: "The machine prints; the poller reports when the case is printed.",
    OrderStatus.PRINTED: "The case leaves the machine.",
    OrderStatus.TO_SHIP: "The packer posts the parcel and sends `mark_shipped`.",
    OrderStatus.READY_FOR_COLLECTION: "The customer collects the case; after the collection time it counts as collected.",
    OrderStatus.SHIPPED: "`mark_delivered`, or the delivery time runs out: both complete the order.",
    OrderStatus.ON_HOLD: "A person decides: `retry_step`, `cancel` or, where nothing is left to do, `mark_resolved`.",
    OrderStatus.CANCEL_REQUESTED: "The answer of the manufacturer decides whether there is still something to cancel.",
}


class Progress:
    """Numbers the steps of an order and shows them."""

    def __init__(self, order_id: UUID) -> None:
        self.order_id = order_id
        self.status: OrderStatus | None = None
        self.version = 0
        self._shown = 0
        self._story: list[str] = []

    def next(
        self,
        status: OrderStatus,
        note: str,
        *,
        hold_reason: HoldReason | None = None,
        needs_attention: bool = False,
        by: Operator | None = None,
        deadline: datetime | None = None,
    ) -> Transition:
        """Return the next step, to be written by the activity whose result brings the order there."""
        self.version += 1
        return Transition(
            order_id=self.order_id,
            version=self.version,
            status=status,
            at=workflow.now(),
            note=note,
            hold_reason=hold_reason,
            needs_attention=needs_attention,
            operator=by.operator if by else None,
            reason=by.reason if by else None,
            deadline=deadline,
            carrier=by.carrier if isinstance(by, Shipment) else None,
            tracking=by.tracking if isinstance(by, Shipment) else None,
        )

    def entered(self, transition: Transition, *, manufacturer_order_id: str | None = None) -> None:
        """Show a step that has been written; as in the database, an older one does not overwrite a newer one."""
        updates: list[SearchAttributeUpdate[Any]] = []
        if transition.version > self._shown:
            if transition.status is not self.status:
                updates += [
                    ORDER_STATUS.value_set(transition.status.value),
                    NEEDS_ATTENTION.value_set(transition.needs_attention),
                ]
            self._take(transition)
        if manufacturer_order_id:
            updates.append(MANUFACTURER_ORDER_ID.value_set(manufacturer_order_id))
        if updates:
            workflow.upsert_search_attributes(updates)

    def _take(self, transition: Transition) -> None:
        self._shown = transition.version
        self.status = transition.status
        self._story.append(f"- {transition.at:%Y-%m-%d %H:%M:%S} **{transition.status}** {transition.note}".rstrip())
        self._show(transition)

    def placed(self, placed: PlacedOrder, transition: Transition) -> None:
        """Show the order's number and amount, which are known from here on; go on counting where an earlier run has stopped."""
        self.version = max(self.version, placed.version)
        self._take(transition)
        workflow.upsert_search_attributes(
            [
                ORDER_STATUS.value_set(transition.status.value),
                NEEDS_ATTENTION.value_set(False),
                ORDER_NUMBER.value_set(placed.number),
                AMOUNT_MINOR.value_set(placed.quote.total),
            ]
        )

    def _show(self, transition: Transition) -> None:
        following = NEXT.get(transition.status, "Nothing follows.")
        until = f"\n\nGoes on by itself at {transition.deadline:%Y-%m-%d %H:%M} UTC." if transition.deadline else ""
        story = "\n".join(self._story[-12:])
        workflow.set_current_details(f"**{transition.status}**\n\n{story}\n\n**Next:** {following}{until}")


def at_the_latest(*moments: datetime | None) -> datetime | None:
    """Return the earliest of the moments that are set."""
    known = [moment for moment in moments if moment is not None]
    return min(known) if known else None


def remaining(deadline: datetime | None) -> timedelta | None:
    """Return how long it is until `deadline`, never negative; None for no deadline."""
    return None if deadline is None else max(deadline - workflow.now(), timedelta(0))
