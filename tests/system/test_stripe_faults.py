"""Stripe fails in the middle of each call: one object comes of it all the same, and nobody pays for a case that is not made."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from models.order import CancelOutcome, Operator, OrderStatus
from models.payment import RefundRequest
from tests.system.case import Case
from tests.system.world import World
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANNA = Operator(operator="anna", reason="asked by the customer")


async def sessions_of(case: Case) -> list[dict[str, Any]]:
    """Every Session that was ever opened for an order, the newest first."""
    sessions = await case.world.stripe_objects("checkout/sessions")
    return [session for session in sessions if session["client_reference_id"] == str(case.order_id)]


async def money_of(case: Case) -> list[tuple[str, int]]:
    """Every movement of an order's money at Stripe."""
    entries = await case.world.stripe.ledger(client_reference_id=str(case.order_id))
    return [(entry["operation"], entry["amount"]) for entry in entries]


async def buy(world: World) -> Case:
    case = await world.paid()
    await case.reaches(OrderStatus.TO_SHIP)
    return case


async def cancel_before_submission(world: World) -> Case:
    """Cancel while the manufacturer refuses the announcement, so that the authorisation is voided."""
    await world.manufacturer.fault("order/payData", "refused", detail={"msg": "nobody knows why", "code": 500})
    case = await world.paid()
    await case.reaches(OrderStatus.ON_HOLD)
    assert await case.tell(OrderWorkflow.cancel, ANNA) is CancelOutcome.CANCELED
    await case.ends()
    return case


async def refund_a_part(world: World) -> Case:
    case = await buy(world)
    await case.tell(OrderWorkflow.refund, RefundRequest(operator="anna", reason="scratched", amount=1000))
    return case


async def change_the_order(world: World) -> Case:
    """Ask for an add-on after the payment page was opened, so that the first Session is expired."""
    case = await world.order()
    await case.checkout(selected_add_ons=["screen-protector"], amount_pence=4299)
    await case.pay()
    await case.reaches(OrderStatus.TO_SHIP)
    return case


BOUGHT = [("authorize", 3500), ("capture", 3500)]


WRITES = [
    ("checkout.sessions.create", buy, BOUGHT),
    ("payment_intents.capture", buy, BOUGHT),
    ("refunds.create", refund_a_part, [*BOUGHT, ("refund", 1000)]),
]
OTHERS = [
    ("checkout.sessions.retrieve", buy, BOUGHT),
    ("checkout.sessions.expire", change_the_order, [("authorize", 4299), ("capture", 4299)]),
    ("payment_intents.cancel", cancel_before_submission, [("authorize", 3500), ("void", 3500)]),
]


@pytest.mark.parametrize(
    ("operation", "play", "money", "status"),
    [*((*call, None) for call in WRITES + OTHERS), *((*call, 500) for call in WRITES)],
    ids=[*(f"{call[0]} without an answer" for call in WRITES + OTHERS), *(f"{call[0]} with an error instead" for call in WRITES)],
)
async def test_a_call_that_was_done_and_not_answered_is_not_done_twice(
    world: World, operation: str, play: Callable[[World], Awaitable[Case]], money: list[tuple[str, int]], status: int | None
):
    await world.stripe.fault(operation, "answer_lost", status=status)
    case = await play(world)
    assert await money_of(case) == money
    assert await world.stripe.call("GET", "/faults") == []
    sessions = await sessions_of(case)
    assert [session["status"] for session in sessions] == ["complete"] + ["expired"] * (play is change_the_order)


@pytest.mark.parametrize(
    ("operation", "play", "money"),
    [
        ("checkout.sessions.create", buy, BOUGHT),
        ("payment_intents.capture", buy, BOUGHT),
        ("payment_intents.cancel", cancel_before_submission, [("authorize", 3500), ("void", 3500)]),
    ],
)
async def test_a_failure_that_stripe_remembers_is_followed_by_the_next_key(
    world: World, operation: str, play: Callable[[World], Awaitable[Case]], money: list[tuple[str, int]]
):
    await world.stripe.fault(operation, "http_500")
    case = await play(world)
    assert await money_of(case) == money
    (used,) = await keys_of(case, STEPS[operation])
    assert used == f"order:{case.order_id}:{STEPS[operation]}:2"


STEPS = {"checkout.sessions.create": "checkout", "payment_intents.capture": "capture", "payment_intents.cancel": "void"}
"""The word for an operation in our idempotency keys."""


async def keys_of(case: Case, step: str) -> set[str]:
    """The idempotency keys under which a step of an order was done."""
    if step == "checkout":
        return {f"order:{case.order_id}:checkout:{session['metadata']['key_number']}" for session in await sessions_of(case)}
    keys = {entry["idempotency_key"] for entry in await case.world.stripe.ledger(client_reference_id=str(case.order_id))}
    return {key for key in keys if key and f":{step}:" in key}


async def test_an_answer_that_stripe_remembers_as_failed_though_it_was_done_is_found_again(world: World):
    await world.stripe.fault("checkout.sessions.create", "answer_lost", status=500)
    case = await world.order()
    (session,) = await sessions_of(case)
    assert (session["id"], session["metadata"]["key_number"]) == (case.session_id, "1")


async def test_a_session_of_another_amount_is_held_never_printed_and_given_back(world: World):
    case = await world.order()
    world.tamper_session(case.session_id, amount_total=100, amount_subtotal=100)
    await case.pay()
    row = await case.reaches(OrderStatus.ON_HOLD)
    assert (row["hold_reason"], row["needs_attention"]) == ("payment_mismatch", True)
    answer = await case.success()
    assert answer.status_code == 400
    assert await case.tell(OrderWorkflow.cancel, ANNA) is CancelOutcome.CANCELED
    await case.ends()
    assert await money_of(case) == [("authorize", 100), ("void", 100)]
    assert row["print_reference"] is None


async def test_a_declined_card_leaves_the_page_open_for_another_one(world: World):
    case = await world.order()
    await world.stripe.decline(case.session_id)
    assert (await case.success()).status_code == 400
    await case.pay()
    await case.reaches(OrderStatus.TO_SHIP)
    assert await money_of(case) == BOUGHT


async def test_while_stripe_is_down_the_page_says_that_nothing_was_charged_and_later_it_opens(world: World):
    case = await world.design()
    await world.stripe.fault("checkout.sessions.create", "down", times=None)
    async with world.another_api(api={"update_wait": timedelta(milliseconds=500)}) as hurried:
        answer = await case.ask_checkout(hurried)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "try again" in answer.json()["detail"]
    await world.stripe.clear_faults()
    await case.checkout()
    assert [session["id"] for session in await sessions_of(case)] == [case.session_id]


async def test_a_refund_under_a_key_that_stripe_remembers_as_failed_is_made_under_the_next(world: World):
    await world.stripe.fault("refunds.create", "http_500")
    case = await refund_a_part(world)
    assert await money_of(case) == [*BOUGHT, ("refund", 1000)]
    (used,) = await keys_of(case, "refund")
    assert used.startswith(f"order:{case.order_id}:refund:1")
    assert used != f"order:{case.order_id}:refund:1"
