"""Orders as the storefront and customers read them.

The words that the storefront knows are older than our statuses; `LEGACY_STATUS` is the only place where one becomes the other.
"""

from datetime import datetime
from typing import Self

from pydantic import BaseModel

from api.schemas.catalog import pounds
from models.order import Channel, HoldReason, OrderStatus
from models.tracking import OrderView, PaymentStanding, TimelineEntry

LEGACY_STATUS: dict[OrderStatus, str] = {
    OrderStatus.GENERATING: "generating",
    OrderStatus.AWAITING_APPROVAL: "created",
    OrderStatus.AWAITING_PAYMENT: "pending_payment",
    OrderStatus.PAID: "paid",
    OrderStatus.PREPARING: "paid",
    OrderStatus.SUBMITTING: "paid",
    OrderStatus.VERIFYING: "paid",
    OrderStatus.IN_PRODUCTION: "sent_to_chinese",
    OrderStatus.PRINTED: "printed",
    OrderStatus.READY_FOR_COLLECTION: "printed",
    OrderStatus.TO_SHIP: "printed",
    OrderStatus.SHIPPED: "completed",
    OrderStatus.COMPLETED: "completed",
    OrderStatus.ON_HOLD: "paid",
    OrderStatus.CANCEL_REQUESTED: "paid",
    OrderStatus.CANCELED: "cancelled",
    OrderStatus.EXPIRED: "cancelled",
    OrderStatus.FAILED: "failed",
}

ENTRY_SOURCE = {Channel.WEB: "vanilla", Channel.APP: "qr", Channel.MACHINE: "qr"}

_UNPAID = {OrderStatus.GENERATING, OrderStatus.AWAITING_APPROVAL, OrderStatus.AWAITING_PAYMENT}
_ACCEPTED = {
    OrderStatus.IN_PRODUCTION,
    OrderStatus.PRINTED,
    OrderStatus.READY_FOR_COLLECTION,
    OrderStatus.TO_SHIP,
    OrderStatus.SHIPPED,
    OrderStatus.COMPLETED,
}


def is_paid(order: OrderView | PaymentStanding) -> bool:
    """Whether the customer has done their part and still has a claim: paid exactly what it costs, or it costs nothing."""
    if order.status in _UNPAID or order.hold_reason is HoldReason.PAYMENT_MISMATCH:
        return False
    money = order.money
    if order.status.is_final and order.status is not OrderStatus.COMPLETED:
        return money.captured > 0
    return order.total == 0 or money.authorized > 0 or money.captured > 0


def is_settled(order: OrderView) -> bool:
    """Whether asking the order's workflow could tell a customer nothing new: accepted by the manufacturer, or over."""
    return order.status in _ACCEPTED or order.status.is_final


class PaymentConfirmation(BaseModel):
    """Answer of `/process-payment-success` and `/payment-success`: the whole of the storefront's confirmation page.

    Attributes:
        queue_no: The machine's queue number; until there is one, the order's own number.
        amount: In pounds.
    """

    success: bool
    order_id: str
    order_number: str
    order_token: str
    queue_no: str
    status: str
    brand: str
    model: str
    template: str
    amount: float
    currency: str
    chinese_order_id: str | None
    chinese_payment_id: str | None
    entry_source: str
    is_machine_collection: bool
    collection_device_id: str | None
    message: str

    @classmethod
    def of(cls, order: OrderView) -> Self:
        at_machine = order.channel is not Channel.WEB
        return cls(
            success=True,
            order_id=str(order.order_id),
            order_number=order.number,
            order_token=order.public_token,
            queue_no=order.queue_number or order.number,
            status=LEGACY_STATUS[order.status],
            brand=order.brand_name,
            model=order.model_name,
            template=order.template_id,
            amount=pounds(order.total),
            currency=order.money.currency.upper(),
            chinese_order_id=order.manufacturer_order_id,
            chinese_payment_id=order.manufacturer_payment_id,
            entry_source=ENTRY_SOURCE[order.channel],
            is_machine_collection=at_machine,
            collection_device_id=order.device_id if at_machine else None,
            message=_message(order),
        )


class MoneyView(BaseModel):
    """Money of an order in minor units."""

    currency: str
    total: int
    authorized: int
    captured: int
    refunded: int


class TimelineItem(BaseModel):
    """One line of an order's story, as its customer may read it."""

    at: datetime
    status: OrderStatus | None
    manufacturer_status: int | None


class OrderLineView(BaseModel):
    """What was bought; `amount` in minor units."""

    title: str
    quantity: int
    amount: int


class CustomerOrder(BaseModel):
    """Answer of `/api/orders/{public_token}`: no personal data, because whoever has the link can read it.

    Attributes:
        status: The storefront's word; `order_status` is ours.
    """

    success: bool
    number: str
    queue_number: str | None
    status: str
    order_status: OrderStatus
    message: str
    brand: str
    model: str
    template: str
    is_machine_collection: bool
    collection_device_id: str | None
    lines: list[OrderLineView]
    money: MoneyView
    carrier: str | None
    tracking: str | None
    placed_at: datetime
    timeline: list[TimelineItem]

    @classmethod
    def of(cls, order: OrderView) -> Self:
        at_machine = order.channel is not Channel.WEB
        return cls(
            success=True,
            number=order.number,
            queue_number=order.queue_number,
            status=LEGACY_STATUS[order.status],
            order_status=order.status,
            message=_message(order),
            brand=order.brand_name,
            model=order.model_name,
            template=order.template_id,
            is_machine_collection=at_machine,
            collection_device_id=order.device_id if at_machine else None,
            lines=[OrderLineView(title=line.title, quantity=line.quantity, amount=line.amount) for line in order.lines],
            money=MoneyView(
                currency=order.money.currency,
                total=order.total,
                authorized=order.money.authorized,
                captured=order.money.captured,
                refunded=order.money.refunded,
            ),
            carrier=order.carrier,
            tracking=order.tracking,
            placed_at=order.placed_at,
            timeline=[_timeline_item(entry) for entry in order.timeline],
        )


def _timeline_item(entry: TimelineEntry) -> TimelineItem:
    return TimelineItem(at=entry.at, status=entry.status, manufacturer_status=entry.manufacturer_status)


def _message(order: OrderView) -> str:
    if order.status in _UNPAID:
        return "This order has not been paid yet."
    if order.status.is_final and order.status is not OrderStatus.COMPLETED:
        return "This order was cancelled." if order.status is not OrderStatus.EXPIRED else "This order was not paid in time."
    if order.status not in _ACCEPTED:
        return "Payment received. Your case is being prepared for printing."
    if order.channel is Channel.WEB:
        return "Your case is being made and will be posted to you."
    return f"Your case is being made. Please collect it from machine {order.device_id}."
