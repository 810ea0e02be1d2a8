"""The storefront asks for an AI picture and gets it, or hears in a sentence why not; whatever it does, nothing is paid twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.generation import GenerationActivities
from adapters.postgres.engine import Database
from adapters.postgres.generations import PostgresGenerations
from adapters.prompts.book import PromptBook
from api.pseudonyms import Pseudonyms
from config.groups import ArtworkSettings
from config.settings import Settings
from config.temporal import connect
from models.errors import GenerationRefused, NoPicture, RefusalCode
from models.generation import GenerateImage, GenerationResult, GenerationState, design_workflow_id
from tests.api.conftest import browser_of, running
from tests.api.world import API, NOW, Clock, MemoryStore, picture
from tests.fakes.generation import FakeCleaner, FakeGenerator
from workflows.design import NOT_MADE, DesignWorkflow
from workflows.options import GENERATION_TASK_QUEUE, MOST_PAID_ANSWERS

MINE = b"the studio's own photo"
FIELDS = {
    "template_id": "retro-remix",
    "style_params": '{"keyword": "noir"}',
    "quality": "low",
    "size": "1024x1536",
}
PATH = "/api/images/generate"
REFUSAL = GenerationRefused("The AI will not make this picture.", provider="gemini", code="IMAGE_SAFETY")
NO_PICTURE = NoPicture("words only", provider="gemini", code="NO_IMAGE")
SOON = ArtworkSettings(generate_wait=timedelta(milliseconds=50))


@dataclass
class Studio:
    """The way of a picture: the front door, a Temporal server, the real database; only the AI is in memory."""

    browser: httpx.AsyncClient
    client: Client
    database: Database
    store: MemoryStore
    generator: FakeGenerator
    clock: Clock
    photo: bytes
    """Nobody else's: all tests share a Temporal server, which forgets no attempt at a wish."""

    async def generate(self, *, photo: bytes | None = MINE, query: str = "", **fields: str) -> httpx.Response:
        photo = self.photo if photo is MINE else photo
        files = {"image": ("photo.png", photo, "image/png")} if photo else {"nothing": (None, "")}
        return await self.browser.post(PATH + query, data={**FIELDS, **fields}, files=files)

    async def rows(self) -> list[dict[str, Any]]:
        async with self.database.connect() as connection:
            answer = await connection.execute(text("SELECT * FROM generations ORDER BY attempt"))
            return [dict(row) for row in answer.mappings()]

    async def ask_until_it_is_there(self, status_url: str) -> httpx.Response:
        for _ in range(500):
            answer = await self.browser.get(status_url)
            if answer.status_code != 202:
                return answer
            await asyncio.sleep(0.02)
        raise AssertionError("it is never there")


@pytest.fixture
def artwork() -> ArtworkSettings:
    """What pictures may cost, and how long a request waits; a test that wants it otherwise is given others."""
    return ArtworkSettings()


@pytest.fixture
async def studio(
    settings: Settings,
    artwork: ArtworkSettings,
    database: Database,
    clock: Clock,
    store: MemoryStore,
    temporal_address: str,
    task_queue: str,
) -> AsyncIterator[Studio]:
    client = await connect(settings.temporal.model_copy(update={"address": temporal_address}))
    generator = FakeGenerator()
    book = PostgresGenerations(database)
    activities = GenerationActivities(store, generator, PromptBook.open(), FakeCleaner(), book, pauses=[])
    steps: list[Callable[..., Any]] = [activities.begin_generation, activities.finish_generation]
    changed = settings.model_copy(update={"artwork": artwork})
    async with (
        Worker(client, task_queue=task_queue, workflows=[DesignWorkflow], activities=steps),
        Worker(client, task_queue=GENERATION_TASK_QUEUE, activities=[activities.generate_image]),
        running(changed, clock, database=database, temporal=client, store=store, task_queue=task_queue) as app,
        browser_of(app) as browser,
    ):
        photo = picture((600, 800), colour=f"#{uuid4().hex[:6]}")
        studio = Studio(browser, client, database, store, generator, clock, photo)
        yield studio
        for row in await studio.rows():
            if row["state"] == GenerationState.STARTED:
                with suppress(RPCError):
                    await client.get_workflow_handle(design_workflow_id(row["id"])).terminate()


async def test_the_answer_is_what_the_storefront_reads_and_its_link_shows_the_picture(studio: Studio) -> None:
    answer = await studio.generate(order_id="the-storefronts-own")

    body = answer.json()
    (row,) = await studio.rows()
    assert answer.status_code == 200, body
    assert body == {
        "success": True,
        "filename": row["picture_name"],
        "file_path": f"/image/{row['picture_name']}",
        "prompt": studio.generator.paid[0].text,
        "template_id": "retro-remix",
        "style_params": {"keyword": "noir"},
        "order_id": "the-storefronts-own",
        "public_url": body["public_url"],
    }
    shown = await studio.browser.get(body["public_url"].removeprefix(API))
    assert shown.content == b"clean: made of " + (studio.generator.paid[0].photo or b"") + body["prompt"].encode()
    assert (row["state"], row["cost"], row["channel"]) == ("made", 11, "web")


async def test_the_ai_works_from_the_photo_as_it_was_made_safe(studio: Studio) -> None:
    await studio.generate()

    (row,) = await studio.rows()
    data, _ = studio.store.objects[f"photos/{row['photo_sha256']}.png"]
    assert studio.generator.paid[0].photo == data


@pytest.mark.parametrize("photo", [None, b""], ids=["none", "empty"])
async def test_a_photo_is_optional(studio: Studio, photo: bytes | None) -> None:
    style = json.dumps({"keyword": uuid4().hex})
    assert (await studio.generate(photo=photo, style_params=style)).status_code == 200
    assert studio.generator.paid[0].photo is None


async def test_the_same_request_twice_at_once_is_one_picture_that_is_paid_once(studio: Studio) -> None:
    gate = studio.generator.faults.hold("generate")
    waiting = [asyncio.ensure_future(studio.generate()) for _ in range(3)]
    await gate.reached.wait()
    gate.open()

    answers = await asyncio.gather(*waiting)

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["filename"] for answer in answers}) == 1
    assert len(studio.generator.paid) == 1


async def test_an_impatient_second_click_gets_the_same_picture_and_a_later_one_another(studio: Studio) -> None:
    first = await studio.generate()
    second = await studio.generate(quality="high", size="auto")
    studio.clock.now = datetime.now(UTC) + timedelta(seconds=61)
    third = await studio.generate()

    assert first.json()["filename"] == second.json()["filename"] != third.json()["filename"]
    assert len(studio.generator.paid) == 2
    assert [row["attempt"] for row in await studio.rows()] == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"style_params": '{"keyword": "pop"}'},
        {"template_id": "glitch-pro", "style_params": '{"style": "Chaos"}'},
        {"photo": picture((600, 801))},
        {"session_id": "a session"},
    ],
    ids=["style", "template", "photo", "session"],
)
async def test_another_wish_is_another_picture(studio: Studio, change: dict[str, Any]) -> None:
    await studio.generate()
    await studio.generate(**change)

    assert len(studio.generator.paid) == 2
    assert [row["attempt"] for row in await studio.rows()] == [1, 1]


async def test_a_refusal_is_told_in_clear_text_and_a_repeat_asks_anew(studio: Studio) -> None:
    studio.generator.faults.fail("generate", REFUSAL)
    refused = await studio.generate()
    made = await studio.generate()

    assert (refused.status_code, refused.json()["detail"]) == (422, REFUSAL.message)
    assert refused.json()["code"] == RefusalCode.GENERATION_REFUSED
    assert made.status_code == 200
    assert [(row["state"], row["attempt"]) for row in await studio.rows()] == [("refused", 1), ("made", 2)]


async def test_a_failure_may_be_repeated_and_is_a_new_attempt(studio: Studio) -> None:
    studio.generator.faults.fail("generate", NO_PICTURE, times=MOST_PAID_ANSWERS)
    failed = await studio.generate()
    made = await studio.generate()

    assert (failed.status_code, failed.json()["detail"]) == (503, NOT_MADE)
    assert "Retry-After" in failed.headers
    assert made.status_code == 200
    assert [row["cost"] for row in await studio.rows()] == [11 * MOST_PAID_ANSWERS, 11]


@pytest.mark.parametrize("artwork", [ArtworkSettings(per_client_and_day=1)])
async def test_a_spent_budget_is_429_with_what_to_do_and_when(studio: Studio) -> None:
    await studio.generate()
    over = await studio.generate(style_params='{"keyword": "pop"}')
    again = await studio.generate(style_params='{"keyword": "pop"}')

    assert over.status_code == again.status_code == 429
    assert over.json()["code"] == RefusalCode.BUDGET_SPENT
    assert "come back tomorrow" in over.json()["detail"]
    assert 86_300 < int(over.headers["Retry-After"]) <= 86_400
    assert len(studio.generator.paid) == 1


@pytest.mark.parametrize("artwork", [ArtworkSettings(per_session=1)])
async def test_a_sessions_budget_is_its_own_wherever_the_session_is_named(studio: Studio) -> None:
    await studio.generate(session_id="one")
    over = await studio.generate(style_params='{"keyword": "pop"}', query="?session_id=one")
    other = await studio.generate(session_id="two")

    assert (over.status_code, other.status_code) == (429, 200)
    assert "Retry-After" not in over.headers


@pytest.mark.parametrize("artwork", [ArtworkSettings(daily_spend=11)])
async def test_the_spend_breaker_stops_everybody(studio: Studio) -> None:
    health = (await studio.browser.get("/health")).json()
    await studio.generate()
    over = await studio.generate(session_id="somebody else")

    assert health["artwork"] == "ok"
    assert (over.status_code, len(studio.generator.paid)) == (429, 1)


@pytest.mark.parametrize("artwork", [ArtworkSettings(daily_spend=1)])
async def test_health_says_that_nothing_is_left_to_spend(studio: Studio) -> None:
    report = (await studio.browser.get("/health")).json()
    assert (report["artwork"], report["status"]) == ("spent", "degraded")


@pytest.mark.parametrize("artwork", [SOON])
async def test_what_takes_long_is_202_with_an_address_that_answers_the_same_when_it_is_there(studio: Studio) -> None:
    gate = studio.generator.faults.hold("generate")
    answer = await studio.generate(order_id="7 & more")
    await gate.reached.wait()
    status_url = answer.json()["status_url"]
    still = await studio.browser.get(status_url)
    again = await studio.generate(order_id="7 & more")
    gate.open()
    there = await studio.ask_until_it_is_there(status_url)
    repeated = await studio.generate(order_id="7 & more")

    assert answer.status_code == still.status_code == again.status_code == 202
    assert answer.json() == still.json() == again.json() == {"status": "generating", "status_url": status_url}
    assert answer.headers["Retry-After"] == still.headers["Retry-After"]
    assert there.status_code == repeated.status_code == 200
    assert there.json() == repeated.json()
    assert there.json()["order_id"] == "7 & more"
    assert len(studio.generator.paid) == 1


@pytest.mark.parametrize("artwork", [SOON])
@pytest.mark.parametrize(
    ("failures", "status", "detail"), [([REFUSAL], 422, REFUSAL.message), ([NO_PICTURE] * MOST_PAID_ANSWERS, 410, NOT_MADE)]
)
async def test_what_was_refused_or_failed_after_a_while_is_told_at_the_address(
    studio: Studio, failures: list[Exception], status: int, detail: str
) -> None:
    gate = studio.generator.faults.hold("generate")
    answer = await studio.generate()
    await gate.reached.wait()
    for failure in failures:
        studio.generator.faults.fail("generate", failure)
    gate.open()
    ended = await studio.ask_until_it_is_there(answer.json()["status_url"])

    assert (ended.status_code, ended.json()["detail"]) == (status, detail)


@pytest.mark.parametrize("artwork", [SOON])
async def test_an_attempt_that_somebody_ended_by_force_does_not_stand_in_the_way_of_the_next(studio: Studio) -> None:
    gate = studio.generator.faults.hold("generate")
    answer = await studio.generate()
    await gate.reached.wait()
    (row,) = await studio.rows()
    await studio.client.get_workflow_handle(design_workflow_id(row["id"])).terminate()
    gate.open()
    next_one = await studio.generate()
    made = next_one if next_one.status_code == 200 else await studio.ask_until_it_is_there(next_one.json()["status_url"])
    studio.clock.pass_by(timedelta(hours=1))

    assert made.status_code == 200
    assert (await studio.browser.get(answer.json()["status_url"])).status_code == 410
    assert [(row["attempt"], row["state"]) for row in await studio.rows()] == [(1, "started"), (2, "made")]


async def test_nothing_that_is_kept_says_who_asked(studio: Studio) -> None:
    await studio.generate(session_id="the-secret-of-a-session")

    (row,) = await studio.rows()
    described = await studio.client.get_workflow_handle(design_workflow_id(row["id"])).describe()
    kept = json.dumps([{name: str(value) for name, value in row.items()}, described.id])
    assert "127.0.0.1" not in kept
    assert "the-secret-of-a-session" not in kept
    assert len(row["client"]) == 32
    assert len(row["session"]) == 64


@pytest.mark.parametrize(("fields", "priority"), [({}, 3), ({"session_id": "s"}, 1)], ids=["web", "machine"])
async def test_whoever_stands_at_a_machine_is_served_first(studio: Studio, fields: dict[str, Any], priority: int) -> None:
    await studio.generate(**fields)

    (row,) = await studio.rows()
    history = await studio.client.get_workflow_handle(design_workflow_id(row["id"])).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.priority.priority_key == priority


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"style_params": "{"}, 400, "not valid JSON"),
        ({"style_params": "[" * 100_000}, 400, "not valid JSON"),
        ({"style_params": '["noir"]'}, 400, "must be a JSON object"),
        ({"style_params": '{"keyword": {"a": 1}}'}, 400, "must be a JSON object"),
        ({"template_id": "glitch-pro"}, 422, "choose one of: Retro, Chaos"),
        ({"template_id": "classic"}, 422, "has no picture made by AI"),
        ({"style_params": ""}, 422, "`style_params` is missing"),
        ({"template_id": ""}, 422, "`template_id` is missing"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_in_a_sentence(
    studio: Studio, fields: dict[str, Any], status: int, words: str
) -> None:
    answer = await studio.generate(**fields)

    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert not studio.store.objects
    assert not await studio.rows()


async def test_numbers_and_nothings_among_the_style_parameters_are_taken_as_they_are_meant(studio: Studio) -> None:
    answer = await studio.generate(style_params='{"keyword": "noir", "optional_text": 2026, "style": null}')
    assert answer.json()["style_params"] == {"keyword": "noir", "optional_text": "2026"}


async def test_a_photo_that_is_none_is_refused_before_anything_is_asked(studio: Studio) -> None:
    answer = await studio.generate(photo=b"GIF89a, and nothing more")

    assert answer.status_code == 422
    assert "GIF" in answer.json()["detail"]
    assert not await studio.rows()


async def test_another_body_than_a_form_is_refused(browser: httpx.AsyncClient) -> None:
    assert (await browser.post(PATH, json=FIELDS)).status_code == 422


async def test_without_temporal_the_answer_is_to_try_again(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(PATH, data=FIELDS, files={"image": ("photo.png", picture((600, 800)), "image/png")})

    assert answer.status_code == 503
    assert answer.json()["detail"]
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize("handle", ["0" * 64, "x", "é" * 64, "0d9e2c1b-7a44-4c1f-9d0a-2f4f6e1c8b35"])
async def test_nobody_finds_a_picture_by_guessing(browser: httpx.AsyncClient, handle: str) -> None:
    assert (await browser.get(f"/api/images/generations/{handle}")).status_code == 404


async def begun(database: Database, *, at: datetime = NOW) -> GenerateImage:
    """A generation that Temporal does not know, or not any more."""
    wish = GenerateImage(generation_id=uuid4(), subject="0" * 64, attempt=1, template_id="retro-remix", at=at)
    await PostgresGenerations(database).begin(wish)
    return wish


@pytest.fixture
def handle_of(settings: Settings) -> Any:
    """How a generation is asked after."""
    return partial(_handle, Pseudonyms(settings.image_link.keys, ()))


def _handle(pseudonyms: Pseudonyms, generation_id: UUID) -> str:
    return f"/api/images/generations/{pseudonyms.handle(generation_id)}"


async def test_a_row_answers_when_temporal_has_forgotten_or_is_away(
    browser: httpx.AsyncClient, database: Database, handle_of: Any
) -> None:
    wish = await begun(database)
    running_still = await browser.get(handle_of(wish.generation_id))
    refusal = GenerationResult(state=GenerationState.REFUSED, reason="No.", code=RefusalCode.BUDGET_SPENT)
    await PostgresGenerations(database).finish(wish, refusal, at=NOW)
    refused = await browser.get(handle_of(wish.generation_id))

    assert running_still.status_code == 202
    assert (refused.status_code, refused.json()["detail"]) == (429, "No.")


async def test_what_never_ended_is_asked_after_and_not_waited_for_without_end(
    studio: Studio, database: Database, handle_of: Any
) -> None:
    wish = await begun(database)
    studio.clock.pass_by(timedelta(hours=1))

    assert (await studio.browser.get(handle_of(wish.generation_id))).status_code == 410
    assert (await studio.browser.get(handle_of(uuid4()))).status_code == 404
    await PostgresGenerations(database).finish(wish, GenerationResult(state=GenerationState.FAILED, reason=NOT_MADE), at=NOW)
