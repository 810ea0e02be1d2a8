"""What the manufacturer is told of payments, prints and machines: no customer, and of money only to whoever has the key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel

from api.claims import is_verified
from api.schemas.catalog import StockItem, pounds
from api.schemas.order import LEGACY_STATUS
from models import catalog
from models.artwork import ImageLink
from models.order import Channel
from models.production import ManufacturerPaymentStatus
from models.tracking import PaymentStanding, PrintJob

_OUTCOMES = {ManufacturerPaymentStatus.PAYING, ManufacturerPaymentStatus.FAILED, ManufacturerPaymentStatus.ABNORMAL}

PaymentWord = Literal["pending", "paid", "failed"]


class PaymentState(BaseModel):
    """Answer of `/api/chinese/payment/{third_id}/status`.

    Attributes:
        status: The manufacturer's number: 3 is paid. Without a key everything else is 1, an unknown payment too.
        order_id: Our number of the order; with the key only, as are amount and currency.
        total_amount: In pounds.
        polling_complete: Whether asking again can tell nothing new.
    """

    success: bool
    third_id: str
    status: int
    payment_status: PaymentWord
    order_id: str | None
    total_amount: float | None
    currency: str | None
    polling_complete: bool
    message: str

    @classmethod
    def for_stranger(cls, third_id: str, standing: PaymentStanding | None) -> Self:
        """Tell paid from not paid, and nothing else: references can be guessed."""
        return cls._of(third_id, _told_to_strangers(standing), None)

    @classmethod
    def for_partner(cls, third_id: str, standing: PaymentStanding | None) -> Self:
        status = _told_to_partners(standing) if standing else ManufacturerPaymentStatus.WAITING
        return cls._of(third_id, status, standing)

    @classmethod
    def _of(cls, third_id: str, status: ManufacturerPaymentStatus, standing: PaymentStanding | None) -> Self:
        word, message = _WORDS.get(status, _WORDS[ManufacturerPaymentStatus.WAITING])
        return cls(
            success=True,
            third_id=third_id,
            status=status,
            payment_status=word,
            order_id=standing.number if standing else None,
            total_amount=pounds(standing.total) if standing else None,
            currency=standing.money.currency.upper() if standing else None,
            polling_complete=word == "paid" or (standing is not None and standing.status.is_final),
            message=message,
        )


_WORDS: dict[ManufacturerPaymentStatus, tuple[PaymentWord, str]] = {
    ManufacturerPaymentStatus.WAITING: ("pending", "waiting for the payment"),
    ManufacturerPaymentStatus.PAID: ("paid", "the payment is verified"),
    ManufacturerPaymentStatus.FAILED: ("failed", "this payment was not made, or its money was given back"),
    ManufacturerPaymentStatus.ABNORMAL: ("failed", "the machine reports that something is wrong with this payment"),
}


def _told_to_strangers(standing: PaymentStanding | None) -> ManufacturerPaymentStatus:
    is_paid = standing is not None and is_verified(standing)
    return ManufacturerPaymentStatus.PAID if is_paid else ManufacturerPaymentStatus.WAITING


def _told_to_partners(standing: PaymentStanding) -> ManufacturerPaymentStatus:
    if is_verified(standing):
        return ManufacturerPaymentStatus.PAID
    if standing.status.is_final:
        return ManufacturerPaymentStatus.FAILED
    if standing.channel is Channel.MACHINE and standing.reading in _OUTCOMES:
        return ManufacturerPaymentStatus(standing.reading)
    return ManufacturerPaymentStatus.WAITING


class PrintState(BaseModel):
    """Where one print stands.

    Attributes:
        order_id: Our number of the order.
        third_id: The OREN that the manufacturer accepted last.
        status: The older word for where the order stands.
        print_status: What the manufacturer itself last said, 8 to 16.
    """

    order_id: str
    third_id: str | None
    third_pay_id: str | None
    chinese_order_id: str | None
    equipment_id: str
    queue_number: str | None
    brand: str
    model: str
    mobile_shell_id: str
    status: str
    print_status: int | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, job: PrintJob) -> Self:
        return cls(
            order_id=job.number,
            third_id=job.print_reference,
            third_pay_id=job.payment_reference,
            chinese_order_id=job.manufacturer_order_id,
            equipment_id=job.device_id,
            queue_number=job.queue_number,
            brand=job.brand_name,
            model=job.model_name,
            mobile_shell_id=job.shell_id,
            status=LEGACY_STATUS[job.status],
            print_status=job.manufacturer_status,
            created_at=job.placed_at,
            updated_at=job.entered_at,
        )


class PrintStatus(PrintState):
    """Answer of `/api/chinese/print/{order_id}/status`."""

    success: bool

    @classmethod
    def answer(cls, job: PrintJob) -> Self:
        return cls(success=True, **PrintState.of(job).model_dump())


class DownloadLink(BaseModel):
    """A link to a print file; `url` needs no key and is good until `expires_at`."""

    filename: str
    url: str
    expires_at: datetime

    @classmethod
    def of(cls, link: ImageLink) -> Self:
        return cls(filename=link.name, url=link.url, expires_at=link.expires_at)


class DownloadLinks(BaseModel):
    """Answer of `/api/chinese/order/{order_id}/download-links`."""

    success: bool
    order: PrintState
    download_links: list[DownloadLink]


class BatchedLinks(BaseModel):
    """One order of a batch; without a link, `message` says why."""

    order: PrintState
    download_links: list[DownloadLink]
    message: str | None


class BatchDownload(BaseModel):
    """Answer of `/api/chinese/images/batch-download`; `not_found` are the names that are no order of the manufacturer's."""

    success: bool
    orders: list[BatchedLinks]
    total_orders: int
    not_found: list[str]


class Equipment(BaseModel):
    """A machine."""

    id: str
    name: str
    location: str
    is_active: bool


class EquipmentInfo(BaseModel):
    """Answer of `/api/chinese/equipment/{device_id}/info`; the newest order first."""

    success: bool
    equipment: Equipment
    recent_orders: list[PrintState]

    @classmethod
    def of(cls, device: catalog.Device, jobs: Sequence[PrintJob]) -> Self:
        return cls(
            success=True,
            equipment=Equipment(id=device.id, name=device.name, location=device.location, is_active=device.is_active),
            recent_orders=[PrintState.of(job) for job in jobs],
        )


class StockStatus(BaseModel):
    """Answer of `/api/chinese/models/stock-status`: every shell that a machine has listed, less what is held for orders."""

    success: bool
    device_id: str
    models: list[StockItem]
    total_models: int
    in_stock_models: int

    @classmethod
    def of(cls, device_id: str, items: Sequence[catalog.StockItem]) -> Self:
        return cls(
            success=True,
            device_id=device_id,
            models=[StockItem.of(item) for item in items],
            total_models=len(items),
            in_stock_models=sum(item.sellable > 0 for item in items),
        )
