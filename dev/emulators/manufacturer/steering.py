"""The controls that only this emulator has: paying at a machine, moving orders, stock, machines, callback addresses."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from dev.emulators.manufacturer.records import Payment, PrintOrder

if TYPE_CHECKING:
    from dev.emulators.manufacturer.app import ManufacturerEmulator


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MachinePayment(_Command):
    """What the customer did at the machine: 2 paying, 3 paid, 4 failed, 5 abnormal."""

    status: Annotated[int, Field(ge=2, le=5)] = 3


class OrderState(_Command):
    """A state of the order list, 1 to 16."""

    status: Annotated[int, Field(ge=1, le=16)]


class Device(_Command):
    """Whether a machine answers, and whether it is bound to our account; what is not said stays as it is."""

    online: bool | None = None
    permitted: bool | None = None


class Stock(_Command):
    """Pieces of one shell in one machine; a shell that the machine never had is added."""

    mobile_shell_id: str
    stock: Annotated[int, Field(ge=0)]


class CallbackAddresses(_Command):
    """Where callbacks go; None stops them."""

    payment_callback_url: str | None
    order_callback_url: str | None


def steering_routes(emulator: "ManufacturerEmulator") -> APIRouter:
    """The routes under ``/_emulator`` for one emulator."""
    router = APIRouter(prefix="/_emulator", tags=["manufacturer"])
    _add_payments(router, emulator)
    _add_orders(router, emulator)
    _add_devices(router, emulator)

    @router.put("/callbacks")
    async def set_callbacks(addresses: CallbackAddresses) -> CallbackAddresses:
        emulator.callbacks.urls = {
            "payment_callback": addresses.payment_callback_url,
            "order_callback": addresses.order_callback_url,
        }
        return addresses

    @router.get("/calls")
    async def calls() -> dict[str, int]:
        """How often each operation was called since the emulator started."""
        return dict(emulator.calls)

    @router.post("/tokens/expire", status_code=204)
    async def expire_tokens() -> None:
        """Make every login token invalid, as if a day had passed."""
        emulator.records.tokens.clear()

    return router


def _add_payments(router: APIRouter, emulator: "ManufacturerEmulator") -> None:
    @router.get("/payments")
    async def payments() -> list[Payment]:
        return emulator.records.payments.all()

    @router.post("/payments/{third_id}/machine")
    async def pay_at_machine(third_id: str, payment: MachinePayment) -> Payment:
        """Let the customer pay, or fail to pay, at the machine."""
        try:
            return emulator.partner.pay_at_machine(third_id, payment.status)
        except KeyError as error:
            raise HTTPException(404, f"no payment {third_id}") from error
        except ValueError as error:
            raise HTTPException(409, str(error)) from error


def _add_orders(router: APIRouter, emulator: "ManufacturerEmulator") -> None:
    def known(third_id: str) -> PrintOrder:
        order = emulator.records.orders.get(third_id)
        if order is None:
            raise HTTPException(404, f"no order {third_id}")
        return order

    @router.get("/orders")
    async def orders() -> list[PrintOrder]:
        return emulator.records.orders.all()

    @router.put("/orders", status_code=204)
    async def keep_orders(orders: list[PrintOrder]) -> None:
        """Know orders as if they had been accepted before; they stay in their state until they are moved by hand."""
        for order in orders:
            emulator.records.orders.keep(order.third_id, order.model_copy(update={"due_at": None}))

    @router.get("/orders/{third_id}")
    async def order(third_id: str) -> PrintOrder:
        return known(third_id)

    @router.put("/orders/{third_id}/status")
    async def set_status(third_id: str, state: OrderState) -> PrintOrder:
        return emulator.queue.set_status(known(third_id).third_id, state.status)

    @router.post("/orders/{third_id}/advance")
    async def advance(third_id: str) -> PrintOrder:
        """Move an order one state further; 409 when there is none."""
        try:
            return await emulator.queue.advance(known(third_id).third_id)
        except ValueError as error:
            raise HTTPException(409, str(error)) from error


def _add_devices(router: APIRouter, emulator: "ManufacturerEmulator") -> None:
    records = emulator.records

    def known(device_id: str) -> str:
        if device_id not in records.devices():
            raise HTTPException(404, f"no machine {device_id}")
        return device_id

    @router.get("/devices")
    async def devices() -> dict[str, dict[str, Any]]:
        return records.devices()

    @router.put("/devices/{device_id}")
    async def set_device(device_id: str, device: Device) -> dict[str, Any]:
        known(device_id)
        if device.permitted is not None:
            records.set_permitted(device_id, permitted=device.permitted)
        if device.online is not None:
            records.set_online(device_id, online=device.online)
        if device.online:
            emulator.queue.wake(device_id)
        return records.devices()[device_id]

    @router.put("/devices/{device_id}/stock")
    async def set_stock(device_id: str, stock: Stock) -> dict[str, Any]:
        records.set_stock(known(device_id), stock.mobile_shell_id, stock.stock)
        return records.devices()[device_id]
