"""An order, for whoever has its link."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Path

from api.dependencies import Orders
from api.errors import NotFound
from api.problems import problems
from api.schemas.order import CustomerOrder
from api.schemas.words import Text

router = APIRouter(tags=["orders"])


@router.get("/api/orders/{public_token}", responses=problems(404, 503))
async def order(public_token: Annotated[Text, Path(max_length=200)], orders: Orders) -> CustomerOrder:
    """Where an order stands, and how it came there. Answered from the database, with or without Temporal."""
    found = await orders.by_token(public_token)
    if found is None:
        raise NotFound("We do not know this order. Please use the link that you were given.")
    structlog.contextvars.bind_contextvars(order_id=str(found.order_id))
    return CustomerOrder.of(found)
