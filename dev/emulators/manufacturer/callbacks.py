"""Callbacks to us, repeated until they are acknowledged or given up.

As observed and documented: no signature and no token; acknowledged only by ``code`` 200 with ``data`` "success"; repeated at
most ten times, every five to ten seconds, then never again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx

from dev.emulators.control import Controls
from dev.emulators.faults import Fault, FaultKind
from dev.emulators.manufacturer.agenda import Agenda
from dev.emulators.manufacturer.records import Delivery, Records
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.manufacturer.wire import texts_in

Operation = Literal["payment_callback", "order_callback"]
Body = list[dict[str, Any]] | dict[str, Any]

OPERATIONS: tuple[Operation, ...] = ("payment_callback", "order_callback")
BACKWARDS = "backwards"
LOST = "lost"
CALLBACK_FAULTS = frozenset({FaultKind.SLOW, FaultKind.DUPLICATE, FaultKind.OUT_OF_ORDER, BACKWARDS, LOST})
"""``slow`` delivers ``delay_s`` later, ``backwards`` follows up with an older status, ``lost`` never delivers."""

_STEPS_OF_THE_PAUSE = 6


class CallbackSender:
    """Queues callbacks and delivers them; without an address for a kind, that kind is not sent."""

    def __init__(
        self,
        settings: ManufacturerEmulatorSettings,
        controls: Controls,
        records: Records,
        agenda: Agenda,
        http: httpx.AsyncClient,
    ) -> None:
        self._settings = settings
        self._controls = controls
        self._records = records
        self._agenda = agenda
        self._http = http
        self.urls: dict[Operation, str | None] = {}
        self.reset()

    def reset(self) -> None:
        """Call back where the settings say."""
        self.urls = {
            "payment_callback": self._settings.payment_callback_url,
            "order_callback": self._settings.order_callback_url,
        }

    def send(self, operation: Operation, body: Body, *, at: datetime) -> None:
        """Queue one callback for delivery at ``at``, unless a fault says otherwise."""
        if self.urls[operation] is None:
            return
        fault = self._controls.faults.take(operation, CALLBACK_FAULTS, ids=texts_in(body))
        kind = fault.kind if fault else None
        if kind == LOST:
            self._controls.ledger.append("callback_lost", callback=operation, body=body)
            return
        delay = timedelta(seconds=fault.delay_s if fault else 0)
        due_at: datetime | None = at + delay if kind == FaultKind.SLOW else at
        if kind == FaultKind.OUT_OF_ORDER:
            due_at = None
        self._queue(operation, body, due_at)
        if kind == FaultKind.DUPLICATE:
            self._queue(operation, body, at)
        if fault and kind == BACKWARDS:
            self._queue(operation, _older(body, fault), at + delay)

    def restore(self) -> None:
        """Take up again what was on its way when the emulator stopped."""
        for delivery in self._records.deliveries.all():
            self._enter(delivery)

    def _queue(self, operation: Operation, body: Body, due_at: datetime | None) -> None:
        number = f"{self._records.next_number('delivery'):06d}"
        delivery = Delivery(number=number, operation=operation, body=body, due_at=due_at)
        self._records.deliveries.keep(number, delivery)
        self._enter(delivery)

    def _enter(self, delivery: Delivery) -> None:
        async def deliver(due_at: datetime) -> None:
            await self._deliver(delivery, due_at)

        if delivery.due_at is not None:
            self._agenda.put(f"callback:{delivery.number}", delivery.due_at, deliver)

    async def _deliver(self, delivery: Delivery, due_at: datetime) -> None:
        acknowledged = await self._post(self.urls[delivery.operation], delivery.body)
        attempts = delivery.attempts + 1
        if acknowledged:
            self._controls.ledger.append(
                "callback_acknowledged", callback=delivery.operation, body=delivery.body, attempts=attempts
            )
            self._records.deliveries.forget(delivery.number)
        elif attempts > self._settings.callback_repeats:
            self._controls.ledger.append("callback_given_up", callback=delivery.operation, body=delivery.body, attempts=attempts)
            self._records.deliveries.forget(delivery.number)
        else:
            pause = self._settings.callback_interval * (1 + attempts % _STEPS_OF_THE_PAUSE / (_STEPS_OF_THE_PAUSE - 1))
            again = delivery.model_copy(update={"attempts": attempts, "due_at": due_at + pause})
            self._records.deliveries.keep(delivery.number, again)
            self._enter(again)
        self._release_held(delivery.operation, due_at)

    async def _post(self, url: str | None, body: Body) -> bool:
        if url is None:
            return False
        try:
            response = await self._http.post(url, json=body, timeout=self._settings.callback_timeout.total_seconds())
            answer = response.json()
        except (httpx.HTTPError, ValueError):
            return False
        return (
            response.is_success and isinstance(answer, Mapping) and (answer.get("code"), answer.get("data")) == (200, "success")
        )

    def _release_held(self, operation: Operation, at: datetime) -> None:
        for held in self._records.deliveries.all():
            if held.operation == operation and held.due_at is None:
                released = held.model_copy(update={"due_at": at})
                self._records.deliveries.keep(held.number, released)
                self._enter(released)


def _older(body: Body, fault: Fault) -> Body:
    if isinstance(body, dict):
        return {**body, "status": fault.detail.get("status", max(int(body["status"]) - 1, 1))}
    return [{**item, "status": fault.detail.get("status", max(int(item["status"]) - 1, 1))} for item in body]
