"""Orders: the projection of their workflows, their lines and their timeline."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.order import Channel, HoldReason, OrderStatus
from models.tables.base import Base, Currency, Id, Millimetres, Pence
from models.tracking import TimelineKind

ORDER_NUMBERS = Sequence("order_numbers", metadata=Base.metadata)
"""People's order numbers: 123 is shown as PMC-000123."""


class Order(Base):
    """Where an order stands, as its workflow last wrote it (`version` grows with every step and never goes back).

    Product, picture and price are frozen when it is placed, and again when an unpaid one is placed anew. The customer's columns
    are the only personal data in this database besides the messages of the inbox.

    Attributes:
        number: Shown as `PMC-000123`.
        approved_sha256: The picture that the customer approved.
        request_hash: SHA-256 of the request that the row answers.
        authorized: Money that the bank keeps ready or that was taken since; 0 again after a void.
        refunded: Given back or on the way back.
        checkout_session_id: The Stripe Session that the order is paid by; earlier ones are in `payments`.
        manufacturer_status: What the manufacturer last said of the current print attempt.
        deadline: When the order goes on by itself.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("public_token"),
        UniqueConstraint("upload_name", "upload_attempt"),
        CheckConstraint("upload_attempt >= 1", name="upload_attempt"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("total >= 0", name="total"),
        CheckConstraint("authorized >= 0", name="authorized"),
        CheckConstraint("captured BETWEEN 0 AND authorized", name="captured"),
        CheckConstraint("refunded BETWEEN 0 AND captured", name="refunded"),
        CheckConstraint("disputed >= 0", name="disputed"),
        Index(None, "placed_at"),
        Index(None, "checkout_session_id"),
        Index(None, "status", "placed_at"),
        Index(None, "device_id", "placed_at"),
        Index("ix_orders_attention", "entered_at", postgresql_where=text("needs_attention")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, ORDER_NUMBERS, server_default=ORDER_NUMBERS.next_value())
    public_token: Mapped[str]
    channel: Mapped[Channel]

    status: Mapped[OrderStatus]
    hold_reason: Mapped[HoldReason | None]
    version: Mapped[int]
    needs_attention: Mapped[bool]
    entered_at: Mapped[datetime]
    deadline: Mapped[datetime | None]
    placed_at: Mapped[datetime]

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    brand_name: Mapped[str]
    model_id: Mapped[str]
    model_name: Mapped[str]
    shell_id: Mapped[str] = mapped_column(ForeignKey("shells.id"))
    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id"))
    width_mm: Mapped[Millimetres]
    height_mm: Mapped[Millimetres]
    upload_name: Mapped[str] = mapped_column(ForeignKey("uploads.name"))
    upload_attempt: Mapped[int]
    approved_sha256: Mapped[str] = mapped_column(ForeignKey("assets.sha256"))
    print_sha256: Mapped[str | None]
    request_hash: Mapped[str]

    total: Mapped[Pence]
    currency: Mapped[Currency]
    promotion_id: Mapped[str | None] = mapped_column(ForeignKey("promotions.id"))
    authorized: Mapped[Pence] = mapped_column(server_default=text("0"))
    captured: Mapped[Pence] = mapped_column(server_default=text("0"))
    refunded: Mapped[Pence] = mapped_column(server_default=text("0"))
    disputed: Mapped[Pence] = mapped_column(server_default=text("0"))
    checkout_session_id: Mapped[str | None]

    payment_reference: Mapped[str | None]
    print_reference: Mapped[str | None]
    manufacturer_payment_id: Mapped[str | None]
    manufacturer_order_id: Mapped[str | None]
    manufacturer_status: Mapped[int | None]
    queue_number: Mapped[str | None]
    carrier: Mapped[str | None]
    tracking: Mapped[str | None]

    customer_name: Mapped[str | None]
    customer_email: Mapped[str | None]
    customer_phone: Mapped[str | None]
    address_line1: Mapped[str | None]
    address_line2: Mapped[str | None]
    address_city: Mapped[str | None]
    address_postcode: Mapped[str | None]
    address_country: Mapped[str | None]


class OrderLine(Base):
    """One line of an order with the price that was frozen."""

    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity"),
        CheckConstraint("unit_amount >= 0", name="unit_amount"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    title: Mapped[str]
    unit_amount: Mapped[Pence]
    quantity: Mapped[int]


class OrderEvent(Base):
    """An entry of an order's timeline; never changed, never deleted.

    A *transition* is a step of the workflow, written once per version. *Progress* is what the manufacturer said between two
    steps: it has no version, and each state of a reference is written once.
    """

    __tablename__ = "order_events"
    __table_args__ = (
        UniqueConstraint("order_id", "version"),
        UniqueConstraint("reference", "manufacturer_status"),
        CheckConstraint("(kind = 'transition') = (version IS NOT NULL AND status IS NOT NULL)", name="transition"),
        CheckConstraint("(kind = 'progress') = (reference IS NOT NULL AND manufacturer_status IS NOT NULL)", name="progress"),
        Index(None, "order_id", "at"),
    )

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    kind: Mapped[TimelineKind]
    version: Mapped[int | None]
    status: Mapped[OrderStatus | None]
    hold_reason: Mapped[HoldReason | None]
    reference: Mapped[str | None]
    manufacturer_status: Mapped[int | None]
    note: Mapped[str]
    operator: Mapped[str | None]
    reason: Mapped[str | None]
    at: Mapped[datetime]
