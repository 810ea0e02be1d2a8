"""What Stripe tells us: written down, then acknowledged. Everything else happens in the worker."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.delivery import is_awaited
from api.dependencies import Inbox, StripeEvent
from api.problems import problems

router = APIRouter(tags=["webhooks"])


class Received(BaseModel):
    """The event is stored."""

    received: bool


@router.post("/stripe-webhook", responses=problems(400, 404, 503))
async def stripe_webhook(event: StripeEvent, inbox: Inbox) -> Received:
    """Take an event. 200 means that it is committed; a repeat of it changes nothing."""
    await inbox.receive(event, is_awaited=is_awaited(event.kind))
    return Received(received=True)
