"""Plays one web order as the world would: the storefront's calls, the customer's card, the packer's word.

Nothing here reaches inside: the order goes through the public HTTP API, the money through Stripe's payment page, and the packer
is an operator who sends workflow updates. Only the timeline is read where it is written.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console
from rich.markup import escape
from sqlalchemy import Row, select, text

from adapters.postgres.engine import Database
from api.handles import order_handle
from config.groups import DatabaseSettings
from dev.emulators.remote import Remote
from dev.emulators.stripe.remote import RemoteStripe
from dev.guard import ROOT
from dev.process import RunnerError
from dev.storefront import Checkout, Customer, Packer, operators_client
from dev.supervisor import together
from dev.world import Ports
from models.order import OrderStatus
from models.production import ManufacturerOrderStatus, ManufacturerPaymentStatus
from models.tables.order import OrderEvent

PICTURE = ROOT / "dev" / "samples" / "deep-field.jpg"
TIME_LIMIT = timedelta(minutes=3)
_LOOK_EVERY = 0.2
_RECEIPT = text("""
    SELECT 'PMC-' || lpad(number::text, 6, '0') AS number, queue_number, print_sha256 AS sha256, print_reference AS reference
    FROM orders WHERE id = :order_id
""")


class OrderNotCompleted(RunnerError):
    """The order that was played stands still or ended otherwise than delivered."""


async def play_web_order(ports: Ports, env: Mapping[str, str], console: Console) -> None:
    """Upload, check out, pay, post and deliver one case, and show its timeline while it happens.

    Raises `OrderNotCompleted` when the order stands still, ends otherwise or takes longer than `TIME_LIMIT`.
    """
    try:
        async with (
            asyncio.timeout(TIME_LIMIT.total_seconds()),
            httpx.AsyncClient(base_url=ports.url("api"), timeout=60, trust_env=False) as browser,
            RemoteStripe(ports.url("stripe")) as stripe,
        ):
            customer = Customer(browser, stripe)
            checkout = await customer.check_out(await customer.upload(PICTURE.read_bytes()))
            console.print(f"A case with {PICTURE.name} is paid at {checkout.payment_page}", highlight=False, soft_wrap=True)
            await together(
                _follow(checkout.order_id, env, ports.url("manufacturer"), console),
                _pay(customer, checkout, console),
            )
    except TimeoutError as error:
        raise OrderNotCompleted(f"The order is not completed after {TIME_LIMIT.seconds} s; see the timeline above.") from error


async def _pay(customer: Customer, checkout: Checkout, console: Console) -> None:
    """Pay with a test card, and come back to the success page as Stripe sends the browser there."""
    await customer.pay(checkout)
    shown = await customer.return_to_shop(checkout)
    console.print(
        f"[bold]The customer reads: {escape(shown['order_number'])}, {escape(shown['message'])}[/bold]", highlight=False
    )


async def _follow(order_id: UUID, env: Mapping[str, str], manufacturer_url: str, console: Console) -> None:
    """Show the timeline and act as the packer, until the case is delivered."""
    client = await operators_client(env)
    packer = Packer(client)
    async for event in _timeline(order_id, env["DATABASE_URL"]):
        console.print(f"  {event.at.astimezone():%H:%M:%S}  {_line(event)}", highlight=False, soft_wrap=True)
        if event.status is OrderStatus.TO_SHIP:
            await packer.post(order_id)
        elif event.status is OrderStatus.SHIPPED:
            await packer.deliver(order_id)
        elif event.status is OrderStatus.ON_HOLD:
            raise OrderNotCompleted(f"The order waits for a person: {event.note}")
        elif event.status is not None and event.status.is_final:
            break
    result = await order_handle(client, order_id).result()
    if result.status is not OrderStatus.COMPLETED:
        raise OrderNotCompleted(f"The order ended {result.status}: {result.note}")
    await _show_receipt(order_id, env, manufacturer_url, console)


async def _show_receipt(order_id: UUID, env: Mapping[str, str], manufacturer_url: str, console: Console) -> None:
    """Compare what was to be printed with what the manufacturer printed: two hashes, taken on either side."""
    database = Database.connect_to(DatabaseSettings.model_validate({"url": env["DATABASE_URL"]}), application_name="dev")
    try:
        async with database.connect() as connection:
            row = (await connection.execute(_RECEIPT, {"order_id": order_id})).one()
    finally:
        await database.dispose()
    async with Remote(manufacturer_url) as manufacturer:
        printed = [entry["sha256"] for entry in await manufacturer.ledger("order_printed", third_id=row.reference)]
    console.print(f"\n  Order {row.number}, queue number {row.queue_number}", highlight=False)
    console.print(f"  print file   {row.sha256}", highlight=False, soft_wrap=True)
    console.print(f"  as printed   {' '.join(printed) or 'nothing was printed'}", highlight=False, soft_wrap=True)
    if printed != [row.sha256]:
        raise OrderNotCompleted("What the manufacturer printed is not the print file, exactly once.")
    console.print("  The manufacturer printed exactly what the customer approved.\n", highlight=False)


def _line(event: Row[*tuple[Any, ...]]) -> str:
    """A step of the order, or indented what the manufacturer says of a reference in between."""
    if event.status is not None:
        return f"{event.status.value:<18} {escape(event.note)}"
    statuses = ManufacturerOrderStatus if event.reference.startswith("OREN") else ManufacturerPaymentStatus
    said = statuses(event.manufacturer_status).name.replace("_", " ").lower()
    return f"[dim]{'':<18} the manufacturer on {event.reference}: {said}[/dim]"


async def _timeline(order_id: UUID, database_url: str) -> AsyncIterator[Row[*tuple[Any, ...]]]:
    """Yield the order's events as they are written; never ends by itself."""
    database = Database.connect_to(DatabaseSettings.model_validate({"url": database_url, "pool_size": 1}), application_name="dev")
    seen = 0
    columns = (
        OrderEvent.id,
        OrderEvent.at,
        OrderEvent.status,
        OrderEvent.reference,
        OrderEvent.manufacturer_status,
        OrderEvent.note,
    )
    try:
        while True:
            async with database.connect() as connection:
                newer = select(*columns).where(OrderEvent.order_id == order_id, OrderEvent.id > seen).order_by(OrderEvent.id)
                rows = (await connection.execute(newer)).all()
            for row in rows:
                seen = row.id
                yield row
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        await database.dispose()
