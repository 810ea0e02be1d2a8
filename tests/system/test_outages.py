"""Temporal away, the worker away, the API dead: what was answered with 2xx happens all the same, only later."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from dev.process import free_port
from models.order import OrderStatus, order_id_for
from tests.system.case import until
from tests.system.gate import Gate
from tests.system.running import running
from tests.system.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal(temporal_address: str) -> AsyncIterator[Gate]:
    """The wire to Temporal."""
    async with Gate(temporal_address, free_port()) as gate:
        yield gate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(temporal: Gate, shop_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A shop whose wire to Temporal can be cut."""
    namespace = f"system-{uuid.uuid4().hex[:12]}"
    async with running(shop_database_url, temporal.address, namespace, tmp_path_factory.mktemp("shop")) as world:
        yield world


async def test_an_event_that_is_older_than_its_order_is_kept_and_pays_the_order_when_it_exists(world: World):
    await world.stripe.hold_webhooks()
    case = await world.design()
    early = {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "type": "checkout.session.completed",
        "livemode": False,
        "data": {"object": {"id": "cs_test_soon", "object": "checkout.session", "metadata": {"order_id": str(case.order_id)}}},
    }
    assert (await world.send_event(early)).status_code == 200

    async def unmatched() -> bool:
        return bool((await world.inbox())[-1]["state"] == "unmatched")

    await until(unmatched)
    assert await case.row() == {}
    await (await case.checkout()).pay()
    await case.reaches(OrderStatus.TO_SHIP)


async def test_an_event_of_a_session_whose_order_nobody_names_is_kept(world: World):
    stranger = {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "type": "checkout.session.completed",
        "livemode": False,
        "data": {"object": {"id": "cs_test_of_nobody", "object": "checkout.session", "metadata": {}}},
    }
    assert (await world.send_event(stranger)).status_code == 200

    async def unmatched() -> bool:
        return [row["state"] for row in await world.inbox() if row["reference"] == "cs_test_of_nobody"] == ["unmatched"]

    await until(unmatched)


async def test_with_temporal_away_a_webhook_is_taken_and_the_order_goes_on_when_it_is_back(world: World, temporal: Gate):
    await world.stripe.hold_webhooks()
    case = await world.order()
    await temporal.shut()
    await case.pay()
    await world.stripe.release_webhooks()
    deliveries = [entry for entry in await world.stripe.webhooks_settled() if entry["type"] == "checkout.session.completed"]
    assert deliveries[-1].items() >= {"state": "delivered", "attempts": 1, "status": 200}.items()
    assert (await case.row())["status"] == "awaiting_payment"
    async with world.another_api(api={"success_wait": timedelta(milliseconds=300)}) as hurried:
        answer = await case.success(hurried)
    assert (answer.status_code, answer.json()["code"]) == (503, "try_again")

    await temporal.open()
    await case.reaches(OrderStatus.TO_SHIP)
    assert (await case.success()).json()["order_id"] == str(case.order_id)


async def test_an_api_that_dies_right_after_its_2xx_loses_nothing(world: World):
    await world.stripe.hold_webhooks()
    case = await world.paid()
    await world.stop_drainer()
    async with world.another_api() as dying:
        event = await world.stripe_event("checkout.session.completed", case)
        assert (await world.send_event(event, dying)).status_code == 200
    with pytest.raises(httpx.TransportError):
        await dying_again(dying.base_url)
    assert (await case.row())["status"] == "awaiting_payment"

    world.start_drainer()
    await case.reaches(OrderStatus.TO_SHIP)


async def dying_again(url: httpx.URL) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as browser:
        await browser.get("/health")


async def test_a_success_page_alone_brings_a_paid_order_to_the_machine(world: World):
    await world.stripe.hold_webhooks()
    await world.stop_drainer()
    case = await world.paid()
    page = (await case.success()).json()
    assert page["order_id"] == str(order_id_for(case.upload["filename"], 1))
    assert page["status"] == "sent_to_chinese"


async def test_a_webhook_alone_brings_a_paid_order_to_the_machine(world: World):
    case = await world.paid()
    await case.reaches(OrderStatus.TO_SHIP)
