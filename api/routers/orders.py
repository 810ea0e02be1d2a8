"""Orders that are opened with a design; and an order, for whoever has its link."""

from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Path, Response

from api.dependencies import Checkouts, Client, DesignedOrders, Orders
from api.designed_orders import OrderArtwork
from api.errors import NotFound
from api.problems import problems
from api.schemas.designed_orders import ApproveBody, Artwork, OpenedCheckout, OpenOrderBody
from api.schemas.order import CustomerOrder
from api.schemas.words import Text
from models.approval import ArtworkState

router = APIRouter(tags=["orders"])


@router.post("/api/orders", responses={202: {"model": Artwork}, **problems(409, 422, 429, 503)})
async def open_order(body: OpenOrderBody, orders: DesignedOrders, client: Client, response: Response) -> Artwork:
    """Open an order with a design, or give it another design: the picture is made, and waits to be approved.

    202 while it is being made: ask again at `artwork_url`.
    """
    return _answer(await orders.open(body.request_id, body.to_wish(), client=client, again=body.again), response)


@router.get("/api/orders/{order_id}/artwork", responses={202: {"model": Artwork}, **problems(404, 503)})
async def artwork(order_id: UUID, orders: DesignedOrders, response: Response) -> Artwork:
    """Where the picture of an order stands; 202 while it is being made."""
    return _answer(await orders.artwork(order_id), response)


@router.post("/api/orders/{order_id}/approve", responses=problems(402, 404, 409, 422, 503))
async def approve(order_id: UUID, body: ApproveBody, orders: DesignedOrders, checkouts: Checkouts) -> OpenedCheckout:
    """Approve exactly the picture that was shown, and go to where it is paid. The same again gets the same page."""
    checkout = await orders.approve(order_id, body.print_sha256, body.to_request())
    return OpenedCheckout(
        success=True,
        order_id=checkout.order_id,
        order_number=checkout.number,
        order_token=checkout.public_token,
        checkout_url=checkouts.url_of(checkout),
        session_id=checkout.session_id,
    )


def _answer(found: OrderArtwork, response: Response) -> Artwork:
    if found.view.state is ArtworkState.DRAWING:
        response.status_code = 202
        response.headers["Retry-After"] = "2"
    return Artwork.of(found)


@router.get("/api/orders/{public_token}", responses=problems(404, 503))
async def order(public_token: Annotated[Text, Path(max_length=200)], orders: Orders) -> CustomerOrder:
    """Where an order stands, and how it came there. Answered from the database, with or without Temporal."""
    found = await orders.by_token(public_token)
    if found is None:
        raise NotFound("We do not know this order. Please use the link that you were given.")
    structlog.contextvars.bind_contextvars(order_id=str(found.order_id))
    return CustomerOrder.of(found)
