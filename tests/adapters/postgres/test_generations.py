"""Budgets hold however many ask at once, and a generation ends once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from adapters.postgres.engine import Database
from adapters.postgres.generations import PostgresGenerations
from models.artwork import PictureKind, StoredImage, sha256_of
from models.errors import OrderRefused, RefusalCode
from models.generation import (
    GeneratedImage,
    GenerateImage,
    GenerationPolicy,
    GenerationResult,
    GenerationState,
    generation_id_for,
    picture_name,
)
from tests.adapters.postgres.shop import NOW, Shop, together

POLICY = GenerationPolicy(per_session=3, per_client_and_day=3, daily_spend=10_000, price=11)
LATER = NOW + timedelta(seconds=20)
DAY = timedelta(hours=24)


@pytest.fixture
def book(shop: Shop) -> PostgresGenerations:
    return PostgresGenerations(shop.database)


def wish(*, subject: str | None = None, attempt: int = 1, **changes: Any) -> GenerateImage:
    subject = subject or sha256_of(uuid4().bytes)
    fields = {
        "generation_id": generation_id_for(subject, attempt),
        "subject": subject,
        "attempt": attempt,
        "client": "somebody",
        "template_id": "retro-remix",
        "style": {"keyword": "noir"},
        "at": NOW,
        "policy": POLICY,
    }
    return GenerateImage.model_validate({**fields, **changes})


def made(asked: GenerateImage, *, cost: int = 11, content: bytes = b"a picture") -> GenerationResult:
    digest = sha256_of(content)
    image = StoredImage(
        key=f"generated/{digest}.jpg", sha256=digest, media_type="image/jpeg", width=1390, height=2900, size=len(content)
    )
    picture = GeneratedImage(
        generation_id=asked.generation_id,
        name=picture_name(asked.generation_id, image),
        image=image,
        prompt="Make it noir.",
        prompt_version="3",
        model="an-ai",
        cost=cost,
    )
    return GenerationResult(state=GenerationState.MADE, picture=picture, cost=cost)


FAILED = GenerationResult(state=GenerationState.FAILED, reason="It could not be made.")
REFUSED = GenerationResult(
    state=GenerationState.REFUSED, reason="The AI will not make this.", code=RefusalCode.GENERATION_REFUSED
)


async def refusal_of(book: PostgresGenerations, asked: GenerateImage) -> OrderRefused:
    with pytest.raises(OrderRefused) as refused:
        await book.begin(asked)
    assert refused.value.code is RefusalCode.BUDGET_SPENT
    return refused.value


async def test_what_was_made_is_found_with_everything_that_is_known_of_it(shop: Shop, book: PostgresGenerations) -> None:
    asked = wish()
    await book.begin(asked)
    begun = await book.find_by_id(asked.generation_id)
    await book.finish(asked, made(asked), at=LATER)

    found = await book.find(asked.subject)
    assert begun is not None
    assert (begun.state, begun.picture, begun.finished_at) == (GenerationState.STARTED, None, None)
    assert found is not None
    assert (found.state, found.picture, found.started_at, found.finished_at) == (
        GenerationState.MADE,
        made(asked).picture,
        NOW,
        LATER,
    )
    assert found == await book.find_by_id(asked.generation_id)
    upload = await shop.uploads.find(found.picture.name if found.picture else "")
    assert upload is not None
    assert (upload.kind, upload.template_id) == (PictureKind.GENERATED, None)


async def test_nobody_knows_what_was_never_begun(book: PostgresGenerations) -> None:
    asked = wish()
    await book.finish(asked, made(asked), at=LATER)

    assert await book.find(asked.subject) is None
    assert await book.find_by_id(asked.generation_id) is None


async def test_the_newest_attempt_at_a_wish_is_found(book: PostgresGenerations) -> None:
    first = wish()
    second = wish(subject=first.subject, attempt=2)
    await book.begin(second)
    await book.begin(first)

    found = await book.find(first.subject)
    assert found is not None
    assert found.attempt == 2


async def test_the_first_end_stands(book: PostgresGenerations) -> None:
    asked = wish()
    await book.begin(asked)
    await book.finish(asked, made(asked), at=LATER)
    await book.finish(asked, made(asked), at=LATER + timedelta(seconds=1))
    await book.finish(asked, FAILED, at=LATER + timedelta(seconds=1))

    found = await book.find(asked.subject)
    assert found is not None
    assert (found.state, found.finished_at) == (GenerationState.MADE, LATER)


async def test_two_generations_of_the_same_bytes_are_two_names_of_one_asset(shop: Shop, book: PostgresGenerations) -> None:
    for asked in (wish(), wish()):
        await book.begin(asked)
        await book.finish(asked, made(asked), at=LATER)

    assert len(await shop.rows("SELECT 1 FROM uploads")) == 2
    assert len(await shop.rows("SELECT 1 FROM assets")) == 1


async def test_beginning_twice_takes_one_place(shop: Shop, book: PostgresGenerations) -> None:
    asked = wish(policy=POLICY.model_copy(update={"per_client_and_day": 1}))
    assert await together(*(book.begin(asked) for _ in range(5))) == [None] * 5
    assert [row["cost"] for row in await shop.rows("SELECT cost FROM generations")] == [11]


async def test_a_refused_attempt_is_written_and_refused_again_in_the_same_words(shop: Shop, book: PostgresGenerations) -> None:
    policy = POLICY.model_copy(update={"daily_spend": 10})
    asked = wish(policy=policy)
    refusal = await refusal_of(book, asked)

    assert (await refusal_of(book, asked)).message == refusal.message
    found = await book.find(asked.subject)
    assert found is not None
    assert (found.state, found.code, found.reason) == (
        GenerationState.REFUSED,
        RefusalCode.BUDGET_SPENT,
        refusal.message,
    )
    assert [row["cost"] for row in await shop.rows("SELECT cost FROM generations")] == [0]


@pytest.mark.parametrize(
    ("budget", "mine", "others"),
    [
        ("session", {"client": "", "session": "mine"}, {"client": "", "session": "another"}),
        ("client", {"client": "mine"}, {"client": "another"}),
    ],
)
async def test_a_budget_is_its_owners_alone(
    book: PostgresGenerations, budget: str, mine: dict[str, Any], others: dict[str, Any]
) -> None:
    for _ in range(3):
        await book.begin(wish(**mine))

    assert (await refusal_of(book, wish(**mine))).facts["budget"] == budget
    await book.begin(wish(**others))


async def test_a_clients_budget_comes_back_a_day_after_it_was_used_and_the_refusal_says_when(book: PostgresGenerations) -> None:
    for number in range(3):
        await book.begin(wish(at=NOW + timedelta(hours=number)))

    refusal = await refusal_of(book, wish(at=NOW + timedelta(hours=3)))
    assert refusal.facts["retry_at"] == (NOW + DAY).isoformat()
    await refusal_of(book, wish(at=NOW + DAY - timedelta(seconds=1)))
    await book.begin(wish(at=NOW + DAY))
    await refusal_of(book, wish(at=NOW + DAY))


async def test_a_sessions_budget_never_comes_back(book: PostgresGenerations) -> None:
    for _ in range(3):
        await book.begin(wish(client="", session="mine"))

    refusal = await refusal_of(book, wish(client="", session="mine", at=NOW + 2 * DAY))
    assert "retry_at" not in refusal.facts


@pytest.mark.parametrize(("end", "has_room"), [(FAILED, True), (REFUSED, True), ("made", False), ("paid", False)])
async def test_what_cost_nothing_is_held_against_nobody(
    book: PostgresGenerations, end: GenerationResult | str, has_room: bool
) -> None:
    asked = wish(policy=POLICY.model_copy(update={"per_client_and_day": 1}))
    ends = {"made": made(asked), "paid": FAILED.model_copy(update={"cost": 33})}
    await book.begin(asked)
    await book.finish(asked, ends[end] if isinstance(end, str) else end, at=LATER)

    again = wish(policy=asked.policy)
    await (book.begin(again) if has_room else refusal_of(book, again))


async def test_the_daily_spend_counts_what_was_paid_and_stops_everybody(book: PostgresGenerations) -> None:
    """11 are reserved, 33 were paid for another one: 44 of 54, and the next one would cost 11."""
    policy = POLICY.model_copy(update={"daily_spend": 54})
    dear, running = wish(policy=policy), wish(policy=policy, client="b")
    await book.begin(dear)
    await book.finish(dear, made(dear, cost=33), at=LATER)
    assert await book.has_room(policy, at=LATER)
    await book.begin(running)

    refusal = await refusal_of(book, wish(policy=policy, client="c"))
    assert refusal.facts == {"budget": "daily_spend", "retry_at": (NOW + DAY).isoformat()}
    assert not await book.has_room(policy, at=LATER)
    await book.finish(running, REFUSED, at=LATER)
    await book.begin(wish(policy=policy, client="c"))
    assert await book.has_room(policy, at=NOW + DAY)


@pytest.mark.parametrize(
    ("limits", "who"),
    [
        ({"per_client_and_day": 4}, {"client": "somebody"}),
        ({"per_session": 4}, {"client": "", "session": "a session"}),
        ({"daily_spend": 4 * 11}, {"client": ""}),
    ],
    ids=["client", "session", "spend"],
)
async def test_as_many_as_ask_at_once_share_what_is_left_and_no_more(
    shop: Shop,
    book: PostgresGenerations,
    another_process: Callable[[], Database],
    limits: dict[str, int],
    who: dict[str, Any],
) -> None:
    """Two processes, twelve requests, four places."""
    books = [book, PostgresGenerations(another_process())]
    policy = POLICY.model_copy(update={"per_client_and_day": 100, "per_session": 100, **limits})

    outcomes = await together(*(books[number % 2].begin(wish(policy=policy, **who)) for number in range(12)))

    assert outcomes.count(None) == 4
    assert {outcome.code for outcome in outcomes if outcome is not None} == {RefusalCode.BUDGET_SPENT}
    rows = await shop.rows("SELECT state FROM generations")
    assert sum(row["state"] == GenerationState.STARTED for row in rows) == 4
