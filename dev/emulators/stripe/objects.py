"""Stripe's objects as JSON, with the fields that a reader of the API reference expects to find.

Source: https://docs.stripe.com/api at the version in `settings.API_VERSION`.
"""

import secrets
import string
from typing import Any

from dev.emulators.state import Document
from dev.emulators.stripe.cards import TestCard
from dev.emulators.stripe.params import CreateSession, LineItem, PaymentIntentData

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """Return `<prefix>_` and random letters and digits."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def list_of(url: str, data: list[Document], *, has_more: bool = False) -> Document:
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


def line_item(item: LineItem, currency: str) -> Document:
    price, product = item.price_data, item.price_data.product_data
    total = price.unit_amount * item.quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": product.name,
        "metadata": item.metadata,
        "price": {
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "currency": currency,
            "livemode": False,
            "metadata": {},
            "product": new_id("prod", 14),
            "type": "one_time",
            "unit_amount": price.unit_amount,
            "unit_amount_decimal": str(price.unit_amount),
        },
        "quantity": item.quantity,
    }


def session(params: CreateSession, *, currency: str, total: int, created: int, expires_at: int, base_url: str) -> Document:
    name = new_id("cs_test", 58)
    return {
        "id": name,
        "object": "checkout.session",
        "allowed_payment_method_types": params.allowed_payment_method_types,
        "amount_subtotal": total,
        "amount_total": total,
        "billing_address_collection": params.billing_address_collection,
        "cancel_url": params.cancel_url,
        "client_reference_id": params.client_reference_id,
        "client_secret": None,
        "created": created,
        "currency": currency,
        "custom_fields": [],
        "customer": None,
        "customer_creation": params.customer_creation,
        "customer_details": None,
        "customer_email": params.customer_email,
        "expires_at": expires_at,
        "livemode": False,
        "locale": params.locale,
        "metadata": params.metadata,
        "mode": params.mode,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_types": [
            kind for kind in params.allowed_payment_method_types if kind not in params.excluded_payment_method_types
        ],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": bool(params.phone_number_collection and params.phone_number_collection.enabled)},
        "shipping_address_collection": (
            params.shipping_address_collection.model_dump() if params.shipping_address_collection else None
        ),
        "shipping_options": [],
        "status": "open",
        "submit_type": params.submit_type,
        "success_url": params.success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": params.ui_mode,
        "url": f"{base_url}/c/pay/{name}",
    }


def payment_intent(data: PaymentIntentData, *, amount: int, currency: str, created: int, kinds: list[str]) -> Document:
    name = new_id("pi")
    return {
        "id": name,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": data.capture_method,
        "client_secret": f"{name}_{new_id('secret')}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": currency,
        "customer": None,
        "description": data.description,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": data.metadata,
        "next_action": None,
        "payment_method": None,
        "payment_method_types": kinds,
        "receipt_email": data.receipt_email,
        "shipping": data.shipping.model_dump() if data.shipping else None,
        "statement_descriptor_suffix": data.statement_descriptor_suffix,
        "status": "requires_payment_method",
        "transfer_group": data.transfer_group,
    }


def charge(intent: Document, card: TestCard, *, created: int, email: str | None, capture_before: int | None) -> Document:
    """A charge of the whole intent by `card`, successful unless the card declines; `capture_before` makes it uncaptured."""
    failed, captured = card.code is not None, card.code is None and capture_before is None
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if captured else 0,
        "amount_refunded": 0,
        "balance_transaction": new_id("txn") if captured else None,
        "billing_details": {"address": None, "email": email, "name": None, "phone": None},
        "captured": captured,
        "created": created,
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_code": card.code,
        "failure_message": card.message or None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": _outcome(card),
        "paid": not failed,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": {"type": "card", "card": _card_details(card, intent, capture_before)},
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "shipping": intent["shipping"],
        "status": "failed" if failed else "succeeded",
        "transfer_group": intent["transfer_group"],
    }


def _outcome(card: TestCard) -> Document:
    declined = card.code is not None
    return {
        "advice_code": "try_again_later" if declined else None,
        "network_status": "declined_by_network" if declined else "approved_by_network",
        "reason": card.decline_code,
        "risk_level": "normal",
        "seller_message": card.message or "Payment complete.",
        "type": "issuer_declined" if declined else "authorized",
    }


def _card_details(card: TestCard, intent: Document, capture_before: int | None) -> Document:
    return {
        "amount_authorized": intent["amount"],
        "authorization_code": None,
        "brand": card.brand,
        "capture_before": capture_before,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "GB",
        "exp_month": 12,
        "exp_year": 2034,
        "funding": "credit",
        "last4": card.last4,
        "network": card.brand,
        "three_d_secure": None,
        "wallet": None,
    }


def refund(
    charge_: Document, *, amount: int, created: int, status: str, reason: str | None, metadata: dict[str, str]
) -> Document:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": charge_["id"],
        "created": created,
        "currency": charge_["currency"],
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "metadata": metadata,
        "payment_intent": charge_["payment_intent"],
        "reason": reason,
        "receipt_number": None,
        "status": status,
    }


def dispute(charge_: Document, *, amount: int, created: int, reason: str) -> Document:
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "charge": charge_["id"],
        "created": created,
        "currency": charge_["currency"],
        "evidence_details": {"due_by": created + 7 * 86400, "has_evidence": False, "past_due": False, "submission_count": 0},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge_["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }


def fraud_warning(charge_: Document, *, created: int) -> Document:
    return {
        "id": new_id("issfr"),
        "object": "radar.early_fraud_warning",
        "actionable": not charge_["refunded"] and not charge_["disputed"],
        "charge": charge_["id"],
        "created": created,
        "fraud_type": "misc",
        "livemode": False,
        "payment_intent": charge_["payment_intent"],
    }


def event(
    kind: str, obj: Document, *, api_version: str, created: int, request: Document, previous: Document | None, endpoints: int
) -> Document:
    data: dict[str, Any] = {"object": obj}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": api_version,
        "created": created,
        "data": data,
        "livemode": False,
        "pending_webhooks": endpoints,
        "request": request,
        "type": kind,
    }
