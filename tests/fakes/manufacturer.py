"""The manufacturer in memory, and the references that it is asked about."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from models.errors import AlreadyExists
from models.order import Product
from models.production import (
    Announcement,
    Backlog,
    DueReference,
    DueReferences,
    ManufacturerBrand,
    ManufacturerOrderId,
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PaymentReference,
    PrintReference,
    ReferenceReading,
    StockLevel,
    Submission,
)
from tests.fakes.faults import Faults


class FakeManufacturer:
    """A partner that prints what it accepts, once per reference; tests move its machine."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.announced: list[PaymentReference] = []
        self.confirmed: list[PaymentReference] = []
        self.accepted: dict[PrintReference, str] = {}
        self.payment_references: list[PaymentReference] = []
        self.states: dict[PrintReference, ManufacturerOrderStatus] = {}
        self.first_state = ManufacturerOrderStatus.WAITING_TO_PRINT
        self.listed_brands: list[ManufacturerBrand] = []
        self.shelves: dict[tuple[str, str], list[StockLevel]] = {}
        """By device and the manufacturer's id of the brand."""

    async def announce_payment(
        self, *, reference: PaymentReference, model_id: str, device_id: str, amount: int, at_machine: bool
    ) -> Announcement:
        await self.faults.before("announce_payment")
        if reference in self.announced:
            raise AlreadyExists("third_id already exists", provider="manufacturer")
        self.announced.append(reference)
        await self.faults.after("announce_payment")
        return Announcement(reference=reference)

    async def confirm_payment(self, *, reference: PaymentReference, amount: int) -> None:
        await self.faults.before("confirm_payment")
        self.confirmed.append(reference)
        await self.faults.after("confirm_payment")

    async def payment_statuses(self, references: Sequence[PaymentReference]) -> dict[PaymentReference, ManufacturerPaymentStatus]:
        await self.faults.before("payment_statuses")
        return {known: ManufacturerPaymentStatus.PAID for known in references if known in self.announced}

    async def submit_order(
        self, *, reference: PrintReference, payment_reference: PaymentReference, product: Product, picture_url: str
    ) -> Submission:
        await self.faults.before("submit_order")
        if reference in self.accepted:
            raise AlreadyExists("third_id already exists", provider="manufacturer")
        assert payment_reference in self.confirmed, "submitted before the payment was confirmed"
        self.accepted[reference] = picture_url
        self.payment_references.append(payment_reference)
        self.states[reference] = self.first_state
        await self.faults.after("submit_order")
        return self._submission(reference)

    def _submission(self, reference: PrintReference) -> Submission:
        return Submission(
            reference=reference,
            manufacturer_order_id=ManufacturerOrderId(f"MSOR{reference[4:]}"),
            queue_number="007",
            status=self.states[reference],
        )

    async def order_statuses(self, references: Sequence[PrintReference]) -> dict[PrintReference, ManufacturerOrderStatus]:
        await self.faults.before("order_statuses")
        return {known: self.states[known] for known in references if known in self.states}

    async def print_queue(self, device_id: str) -> list[Submission]:
        await self.faults.before("print_queue")
        return [self._submission(reference) for reference in self.accepted]

    async def brands(self) -> list[ManufacturerBrand]:
        await self.faults.before("brands")
        return self.listed_brands

    async def stock(self, *, device_id: str, brand_id: str) -> list[StockLevel]:
        await self.faults.before(f"stock {device_id} {brand_id}")
        return self.shelves.get((device_id, brand_id), [])


class FakeTurns:
    """One after the other at each machine; remembers whose turn it was."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._machines: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def of(self, device_id: str) -> AsyncIterator[None]:
        await self.faults.before("of")
        async with self._machines[device_id]:
            yield


class FakeReferenceBook:
    """The references that tests made due; each waits for as long as the poller said."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.asked_at: list[datetime] = []
        self.waiting: list[DueReference] = []
        self.stored: list[ReferenceReading] = []
        self.next_in: timedelta | None = None
        self._next_at: dict[str, datetime] = {}

    def wait_until(self, reference: str, moment: datetime) -> None:
        """Have a reference become due later."""
        self._next_at[reference] = moment

    async def due(self, *, at: datetime, limit: int) -> DueReferences:
        self.asked_at.append(at)
        await self.faults.before("due")
        due = [entry for entry in self.waiting if self._next_at.get(entry.reference, at) <= at]
        later = [moment for moment in self._next_at.values() if moment > at]
        if self.next_in is not None:
            later.append(at + self.next_in)
        return DueReferences(references=tuple(due[:limit]), next_at=min(later, default=None))

    async def store(self, readings: Sequence[ReferenceReading]) -> None:
        await self.faults.before("store")
        self.stored.extend(readings)
        known = {reading.reference: reading for reading in readings}
        self.waiting = [
            self._read(entry, known[entry.reference]) if entry.reference in known else entry
            for entry in self.waiting
            if entry.reference not in known or known[entry.reference].next_at is not None
        ]
        self._next_at |= {reading.reference: reading.next_at for reading in readings if reading.next_at is not None}
        for reading in readings:
            if reading.next_at is None:
                self._next_at.pop(reading.reference, None)

    def _read(self, entry: DueReference, reading: ReferenceReading) -> DueReference:
        return entry if reading.status is None else entry.model_copy(update={"last_status": reading.status})

    async def backlog(self, *, before: datetime) -> Backlog:
        late = [moment for moment in self._next_at.values() if moment < before]
        return Backlog(count=len(late), since=min(late, default=None))
