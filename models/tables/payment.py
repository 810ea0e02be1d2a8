"""Payments and refunds, each with the provider's id."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.payment import PaymentState, RefundState
from models.tables.base import Base, Currency, Id, Pence


class Payment(Base):
    """One Stripe Checkout Session, or one payment at a machine by its reference, as last read from the provider.

    Attributes:
        attempt: Number of the checkout within its order.
        authorized: What was authorised, and still is or was captured since; 0 again after a void.
        refunds_reported: What Stripe says was given back, refunds made in its dashboard included.
        refunds_recorded: The sum of our own rows in `refunds` that succeeded or may still. The larger of both counts.
        capture_before: When the authorisation runs out.
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("stripe_session_id"),
        UniqueConstraint("payment_intent_id"),
        UniqueConstraint("reference"),
        CheckConstraint("num_nonnulls(stripe_session_id, reference) = 1", name="one_provider"),
        CheckConstraint("authorized >= 0", name="authorized"),
        CheckConstraint("captured BETWEEN 0 AND authorized", name="captured"),
        CheckConstraint("refunds_reported >= 0 AND refunds_recorded >= 0", name="refunds"),
        Index(None, "order_id"),
    )

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    attempt: Mapped[int]
    stripe_session_id: Mapped[str | None]
    payment_intent_id: Mapped[str | None]
    charge_id: Mapped[str | None]
    reference: Mapped[str | None]
    state: Mapped[PaymentState]
    amount: Mapped[Pence]
    authorized: Mapped[Pence] = mapped_column(server_default=text("0"))
    captured: Mapped[Pence] = mapped_column(server_default=text("0"))
    refunds_reported: Mapped[Pence] = mapped_column(server_default=text("0"))
    refunds_recorded: Mapped[Pence] = mapped_column(server_default=text("0"))
    currency: Mapped[Currency]
    checkout_url: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    capture_before: Mapped[datetime | None]


class Refund(Base):
    """Money on its way back; `number` counts within the order and is part of Stripe's idempotency key.

    `counted` is what of it stands in `payments.refunds_recorded`: the amount, or 0 when it did not arrive.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("order_id", "number"),
        UniqueConstraint("stripe_refund_id"),
        CheckConstraint("counted IN (0, amount)", name="counted"),
        CheckConstraint("amount >= 0", name="amount"),
        Index(None, "payment_intent_id"),
    )

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    number: Mapped[int]
    stripe_refund_id: Mapped[str]
    payment_intent_id: Mapped[str]
    state: Mapped[RefundState]
    amount: Mapped[Pence]
    counted: Mapped[Pence] = mapped_column(server_default=text("0"))
    currency: Mapped[Currency]
    failure_reason: Mapped[str | None]
    recorded_at: Mapped[datetime]
