"""Paths that were dropped for good: 410 with the reason, so that whoever still calls one learns what to do instead."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from fastapi import APIRouter

from api.errors import Gone


class GonePath(NamedTuple):
    """One path and why it is gone."""

    method: str
    path: str
    reason: str


_BY_THE_ORDER = "Orders are sent to the manufacturer by themselves, once their payment is verified."
_STATUS_IS_DERIVED = "An order's status follows from what has happened to it and cannot be set."
_NO_DEBUGGING = "Debugging happens in Temporal's Web UI and in the logs, not in public."
_OPERATORS = "Operators have this on their own pages, behind a sign-in."

GONE: Final = (
    GonePath("GET", "/init-database", "Tables and catalogue are made by migrations when a version is deployed."),
    GonePath("GET", "/debug/{path:path}", _NO_DEBUGGING),
    GonePath("POST", "/generate", "Pictures are generated at /api/images/generate."),
    GonePath("GET", "/styles/{template_id}", "Styles are listed at /api/styles/{template_id}."),
    GonePath("POST", "/webhook/stripe", "Stripe's events go to /stripe-webhook."),
    GonePath("POST", "/api/orders/create", "An order is opened by its checkout: /create-checkout-session."),
    GonePath("PUT", "/api/orders/{order_id}/status", _STATUS_IS_DERIVED),
    GonePath("POST", "/api/orders/{order_id}/images", "A design belongs to an order by the name that its upload was given."),
    GonePath("GET", "/api/orders/{order_id}/chinese-submission-preview", _NO_DEBUGGING),
    GonePath("GET", "/api/chinese/debug/{path:path}", _NO_DEBUGGING),
    GonePath("POST", "/api/chinese/order/orderData", _BY_THE_ORDER),
    GonePath("POST", "/api/chinese/submit-order", _BY_THE_ORDER),
    GonePath("POST", "/api/chinese/send-print-command", _BY_THE_ORDER),
    GonePath("POST", "/api/chinese/print/trigger", _BY_THE_ORDER),
    GonePath("GET", "/api/chinese/test-connection", _OPERATORS),
    GonePath("POST", "/api/chinese/equipment/{device_id}/stock", "Stock is counted by the manufacturer and read from there."),
)

router = APIRouter(include_in_schema=False)


def _answer(reason: str) -> Callable[[], Awaitable[None]]:
    async def gone() -> None:
        raise Gone(reason)

    return gone


for _gone in GONE:
    router.add_api_route(_gone.path, _answer(_gone.reason), methods=[_gone.method], name=f"gone {_gone.path}")
