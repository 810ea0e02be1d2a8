"""Health says what can be used and nothing about how it is reached."""

import asyncio

import httpx
import pytest

from api.health import Condition, Health
from models.errors import ProviderUnavailable
from tests.api.world import MemoryStore


async def answers() -> None:
    return None


async def fails() -> None:
    raise ProviderUnavailable("postgresql://admin:hunter2@10.0.0.1 refused", provider="postgres")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_without_temporal_we_are_degraded_and_still_answer_from_the_database(browser: httpx.AsyncClient):
    answer = await browser.get("/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "database": "ok", "temporal": "unavailable", "object_store": "ok"}
    assert (await browser.get("/api/brands")).status_code == 200


async def test_without_the_database_we_cannot_serve_and_say_no_more(stranded: httpx.AsyncClient, store: MemoryStore):
    store.outage = ProviderUnavailable("https://key:secret@bucket", provider="r2")

    answer = await stranded.get("/health")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "database": "unavailable",
        "temporal": "unavailable",
        "object_store": "unavailable",
    }


@pytest.mark.parametrize(
    ("database", "temporal", "expected"),
    [
        (answers, answers, Condition.HEALTHY),
        (answers, fails, Condition.DEGRADED),
        (answers, hangs, Condition.DEGRADED),
        (fails, answers, Condition.UNAVAILABLE),
        (hangs, answers, Condition.UNAVAILABLE),
    ],
)
async def test_the_condition_follows_from_who_answers(database, temporal, expected: Condition):
    health = Health({"database": database, "temporal": temporal}, patience=0.01)

    assert (await health.report()).condition is expected


async def test_an_answer_is_given_again_for_a_few_seconds_however_many_ask():
    calls = []
    now = [0.0]

    async def counted() -> None:
        calls.append(now[0])

    health = Health({"database": counted}, now=lambda: now[0])

    await asyncio.gather(*(health.report() for _ in range(20)))
    now[0] = 4.9
    await health.report()
    assert calls == [0.0]

    now[0] = 5.0
    await health.report()
    assert calls == [0.0, 5.0]


async def test_the_root_says_that_somebody_is_here(stranded: httpx.AsyncClient):
    body = (await stranded.get("/")).json()

    assert (body["message"], body["status"]) == ("PimpMyCase API", "active")
