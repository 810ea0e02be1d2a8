"""The people around an order, for whoever plays one: the customer at the storefront and at Stripe's page, and the packer.

Nothing here reaches inside: the customer uses the public HTTP API and the payment page, the packer is an operator who sends
workflow updates.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx
from temporalio.client import Client, WorkflowUpdateFailedError

from api.handles import order_handle
from config.groups import TemporalSettings
from config.temporal import connect
from dev.emulators.stripe.remote import RemoteStripe
from dev.process import RunnerError
from models.order import Operator, Shipment, order_id_for, order_workflow_id
from workflows.order import OrderWorkflow

PRICE: Final = 3500
"""What the case of `Customer` costs, in pence."""
ACCEPTED: Final = "sent_to_chinese"
"""The storefront's word for an order that the manufacturer has accepted."""

_ASK_AGAIN_AFTER = 0.2
_TIMES_TO_ASK = 20
_ADDRESS = {
    "customer_name": "Edwina Hubble",
    "customer_email": "edwina@example.com",
    "customer_phone": "+447700900123",
    "shipping_address_line1": "1 Observatory Road",
    "shipping_address_line2": "",
    "shipping_city": "London",
    "shipping_postcode": "SE10 8XJ",
    "shipping_country": "United Kingdom",
}


class Refused(RunnerError):
    """The shop answered otherwise than the storefront expects."""


@dataclass(frozen=True)
class Upload:
    """An approved picture as the shop keeps it."""

    name: str
    url: str


@dataclass(frozen=True)
class Checkout:
    """An order that waits to be paid."""

    order_id: UUID
    session_id: str
    payment_page: str
    upload: Upload

    @property
    def workflow_id(self) -> str:
        return order_workflow_id(self.order_id)


class Customer:
    """One customer with one browser; each method is one thing that a customer does. Raises `Refused`."""

    def __init__(self, browser: httpx.AsyncClient, stripe: RemoteStripe) -> None:
        self._browser = browser
        self._stripe = stripe

    async def upload(self, picture: bytes) -> Upload:
        """Approve a JPEG."""
        encoded = base64.b64encode(picture).decode()
        form = {
            "template_id": "classic",
            "final_image_data": f"data:image/jpeg;base64,{encoded}",
            "metadata": json.dumps({"source": "own_collection"}),
        }
        answer = await self._post("/api/images/upload-final", data=form)
        return Upload(answer["filename"], answer["public_url"])

    async def check_out(self, upload: Upload) -> Checkout:
        """Order a case with the picture, to be posted."""
        body = {
            "amount_pence": PRICE,
            "brand": "APPLE",
            "model": "iPhone 15 Pro",
            "final_image_url": upload.url,
            "selected_add_ons": [],
            "add_ons_total": 0,
            "base_price": PRICE / 100,
            "entry_source": "vanilla",
            "is_machine_collection": False,
            **_ADDRESS,
        }
        answer = await self._post("/create-checkout-session", json=body)
        return Checkout(order_id_for(upload.name, 1), answer["session_id"], answer["checkout_url"], upload)

    async def pay(self, checkout: Checkout) -> None:
        """Pay with a test card at Stripe's page."""
        await self._stripe.pay(checkout.session_id)

    async def return_to_shop(self, checkout: Checkout) -> dict[str, Any]:
        """Open the success page, as Stripe sends the browser there; returns what it shows."""
        success = {"session_id": checkout.session_id, "final_image_url": checkout.upload.url, "order_data": {}}
        return await self._post("/process-payment-success", json=success)

    async def _post(self, path: str, **body: Any) -> dict[str, Any]:
        try:
            answer = await self._browser.post(path, **body)
        except httpx.HTTPError as error:
            raise Refused(f"{path} gave no answer: {error!r}") from error
        if answer.is_error:
            raise Refused(f"{path} answers {answer.status_code}: {answer.text}")
        content: dict[str, Any] = answer.json()
        return content


class Packer:
    """The operator who posts cases."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def post(self, order_id: UUID) -> None:
        """Say that the parcel has left."""
        parcel = Shipment(operator="packer", reason="packed", carrier="Royal Mail", tracking="RM123456789GB")
        await self._tell(order_id, OrderWorkflow.mark_shipped, parcel)

    async def deliver(self, order_id: UUID) -> None:
        """Say that it has arrived."""
        await self._tell(order_id, OrderWorkflow.mark_delivered, Operator(operator="packer", reason="the carrier says so"))

    async def _tell(self, order_id: UUID, update: Any, word: Operator) -> None:
        """Send an update. The row is written a moment before the workflow knows, so a refusal is asked about again."""
        order = order_handle(self._client, order_id)
        for asked in range(1, _TIMES_TO_ASK + 1):
            try:
                await order.execute_update(update, word)
            except WorkflowUpdateFailedError as error:
                if asked == _TIMES_TO_ASK:
                    raise Refused(f"The order refuses the packer's word: {error.cause}") from error
                await asyncio.sleep(_ASK_AGAIN_AFTER)
            else:
                return


async def operators_client(env: Mapping[str, str]) -> Client:
    """Connect to the Temporal server of a development world, which has this environment."""
    settings = {"address": env["TEMPORAL_ADDRESS"], "codec_keys": env["TEMPORAL_CODEC_KEYS"]}
    return await connect(TemporalSettings.model_validate(settings))
