"""Check out, pay at the provider's page, come back, follow the order."""

from datetime import datetime
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from dev.storefront_app import form as forms
from dev.storefront_app.draft import Draft, Drawing, Problem
from dev.storefront_app.pages import COOKIE, Pages, to
from dev.storefront_app.shop import Json, Refused

STEPS: Final = (
    ("Paid", ("paid", "preparing", "submitting", "verifying", "on_hold", "cancel_requested")),
    ("At the printer's", ("in_production",)),
    ("Printed", ("printed", "ready_for_collection", "to_ship")),
    ("On its way", ("shipped",)),
    ("Yours", ("completed",)),
)
"""An order's road, and which of its statuses stand for which part of it."""
OVER: Final = ("completed", "canceled", "expired", "failed")
_PRINTER = {
    8: "waiting to be printed",
    9: "the machine picks up the blank case",
    10: "the blank case is in place",
    11: "printing",
    12: "printed",
    13: "the print failed",
    14: "the print was cancelled",
    15: "coming out of the machine",
    16: "out of the machine",
}
"""The manufacturer's states of a print."""
_SOON, _LATER = 2, 10
"""Seconds until an order's page looks again: while it is printed, and while people pack and carry."""


def order_routes(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/designs/{draft_id}/checkout")
    async def checkout(draft_id: str) -> Response:
        draft = pages.draft(draft_id)
        drawing = _drawn(pages, draft)
        if drawing is None:
            return to(f"/designs/{draft.id}")
        return pages.show("checkout.html", draft=draft, drawing=drawing, add_ons=forms.ADD_ONS, total=_total(draft))

    @router.post("/designs/{draft_id}/checkout")
    async def check_out(draft_id: str, request: Request) -> Response:
        draft = pages.draft(draft_id)
        async with request.form(max_files=0, max_fields=50) as form:
            forms.fill_buyer(draft, form)
        draft.problems = []
        pages.book.keep(draft)
        drawing = _drawn(pages, draft)
        if drawing is None or drawing.answer is None:
            return to(f"/designs/{draft.id}")
        try:
            opened = await pages.shop.open_checkout(_checkout_body(draft, drawing.answer))
        except Refused as refused:
            draft.problems = [Problem(detail=str(refused))]
            pages.book.keep(draft)
            return to(f"/designs/{draft.id}/checkout")
        preview = {"preview_url": drawing.answer["preview_url"], "print_sha256": drawing.answer["print_sha256"]}
        pages.book.keep_preview(opened["session_id"], preview)
        return to(opened["checkout_url"])

    @router.get("/payment-success")
    async def paid(session_id: str = "") -> Response:
        """The address that the payment page leads back to; the order has one of its own, which can be kept."""
        confirmed = await pages.shop.confirm_payment(session_id)
        preview = pages.book.preview_of(session_id)
        if preview is not None:
            pages.book.keep_preview(confirmed["order_token"], preview)
        return to(f"/orders/{quote(confirmed['order_token'], safe='')}")

    @router.get("/payment-cancel")
    async def not_paid(request: Request) -> Response:
        return pages.show("not_paid.html", draft=pages.book.draft(request.cookies.get(COOKIE, "")))

    @router.get("/orders/{token}")
    async def order(token: str) -> Response:
        found = await pages.shop.order(quote(token, safe=""))
        return pages.show("order.html", order=found, preview=pages.book.preview_of(token), **_progress(found))

    return router


def _drawn(pages: Pages, draft: Draft) -> Drawing | None:
    """The drawing of a draft exactly as it stands."""
    drawing = pages.book.drawing(draft.id)
    is_current = drawing is not None and drawing.answer is not None and drawing.body == pages.studio.request_for(draft)
    return drawing if is_current else None


def _total(draft: Draft) -> int:
    return draft.phone.price + sum(forms.ADD_ONS[name][1] for name in draft.add_ons)


def _checkout_body(draft: Draft, drawn: Json) -> Json:
    phone = draft.phone
    body = {
        "amount_pence": _total(draft),
        "brand": phone.brand,
        "model": phone.model,
        "final_image_url": drawn["final_image_url"],
        "selected_add_ons": draft.add_ons,
        "is_machine_collection": bool(phone.machine_id),
    }
    if phone.machine_id:
        return body | {"entry_source": "qr", "machine_id": phone.machine_id}
    return body | {"entry_source": "vanilla", **draft.buyer.model_dump()}


def _progress(order: Json) -> Json:
    """How far an order is, in words for its customer, and when to look again (None: never)."""
    status = order["order_status"]
    reached = next((number for number, (_, statuses) in enumerate(STEPS) if status in statuses), -1)
    steps = [(name, number <= reached, number == reached) for number, (name, _) in enumerate(STEPS)]
    if order["is_machine_collection"]:
        steps = [step for step in steps if step[0] != "On its way"]
    look_again = None if status in OVER else _LATER if reached >= 2 else _SOON
    return {"steps": steps, "look_again": look_again, "story": _story(order["timeline"])}


def _story(timeline: list[Json]) -> list[tuple[str, str]]:
    """What happened and when, each thing once; what the manufacturer says of the payment is nothing for customers."""
    story: list[tuple[str, str]] = []
    for entry in timeline:
        status, printer = entry["status"], _PRINTER.get(entry["manufacturer_status"])
        words = str(status).replace("_", " ") if status is not None else printer
        if words and words not in [said for _, said in story[-1:]]:
            story.append((f"{datetime.fromisoformat(entry['at']).astimezone():%H:%M:%S}", words))
    return story
