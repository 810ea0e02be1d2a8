"""Delivers events to webhook endpoints: signed, repeated until a 2xx, steerable.

Deliveries happen one after the other in the order of the events, unless a fault or the control routes say otherwise; Stripe
itself promises no order. The signature carries the receiver's real time, not the emulator's: that is what receivers check.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from dataclasses import dataclass

import httpx

from dev.emulators.control import Controls
from dev.emulators.faults import DELIVERY_FAULTS, Fault, FaultKind
from dev.emulators.state import Document
from dev.emulators.stripe.objects import new_id
from dev.emulators.stripe.settings import StripeEmulatorSettings

_OVERTAKEN_WITHIN_S = 2.0
"""A delivery that shall be overtaken waits no longer than this for another one."""


def sign(payload: bytes, secrets: tuple[str, ...], at: int) -> str:
    """Make the `Stripe-Signature` header, one `v1` per secret; source: https://docs.stripe.com/webhooks#verify-manually."""
    signed = str(at).encode() + b"." + payload
    return ",".join([f"t={at}"] + [f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}" for secret in secrets])


@dataclass
class _Delivery:
    """One event on its way to one endpoint; `not_before` is in seconds of the event loop."""

    name: str
    event: str
    url: str
    attempts: int = 0
    not_before: float = 0.0
    overtaken: bool | None = None
    """None: not asked yet; True: waits until another one has been delivered."""


class Webhooks:
    """The queue of deliveries and the task that works it off."""

    def __init__(self, controls: Controls, settings: StripeEmulatorSettings) -> None:
        self._settings = settings
        self._faults = controls.faults
        self._events = controls.store.collection("events")
        self._log = controls.store.collection("deliveries")
        self._queue: deque[_Delivery] = deque()
        self._under_way: _Delivery | None = None
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.held = False
        for name, entry in self._log.items():
            if entry["state"] == "pending":
                self._queue.append(_Delivery(name, entry["event"], entry["url"], entry["attempts"]))

    def deliver(self, event: Document) -> None:
        """Queue `event` for every endpoint."""
        for url in self._settings.webhook_urls:
            delivery = _Delivery(new_id("whd"), event["id"], url)
            self._write(delivery, "pending")
            self._queue.append(delivery)
        self._stir()

    def log(self) -> list[Document]:
        """Every delivery, oldest first: event, type, url, attempts, state, last status."""
        return self._log.values()

    def hold(self) -> None:
        """Keep everything back until `release`."""
        self.held = True
        self._stir()

    def release(self, order: list[str] | None = None, *, backwards: bool = False) -> None:
        """Let the deliveries go: as they came, backwards, or with the events of `order` first, in that order."""
        waiting = list(self._queue)
        if backwards:
            waiting.reverse()
        if order is not None:
            rank = {event: place for place, event in enumerate(order)}
            waiting.sort(key=lambda delivery: rank.get(delivery.event, len(rank)))
        self._queue = deque(waiting)
        self.held = False
        self._stir()

    async def settled(self) -> None:
        """Return when nothing is on its way any more: delivered, given up, or held back."""
        while not self._is_quiet():
            self._quiet.clear()
            await self._quiet.wait()

    def clear(self) -> None:
        self._queue.clear()
        self.held = False
        self._stir()

    async def run(self) -> None:
        """Work the queue off until cancelled."""
        async with httpx.AsyncClient(timeout=self._settings.delivery_timeout, trust_env=False) as client:
            while True:
                delivery = self._next()
                if delivery is None:
                    await self._rest()
                    continue
                self._under_way = delivery
                try:
                    await self._attempt(client, delivery)
                finally:
                    self._under_way = None

    def _next(self) -> _Delivery | None:
        if self.held:
            return None
        now = asyncio.get_running_loop().time()
        for delivery in self._queue:
            if delivery.not_before <= now:
                self._queue.remove(delivery)
                return delivery
        return None

    async def _rest(self) -> None:
        if self._is_quiet():
            self._quiet.set()
        self._wake.clear()
        timeout = None
        if self._queue and not self.held:
            timeout = max(0.0, min(one.not_before for one in self._queue) - asyncio.get_running_loop().time())
        try:
            await asyncio.wait_for(self._wake.wait(), timeout)
        except TimeoutError:
            return

    async def _attempt(self, client: httpx.AsyncClient, delivery: _Delivery) -> None:
        event = self._events.get(delivery.event)
        if event is None:
            return
        fault = self._fault_for(event) if delivery.overtaken is None else None
        delivery.overtaken = fault is not None and fault.kind == FaultKind.OUT_OF_ORDER
        if delivery.overtaken:
            self._put_off(delivery, _OVERTAKEN_WITHIN_S)
            return
        if fault is not None and fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        status = await self._post(client, delivery, event, fault)
        if fault is not None and fault.kind == FaultKind.DUPLICATE:
            status = await self._post(client, delivery, event, None)
        if delivery.name in self._log:
            self._after(delivery, event, status)

    def _after(self, delivery: _Delivery, event: Document, status: int | None) -> None:
        if status is not None and 200 <= status < 300:
            self._write(delivery, "delivered", status)
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
            self._events.put(event["id"], event)
        elif delivery.attempts > len(self._settings.redelivery_delays):
            self._write(delivery, "given_up", status)
        else:
            self._write(delivery, "pending", status)
            self._put_off(delivery, self._settings.redelivery_delays[delivery.attempts - 1])
        for waiting in self._queue:
            if waiting.overtaken and waiting is not delivery:
                waiting.overtaken, waiting.not_before = False, 0.0

    def _put_off(self, delivery: _Delivery, seconds: float) -> None:
        delivery.not_before = asyncio.get_running_loop().time() + seconds
        self._queue.appendleft(delivery)

    async def _post(self, client: httpx.AsyncClient, delivery: _Delivery, event: Document, fault: Fault | None) -> int | None:
        delivery.attempts += 1
        payload = json.dumps(event, indent=2).encode()
        secrets, at = self._settings.webhook_secrets, int(time.time())
        if fault is not None and fault.kind == FaultKind.WRONG_SIGNATURE:
            # `detail.age_s` makes an old signature of a right one, as a proxy that queues does.
            age = fault.detail.get("age_s")
            secrets, at = (secrets, at - int(age)) if age is not None else (("whsec_of_somebody_else",), at)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(payload, secrets, at),
        }
        try:
            answer = await client.post(delivery.url, content=payload, headers=headers)
        except httpx.HTTPError:
            return None
        return answer.status_code

    def _fault_for(self, event: Document) -> Fault | None:
        return self._faults.take(f"webhook.{event['type']}", DELIVERY_FAULTS) or self._faults.take("webhook", DELIVERY_FAULTS)

    def _write(self, delivery: _Delivery, state: str, status: int | None = None) -> None:
        event = self._events.get(delivery.event) or {}
        entry = {
            "event": delivery.event,
            "type": event.get("type"),
            "url": delivery.url,
            "attempts": delivery.attempts,
            "state": state,
            "status": status,
        }
        self._log.put(delivery.name, entry)

    def _is_quiet(self) -> bool:
        return self._under_way is None and (self.held or not self._queue)

    def _stir(self) -> None:
        self._wake.set()
