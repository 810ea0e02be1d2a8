"""Whether a payment has been made, as far as we have verified it: who claims it only makes us ask sooner."""

import asyncio
from datetime import timedelta

from api.ports import PartnerOrders
from api.schemas.order import is_paid
from models.order import Channel, HoldReason
from models.production import ManufacturerPaymentStatus
from models.tracking import PaymentStanding

LOOKS = 5
"""How often the database is asked while a claim waits, the first time at once."""
WAITING_AT_ONCE = 20
"""Claims that may wait at the same moment; the next ones are answered at once, by what is known."""


class PaymentClaims:
    """Answers claims. One about a payment of nobody waits like any other, so that nobody learns which references exist."""

    def __init__(self, orders: PartnerOrders, *, wait: timedelta) -> None:
        self._orders = orders
        self._pause = wait.total_seconds() / (LOOKS - 1)
        self._seats = asyncio.Semaphore(WAITING_AT_ONCE)

    async def is_true(self, reference: str | None) -> bool:
        """Say whether this payment is verified, waiting a moment for the manufacturer, who is being asked meanwhile."""
        if await self._is_verified(reference):
            return True
        if self._seats.locked():
            return False
        async with self._seats:
            for _ in range(LOOKS - 1):
                await asyncio.sleep(self._pause)
                if await self._is_verified(reference):
                    return True
        return False

    async def _is_verified(self, reference: str | None) -> bool:
        standing = await self._orders.payment(reference) if reference else None
        return standing is not None and is_verified(standing)


def is_verified(standing: PaymentStanding) -> bool:
    """Whether the customer has paid and still has a claim: what Stripe showed us, at a machine what its manufacturer told us."""
    if is_paid(standing):
        return True
    is_open = not standing.status.is_final and standing.hold_reason is not HoldReason.PAYMENT_MISMATCH
    return standing.channel is Channel.MACHINE and is_open and standing.reading == ManufacturerPaymentStatus.PAID
