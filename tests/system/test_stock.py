"""The shelf: counted by schedule, sold by the newest count less what is held, and never sold twice whatever the count's age."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleOverlapPolicy, WorkflowFailureError

from adapters.manufacturer.client import connect as manufacturer_client
from adapters.postgres.catalog import CatalogReader
from api.schedules import keep_schedules, stock_schedule_id
from models.order import OrderStatus
from models.production import ManufacturerOrderStatus
from tests.system.case import Case, until
from tests.system.shelf import (
    AIR,
    ANNA,
    IPHONE_13,
    MINI,
    PRO_MAX_15,
    PRO_MAX_17,
    XS_MAX,
    Phone,
    SlowCount,
    buy,
    design,
    fill,
    give_up,
    left,
    shelf,
    sold_out,
    sync,
)
from tests.system.storefront import DEFAULT_DEVICE
from tests.system.world import World
from workflows.order import OrderWorkflow

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(loop_scope="module")
async def slow_count(world: World) -> AsyncIterator[SlowCount]:
    async with manufacturer_client(world.settings.manufacturer) as partner:
        yield SlowCount(world, partner)


class TestSchedule:
    async def test_counts_every_machine_and_a_trigger_counts_it_again(self, world: World):
        devices = await CatalogReader(world.rows_database).devices()
        await keep_schedules(world.client, devices, world.settings.stock, world.settings.retention)

        async def all_counted() -> bool:
            rows = await world.rows("SELECT device_id, brand_id FROM snapshots WHERE taken_at IS NOT NULL")
            lists = {(row["device_id"], row["brand_id"]) for row in rows}
            machines = {(device.id, brand) for device in devices for brand in ("iphone", "samsung", "google")}
            return lists >= {*machines, (None, None)}

        await until(all_counted)
        await fill(world, AIR, 7, counted=False)
        schedule = world.client.get_schedule_handle(stock_schedule_id(DEFAULT_DEVICE))
        await schedule.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)

        async def counted_again() -> bool:
            return await shelf(world, AIR) == (7, 0)

        await until(counted_again)
        run = (await schedule.describe()).info.recent_actions[-1].action
        assert isinstance(run, ScheduleActionExecutionStartWorkflow)
        description = await world.client.get_workflow_handle(run.workflow_id).describe()
        assert await description.static_summary() == f"counts the shells in {DEFAULT_DEVICE}"
        assert await world.rows("SELECT 1 FROM catalogue_differences") == []

    async def test_a_machine_that_is_not_ours_fails_alone(self, world: World):
        await world.execute(
            "INSERT INTO devices (id, name, location, is_default, is_active) VALUES ('STRANGER0001', 'x', 'x', false, true)"
        )

        with pytest.raises(WorkflowFailureError) as failed:
            await sync(world, "STRANGER0001")
        report = await sync(world)

        assert "No permission to access the current device" in str(failed.value.cause)
        assert [reading.title for reading in report.readings] == ["iphone", "samsung", "google"]
        rows = await world.rows("SELECT taken_at, failure FROM snapshots WHERE device_id = 'STRANGER0001'")
        assert len(rows) == 3
        assert all(row["taken_at"] is None and "No permission" in row["failure"] for row in rows)


class TestStorefront:
    async def test_lists_and_sells_while_the_manufacturer_is_down(self, world: World):
        await sync(world)
        await world.manufacturer.fault("*", "down", times=None)

        brands = (await world.browser.get("/api/brands")).json()["brands"]
        models = (await world.browser.get("/api/brands/iphone/models")).json()["models"]
        stock = (await world.browser.get(f"/api/chinese/stock/{DEFAULT_DEVICE}/{brands[0]['chinese_brand_id']}")).json()
        case = await (await design(world, PRO_MAX_15)).checkout()

        assert next(model for model in models if model["name"] == PRO_MAX_15.name)["stock"] > 0
        assert datetime.now(UTC) - datetime.fromisoformat(stock["counted_at"]) < timedelta(minutes=2)
        assert case.checkout_url

    async def test_sells_by_a_count_of_yesterday_and_health_says_how_old_it_is(self, world: World):
        for device in await CatalogReader(world.rows_database).devices():
            if device.id != "STRANGER0001":
                await sync(world, device.id)
        await world.execute("UPDATE devices SET is_active = false WHERE id = 'STRANGER0001'")
        async with world.another_api() as browser:
            fresh = (await browser.get("/health")).json()
        world.clock.ahead = timedelta(days=1)

        async with world.another_api() as browser:
            stale = (await browser.get("/health")).json()
            answer = await (await design(world, PRO_MAX_15)).ask_checkout(browser)

        assert (fresh["status"], fresh["stock"]) == ("healthy", "ok")
        assert (stale["status"], stale["stock"]) == ("degraded", "stale")
        assert answer.status_code == 200


class TestTheLastShell:
    async def test_fifty_buyers_at_once_of_two_shells_are_two_orders_and_forty_eight_refusals(self, world: World):
        await fill(world, XS_MAX, 2)
        cases = [await design(world, XS_MAX) for _ in range(50)]

        answers = await asyncio.gather(*(case.ask_checkout() for case in cases))

        assert Counter(answer.status_code for answer in answers) == {200: 2, 409: 48}
        winners = [case for case, answer in zip(cases, answers, strict=True) if answer.status_code == 200]
        for answer in answers:
            if answer.status_code != 200:
                sold_out(answer, XS_MAX)
        ours = {str(case.order_id) for case in cases}
        sessions = {session["client_reference_id"] for session in await world.stripe_objects("checkout/sessions")}
        assert sessions & ours == {str(case.order_id) for case in winners}
        assert await shelf(world, XS_MAX) == (2, 2)

        for case, answer in zip(cases, answers, strict=True):
            if answer.status_code == 200:
                case.session_id = answer.json()["session_id"]
                await case.pay()
                await case.reaches(OrderStatus.TO_SHIP)
        paid = {entry["client_reference_id"] for entry in await world.stripe.ledger() if entry.get("client_reference_id") in ours}
        assert paid == {str(case.order_id) for case in winners}
        assert len(await world.rows("SELECT 1 FROM orders WHERE shell_id = :shell", shell=XS_MAX.shell_id)) == 2
        assert await left(world, XS_MAX) == 0

    async def test_an_old_count_does_not_sell_what_was_bought_since(self, world: World):
        """The machine is empty, and the count that we sell by still says 1."""
        await fill(world, MINI, 1)
        await buy(world, MINI)

        assert (await left(world, MINI), await shelf(world, MINI)) == (0, (1, 1))
        sold_out(await (await design(world, MINI)).ask_checkout(), MINI)

        await sync(world)
        assert await shelf(world, MINI) == (0, 0)
        sold_out(await (await design(world, MINI)).ask_checkout(), MINI)

        await fill(world, MINI, 1)
        await give_up(await (await design(world, MINI)).checkout())

    async def test_only_a_count_asked_for_after_the_pick_ends_the_hold(self, world: World, slow_count: SlowCount):
        """The machine answered before the shell was picked up, and the answer was on its way for a while."""
        await fill(world, PRO_MAX_17, 1)
        counting = await slow_count.begin()
        await buy(world, PRO_MAX_17)
        await slow_count.arrive(counting)

        assert (await left(world, PRO_MAX_17), await shelf(world, PRO_MAX_17)) == (0, (1, 1))
        sold_out(await (await design(world, PRO_MAX_17)).ask_checkout(), PRO_MAX_17)

        await slow_count.arrive(await slow_count.begin())
        assert await shelf(world, PRO_MAX_17) == (0, 0)
        sold_out(await (await design(world, PRO_MAX_17)).ask_checkout(), PRO_MAX_17)

    async def test_a_shell_that_was_spoiled_is_not_sold_by_a_count_of_before(self, world: World):
        """The print fails after the pick, the customer gets the money back, and the shell is in the bin."""
        await fill(world, AIR, 1)
        await world.manufacturer.call("PUT", "/clock", {"frozen": True})
        case = await (await (await design(world, AIR)).checkout()).pay()
        reference = (await case.reaches(OrderStatus.IN_PRODUCTION))["print_reference"]
        for _ in range(2):
            await world.manufacturer.call("POST", f"/orders/{reference}/advance")
        failed = {"status": ManufacturerOrderStatus.PRINT_FAILED.value}
        await world.manufacturer.call("PUT", f"/orders/{reference}/status", failed)
        await case.reaches(OrderStatus.ON_HOLD)
        await case.tell(OrderWorkflow.cancel, ANNA)
        assert (await case.ends()).status is OrderStatus.CANCELED

        assert await left(world, AIR) == 0
        sold_out(await (await design(world, AIR)).ask_checkout(), AIR)
        await sync(world)
        assert await shelf(world, AIR) == (0, 0)
        sold_out(await (await design(world, AIR)).ask_checkout(), AIR)

    async def test_an_order_that_nobody_pays_gives_its_shell_back_at_once(self, world: World):
        await fill(world, IPHONE_13, 1)
        case = await (await design(world, IPHONE_13)).checkout()
        sold_out(await (await design(world, IPHONE_13)).ask_checkout(), IPHONE_13)

        await give_up(case)

        assert await shelf(world, IPHONE_13) == (1, 0)
        await (await design(world, IPHONE_13)).checkout()


@pytest.mark.parametrize("phone", [XS_MAX, MINI, AIR, PRO_MAX_17], ids=lambda phone: phone.name)
@pytest.mark.parametrize("line", ["answers at once", "answers after the next pick"])
async def test_counting_all_the_time_while_everybody_buys_sells_each_shell_once(
    world: World, slow_count: SlowCount, phone: Phone, line: str
):
    """Three shells, waves of buyers, cases that are printed meanwhile, and three counts under way at every moment."""
    refused_before = len(await world.manufacturer.ledger("call_refused"))
    await fill(world, phone, 0)
    await fill(world, phone, 3)
    before = await shelf(world, phone)
    assert before == (3, 0)
    done = asyncio.Event()

    async def picks() -> int:
        (row,) = await world.rows("SELECT count(picked_up_at) AS n FROM stock_holds")
        return int(row["n"])

    async def count_all_the_time() -> None:
        while not done.is_set():
            if line == "answers at once":
                await sync(world)
                continue
            before = await picks()
            counting = await slow_count.begin()
            while await picks() == before and not done.is_set():
                pass
            await slow_count.arrive(counting)

    async def try_to_buy() -> Case | None:
        case = await design(world, phone)
        answer = await case.ask_checkout()
        if answer.status_code != 200:
            sold_out(answer, phone)
            return None
        case.session_id = answer.json()["session_id"]
        return await case.pay()

    counting = [asyncio.create_task(count_all_the_time()) for _ in range(3)]
    outcomes = [case for _ in range(5) for case in await asyncio.gather(*(try_to_buy() for _ in range(2)))]
    bought = [case for case in outcomes if case is not None]
    for case in bought:
        await case.reaches(OrderStatus.TO_SHIP)
    late = [await try_to_buy() for _ in range(3)]
    done.set()
    await asyncio.gather(*counting)

    assert (len(bought), late) == (3, [None] * 3)
    assert len(await world.manufacturer.ledger("call_refused")) == refused_before
    await sync(world)
    assert (await left(world, phone), await shelf(world, phone)) == (0, (0, 0))
