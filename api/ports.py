"""What checkout, confirmation and callbacks need of the database; `api/app.py` plugs the adapters in."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from models.artwork import Upload
from models.base import Sha256
from models.design import StyleParameters
from models.generation import Generation
from models.inbox import NewMessage
from models.order import CheckoutRequest, Quote
from models.tracking import OrderView, PaymentStanding, PrintFileStanding, PrintJob


class Uploads(Protocol):
    """The final images that customers sent."""

    async def add(self, upload: Upload) -> None:
        """Write an upload down. Raises `OrderRefused` for an unknown template."""

    async def find(self, name: str) -> Upload | None:
        """Find an upload by the file name that we gave out."""


class Orders(Protocol):
    """Where orders stand, and what one would cost; all reads."""

    async def quote(self, request: CheckoutRequest, *, at: datetime, order_id: UUID | None = None) -> Quote:
        """Resolve and price a request without writing anything; its own order's hold is not in its way. Raises `OrderRefused`."""

    async def next_quote(self, request: CheckoutRequest, *, at: datetime) -> tuple[int, Quote]:
        """Which order of its upload a request is about (1, and one more for each that was paid or has ended), and its quote."""

    async def by_session(self, session_id: str) -> OrderView | None:
        """Find the order that a Stripe Session, or `free_<public token>`, pays for."""

    async def by_token(self, public_token: str) -> OrderView | None:
        """Find an order by the token that its customer has."""


class PartnerOrders(Protocol):
    """What the manufacturer asks about; all reads, one statement each."""

    async def payment(self, reference: str) -> PaymentStanding | None:
        """Find a payment by our reference (PYEN) or the manufacturer's own id."""

    async def print_file(self, order_id: UUID) -> PrintFileStanding | None:
        """Say whether the print file of an order may still be fetched; None for an order that nobody knows."""

    async def print_jobs(self, names: Sequence[str]) -> list[PrintJob]:
        """Find orders by whatever the manufacturer calls them; a name that nobody has is passed over."""

    async def to_print(self, *, limit: int) -> list[PrintJob]:
        """List what the manufacturer has and has not printed, oldest first."""

    async def printed_at(self, device_id: str, *, limit: int) -> list[PrintJob]:
        """List what a machine was given last, newest first."""


class GenerationRecords(Protocol):
    """What is written down of AI pictures; all reads."""

    async def find(self, subject: Sha256) -> Generation | None:
        """Return the newest attempt at a wish."""

    async def find_by_id(self, generation_id: UUID) -> Generation | None:
        """Return a generation."""


class Styles(Protocol):
    """What the AI templates offer."""

    def resolve(self, template_id: str, parameters: Mapping[str, str]) -> StyleParameters:
        """Return a choice as the catalogue spells it. Raises `OrderRefused` (`unknown_style`) with what may be chosen."""

    def is_offered(self, template_id: str, style_name: str) -> bool:
        """Say whether a style of the catalogue may be chosen here."""


class InboxWriter(Protocol):
    """Where webhooks and callbacks are written down before they are answered."""

    async def receive(self, message: NewMessage, *, is_awaited: bool = True) -> bool:
        """Write and commit; False for a message that came before, which changes nothing. Raises `ProviderUnavailable`.

        One that nobody awaits is only recorded.
        """

    async def receive_hints(self, messages: Sequence[NewMessage]) -> list[bool]:
        """Write down what the manufacturer says, and have it asked whether that is so; otherwise each as `receive`."""


class Notified(Protocol):
    """Tells that there may be something to do."""

    async def wait(self, patience: timedelta) -> set[str]:
        """Return the channels that something was said on, after `patience` perhaps none."""
