"""From "I want this case" to the page where it is paid: which order it is, whether it can be had, one update with start."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import structlog

from api.order_client import OrderClient
from api.ports import Orders
from config.groups import ApiSettings, StorefrontSettings
from models.errors import OrderRefused, RefusalCode
from models.order import Checkout, CheckoutRequest, OrderInput, OrderPolicy, Quote, order_id_for

log = structlog.get_logger(__name__)

CLOSED_ORDERS_PASSED_OVER = 5
"""Orders of one upload that ended without a trace in the database, e.g. because they could not be placed after all."""


class Checkouts:
    """Opens checkouts. The same request again, at any time, leads to the same order and the same Session."""

    def __init__(
        self,
        client: OrderClient,
        orders: Orders,
        *,
        api: ApiSettings,
        storefront: StorefrontSettings,
        policy: OrderPolicy,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._orders = orders
        self._wait = api.update_wait
        self._success_page = f"{storefront.url}/payment-success"
        self._policy = policy
        self._clock = clock

    async def open(self, request: CheckoutRequest) -> Checkout:
        """Return where the customer pays; for a free order that is the storefront's own success page.

        Raises `OrderRefused` before anything is started where that can be known, and `TryAgain`.
        """
        attempt, quote = await self._orders.next_quote(request, at=self._clock())
        last = attempt + CLOSED_ORDERS_PASSED_OVER
        while True:
            try:
                return await self._open(request, attempt, quote)
            except OrderRefused as refusal:
                if refusal.code is not RefusalCode.ORDER_CLOSED or attempt == last:
                    raise
            attempt += 1
            quote = await self._orders.quote(request, at=self._clock(), order_id=order_id_for(request.upload_name, attempt))

    async def _open(self, request: CheckoutRequest, attempt: int, quote: Quote) -> Checkout:
        order_id = order_id_for(request.upload_name, attempt)
        structlog.contextvars.bind_contextvars(order_id=str(order_id))
        checkout = await self._client.checkout(
            OrderInput(order_id=order_id, channel=request.channel, upload_attempt=attempt, policy=self._policy),
            request,
            quote,
            # Never the body's hash: Temporal would answer it with the first answer, a failure or a Session replaced meanwhile.
            update_id=f"checkout:{uuid4().hex}",
            wait=self._wait,
        )
        log.info("checkout is open", number=checkout.number, free=checkout.checkout_url is None)
        return checkout

    def url_of(self, checkout: Checkout) -> str:
        """Return where the browser goes."""
        return checkout.checkout_url or f"{self._success_page}?session_id={checkout.session_id}"
