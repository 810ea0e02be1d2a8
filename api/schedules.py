"""The schedules: made, and kept as the settings say, by every worker that starts.

The manufacturer's lists are read by one for each machine in service and one for the brands, so that a machine that is ill keeps
no other one from being counted. One more erases what nobody needs. A schedule that an operator has paused stays paused.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from config.groups import RetentionSettings, StockSettings
from models.catalog import Device
from models.errors import ProviderUnavailable
from models.stock import BrandSync, StockSync
from workflows.attributes import MACHINE_ID
from workflows.options import ORDERS_TASK_QUEUE
from workflows.retention import RetentionWorkflow
from workflows.stock import BrandSyncWorkflow, StockSyncWorkflow

STOCK_PREFIX = "stock-"
BRANDS_ID = "brands"
RETENTION_ID = "retention"
SPREAD = 10
"""Each start is put off by up to a tenth of the interval: machines are not all counted in the same second."""
SHORTEST_CATCHUP = timedelta(seconds=10)
"""Temporal's own minimum."""
AFTER_ORDERS = Priority(priority_key=5)
"""The last of five: a manufacturer that is slow to list its shells must not keep orders from being submitted."""
RETRY_PAUSE = timedelta(seconds=5)

log = structlog.get_logger(__name__)


def stock_schedule_id(device_id: str) -> str:
    """Return the id of the schedule that counts a machine."""
    return f"{STOCK_PREFIX}{device_id}"


async def keep_schedules_until_done(
    client: Client,
    devices: Callable[[], Awaitable[Sequence[Device]]],
    settings: StockSettings,
    retention: RetentionSettings,
) -> None:
    """Keep the schedules once, as soon as database and Temporal answer."""
    while True:
        try:
            await keep_schedules(client, await devices(), settings, retention)
        except (ProviderUnavailable, RPCError) as failure:
            log.warning("the schedules are not kept yet", reason=str(failure)[:200])
            await asyncio.sleep(RETRY_PAUSE.total_seconds())
        else:
            return


async def keep_schedules(
    client: Client, devices: Sequence[Device], settings: StockSettings, retention: RetentionSettings
) -> None:
    """Make what is missing, bring the others to these settings, delete those of machines that are gone or out of service.

    A new schedule starts at once for the first time. Harmless to repeat, and while another worker does the same.
    """
    wanted = {stock_schedule_id(device.id): _stock_schedule(device.id, settings) for device in devices if device.is_active}
    others = {BRANDS_ID: _brand_schedule(settings), RETENTION_ID: _retention_schedule(retention)}
    for id_, schedule in {**wanted, **others}.items():
        await _keep(client, id_, schedule)
    async for id_ in _stock_schedules(client):
        if id_ not in wanted:
            await _delete(client, id_)


async def _keep(client: Client, id_: str, schedule: Schedule) -> None:
    def as_wanted(found: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule.state = found.description.schedule.state
        return ScheduleUpdate(schedule)

    try:
        await client.create_schedule(id_, schedule, trigger_immediately=True)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(id_).update(as_wanted)
    else:
        log.info("schedule made", schedule=id_)


async def _delete(client: Client, id_: str) -> None:
    try:
        await client.get_schedule_handle(id_).delete()
    except RPCError as refusal:
        # Another worker was faster.
        if refusal.status is not RPCStatusCode.NOT_FOUND:
            raise
    else:
        log.info("schedule deleted: its machine is not in service", schedule=id_)


async def _stock_schedules(client: Client) -> AsyncIterator[str]:
    async for found in await client.list_schedules():
        if found.id.startswith(STOCK_PREFIX):
            yield found.id


def _stock_schedule(device_id: str, settings: StockSettings) -> Schedule:
    action = ScheduleActionStartWorkflow(
        StockSyncWorkflow.run,
        StockSync(device_id=device_id),
        id=stock_schedule_id(device_id),
        task_queue=ORDERS_TASK_QUEUE,
        priority=AFTER_ORDERS,
        static_summary=f"counts the shells in {device_id}",
        typed_search_attributes=TypedSearchAttributes([SearchAttributePair(MACHINE_ID, device_id)]),
    )
    return _every(settings.interval, action)


def _brand_schedule(settings: StockSettings) -> Schedule:
    action = ScheduleActionStartWorkflow(
        BrandSyncWorkflow.run,
        BrandSync(),
        id=BRANDS_ID,
        task_queue=ORDERS_TASK_QUEUE,
        priority=AFTER_ORDERS,
        static_summary="reads the manufacturer's list of brands",
    )
    return _every(settings.brands_interval, action)


def _retention_schedule(settings: RetentionSettings) -> Schedule:
    action = ScheduleActionStartWorkflow(
        RetentionWorkflow.run,
        settings.policy(),
        id=RETENTION_ID,
        task_queue=ORDERS_TASK_QUEUE,
        priority=AFTER_ORDERS,
        static_summary="erases pictures that nobody needs any more",
    )
    return _every(settings.interval, action)


def _every(interval: timedelta, action: ScheduleActionStartWorkflow) -> Schedule:
    """What was missed is made up for by one, and only within an interval: the next one knows more."""
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=interval)], jitter=interval / SPREAD),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=max(interval, SHORTEST_CATCHUP)),
    )
