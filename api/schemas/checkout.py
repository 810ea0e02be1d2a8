"""Checkout bodies as the storefront sends them. What it claims is compared or ignored, never believed."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, StringConstraints

from api.schemas.words import Text
from models.order import Address, Channel, CheckoutRequest, Customer

Words = Annotated[Text, StringConstraints(strip_whitespace=True, max_length=200)]
Name = Annotated[Words, StringConstraints(min_length=1)]
Link = Annotated[Text, StringConstraints(max_length=4000)]


def _nothing_if_empty(value: Any) -> Any:
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def _empty_if_nothing(value: Any) -> Any:
    return "" if value is None else value


Optional = Annotated[Words, BeforeValidator(_empty_if_nothing)]


class Buyer(BaseModel):
    """Who buys, and where the case goes; a machine needs nothing of it."""

    model_config = ConfigDict(extra="ignore")

    customer_name: Optional = ""
    customer_email: Annotated[EmailStr | None, BeforeValidator(_nothing_if_empty)] = None
    customer_phone: Optional = ""
    shipping_address_line1: Optional = ""
    shipping_address_line2: Optional = ""
    shipping_city: Optional = ""
    shipping_postcode: Optional = ""
    shipping_country: Optional = ""

    def to_customer(self) -> Customer:
        """Return them in our words."""
        return Customer(
            name=self.customer_name,
            email=self.customer_email or "",
            phone=self.customer_phone,
            address=Address(
                line1=self.shipping_address_line1,
                line2=self.shipping_address_line2,
                city=self.shipping_city,
                postcode=self.shipping_postcode,
                country=self.shipping_country,
            ),
        )


class CheckoutBody(Buyer):
    """Body of `/create-checkout-session`.

    Ignored, because our catalogue knows better: `template_id`, `color`, `design_image`, `base_price`, `add_ons_total`,
    `is_machine_collection`, `order_id`, `customer_notes`.

    Attributes:
        amount_pence: What the customer was shown.
        brand: Any spelling of it, `APPLE`.
        entry_source: `qr` for whoever scanned a machine, who also sends `machine_id`.
        final_image_url: The `public_url` that the upload answered; it is read for the name in it, and never fetched.
    """

    amount_pence: Annotated[int, Field(ge=0, le=100_000_000)]
    brand: Name
    model: Name
    final_image_url: Annotated[Link, BeforeValidator(_empty_if_nothing)] = ""
    selected_add_ons: Annotated[list[Name], Field(max_length=20)] = []
    entry_source: Literal["vanilla", "qr"] = "vanilla"
    machine_id: Annotated[Name | None, BeforeValidator(_nothing_if_empty)] = None

    def to_request(self, *, upload_name: str) -> CheckoutRequest:
        """Return what is asked for, in our words."""
        channel = Channel.APP if self.entry_source == "qr" else Channel.WEB
        return CheckoutRequest(
            channel=channel,
            upload_name=upload_name,
            brand=self.brand,
            model=self.model,
            amount=self.amount_pence,
            add_ons=tuple(self.selected_add_ons),
            device_id=self.machine_id if channel is Channel.APP else None,
            customer=self.to_customer() if channel is Channel.WEB else None,
        )


class CheckoutSession(BaseModel):
    """Answer of `/create-checkout-session`: the browser goes to `checkout_url`."""

    checkout_url: str
    session_id: str


class SuccessBody(BaseModel):
    """Body of `/process-payment-success`. `order_data` is a claim that changes nothing; its shell id is compared and logged."""

    model_config = ConfigDict(extra="ignore")

    session_id: Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    order_data: dict[str, Any] = {}
    final_image_url: Link | None = None

    @property
    def claimed_shell_id(self) -> str | None:
        """The shell that the storefront believes is printed on."""
        model = self.order_data.get("selectedModelData")
        claimed = self.order_data.get("mobile_shell_id") or (model.get("mobile_shell_id") if isinstance(model, dict) else None)
        return claimed if isinstance(claimed, str) else None
