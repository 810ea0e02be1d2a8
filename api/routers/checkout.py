"""Paying: to Stripe's page and back."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Checkouts, Confirmations, UploadLinks
from api.problems import problems
from api.schemas.checkout import CheckoutBody, CheckoutSession, SuccessBody
from api.schemas.order import PaymentConfirmation
from api.schemas.words import Text

router = APIRouter(tags=["checkout"])


@router.post("/create-checkout-session", responses=problems(402, 409, 422, 503))
async def create_checkout_session(body: CheckoutBody, links: UploadLinks, checkouts: Checkouts) -> CheckoutSession:
    """Open the checkout of an order. The same body again gets the same page; a changed one replaces it until it is paid."""
    request = body.to_request(upload_name=links.upload_name(body.final_image_url))
    checkout = await checkouts.open(request)
    return CheckoutSession(checkout_url=checkouts.url_of(checkout), session_id=checkout.session_id)


@router.post("/process-payment-success", responses=problems(400, 404, 503))
async def process_payment_success(body: SuccessBody, confirmations: Confirmations) -> PaymentConfirmation:
    """Show that an order is paid, after a last look whether the manufacturer has accepted it."""
    order = await confirmations.confirm(body.session_id, claimed_shell_id=body.claimed_shell_id)
    return PaymentConfirmation.of(order)


@router.get("/payment-success", responses=problems(400, 404, 503))
async def payment_success(
    session_id: Annotated[Text, Query(min_length=1, max_length=200)], confirmations: Confirmations
) -> PaymentConfirmation:
    """Show that an order is paid, as far as it is known now."""
    return PaymentConfirmation.of(await confirmations.read(session_id))
