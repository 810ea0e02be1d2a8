"""A sync reads what can be read, says what it found, and ends."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError

from config.groups import StockSettings
from models.errors import NeedsPerson, ProviderUnavailable
from models.production import ManufacturerBrand, StockLevel
from models.stock import BrandSync, Difference, DifferenceKind, Findings, ListReading, StockSync, SyncReport
from tests.workflows.shop import Shop
from workflows.options import ORDERS_TASK_QUEUE
from workflows.stock import LIST_NOT_READ, SHOWN_DIFFERENCES, BrandSyncWorkflow, StockSyncWorkflow

DEVICE = "DEV"
DOWN = ProviderUnavailable("device is unavailable", provider="manufacturer")
REFUSED = NeedsPerson("brand does not exist", provider="manufacturer")
SHELL = StockLevel(model_id="MM1", model_name="iPhone 15 Pro", shell_id="MS1", width_mm=69.43, height_mm=145.12, stock=2)
GONE = Difference(kind=DifferenceKind.GONE, subject="MS3", name="iPhone 13")


async def start(shop: Shop) -> WorkflowHandle[Any, SyncReport]:
    return await shop.client.start_workflow(
        StockSyncWorkflow.run, StockSync(device_id=DEVICE), id="stock-DEV", task_queue=ORDERS_TASK_QUEUE
    )


async def fails(handle: WorkflowHandle[Any, SyncReport]) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


async def details(handle: WorkflowHandle[Any, SyncReport]) -> str:
    """What the Web UI shows, also after the end."""
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


async def test_every_brand_is_counted_and_the_result_says_what_was_found(shop: Shop) -> None:
    shop.manufacturer.shelves[DEVICE, "BR1"] = [SHELL]
    shop.stock.findings = Findings(found=(GONE,))

    handle = await start(shop)
    report = await handle.result()

    assert report.readings == (
        ListReading(title="iphone", entries=1, pieces=2, findings=shop.stock.findings),
        ListReading(title="samsung", entries=0, findings=shop.stock.findings),
    )
    assert {count.brand_id for count in shop.stock.counts} == {"iphone", "samsung"}
    assert "- iphone: 1 listed, 2 pieces" in await details(handle)
    assert "- gone: iPhone 13 `MS3`" in await details(handle)


async def test_a_world_that_did_not_change_is_said_in_a_sentence(shop: Shop) -> None:
    handle = await start(shop)
    await handle.result()

    assert "Nothing differs from the time before." in await details(handle)


async def test_what_has_ended_is_told_apart_and_a_long_list_is_cut(shop: Shop) -> None:
    shop.stock.findings = Findings(settled=(GONE,) * SHOWN_DIFFERENCES)

    handle = await start(shop)
    await handle.result()

    shown = await details(handle)
    assert shown.count("- no longer gone: iPhone 13") == SHOWN_DIFFERENCES
    assert f"and {SHOWN_DIFFERENCES} more" in shown


async def test_a_brand_that_is_refused_keeps_no_other_one_from_being_counted(shop: Shop) -> None:
    shop.manufacturer.faults.fail(f"stock {DEVICE} BR1", REFUSED)

    handle = await start(shop)
    failure = await fails(handle)

    assert failure.type == LIST_NOT_READ
    assert "iphone" in failure.message
    assert REFUSED.message in failure.message
    assert "samsung" not in failure.message
    assert [count.brand_id for count in shop.stock.counts] == ["samsung"]
    assert "**not read** iphone" in await details(handle)


async def test_an_outage_that_ends_in_time_is_outlived(shop: Shop) -> None:
    shop.manufacturer.faults.fail(f"stock {DEVICE} BR1", DOWN, times=4)

    report = await (await start(shop)).result()

    assert [reading.title for reading in report.readings] == ["iphone", "samsung"]


async def test_a_machine_that_stays_away_ends_the_sync_before_the_next_one(shop: Shop) -> None:
    shop.manufacturer.faults.fail(f"stock {DEVICE} BR1", DOWN, times=1_000)

    handle = await start(shop)
    failure = await fails(handle)

    events = (await handle.fetch_history()).events
    lasted = events[-1].event_time.ToDatetime() - events[0].event_time.ToDatetime()
    assert DOWN.message in failure.message
    assert timedelta(minutes=2) < lasted < StockSettings().interval
    assert [count.brand_id for count in shop.stock.counts] == ["samsung"]


async def test_a_count_is_as_old_as_its_question_although_it_was_tried_again(shop: Shop) -> None:
    shop.stock.faults.lose_answer("store_stock", DOWN, times=2)

    await (await start(shop)).result()

    ages = {(count.brand_id, count.taken_at) for count in shop.stock.counts}
    assert len(shop.stock.counts) == 4
    assert len(ages) == 2


async def test_a_sync_that_is_canceled_is_canceled(shop: Shop) -> None:
    gate = shop.manufacturer.faults.hold(f"stock {DEVICE} BR1")
    handle = await start(shop)
    await gate.reached.wait()

    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    gate.open()

    assert isinstance(failed.value.cause, CancelledError)


async def test_a_sync_is_short_to_read(shop: Shop) -> None:
    handle = await start(shop)
    await handle.result()

    events = (await handle.fetch_history()).events
    scheduled = [event for event in events if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
    assert len(scheduled) == 3
    assert len(events) < 25
    assert all(event.user_metadata.HasField("summary") for event in scheduled)


async def test_brands_are_read_by_a_sync_of_their_own(shop: Shop) -> None:
    shop.manufacturer.listed_brands = [ManufacturerBrand(brand_id="BR1", name="苹果", english_name="Apple")]
    shop.manufacturer.faults.fail("brands", DOWN, times=2)

    report = await shop.client.execute_workflow(BrandSyncWorkflow.run, BrandSync(), id="brands", task_queue=ORDERS_TASK_QUEUE)

    assert report == SyncReport(readings=(ListReading(title="brands", entries=1),))


async def test_brands_that_cannot_be_read_fail_their_sync(shop: Shop) -> None:
    shop.manufacturer.faults.fail("brands", REFUSED)

    handle = await shop.client.start_workflow(BrandSyncWorkflow.run, BrandSync(), id="brands", task_queue=ORDERS_TASK_QUEUE)

    assert (await fails(handle)).type == LIST_NOT_READ
