"""What is written down of an order when nobody else writes it: its beginning, and steps entered by timers and people."""

from temporalio import activity

from activities.ports import OrderBook
from models.order import PlacedOrder, PlaceOrder, ReleaseHold, Transition


class OrderActivities:
    """The order's own rows."""

    def __init__(self, orders: OrderBook) -> None:
        self._orders = orders

    @activity.defn
    async def place_order(self, request: PlaceOrder) -> PlacedOrder:
        """Price it, hold a shell, write it down; the same order again gives the same answer."""
        return await self._orders.place(request)

    @activity.defn
    async def record(self, transition: Transition) -> None:
        """Write a step that no other activity writes."""
        await self._orders.record(transition)

    @activity.defn
    async def release_hold(self, request: ReleaseHold) -> None:
        """Let somebody else have the shell."""
        await self._orders.release_hold(request.order_id, at=request.at)
