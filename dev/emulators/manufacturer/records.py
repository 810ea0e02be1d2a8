"""What the emulated manufacturer remembers, and the shelf on which it keeps it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from dev.emulators.state import Collection, Document, Store

PAID = 3
WAITING_TO_PRINT, PICKING, PICKED, PRINTING, PRINTED = 8, 9, 10, 11, 12
PRINT_FAILED, PRINT_CANCELED, DELIVERING, DELIVERED = 13, 14, 15, 16
CANCELED = 2

UNPRINTED = frozenset({CANCELED, PRINT_FAILED, PRINT_CANCELED})
"""States in which no case was made of the order."""
ON_THE_MACHINE = frozenset({PICKING, PICKED, PRINTING})
"""States in which the order occupies its machine."""
IN_THE_QUEUE = frozenset({WAITING_TO_PRINT, PICKING, PICKED, PRINTING, PRINTED, DELIVERING})
"""States in which ``printList`` still shows the order."""


class Payment(BaseModel):
    """A payment that was announced by ``payData``; ``third_id`` is our PYEN, ``id`` their MSPY."""

    id: str
    third_id: str
    device_id: str
    mobile_model_id: str
    pay_amount: str
    pay_type: int
    at_machine: bool
    status: int = 1
    announced_status: int | None = None
    settles_at: datetime | None = None
    echo_at: datetime | None = None


class PrintOrder(BaseModel):
    """An order that was accepted by ``orderData``; ``due_at`` is when it enters its next state by itself."""

    id: str
    third_id: str
    third_pay_id: str
    device_id: str
    mobile_model_id: str
    mobile_model_name: str
    mobile_shell_id: str
    pic: str
    queue_no: str
    status: int = WAITING_TO_PRINT
    due_at: datetime | None = None
    sha256: str | None = None
    byte_count: int | None = None
    content_type: str | None = None


class Delivery(BaseModel):
    """One callback on its way to us; ``due_at`` None: held back until the next one of its kind has been delivered."""

    number: str
    operation: Literal["payment_callback", "order_callback"]
    body: list[dict[str, Any]] | dict[str, Any]
    attempts: int = 0
    due_at: datetime | None = None


RecordT = TypeVar("RecordT", bound=BaseModel)


class Shelf(Generic[RecordT]):
    """One collection of the store as typed records, in the order in which they were first kept."""

    def __init__(self, collection: Collection, record: type[RecordT]) -> None:
        self._collection = collection
        self._record = record

    def get(self, key: str) -> RecordT | None:
        document = self._collection.get(key)
        return None if document is None else self._record.model_validate(document)

    def keep(self, key: str, record: RecordT) -> None:
        self._collection.put(key, record.model_dump(mode="json"))

    def forget(self, key: str) -> None:
        self._collection.delete(key)

    def all(self) -> list[RecordT]:
        return self.where(lambda _: True)

    def where(self, wanted: Callable[[Document], bool]) -> list[RecordT]:
        """The records whose stored document is ``wanted``; only these are read, so a long history costs little."""
        return [self._record.model_validate(document) for document in self._collection.values() if wanted(document)]

    def __contains__(self, key: object) -> bool:
        return key in self._collection


class Records:
    """Everything that survives a restart, by kind."""

    def __init__(self, store: Store) -> None:
        self.payments = Shelf(store.collection("payments"), Payment)
        self.orders = Shelf(store.collection("orders"), PrintOrder)
        self.deliveries = Shelf(store.collection("deliveries"), Delivery)
        self.tokens = store.collection("tokens")
        self._devices = store.collection("devices")
        self._counters = store.collection("counters")

    def next_number(self, series: str) -> int:
        """The next running number of a series, from 1."""
        number = int((self._counters.get(series) or {"last": 0})["last"]) + 1
        self._counters.put(series, {"last": number})
        return number

    def add_device(self, device_id: str, stock: dict[str, int]) -> None:
        """Set up a machine with its stock by shell id; a machine that is known already stays as it is."""
        if device_id not in self._devices:
            self._devices.put(device_id, {"online": True, "permitted": True, "stock": stock})

    def devices(self) -> dict[str, dict[str, Any]]:
        """``{device id: {"online": bool, "permitted": bool, "stock": {shell id: pieces}}}``."""
        return dict(self._devices.items())

    def is_permitted(self, device_id: str) -> bool:
        """Whether the machine exists and is bound to our account."""
        device = self._devices.get(device_id)
        return device is not None and bool(device.get("permitted", True))

    def set_permitted(self, device_id: str, *, permitted: bool) -> None:
        self._devices.put(device_id, {**self.devices()[device_id], "permitted": permitted})

    def is_online(self, device_id: str) -> bool:
        return bool(self.devices()[device_id]["online"])

    def set_online(self, device_id: str, *, online: bool) -> None:
        self._devices.put(device_id, {**self.devices()[device_id], "online": online})

    def stock(self, device_id: str) -> dict[str, int]:
        """Pieces by shell id; a shell that the machine was never given is absent."""
        return dict(self.devices()[device_id]["stock"])

    def set_stock(self, device_id: str, shell_id: str, pieces: int) -> None:
        device = self.devices()[device_id]
        self._devices.put(device_id, {**device, "stock": {**device["stock"], shell_id: pieces}})
