"""The parameters that each emulated endpoint takes, by Stripe's names.

Source: https://docs.stripe.com/api at the version in `settings.API_VERSION`. That version no longer knows `payment_method_types`
of a Checkout Session: the list of what may be offered is `allowed_payment_method_types`.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, HttpUrl, StringConstraints

from dev.emulators.stripe.wire import Params

MetadataKey = Annotated[str, StringConstraints(max_length=40)]
MetadataValue = Annotated[str, StringConstraints(max_length=500)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=50)]
Currency = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z]{3}$", to_lower=True)]


def _is_url(value: str) -> str:
    HttpUrl(value.replace("{CHECKOUT_SESSION_ID}", "cs"))
    return value


Url = Annotated[str, AfterValidator(_is_url)]
"""Kept as it was sent, because the placeholder for the Session's id must survive."""


class Expand(Params):
    """What every endpoint takes."""

    expand: list[str] = Field(default=[])


class ProductData(Params):
    """A product that exists for one Session only."""

    name: str
    description: str | None = None
    images: list[str] = Field(default=[], max_length=8)
    metadata: Metadata = Field(default={})


class PriceData(Params):
    """A price that exists for one Session only."""

    currency: Currency
    unit_amount: int = Field(ge=0)
    product_data: ProductData
    tax_behavior: Literal["exclusive", "inclusive", "unspecified"] | None = None


class LineItem(Params):
    """One line of the Session."""

    price_data: PriceData
    quantity: int = Field(default=1, ge=1)
    metadata: Metadata = Field(default={})


class Address(Params):
    """A postal address."""

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Shipping(Params):
    """Where a PaymentIntent's goods go."""

    name: str
    address: Address
    phone: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None


class PaymentIntentData(Params):
    """What the Session's PaymentIntent is made with."""

    capture_method: Literal["automatic", "automatic_async", "manual"] = "automatic_async"
    description: str | None = None
    metadata: Metadata = Field(default={})
    receipt_email: str | None = None
    shipping: Shipping | None = None
    statement_descriptor_suffix: Annotated[str, StringConstraints(max_length=22)] | None = None
    transfer_group: str | None = None


class ShippingAddressCollection(Params):
    """Ask the customer for an address in one of these countries."""

    allowed_countries: list[str]


class SubmitText(Params):
    """A text beside a button."""

    message: Annotated[str, StringConstraints(max_length=1200)]


class CustomText(Params):
    """Texts on the payment page."""

    submit: SubmitText | None = None
    after_submit: SubmitText | None = None
    shipping_address: SubmitText | None = None


class PhoneNumberCollection(Params):
    """Ask the customer for a phone number."""

    enabled: bool


class CreateSession(Expand):
    """`POST /v1/checkout/sessions`, one-time payments on Stripe's own page."""

    mode: Literal["payment"]
    line_items: list[LineItem] = Field(min_length=1, max_length=100)
    success_url: Url
    cancel_url: Url | None = None
    allowed_payment_method_types: list[Literal["card", "link"]] = Field(default=["card"], min_length=1)
    excluded_payment_method_types: list[str] = Field(default=[])
    billing_address_collection: Literal["auto", "required"] | None = None
    client_reference_id: Annotated[str, StringConstraints(max_length=200)] | None = None
    currency: Currency | None = None
    custom_text: CustomText | None = None
    customer_creation: Literal["always", "if_required"] = "if_required"
    customer_email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=800)] | None = None
    expires_at: int | None = None
    locale: str | None = None
    metadata: Metadata = Field(default={})
    payment_intent_data: PaymentIntentData = PaymentIntentData()
    phone_number_collection: PhoneNumberCollection | None = None
    shipping_address_collection: ShippingAddressCollection | None = None
    submit_type: Literal["auto", "book", "donate", "pay"] | None = None
    ui_mode: Literal["hosted_page"] = "hosted_page"


class CreatedRange(Params):
    """Bounds of a creation time, Unix seconds."""

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None


class Page(Expand):
    """What every list takes; newest first."""

    limit: int = Field(default=10, ge=1, le=100)
    starting_after: str | None = None
    ending_before: str | None = None


class ListByCreation(Page):
    """A list with a creation filter."""

    created: CreatedRange | int | None = None


class ListSessions(ListByCreation):
    """`GET /v1/checkout/sessions`; there is no filter by `client_reference_id`."""

    customer: str | None = None
    payment_intent: str | None = None
    payment_link: str | None = None
    status: Literal["complete", "expired", "open"] | None = None
    subscription: str | None = None


class ListPaymentIntents(ListByCreation):
    """`GET /v1/payment_intents`."""

    customer: str | None = None


class ListCharges(ListByCreation):
    """`GET /v1/charges`."""

    customer: str | None = None
    payment_intent: str | None = None
    transfer_group: str | None = None


class ListRefunds(ListByCreation):
    """`GET /v1/refunds`, and of disputes."""

    charge: str | None = None
    payment_intent: str | None = None


class ListEvents(ListByCreation):
    """`GET /v1/events`."""

    type: str | None = None
    types: list[str] | None = None
    delivery_success: bool | None = None


class Capture(Expand):
    """`POST /v1/payment_intents/:id/capture`."""

    amount_to_capture: int | None = Field(default=None, ge=1)
    final_capture: bool = True
    metadata: Metadata | None = None
    statement_descriptor_suffix: str | None = None


class Cancel(Expand):
    """`POST /v1/payment_intents/:id/cancel`."""

    cancellation_reason: Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None = None


class CreateRefund(Expand):
    """`POST /v1/refunds`."""

    payment_intent: str | None = None
    charge: str | None = None
    amount: int | None = Field(default=None, ge=1)
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata = Field(default={})
