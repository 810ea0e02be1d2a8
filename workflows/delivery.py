"""The last stretch: into the post and to the door, or into the customer's hand at the machine."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.order import HoldReason, Operator, OrderStatus, Shipment
    from workflows.life import OrderLife


class Delivery:
    """Waits for the people who carry the case; nothing of it can be cancelled any more."""

    def __init__(self, life: OrderLife) -> None:
        self._life = life
        self.shipment: Shipment | None = None
        self.delivered: Operator | None = None
        self.collected: Operator | None = None

    async def hand_over(self) -> str:
        """Bring the case to the customer; return how it got there.

        Raises:
            OrderEnded: A person has settled it in another way.
        """
        return await (self._post() if self._life.is_posted else self._collect())

    async def _post(self) -> str:
        life = self._life
        await life.record(life.progress.next(OrderStatus.TO_SHIP, "out of the machine: to pack and post"))
        while self.shipment is None:
            until = workflow.now() + life.policy.packing_limit
            if not await life.wait(lambda: self.shipment, until=until, summary="packing takes too long"):
                await life.hold(
                    HoldReason.SHIPMENT_OVERDUE, "nobody has posted it", gives_back=False, unless=lambda: self.shipment
                )
                life.end_if_settled()
        note = f"posted with {self.shipment.carrier}, {self.shipment.tracking}"
        await life.record(life.progress.next(OrderStatus.SHIPPED, note, by=self.shipment))
        until = workflow.now() + life.policy.delivery_limit
        arrived = await life.wait(lambda: self.delivered, until=until, summary="counts as delivered")
        return "delivered" if arrived else "counts as delivered: nobody said otherwise"

    async def _collect(self) -> str:
        life = self._life
        until = workflow.now() + life.policy.collection_limit
        note = "lies ready at the machine"
        await life.record(life.progress.next(OrderStatus.READY_FOR_COLLECTION, note, deadline=until))
        taken = await life.wait(lambda: self.collected, until=until, summary="counts as collected")
        return "collected" if taken else "counts as collected: nobody said otherwise"
