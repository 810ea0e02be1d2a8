"""The machines: one print queue each, advancing by itself or by hand.

An order waits (8) until its machine is free, is picked (9), leaves the stock (10), is printed from the downloaded picture
(11, 12) and comes out of the machine (15, 16). Whatever cannot be downloaded or is no PNG fails (13), as does an order for
which no shell is left.
"""

import hashlib
from datetime import datetime

import httpx

from dev.emulators.control import Controls
from dev.emulators.manufacturer.agenda import Agenda
from dev.emulators.manufacturer.callbacks import CallbackSender
from dev.emulators.manufacturer.records import (
    DELIVERED,
    DELIVERING,
    ON_THE_MACHINE,
    PICKED,
    PICKING,
    PRINT_FAILED,
    PRINTED,
    PRINTING,
    WAITING_TO_PRINT,
    PrintOrder,
    Records,
)
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings

_NEXT = {
    WAITING_TO_PRINT: PICKING,
    PICKING: PICKED,
    PICKED: PRINTING,
    PRINTING: PRINTED,
    PRINTED: DELIVERING,
    DELIVERING: DELIVERED,
}
_PNG = b"\x89PNG\r\n\x1a\n"


class PrintQueue:
    """Moves accepted orders through their states; an offline machine stands still."""

    def __init__(
        self,
        settings: ManufacturerEmulatorSettings,
        controls: Controls,
        records: Records,
        agenda: Agenda,
        callbacks: CallbackSender,
        http: httpx.AsyncClient,
    ) -> None:
        self._step = settings.print_step
        self._automatic = settings.print_mode == "automatic"
        self._download_timeout = settings.download_timeout.total_seconds()
        self._controls = controls
        self._records = records
        self._agenda = agenda
        self._callbacks = callbacks
        self._http = http

    def take_in(self, order: PrintOrder) -> None:
        """Put an accepted order at the end of its machine's queue."""
        self._records.orders.keep(order.third_id, order)
        self._start_next(order.device_id, self._controls.clock.now())

    def restore(self) -> None:
        """Go on with every order where a stopped emulator left it."""
        for order in self._records.orders.all():
            if order.due_at is not None:
                self._enter(order)
            elif order.status == PRINTING and order.sha256 is None:
                self._schedule(order, self._controls.clock.now())

    def wake(self, device_id: str) -> None:
        """Let a machine that has come back go on with its queue."""
        now = self._controls.clock.now()
        for order in self._unfinished(device_id):
            if order.due_at is None and order.status != WAITING_TO_PRINT:
                self._schedule(order, now + self._step)
        self._start_next(device_id, now)

    async def advance(self, third_id: str) -> PrintOrder:
        """Move one order a single state further, whatever its turn; raises ValueError when it has no further state."""
        order = self._order(third_id)
        if order.status not in _NEXT:
            raise ValueError(f"{third_id} has no further state")
        await self._advance(order, self._controls.clock.now())
        return self._order(third_id)

    def set_status(self, third_id: str, status: int) -> PrintOrder:
        """Put an order into any state by hand; it goes on by itself from there if there is a further state."""
        now = self._controls.clock.now()
        order = self._change(self._order(third_id), status, at=now)
        self._start_next(order.device_id, now)
        return order

    async def _advance(self, order: PrintOrder, due_at: datetime) -> None:
        following = _NEXT[order.status]
        if following == PICKED and not self._take_shell(order):
            self._fail(order, due_at, "no shell is left")
            return
        order = self._change(order, following, at=due_at, goes_on=following != PRINTING)
        if following == PRINTING:
            await self._print(order, due_at)
        if following == PRINTED:
            self._start_next(order.device_id, due_at)

    async def _print(self, order: PrintOrder, due_at: datetime) -> None:
        try:
            response = await self._http.get(order.pic, timeout=self._download_timeout)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._fail(order, due_at, f"the picture cannot be downloaded: {type(error).__name__}")
            return
        content, content_type = response.content, response.headers.get("content-type", "")
        sha256 = hashlib.sha256(content).hexdigest()
        self._controls.ledger.append(
            "picture_downloaded",
            third_id=order.third_id,
            pic=order.pic,
            status_code=response.status_code,
            sha256=sha256,
            byte_count=len(content),
            content_type=content_type,
        )
        if response.status_code != httpx.codes.OK or not content_type.startswith("image/png") or not content.startswith(_PNG):
            self._fail(order, due_at, f"HTTP {response.status_code} {content_type} is no PNG")
            return
        current = self._order(order.third_id)
        if current.status != PRINTING:
            return
        downloaded = current.model_copy(update={"sha256": sha256, "byte_count": len(content), "content_type": content_type})
        self._records.orders.keep(order.third_id, downloaded)
        self._schedule(downloaded, due_at + self._step)

    def _fail(self, order: PrintOrder, due_at: datetime, reason: str) -> None:
        self._controls.ledger.append("print_failed", third_id=order.third_id, reason=reason)
        self._change(order, PRINT_FAILED, at=due_at)
        self._start_next(order.device_id, due_at)

    def _change(self, order: PrintOrder, status: int, *, at: datetime, goes_on: bool = True) -> PrintOrder:
        self._agenda.drop(_key(order))
        changed = order.model_copy(update={"status": status, "due_at": None})
        self._records.orders.keep(order.third_id, changed)
        self._controls.ledger.append("order_status", third_id=order.third_id, device_id=order.device_id, status=status)
        if status == PRINTED:
            self._controls.ledger.append(
                "order_printed",
                third_id=order.third_id,
                third_pay_id=order.third_pay_id,
                device_id=order.device_id,
                mobile_shell_id=order.mobile_shell_id,
                sha256=order.sha256,
            )
        self._callbacks.send("order_callback", [{"third_id": order.third_id, "status": status}], at=at)
        if goes_on and status in _NEXT and status != WAITING_TO_PRINT:
            self._schedule(changed, at + self._step)
        return changed

    def _start_next(self, device_id: str, at: datetime) -> None:
        queue = self._unfinished(device_id)
        if any(order.status in ON_THE_MACHINE for order in queue):
            return
        waiting = next((order for order in queue if order.status == WAITING_TO_PRINT), None)
        if waiting is not None and waiting.due_at is None:
            self._schedule(waiting, at + self._step)

    def _schedule(self, order: PrintOrder, due_at: datetime) -> None:
        if not self._automatic:
            return
        scheduled = order.model_copy(update={"due_at": due_at})
        self._records.orders.keep(order.third_id, scheduled)
        self._enter(scheduled)

    def _enter(self, order: PrintOrder) -> None:
        async def step(due_at: datetime) -> None:
            current = self._order(order.third_id)
            if self._records.is_online(current.device_id):
                await self._resume(current, due_at)
            else:
                self._records.orders.keep(current.third_id, current.model_copy(update={"due_at": None}))

        if order.due_at is not None:
            self._agenda.put(_key(order), order.due_at, step)

    async def _resume(self, order: PrintOrder, due_at: datetime) -> None:
        if order.status == PRINTING and order.sha256 is None:
            await self._print(order, due_at)
        elif order.status in _NEXT:
            await self._advance(order, due_at)

    def _take_shell(self, order: PrintOrder) -> bool:
        left = self._records.stock(order.device_id).get(order.mobile_shell_id, 0)
        if left == 0:
            return False
        self._records.set_stock(order.device_id, order.mobile_shell_id, left - 1)
        return True

    def _order(self, third_id: str) -> PrintOrder:
        order = self._records.orders.get(third_id)
        if order is None:
            raise KeyError(third_id)
        return order

    def _unfinished(self, device_id: str) -> list[PrintOrder]:
        return self._records.orders.where(lambda order: order["device_id"] == device_id and order["status"] in _NEXT)


def _key(order: PrintOrder) -> str:
    return f"print:{order.third_id}"
