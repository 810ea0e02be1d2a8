"""The manufacturer's callbacks, under the paths that it was given. They are unsigned: they make us ask, and move no order."""

from collections.abc import Sequence

import structlog
from fastapi import APIRouter

from api.callbacks import is_storefront_claim, reference_of, to_messages
from api.dependencies import CallbackItems, Inbox, Now, PaymentClaims
from api.problems import problems
from api.schemas.manufacturer import CALLBACK_BODY, Acknowledgement, PayDataAnswer
from models.errors import ProviderUnavailable
from models.inbox import NewMessage

router = APIRouter(prefix="/api/chinese", tags=["manufacturer"])

log = structlog.get_logger(__name__)


@router.post("/order/payStatus", responses=problems(413, 503), openapi_extra=CALLBACK_BODY)
async def payment_status(items: CallbackItems, inbox: Inbox, claims: PaymentClaims, now: Now) -> Acknowledgement:
    """Take news of payments.

    The storefront uses the same path to claim that a payment was made. Its claim only makes us ask the manufacturer; after a
    moment in which the answer may come it is told what we have verified: paid, or not.
    """
    if not is_storefront_claim(items):
        return await _store(inbox, to_messages("payment_status", items, at=now))
    stored = await _store(inbox, to_messages("payment_claim", items, at=now))
    if not stored.is_success or await claims.is_true(reference_of(items[0])):
        return stored
    return Acknowledgement.not_yet()


@router.post("/order/status-update", responses=problems(413), openapi_extra=CALLBACK_BODY)
@router.post(
    "/order-status-update",
    operation_id="order_status_under_its_older_path",
    responses=problems(413),
    openapi_extra=CALLBACK_BODY,
)
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
