"""Orders that are opened with a design."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from api.designed_orders import OrderArtwork
from api.schemas.checkout import Buyer, Name
from api.schemas.designs import DesignBody, DrawnDesign
from api.schemas.words import Text
from models.approval import ArtworkState
from models.base import Sha256
from models.order import Channel, CheckoutRequest

STATE_WORDS = {
    ArtworkState.DRAWING: "Your picture is being made. Please wait a moment.",
    ArtworkState.READY: "Please look at the preview, and approve it to order.",
    ArtworkState.FAILED: "Your picture could not be made just now. Nothing is lost: please send it once more.",
    ArtworkState.APPROVED: "This design is approved.",
}


class OpenOrderBody(DesignBody):
    """Body of `POST /api/orders`.

    Attributes:
        request_id: Drawn by the page at random, once for an order: the same again is the same order. Nobody else may guess it.
        again: Whether the AI is to make another picture of a design that it has made one for.
    """

    request_id: Annotated[Text, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,100}$")]
    again: bool = False


class ApproveBody(Buyer):
    """Body of `POST /api/orders/{order_id}/approve`: the picture that was looked at, and who buys.

    Attributes:
        print_sha256: Of the picture, as it was shown.
        amount_pence: What the customer was shown.
    """

    print_sha256: Sha256
    amount_pence: Annotated[int, Field(ge=0, le=100_000_000)]
    selected_add_ons: Annotated[list[Name], Field(max_length=20, default_factory=list)]

    def to_request(self) -> CheckoutRequest:
        """Return what is asked for; phone, machine and picture are those of the order."""
        return CheckoutRequest(
            channel=Channel.WEB,
            upload_name="",
            brand="",
            model="",
            amount=self.amount_pence,
            add_ons=tuple(self.selected_add_ons),
            customer=self.to_customer(),
        )


class Artwork(BaseModel):
    """Where the picture of an order stands.

    Attributes:
        status: `drawing`, `ready`, `refused`, `failed` or `approved`.
        detail: The same for the customer; of a refusal, why, and what to do about it.
        code: Why it was refused.
        artwork: The picture, once there is one.
        approve_until: When the order expires unless its picture is approved.
        artwork_url: Where to ask again.
    """

    success: bool
    order_id: UUID
    status: ArtworkState
    detail: str
    code: str | None
    artwork: DrawnDesign | None
    approve_until: datetime | None
    artwork_url: str

    @classmethod
    def of(cls, artwork: OrderArtwork) -> Self:
        view = artwork.view
        return cls(
            success=view.state not in {ArtworkState.REFUSED, ArtworkState.FAILED},
            order_id=artwork.order_id,
            status=view.state,
            detail=view.refusal.message if view.refusal else STATE_WORDS[view.state],
            code=view.refusal.code if view.refusal else None,
            artwork=DrawnDesign.of(artwork.linked) if artwork.linked else None,
            approve_until=view.deadline,
            artwork_url=f"/api/orders/{artwork.order_id}/artwork",
        )


class OpenedCheckout(BaseModel):
    """Answer of an approval: the browser goes to `checkout_url`; `order_token` opens the customer's own view of the order."""

    success: bool
    order_id: UUID
    order_number: str
    order_token: str
    checkout_url: str
    session_id: str
