"""The success page: a read of the order with a nudge to look at the payment. The webhook goes the same way without it."""

import re
from collections.abc import Callable
from datetime import datetime

import structlog

from api.errors import BadRequest, NotFound, TryAgain
from api.order_client import OrderClient
from api.ports import Orders
from api.schemas.order import is_paid, is_settled
from config.groups import ApiSettings
from models.order import OrderStatus
from models.payment import PaymentReport
from models.tracking import OrderView

log = structlog.get_logger(__name__)

ONE_LOOK = 5
"""Seconds in which all looks at one unpaid Session are the same update: a page that is reloaded asks Stripe no more often."""
_SHELL_ID = re.compile(r"MS\d{4,20}")

UNKNOWN_SESSION = "We do not know this payment. Please use the link that you were sent back with after paying."
GIVEN_BACK = "This order has ended and nothing was kept: what was reserved on your card is released by your bank."
NOT_PAID = "This order has not been paid. Nothing was charged: you can go back and try again."
STILL_LOOKING = "Your payment is still being confirmed. Nothing is lost: please reload this page in a moment."


class Confirmations:
    """Answers whether an order is paid, by its row first and by its workflow where the row may be behind."""

    def __init__(self, client: OrderClient, orders: Orders, *, api: ApiSettings, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._orders = orders
        self._wait = api.success_wait
        self._clock = clock

    async def read(self, session_id: str) -> OrderView:
        """Return the paid order of a Session. Raises `NotFound`, `BadRequest` when it is not paid."""
        order = await self._find(session_id)
        if not is_paid(order):
            raise BadRequest(GIVEN_BACK if order.status is OrderStatus.CANCELED else NOT_PAID)
        return order

    async def confirm(self, session_id: str, *, claimed_shell_id: str | None = None) -> OrderView:
        """Return the paid order of a Session, waiting a moment for the manufacturer to accept it.

        However slow the manufacturer is, a paid order is answered as paid. Raises `NotFound`, `BadRequest` when it is not paid,
        and `TryAgain` when that cannot be told: neither the row says so nor could the order be asked.
        """
        order = await self._find(session_id)
        _compare_shells(order, claimed_shell_id)
        if is_settled(order):
            return await self.read(session_id)
        could_ask = await self._nudge(order, session_id)
        order = await self._find(session_id)
        if is_paid(order):
            return order
        raise BadRequest(NOT_PAID) if could_ask else TryAgain(STILL_LOOKING)

    async def _find(self, session_id: str) -> OrderView:
        order = await self._orders.by_session(session_id)
        if order is None:
            raise NotFound(UNKNOWN_SESSION)
        structlog.contextvars.bind_contextvars(order_id=str(order.order_id))
        return order

    async def _nudge(self, order: OrderView, session_id: str) -> bool:
        look = "accepted" if is_paid(order) else f"seen:{int(self._clock().timestamp()) // ONE_LOOK}"
        try:
            await self._client.report_payment(
                order.order_id,
                PaymentReport(session_id=session_id, is_nudge=True),
                update_id=f"{session_id}:{look}",
                wait=self._wait,
            )
        except TryAgain:
            return False
        except NotFound:
            log.info("the order closed in the meantime")
        return True


def _compare_shells(order: OrderView, claimed: str | None) -> None:
    """The frozen shell is printed on, whatever the storefront believes by now; a difference is a bug there."""
    if claimed is not None and claimed != order.product.shell_id:
        shown = claimed if _SHELL_ID.fullmatch(claimed) else "(not a shell id)"
        log.warning("the storefront names another shell than the order", claimed=shown, frozen=order.product.shell_id)
