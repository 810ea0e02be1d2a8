"""The fronts of the machines as one page, so that a developer can stand before one and pay."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import jinja2
from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dev.emulators.manufacturer.records import PAID, PrintOrder

if TYPE_CHECKING:
    from dev.emulators.manufacturer.app import ManufacturerEmulator

_STATES = {
    2: "canceled",
    8: "waiting to print",
    9: "picking up the blank",
    10: "blank picked up",
    11: "printing",
    12: "printed",
    13: "print failed",
    14: "print canceled",
    15: "coming out",
    16: "collected from the slot",
}
_LATEST_ORDERS = 10

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
)


def page_routes(emulator: "ManufacturerEmulator") -> APIRouter:
    """``GET /`` shows every machine: what it asks to be paid, and what it prints; ``POST /pay`` is the customer."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def machines(notice: str = "") -> Response:
        shown = [_machine(emulator, device_id) for device_id in emulator.records.devices()]
        return HTMLResponse(_templates.get_template("machines.html").render(machines=shown, notice=notice))

    @router.post("/pay")
    async def pay(third_id: Annotated[str, Form()], status: Annotated[int, Form(ge=2, le=5)]) -> Response:
        try:
            emulator.partner.pay_at_machine(third_id, status)
        except (KeyError, ValueError):
            return RedirectResponse("/?notice=The+machine+no+longer+asks+for+this+payment.", 303)
        return RedirectResponse("/", 303)

    return router


def _machine(emulator: "ManufacturerEmulator", device_id: str) -> dict[str, Any]:
    payments = emulator.records.payments.where(lambda payment: payment["device_id"] == device_id and payment["at_machine"])
    orders = emulator.records.orders.where(lambda order: order["device_id"] == device_id)
    return {
        "device_id": device_id,
        "online": emulator.records.is_online(device_id),
        "asked": [payment for payment in payments if payment.status != PAID],
        "orders": [_row(order) for order in reversed(orders[-_LATEST_ORDERS:])],
    }


def _row(order: PrintOrder) -> dict[str, Any]:
    return {
        "queue_no": order.queue_no,
        "third_id": order.third_id,
        "model": order.mobile_model_name,
        "pic": order.pic,
        "state": _STATES.get(order.status, f"state {order.status}"),
    }
