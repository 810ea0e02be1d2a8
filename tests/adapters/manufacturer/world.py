"""What the tests of the client share: settings, a product, and shortcuts through an order's life at the manufacturer."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import SecretStr

from adapters.manufacturer.client import ManufacturerClient
from config.groups import ManufacturerSettings
from dev.emulators.faults import Fault
from dev.emulators.manufacturer.app import ManufacturerEmulator
from models.order import Product
from models.production import Announcement, PaymentReference, PrintReference, Submission

DEVICE = "DEV000000001"
PAYMENT = PaymentReference("PYEN260101000001")
PRINT = PrintReference("OREN260101000001")
SECRETS = ("EXAMPLE-PASSWORD", "EXAMPLE-FIXED-VALUE")

PRODUCT = Product(
    brand_id="BR20250111000002",
    brand_name="Apple",
    model_name="iPhone 15 Pro",
    model_id="MM020250224000010",
    shell_id="MS102509090019",
    device_id=DEVICE,
    template_id="classic",
    width_mm=69.43,
    height_mm=145.12,
)


def settings_for(url: str, dialect: Literal["guide", "interface"], **changes: Any) -> ManufacturerSettings:
    """Settings for an emulator at ``url``; two references to a batch."""
    values: dict[str, Any] = {
        "base_url": f"{url}/mobileShell/en",
        "dialect": dialect,
        "account": "EXAMPLE-ACCOUNT",
        "password": SecretStr("EXAMPLE-PASSWORD"),
        "fixed_key": SecretStr("EXAMPLE-FIXED-VALUE"),
        "default_device_id": DEVICE,
        "batch_size": 2,
        "timeout": timedelta(seconds=10),
    }
    return ManufacturerSettings(**{**values, **changes})


@dataclass
class World:
    """One client, one emulated manufacturer, and the address between them."""

    emulator: ManufacturerEmulator
    client: ManufacturerClient
    url: str

    async def announce(
        self, reference: PaymentReference = PAYMENT, amount: int = 3500, *, at_machine: bool = False
    ) -> Announcement:
        return await self.client.announce_payment(
            reference=reference, model_id=PRODUCT.model_id, device_id=DEVICE, amount=amount, at_machine=at_machine
        )

    async def pay(self, reference: PaymentReference = PAYMENT) -> None:
        await self.announce(reference)
        await self.client.confirm_payment(reference=reference, amount=3500)

    async def submit(
        self, reference: PrintReference = PRINT, payment: PaymentReference = PAYMENT, product: Product = PRODUCT
    ) -> Submission:
        return await self.client.submit_order(
            reference=reference, payment_reference=payment, product=product, picture_url="http://127.0.0.1/a.png?token=1:x:y"
        )

    def fault(self, operation: str, kind: str, **fields: Any) -> None:
        self.emulator.controls.faults.add(Fault(operation=operation, kind=kind, **fields))

    def ledger(self, operation: str) -> list[dict[str, Any]]:
        return self.emulator.controls.ledger.entries(operation)
