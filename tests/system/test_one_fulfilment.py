"""However many tell us of a payment, in whatever order and however often: one order, one case, one charge."""

import asyncio
import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from models.order import OrderStatus
from models.payment import RefundRequest
from tests.system.case import Case, until
from tests.system.world import World
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAID, CAPTURABLE = "checkout.session.completed", "payment_intent.amount_capturable_updated"
TAKEN, GIVEN_BACK, REFUND = "payment_intent.succeeded", "charge.refunded", "refund.updated"
EVENTS_OF_AN_UPDATE = 5
"""A workflow task (3), and the update accepted and completed."""


def again(event: dict[str, Any]) -> dict[str, Any]:
    """The same news under another event id, as Stripe sends it when two endpoints or two attempts meet."""
    return {**event, "id": f"evt_{uuid4().hex}"}


async def accepted(case: Case) -> list[dict[str, Any]]:
    """What the manufacturer has accepted of an order, whatever reference it came under."""
    references = await case.world.rows(
        "SELECT reference FROM manufacturer_references WHERE kind = 'OREN' AND order_id = :id", id=case.order_id
    )
    ours = {row["reference"] for row in references}
    return [entry for entry in await case.world.manufacturer.ledger("order_accepted") if entry["third_id"] in ours]


@pytest.mark.parametrize("round_number", range(3))
async def test_fifty_calls_at_once_lead_to_one_case_and_one_charge(world: World, round_number: int):
    await world.stripe.hold_webhooks()
    case = await world.paid()
    completed, capturable = [await world.stripe_event(kind, case) for kind in (PAID, CAPTURABLE)]
    webhooks = [completed] * 10 + [again(completed) for _ in range(8)] + [capturable] * 7
    pairs = itertools.zip_longest(map(world.send_event, webhooks), (case.success() for _ in webhooks))
    calls = [call for pair in pairs for call in pair]
    answers: list[httpx.Response] = await asyncio.gather(*calls)

    assert {answer.status_code for answer in answers} == {200}
    pages = [answer.json() for answer in answers if "order_id" in answer.json()]
    assert len(pages) == 25
    assert {page["order_id"] for page in pages} == {str(case.order_id)}
    await case.reaches(OrderStatus.TO_SHIP)
    assert len(await accepted(case)) == 1
    assert len(await world.stripe.ledger("capture", client_reference_id=str(case.order_id))) == 1
    assert len(await world.manufacturer.ledger("payment_announced", third_id=(await case.row())["payment_reference"])) == 1


async def test_news_of_the_past_changes_nothing_in_whatever_order_it_comes(world: World):
    await world.stripe.hold_webhooks()
    case = await world.paid()
    assert (await case.success()).status_code == 200
    await case.reaches(OrderStatus.TO_SHIP)
    refund = RefundRequest(operator="anna", reason="scratched", amount=500)
    assert (await case.handle.execute_update(OrderWorkflow.refund, refund)).refunded == 500
    await until(partial(nothing_is_asked_after, case), what="the last reading of the poller")
    events = [await world.stripe_event(kind, case) for kind in (PAID, CAPTURABLE, TAKEN, GIVEN_BACK)]
    events.append(again({**await world.stripe_event("refund.created", case), "type": REFUND}))
    before, history = await everything(case), await length_of_history(case)

    for position in in_every_order(range(len(events))):
        assert (await world.send_event(again(events[position]))).status_code == 200
    await world.inbox_settled()

    assert await everything(case) == before
    # Both facts of a paid Session are new to a history that knows the success page only; nothing is asked of Stripe for them.
    assert await length_of_history(case) - history <= 2 * EVENTS_OF_AN_UPDATE


def in_every_order(items: Sequence[int]) -> list[int]:
    """Every order of `items`, one inside another: 153 news instead of the 600 of all 120 orders of five."""
    if len(items) == 1:
        return list(items)
    *others, last = items
    shorter, sequence = in_every_order(others), list[int]()
    windows = [shorter[start : start + len(others)] for start in range(len(shorter) - len(others) + 1)]
    for window in windows:
        if len(set(window)) == len(others):
            order = [*window, last, *window]
            overlap = next(size for size in range(len(order), -1, -1) if sequence[len(sequence) - size :] == order[:size])
            sequence += order[overlap:]
    return sequence


async def test_in_every_order_has_every_order():
    sequence = in_every_order(range(5))
    assert len(sequence) == 153
    windows = {tuple(sequence[start : start + 5]) for start in range(149)}
    assert windows >= set(itertools.permutations(range(5)))


async def nothing_is_asked_after(case: Case) -> bool:
    """Whether the manufacturer has told all that it ever will of an order."""
    open_ = "SELECT 1 FROM manufacturer_references WHERE order_id = :id AND next_due_at IS NOT NULL"
    return not await case.world.rows(open_, id=case.order_id)


async def everything(case: Case) -> dict[str, Any]:
    """All that an order is in our books, at the manufacturer and at Stripe."""
    world = case.world
    tables = ("payments", "refunds", "manufacturer_references", "order_events", "stock_holds")
    books = {table: await world.rows(f"SELECT * FROM {table} WHERE order_id = :id", id=case.order_id) for table in tables}  # noqa: S608
    ledgers = {
        name: await world.stripe.ledger(name, client_reference_id=str(case.order_id))
        for name in ("authorize", "capture", "refund")
    }
    return {"row": await case.row(), **books, **ledgers, "accepted": await accepted(case)}


async def length_of_history(case: Case) -> int:
    return (await case.handle.describe()).history_length


@pytest.mark.parametrize("order", list(itertools.permutations((PAID, CAPTURABLE, GIVEN_BACK))), ids=" then ".join)
async def test_money_that_went_back_before_we_knew_of_it_prints_nothing(world: World, order: tuple[str, ...]):
    await world.stripe.hold_webhooks()
    case = await world.paid()
    (session,) = [one for one in await world.stripe_objects("checkout/sessions") if one["id"] == case.session_id]
    await world.stripe.dashboard_capture(session["payment_intent"])
    await world.stripe.dashboard_refund(session["payment_intent"])
    events = [await world.stripe_event(kind, case) for kind in order]

    await world.stripe.release_webhooks(order=[event["id"] for event in events])
    result = await case.ends()

    assert result.status is OrderStatus.CANCELED
    assert await accepted(case) == []
    assert len(await world.stripe.ledger("refund", client_reference_id=str(case.order_id))) == 1
    row = await case.row()
    assert (row["captured"], row["refunded"]) == (3500, 3500)
    holds = await world.rows("SELECT * FROM stock_holds WHERE order_id = :id AND released_at IS NULL", id=case.order_id)
    assert holds == []
