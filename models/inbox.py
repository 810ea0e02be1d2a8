"""What others tell us: webhooks and callbacks, written down before they are answered, delivered afterwards."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from models.base import Contract, Instant


class InboxSource(StrEnum):
    """Who told us."""

    STRIPE = "stripe"
    MANUFACTURER = "manufacturer"
    KIOSK = "kiosk"


class InboxState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    RECORDED = "recorded"
    """Nothing follows from it: kept, not delivered."""
    UNMATCHED = "unmatched"
    """It names nothing that we know; still retried, and shown to operators."""


class NewMessage(Contract):
    """A message as it came in. Unique per (source, event_id).

    Attributes:
        event_id: The sender's own event id; without one, the SHA-256 of source, reference, status and amount.
        kind: The sender's word for what happened: a Stripe event type, `payment_status`, `order_status`.
        order_id: The order it names, where it names one (Stripe metadata).
        reference: What else it names: a Stripe object id, a PYEN or OREN.
    """

    source: InboxSource
    event_id: str
    kind: str
    order_id: UUID | None = None
    reference: str | None = None
    payload: dict[str, Any]
    received_at: Instant


class InboxMessage(NewMessage):
    """A stored message, claimed for delivery; `is_followed` where another one about the same subject is due, too."""

    id: int
    attempts: int
    is_followed: bool = False


class Settlement(Contract):
    """How a message ended: it is not delivered again."""

    id: int
    state: InboxState
    note: str = ""
