"""A generation ends with a picture or with a sentence, and nothing that was paid for is paid for again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import CancelledError, WorkflowAlreadyStartedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from config import interceptors
from models.artwork import StoredImage, sha256_of
from models.errors import (
    GenerationRefused,
    IntegrityBroken,
    NoPicture,
    OrderRefused,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnavailable,
    RefusalCode,
)
from models.generation import (
    GenerateImage,
    GenerationResult,
    GenerationState,
    answer_key,
    design_workflow_id,
    generation_id_for,
    generation_subject,
)
from tests.fakes.generation import UNUSABLE
from tests.fakes.order_book import PICTURE
from tests.workflows.shop import Shop
from workflows.design import NOT_MADE, DesignWorkflow
from workflows.options import GENERATE, GENERATION_LIMIT, MOST_PAID_ANSWERS, ORDERS_TASK_QUEUE

PHOTO = StoredImage(
    key="uploads/picture.png", sha256=sha256_of(PICTURE), media_type="image/png", width=10, height=20, size=len(PICTURE)
)
REFUSED = GenerationRefused(
    "The AI will not make this picture. Please choose another photo.", provider="gemini", code="IMAGE_SAFETY"
)
NO_PICTURE = NoPicture("words only", provider="gemini", code="NO_IMAGE")
BUSY = ProviderUnavailable("quota", provider="gemini", code="429", retry_after=timedelta(seconds=40))
DOWN = ProviderUnavailable("down", provider="gemini", code="503")
LOST = OutcomeUnknown("no answer", provider="gemini")
AWAY = ProviderUnavailable("the bucket is away", provider="r2")
PRICE = 11


@pytest.fixture
async def real_shop(temporal_address: str) -> AsyncIterator[Shop]:
    """A shop on the real server, where time passes by itself."""
    client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
    shop = Shop(WorkflowEnvironment.from_client(client))
    async with shop.open():
        yield shop


async def wish(shop: Shop, **changes: Any) -> GenerateImage:
    style = {"keyword": "noir"}
    subject = generation_subject(requester=uuid4().hex, photo_sha256=PHOTO.sha256, template_id="retro-remix", style=style)
    fields = {
        "generation_id": generation_id_for(subject, 1),
        "subject": subject,
        "attempt": 1,
        "client": "somebody",
        "template_id": "retro-remix",
        "style": style,
        "photo": PHOTO,
        "at": await shop.env.get_current_time(),
    }
    return GenerateImage.model_validate({**fields, **changes})


async def start(shop: Shop, asked: GenerateImage) -> WorkflowHandle[Any, GenerationResult]:
    return await shop.client.start_workflow(
        DesignWorkflow.run,
        asked,
        id=design_workflow_id(asked.generation_id),
        task_queue=ORDERS_TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
    )


async def generate(shop: Shop, **changes: Any) -> GenerationResult:
    asked = await wish(shop, **changes)
    result = await (await start(shop, asked)).result()
    assert shop.generations.ended[asked.generation_id].state is result.state
    return result


async def details(handle: WorkflowHandle[Any, GenerationResult]) -> str:
    """What the Web UI shows, also after the end."""
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


async def test_a_picture_is_made_kept_and_written_down_with_what_it_cost(shop: Shop) -> None:
    asked = await wish(shop)
    result = await (await start(shop, asked)).result()

    picture = result.picture
    assert picture is not None
    assert (result.state, result.cost, picture.cost) == (GenerationState.MADE, PRICE, PRICE)
    assert sha256_of(shop.store.objects[picture.image.key]) == picture.image.sha256
    assert (picture.model, picture.prompt_version) == (shop.generator.model, "fake-3")
    assert picture.prompt == shop.generator.paid[0].text
    assert shop.generator.paid[0].photo == PICTURE
    assert shop.generations.begun[asked.generation_id] == asked
    assert shop.generations.ended[asked.generation_id] == result


async def test_a_template_without_a_photo_is_made_of_words_alone(shop: Shop) -> None:
    await generate(shop, photo=None)

    assert shop.generator.paid[0].photo is None


async def test_a_refusal_is_told_in_the_ais_words_never_repeated_and_costs_nothing(shop: Shop) -> None:
    shop.generator.faults.fail("generate", REFUSED)

    result = await generate(shop)

    assert (result.state, result.code) == (GenerationState.REFUSED, RefusalCode.GENERATION_REFUSED)
    assert (result.reason, result.cost) == (REFUSED.message, 0)
    assert shop.generator.faults.calls == ["generate"]


async def test_a_spent_budget_is_told_apart_from_a_refusal_and_nobody_is_asked(shop: Shop) -> None:
    again = await shop.in_time(timedelta(hours=3))
    facts: dict[str, str | int | float] = {"budget": "client", "retry_at": again.isoformat()}
    shop.generations.refusal = OrderRefused("That was your last one.", code=RefusalCode.BUDGET_SPENT, facts=facts)

    result = await generate(shop)

    assert (result.state, result.code) == (GenerationState.REFUSED, RefusalCode.BUDGET_SPENT)
    assert (result.reason, result.retry_at) == ("That was your last one.", again)
    assert not shop.generator.faults.calls


async def test_a_style_that_is_not_offered_any_more_is_refused_with_what_may_be_chosen(shop: Shop) -> None:
    result = await generate(shop, style={"keyword": "sepia"})

    assert (result.state, result.code) == (GenerationState.REFUSED, RefusalCode.UNKNOWN_STYLE)
    assert "noir" in result.reason
    assert not shop.generator.paid


async def test_a_photo_that_was_removed_is_asked_for_again(shop: Shop) -> None:
    result = await generate(shop, photo=PHOTO.model_copy(update={"key": "photos/gone.png"}))

    assert (result.state, result.code) == (GenerationState.REFUSED, RefusalCode.UNKNOWN_PICTURE)
    assert not shop.generator.paid


async def test_another_photo_than_the_customers_is_never_used(shop: Shop) -> None:
    result = await generate(shop, photo=PHOTO.model_copy(update={"sha256": "0" * 64}))

    assert (result.state, result.reason) == (GenerationState.FAILED, NOT_MADE)
    assert not shop.generator.paid


async def test_a_quota_is_waited_out_for_as_long_as_the_ai_says(shop: Shop) -> None:
    shop.generator.faults.fail("generate", BUSY)
    begun = await shop.env.get_current_time()

    result = await generate(shop)

    assert result.cost == PRICE
    assert len(shop.generator.paid) == 1
    assert await shop.env.get_current_time() - begun >= timedelta(seconds=40)


async def test_an_ai_that_stays_away_is_given_up_before_a_person_gives_up(shop: Shop) -> None:
    shop.generator.faults.fail("generate", DOWN, times=1_000)

    handle = await start(shop, await wish(shop))
    result = await handle.result()

    events = (await handle.fetch_history()).events
    lasted = events[-1].event_time.ToDatetime() - events[0].event_time.ToDatetime()
    assert (result.state, result.reason, result.cost) == (GenerationState.FAILED, NOT_MADE, 0)
    assert len(shop.generator.faults.calls) > 5
    assert timedelta(minutes=2) < lasted <= GENERATION_LIMIT + timedelta(seconds=1)


async def test_nothing_is_paid_for_that_can_no_longer_come_in_time(shop: Shop) -> None:
    late = ProviderUnavailable("quota", provider="gemini", retry_after=GENERATION_LIMIT - timedelta(seconds=10))
    shop.generator.faults.fail("generate", late)
    shop.generator.answers = [UNUSABLE]

    result = await generate(shop)

    assert (result.state, result.reason, result.cost) == (GenerationState.FAILED, NOT_MADE, PRICE)
    assert len(shop.generator.paid) == 1


async def test_our_own_mistake_is_not_repeated(shop: Shop) -> None:
    shop.generator.faults.fail("generate", ProviderRejected("API key not valid", provider="gemini"))

    result = await generate(shop)

    assert (result.state, result.reason) == (GenerationState.FAILED, NOT_MADE)
    assert shop.generator.faults.calls == ["generate"]


async def test_an_answer_without_a_picture_is_paid_for_and_another_one_is_asked_for(shop: Shop) -> None:
    shop.generator.faults.fail("generate", NO_PICTURE)

    result = await generate(shop)

    assert (result.state, result.cost) == (GenerationState.MADE, 2 * PRICE)


async def test_an_answer_that_cannot_be_used_is_kept_out_of_the_way_of_the_next_one(shop: Shop) -> None:
    shop.generator.answers = [UNUSABLE]
    asked = await wish(shop)

    result = await (await start(shop, asked)).result()

    assert (result.state, result.cost) == (GenerationState.MADE, 2 * PRICE)
    assert shop.store.objects[answer_key(asked.generation_id, 1)] == UNUSABLE
    assert answer_key(asked.generation_id, 2) in shop.store.objects


async def test_no_more_answers_are_paid_for_than_is_sensible(shop: Shop) -> None:
    shop.generator.faults.fail("generate", NO_PICTURE, times=1_000)

    result = await generate(shop)

    assert (result.state, result.cost) == (GenerationState.FAILED, MOST_PAID_ANSWERS * PRICE)
    assert len(shop.generator.faults.calls) == MOST_PAID_ANSWERS


async def test_an_answer_that_was_lost_is_counted_as_paid_and_asked_for_again(shop: Shop) -> None:
    shop.generator.faults.lose_answer("generate", LOST)

    result = await generate(shop)

    assert (result.state, result.cost) == (GenerationState.MADE, 2 * PRICE)
    assert len(shop.generator.paid) == 2


async def test_answers_that_are_always_lost_are_not_paid_for_without_end(shop: Shop) -> None:
    shop.generator.faults.lose_answer("generate", LOST, times=1_000)

    result = await generate(shop)

    assert (result.state, result.cost) == (GenerationState.FAILED, MOST_PAID_ANSWERS * PRICE)
    assert len(shop.generator.paid) == MOST_PAID_ANSWERS


async def test_an_answer_is_kept_although_the_bucket_is_away_for_a_moment(shop: Shop) -> None:
    shop.store.faults.fail("put", AWAY)

    result = await generate(shop)

    assert result.cost == PRICE
    assert len(shop.generator.paid) == 1


async def test_an_answer_that_was_kept_without_our_knowing_is_found_and_not_paid_for_again(shop: Shop) -> None:
    """The bucket took it, and did not say so, as often as it was told."""
    shop.store.faults.lose_answer("put", AWAY, times=2)

    result = await generate(shop)

    assert result.picture is not None
    assert result.picture.was_found
    assert (result.cost, len(shop.generator.paid)) == (PRICE, 1)


async def silence(pause: timedelta) -> None:
    """The heart of a worker that was killed."""


@pytest.mark.parametrize(("moment", "cost"), [("put", PRICE), ("generate", 2 * PRICE)], ids=["answer kept", "answer not kept"])
async def test_a_worker_that_falls_silent_has_paid_for_nothing_else_where_its_answer_was_kept(
    real_shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: str, cost: int
) -> None:
    """Only the real server tells a worker that fell silent from one that failed."""
    shop = real_shop
    monkeypatch.setitem(GENERATE, "heartbeat_timeout", timedelta(seconds=1))
    monkeypatch.setattr(interceptors, "_beat", silence)
    faults = shop.store.faults if moment == "put" else shop.generator.faults
    gate = faults.hold(moment, when_done=True)

    result = await generate(shop)
    gate.open()

    assert (result.state, result.cost) == (GenerationState.MADE, cost)
    assert len(shop.generator.paid) == cost // PRICE


async def test_the_answer_of_a_try_that_was_given_up_too_early_is_used_and_both_are_counted(shop: Shop) -> None:
    """It comes while the next try waits for another one."""
    asked = await wish(shop)
    gate = shop.generator.faults.hold("generate", when_done=True)
    handle = await start(shop, asked)
    await gate.reached.wait()
    shop.store.objects[answer_key(asked.generation_id, 1)] = b"the other one"
    shop.store.faults.fail("put", IntegrityBroken("holds something else"))
    gate.open()

    result = await handle.result()

    assert result.picture is not None
    assert shop.store.objects[result.picture.image.key] == b"clean: the other one"
    assert len(shop.generator.paid) == 1


async def test_a_try_that_fails_after_the_answer_was_kept_pays_nothing_more(shop: Shop) -> None:
    """The first `put` keeps the answer, the second one the picture."""
    gate = shop.store.faults.hold("put", when_done=True)
    handle = await start(shop, await wish(shop))
    await gate.reached.wait()
    shop.store.faults.fail("put", AWAY, times=3)
    gate.open()

    result = await handle.result()

    assert (result.state, result.cost) == (GenerationState.MADE, PRICE)
    assert len(shop.generator.paid) == 1


async def test_a_database_that_is_away_is_waited_for_and_the_picture_not_lost(shop: Shop) -> None:
    shop.generations.faults.fail("begin", DOWN, times=2)
    shop.generations.faults.lose_answer("finish", DOWN, times=2)

    result = await generate(shop)

    assert (result.state, len(shop.generator.paid)) == (GenerationState.MADE, 1)


async def test_the_same_attempt_asked_for_twice_is_one_generation(shop: Shop) -> None:
    asked = await wish(shop)
    gate = shop.generator.faults.hold("generate")
    handles = await asyncio.gather(start(shop, asked), start(shop, asked))
    await gate.reached.wait()
    gate.open()

    results = [await handle.result() for handle in handles]

    assert results[0] == results[1]
    assert len(shop.generator.paid) == 1
    with pytest.raises(WorkflowAlreadyStartedError):
        await start(shop, asked)


async def test_a_cancel_while_the_ai_works_ends_it_with_a_row_that_says_so(shop: Shop) -> None:
    asked = await wish(shop)
    gate = shop.generator.faults.hold("generate")
    handle = await start(shop, asked)
    await gate.reached.wait()

    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    gate.open()

    assert isinstance(failed.value.cause, CancelledError)
    ended = shop.generations.ended[asked.generation_id]
    assert (ended.state, ended.reason, ended.cost) == (GenerationState.FAILED, "canceled", PRICE)


async def test_a_cancel_that_comes_when_the_picture_is_there_takes_nothing_away(shop: Shop) -> None:
    asked = await wish(shop)
    gate = shop.generations.faults.hold("finish", when_done=True)
    handle = await start(shop, asked)
    await gate.reached.wait()

    await handle.cancel()
    gate.open()
    with suppress(WorkflowFailureError):
        await handle.result()

    assert shop.generations.ended[asked.generation_id].state is GenerationState.MADE


@workflow.defn
class _Parent:
    """Has a picture made, as an order or a vending session does."""

    @workflow.run
    async def run(self, asked: GenerateImage) -> GenerationResult:
        return await workflow.execute_child_workflow(
            DesignWorkflow.run, asked, id=design_workflow_id(asked.generation_id), task_queue=ORDERS_TASK_QUEUE
        )


async def test_another_workflow_can_have_a_picture_made_by_its_input_alone(shop: Shop) -> None:
    asked = await wish(shop, client="", session="a session")
    parents = Worker(shop.client, task_queue="parents", workflows=[_Parent], workflow_runner=UnsandboxedWorkflowRunner())
    async with parents:
        result = await shop.client.execute_workflow(_Parent.run, asked, id="parent", task_queue="parents")

    assert result == shop.generations.ended[asked.generation_id]
    assert result.state is GenerationState.MADE


async def test_an_operator_reads_what_happened_and_what_comes_next(shop: Shop) -> None:
    shop.generator.faults.fail("generate", NO_PICTURE)
    first = shop.generator.faults.hold("generate")
    handle = await start(shop, await wish(shop))
    await first.reached.wait()
    second = shop.generator.faults.hold("generate")
    first.open()
    await second.reached.wait()
    before = await details(handle)
    second.open()
    await handle.result()

    assert "NoPicture: words only" in before
    assert "**Next:**" in before
    assert f"**made** for {2 * PRICE}p" in await details(handle)


async def test_a_generation_is_short_to_read(shop: Shop) -> None:
    handle = await start(shop, await wish(shop))
    await handle.result()

    events = (await handle.fetch_history()).events
    scheduled = [event for event in events if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
    assert len(scheduled) == 1
    assert len(events) < 20
    assert all(event.user_metadata.HasField("summary") for event in scheduled)
