"""What can be chosen about the emulated manufacturer."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ManufacturerEmulatorSettings(BaseModel):
    """A frozen description of one emulated manufacturer; the defaults suit a laptop, tests shorten the times.

    ``print_step`` is the time an order spends in each state of the print queue. ``payment_settles_after`` is the time after which
    a payment status that we announced counts for ``orderData``; ``payment_echo_after`` is when it is echoed to our payment
    callback. ``callback_interval`` is the shortest pause between two deliveries of one callback; pauses grow to twice that.
    """

    model_config = ConfigDict(frozen=True)

    dialect: Literal["guide", "interface"] = "guide"
    account: str = "EXAMPLE-ACCOUNT"
    password: str = "EXAMPLE-PASSWORD"
    fixed_key: str = "EXAMPLE-FIXED-VALUE"
    system_name: str = "mobileShell"
    machine_pay_type: int = Field(default_factory=lambda settings: {"guide": 10, "interface": 5}[settings["dialect"]])
    """The ``pay_type`` for which a machine shows the amount and takes the money itself."""
    token_lifetime: timedelta = timedelta(minutes=1440)

    devices: tuple[str, ...] = ("DEV000000001", "DEV000000002")
    stock_per_shell: int = Field(default=2, ge=0)
    one_print_per_payment: bool = True

    print_mode: Literal["automatic", "manual"] = "automatic"
    print_step: timedelta = timedelta(seconds=1)
    download_timeout: timedelta = timedelta(seconds=20)

    payment_settles_after: timedelta = timedelta(0)
    payment_echo_after: timedelta = timedelta(seconds=6)

    payment_callback_url: str | None = None
    order_callback_url: str | None = None
    callback_repeats: int = Field(default=10, ge=0)
    callback_interval: timedelta = timedelta(seconds=5)
    callback_timeout: timedelta = timedelta(seconds=10)

    state_file: Path | None = None
