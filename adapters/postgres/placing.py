"""Writing an order down: the shell from the shelf, the row, its lines, its first event, together or not at all."""

import secrets
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import CTE, delete, insert, select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.pricing import out_of_stock, promotion_day
from adapters.postgres.statements import change_order, event_of, insert_from, order_number, with_event, write
from models.errors import OrderRefused, RefusalCode
from models.order import CheckoutRequest, OrderStatus, PlacedOrder, PlaceOrder, Quote
from models.tables import Order, OrderEvent, OrderLine, Promotion, PromotionDay, StockHold, StockLevel

UNPAID = {OrderStatus.GENERATING, OrderStatus.AWAITING_APPROVAL, OrderStatus.AWAITING_PAYMENT}
"""Where an order may still be placed anew with another request."""

PROMOTION_CAP = "ck_promotion_days_within_cap"
SAME_ORDER = {"pk_orders", "uq_orders_upload_name_upload_attempt"}


def request_hash(request: CheckoutRequest) -> str:
    """Return what tells one request from another."""
    return sha256(request.model_dump_json().encode()).hexdigest()


def refuse_change(status: OrderStatus) -> None:
    """Raise `OrderRefused` unless an order of this status may be placed anew."""
    if status.is_final:
        raise OrderRefused("This order is closed. Please start a new one.", code=RefusalCode.ORDER_CLOSED)
    if status not in UNPAID:
        raise OrderRefused(
            "This order is paid already and can no longer be changed.",
            code=RefusalCode.ALREADY_PAID,
            facts={"status": status.value},
        )


async def insert_order(connection: AsyncConnection, request: PlaceOrder, quote: Quote) -> PlacedOrder:
    """Write a new order in one statement. Raises `OrderRefused` when somebody else took the last shell in the meantime.

    Raises `IntegrityError` on `SAME_ORDER` when the order was written in the same moment, and on `PROMOTION_CAP` when the day's
    last free case was given away; then nothing of this statement stands.
    """
    product, at = quote.product, request.enters.at
    public_token = secrets.token_urlsafe(24)
    shelf = (
        update(StockLevel)
        .where(
            StockLevel.device_id == product.device_id, StockLevel.shell_id == product.shell_id, StockLevel.stock > StockLevel.held
        )
        .values(held=StockLevel.held + 1)
        .returning(StockLevel.shell_id)
        .cte("shelf")
    )
    row = {
        "id": request.order_id,
        "public_token": public_token,
        "channel": quote.channel,
        "upload_name": request.request.upload_name,
        "upload_attempt": request.upload_attempt,
        "status": request.enters.status,
        "hold_reason": request.enters.hold_reason,
        "version": request.enters.version,
        "needs_attention": request.enters.needs_attention,
        "entered_at": at,
        "deadline": request.enters.deadline,
        "placed_at": at,
        **_frozen(request.request, quote),
    }
    placed = insert_from(Order, row, shelf).returning(Order.id, Order.number).cte("placed")
    hold = {"order_id": request.order_id, "device_id": product.device_id, "shell_id": product.shell_id, "held_at": at}
    statement = select(placed.c.number).add_cte(
        insert_from(StockHold, hold, placed).cte("hold"),
        insert_from(OrderEvent, event_of(request.enters), placed).cte("event"),
        *(insert_from(OrderLine, line, placed).cte(f"line_{line['position']}") for line in _lines(request, quote)),
    )
    if quote.promotion_id:
        statement = statement.add_cte(_one_more_free_case(quote.promotion_id, promotion_day(at), shelf).cte("promotion"))
    number = (await connection.execute(statement)).scalar_one_or_none()
    if number is None:
        raise out_of_stock(product.model_name)
    return _placed(request, quote, number, public_token)


async def replace_order(connection: AsyncConnection, request: PlaceOrder, quote: Quote, standing: PlacedOrder) -> PlacedOrder:
    """Write an unpaid order anew, in a transaction that the caller has begun; on a refusal the old order stands, hold and all."""
    at = request.enters.at
    status = await connection.execute(select(Order.status).where(Order.id == request.order_id).with_for_update())
    refuse_change(status.scalar_one())
    await _move_hold(connection, request, quote)
    if quote.promotion_id and quote.promotion_id != standing.quote.promotion_id:
        day = select(Promotion.id).where(Promotion.id == quote.promotion_id).cte("day")
        await connection.execute(_one_more_free_case(quote.promotion_id, promotion_day(at), day))
    changed = (
        change_order(request.order_id, request.enters, _frozen(request.request, quote)).returning(Order.number).cte("changed")
    )
    row = await write(connection, with_event(changed, request.enters), request.order_id)
    await connection.execute(delete(OrderLine).where(OrderLine.order_id == request.order_id))
    await connection.execute(insert(OrderLine), _lines(request, quote))
    return _placed(request, quote, row.number, standing.public_token)


async def _move_hold(connection: AsyncConnection, request: PlaceOrder, quote: Quote) -> None:
    """Hold the shell that the order now needs, and let go of the one that it no longer needs."""
    device_id, shell_id = quote.product.device_id, quote.product.shell_id
    hold = select(StockHold.device_id, StockHold.shell_id).where(
        StockHold.order_id == request.order_id, StockHold.released_at.is_(None)
    )
    held = (await connection.execute(hold.with_for_update())).first()
    if held is not None and tuple(held) == (device_id, shell_id):
        return
    taken = await connection.execute(
        update(StockLevel)
        .where(StockLevel.device_id == device_id, StockLevel.shell_id == shell_id, StockLevel.stock > StockLevel.held)
        .values(held=StockLevel.held + 1)
    )
    if taken.rowcount == 0:
        raise out_of_stock(quote.product.model_name)
    if held is not None:
        await connection.execute(
            update(StockLevel)
            .where(StockLevel.device_id == held.device_id, StockLevel.shell_id == held.shell_id)
            .values(held=StockLevel.held - 1)
        )
    await connection.execute(
        update(StockHold)
        .where(StockHold.order_id == request.order_id)
        .values(device_id=device_id, shell_id=shell_id, held_at=request.enters.at, released_at=None)
    )


def _one_more_free_case(promotion_id: str, day: date, source: CTE) -> Insert:
    cap = select(Promotion.daily_cap).where(Promotion.id == promotion_id).scalar_subquery()
    first = insert_from(PromotionDay, {"promotion_id": promotion_id, "day": day, "used": 1, "cap": cap}, source)
    return first.on_conflict_do_update(
        index_elements=["promotion_id", "day"], set_={"used": PromotionDay.used + 1, "cap": first.excluded.cap}
    )


def _frozen(request: CheckoutRequest, quote: Quote) -> dict[str, Any]:
    """Return the columns that another request would change."""
    customer = request.customer
    address = customer.address if customer else None
    return {
        **quote.product.model_dump(),
        "approved_sha256": quote.image.sha256,
        "request_hash": request_hash(request),
        "total": quote.total,
        "currency": quote.currency,
        "promotion_id": quote.promotion_id,
        "customer_name": customer.name if customer else None,
        "customer_email": customer.email if customer else None,
        "customer_phone": customer.phone if customer else None,
        "address_line1": address.line1 if address else None,
        "address_line2": address.line2 if address else None,
        "address_city": address.city if address else None,
        "address_postcode": address.postcode if address else None,
        "address_country": address.country if address else None,
    }


def _lines(request: PlaceOrder, quote: Quote) -> list[dict[str, Any]]:
    return [
        {"order_id": request.order_id, "position": position, **line.model_dump()} for position, line in enumerate(quote.lines, 1)
    ]


def _placed(request: PlaceOrder, quote: Quote, number: int, public_token: str) -> PlacedOrder:
    return PlacedOrder(
        order_id=request.order_id,
        number=order_number(number),
        public_token=public_token,
        quote=quote,
        approved_sha256=quote.image.sha256,
        version=request.enters.version,
    )
