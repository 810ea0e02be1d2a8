"""What the Stripe emulator must know."""

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

API_VERSION = "2026-10-28.endive"
"""The version that the pinned SDK sends and that webhook events have."""


class StripeEmulatorSettings(BaseModel):
    """One emulated test account.

    Attributes:
        api_key: The only key that is accepted.
        webhook_urls: Every endpoint gets every event.
        webhook_secrets: Each signs every delivery, as Stripe does while a secret is rolled over.
        state_file: SQLite file that survives a restart; None keeps everything in memory.
        public_url: Where browsers reach the payment page; None takes the host of the request that creates the Session.
        capture_window: How long an authorisation holds; seven days for a customer's card at Visa and Mastercard.
        refund_settles_after: How long the two test cards with asynchronous refunds take.
        redelivery_delays: Seconds before each further attempt of a webhook; afterwards it is given up.
        delivery_timeout: Seconds that an endpoint has to answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: str = "sk_test_emulator"
    webhook_urls: tuple[str, ...] = ()
    webhook_secrets: tuple[str, ...] = Field(default=("whsec_emulator",), min_length=1)
    state_file: Path | None = None
    public_url: str | None = None
    merchant_name: str = "PimpMyCase"
    capture_window: timedelta = timedelta(days=7)
    refund_settles_after: timedelta = timedelta(seconds=30)
    redelivery_delays: tuple[float, ...] = (0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 60, 60, 120, 300)
    delivery_timeout: float = 10.0
