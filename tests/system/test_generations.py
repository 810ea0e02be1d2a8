"""AI pictures over the real Temporal, the real SDK and real sockets: what the customer gets, and what was paid for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from adapters.postgres.engine import Database
from tests.system.atelier import GENERATE, Atelier, atelier, photo
from worker import build_workers

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUEUES = ("orders", "generation")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    shop_database_url: str, temporal_address: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Atelier]:
    """Everything, with a worker in this process."""
    folder = tmp_path_factory.mktemp("atelier")
    async with (
        atelier(shop_database_url, temporal_address, folder, ARTWORK_GENERATE_WAIT="2s") as house,
        AsyncExitStack() as stack,
    ):
        worker = house.settings.worker.model_copy(update={"task_queues": QUEUES})
        settings = house.settings.model_copy(update={"worker": worker})
        database = Database.connect_to(settings.database, application_name="worker")
        stack.push_async_callback(database.dispose)
        for one in await build_workers(settings, house.client, database, stack):
            await stack.enter_async_context(one)
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def studio(house: Atelier) -> AsyncIterator[Atelier]:
    """The same on an ordinary day."""
    yield house
    await house.calm()


async def test_a_picture_is_made_and_its_link_shows_it(studio: Atelier) -> None:
    answer = await studio.generate()

    assert answer.status_code == 200, answer.text
    body = answer.json()
    shown = await studio.browser.get(body["public_url"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert body["style_params"] == {"keyword": "80s Neon"}
    assert (await studio.paid(), await studio.cost_of(body["filename"])) == (1, studio.settings.artwork.price)


async def test_a_refusal_is_422_and_nobody_is_asked_again(studio: Atelier) -> None:
    await studio.gemini.fault(GENERATE, "refused", detail={"reason": "IMAGE_SAFETY", "text": "I would rather not."})
    answer = await studio.generate()

    assert (answer.status_code, answer.json()["code"]) == (422, "generation_refused")
    assert "choose another" in answer.json()["detail"]
    assert await studio.paid() == 1


async def test_a_quota_is_waited_out(studio: Atelier) -> None:
    await studio.gemini.fault(GENERATE, "quota", detail={"seconds": 0.3})
    answer = await studio.generate()

    assert answer.status_code == 200
    assert await studio.paid() == 1


async def test_words_without_a_picture_are_paid_for_and_another_answer_is_asked_for(studio: Atelier) -> None:
    await studio.gemini.fault(GENERATE, "text_only")
    answer = await studio.generate()

    assert answer.status_code == 200
    assert await studio.paid() == 2
    assert await studio.cost_of(answer.json()["filename"]) == 2 * studio.settings.artwork.price


async def test_an_answer_that_breaks_off_is_counted_as_paid_and_asked_for_again(studio: Atelier) -> None:
    await studio.gemini.fault(GENERATE, "answer_lost")
    answer = await studio.generate()

    assert answer.status_code == 200
    assert await studio.paid() == 2
    assert await studio.cost_of(answer.json()["filename"]) == 2 * studio.settings.artwork.price


async def test_the_same_wish_twice_at_once_is_paid_once(studio: Atelier) -> None:
    same = photo()
    answers = await asyncio.gather(*(studio.generate(same) for _ in range(4)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["filename"] for answer in answers}) == 1
    assert await studio.paid() == 1


async def test_an_answer_whose_storing_was_not_confirmed_is_not_paid_for_again(studio: Atelier) -> None:
    """The photo is stored first; then the bucket takes the answer and does not say so."""
    await studio.s3.fault("PUT", "answer_lost", after=1)
    answer = await studio.generate()

    assert answer.status_code == 200
    assert (await studio.paid(), await studio.cost_of(answer.json()["filename"])) == (1, studio.settings.artwork.price)


async def test_an_answer_that_is_no_picture_is_paid_for_and_another_one_is_asked_for(studio: Atelier) -> None:
    await studio.gemini.fault(GENERATE, "malformed")
    answer = await studio.generate()

    assert answer.status_code == 200
    assert (await studio.paid(), await studio.cost_of(answer.json()["filename"])) == (2, 2 * studio.settings.artwork.price)


async def test_what_takes_longer_than_a_request_waits_is_there_later(studio: Atelier) -> None:
    same = photo()
    await studio.gemini.fault(GENERATE, "slow", delay_s=2.5)
    asked = await studio.ask(same)
    answer = await studio.until_there(asked.json()["status_url"])
    again = await studio.generate(same)

    assert (asked.status_code, answer.status_code) == (202, 200)
    assert answer.json()["filename"] == again.json()["filename"]
    assert await studio.paid() == 1
