"""The manufacturer's callbacks, under the paths that it was given. They are unsigned: they make us ask, and move no order."""

from collections.abc import Sequence

import structlog
from fastapi import APIRouter

from api.callbacks import is_storefront_claim, reference_of, to_messages
from api.dependencies import CallbackItems, Inbox, Now, Orders
from api.schemas.manufacturer import Acknowledgement, PayDataAnswer
from api.schemas.order import is_paid
from models.errors import ProviderUnavailable
from models.inbox import NewMessage

router = APIRouter(prefix="/api/chinese", tags=["manufacturer"])

log = structlog.get_logger(__name__)


@router.post("/order/payStatus")
async def payment_status(items: CallbackItems, inbox: Inbox, orders: Orders, now: Now) -> Acknowledgement:
    """Take news of payments.

    The storefront uses the same path to claim that a payment was made; it is answered by what we have verified, and its claim
    only makes us ask sooner.
    """
    if not is_storefront_claim(items):
        return await _store(inbox, to_messages("payment_status", items, at=now))
    stored = await _store(inbox, to_messages("payment_claim", items, at=now))
    reference = reference_of(items[0])
    order = await orders.by_reference(reference) if reference else None
    return stored if order is not None and is_paid(order) else Acknowledgement.not_yet()


@router.post("/order/status-update")
@router.post("/order-status-update", operation_id="order_status_under_its_older_path")
async def order_status(items: CallbackItems, inbox: Inbox, now: Now) -> Acknowledgement:
    """Take news of prints."""
    return await _store(inbox, to_messages("order_status", items, at=now))


@router.post("/order/payData")
async def early_payment_data() -> PayDataAnswer:
    """Decline to announce a payment that nobody has made yet; the storefront asks for it before each checkout and goes on."""
    return PayDataAnswer(msg="announced after payment", code=409, data=None)


async def _store(inbox: Inbox, messages: Sequence[NewMessage]) -> Acknowledgement:
    """Write all down, then acknowledge; without an acknowledgement they all come again, and those written are left alone."""
    try:
        await inbox.receive_hints(messages)
    except ProviderUnavailable as outage:
        log.warning("a callback could not be stored and must be repeated", reason=outage.message)
        return Acknowledgement.fail()
    return Acknowledgement.success()
