"""The schedules are made once, follow the settings and the machines in service, and leave to operators what is theirs."""

import asyncio
import base64
import uuid
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleDescription, ScheduleOverlapPolicy
from temporalio.service import RPCError, RPCStatusCode

from api import schedules
from api.schedules import BRANDS_ID, RETENTION_ID, keep_schedules, keep_schedules_until_done, stock_schedule_id
from config.groups import RetentionSettings, StockSettings, TemporalSettings
from config.temporal import connect
from models.catalog import Device
from models.errors import ProviderUnavailable
from models.retention import RetentionPolicy
from models.stock import StockSync
from tests.system.case import until
from tests.system.running import new_namespace
from workflows.options import ORDERS_TASK_QUEUE

SETTINGS = StockSettings()
RETENTION = RetentionSettings()
NEW_KEY, OLD_KEY = (f"{name}:{base64.b64encode(name[:1].encode() * 32).decode()}" for name in ("new", "old"))


def device(name: str, *, is_active: bool = True) -> Device:
    return Device(id=name, name=name, location="London", is_default=False, is_active=is_active)


ONE, TWO = device("ONE"), device("TWO")


@pytest.fixture
async def settings(temporal_address: str) -> TemporalSettings:
    """A namespace of this test's own; nobody serves its task queues."""
    namespace = f"schedules-{uuid.uuid4().hex[:12]}"
    await new_namespace(temporal_address, namespace)
    return TemporalSettings.model_validate({"address": temporal_address, "namespace": namespace, "codec_keys": OLD_KEY})


@pytest.fixture
async def client(settings: TemporalSettings) -> Client:
    return await connect(settings)


async def described(client: Client, device: Device) -> ScheduleDescription:
    return await client.get_schedule_handle(stock_schedule_id(device.id)).describe()


async def ids(client: Client) -> set[str]:
    return {found.id async for found in await client.list_schedules()}


async def listed(client: Client, *expected: str) -> None:
    """Wait until the list, which lags behind, says so."""

    async def found() -> bool:
        return await ids(client) == set(expected)

    await until(found, what=f"schedules {expected}")


async def test_every_machine_in_service_has_one_and_the_brands_have_one(client: Client):
    await keep_schedules(client, [ONE, TWO, device("AWAY", is_active=False)], SETTINGS, RETENTION)

    await listed(client, "stock-ONE", "stock-TWO", BRANDS_ID, RETENTION_ID)
    schedule = (await described(client, ONE)).schedule
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    assert (schedule.action.workflow, schedule.action.task_queue) == ("StockSyncWorkflow", ORDERS_TASK_QUEUE)
    assert schedule.action.priority.priority_key == 5
    assert schedule.spec.intervals[0].every == SETTINGS.interval
    assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert schedule.policy.catchup_window == SETTINGS.interval
    brands = await client.get_schedule_handle(BRANDS_ID).describe()
    assert brands.schedule.spec.intervals[0].every == SETTINGS.brands_interval


async def test_what_nobody_needs_is_erased_by_one_that_says_how_long_things_are_kept(client: Client):
    settings = RetentionSettings(orders=timedelta(days=90), interval=timedelta(hours=12))
    await keep_schedules(client, [], SETTINGS, settings)

    schedule = (await client.get_schedule_handle(RETENTION_ID).describe()).schedule
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    assert (schedule.action.workflow, schedule.action.task_queue) == ("RetentionWorkflow", ORDERS_TASK_QUEUE)
    (argument,) = await client.data_converter.decode(schedule.action.args, [RetentionPolicy])
    assert argument == RetentionPolicy(orders=timedelta(days=90))
    assert schedule.spec.intervals[0].every == timedelta(hours=12)


async def test_a_new_one_begins_at_once_and_keeping_it_begins_nothing(client: Client):
    """A new machine sells within seconds; a worker that is restarted again and again asks nobody for it."""
    await keep_schedules(client, [ONE], SETTINGS, RETENTION)

    async def begun() -> bool:
        return (await described(client, ONE)).info.num_actions == 1

    await until(begun)
    for _ in range(3):
        await keep_schedules(client, [ONE], SETTINGS, RETENTION)
    info = (await described(client, ONE)).info
    assert (info.num_actions, len(info.running_actions)) == (1, 1)


async def test_another_interval_is_taken_over(client: Client):
    await keep_schedules(client, [ONE], SETTINGS, RETENTION)
    often = StockSettings(interval=timedelta(seconds=5))

    await keep_schedules(client, [ONE], often, RETENTION)

    schedule = (await described(client, ONE)).schedule
    assert [interval.every for interval in schedule.spec.intervals] == [often.interval]
    assert schedule.policy.catchup_window == timedelta(seconds=10)


async def test_what_an_operator_has_paused_stays_paused(client: Client):
    await keep_schedules(client, [ONE, TWO], SETTINGS, RETENTION)
    await client.get_schedule_handle(stock_schedule_id("ONE")).pause(note="the machine is being moved")

    await keep_schedules(client, [ONE, TWO], StockSettings(interval=timedelta(minutes=1)), RETENTION)

    state = (await described(client, ONE)).schedule.state
    assert (state.paused, state.note) == (True, "the machine is being moved")
    assert not (await described(client, TWO)).schedule.state.paused


async def test_a_machine_that_is_gone_or_out_of_service_loses_its_own(client: Client):
    """And nobody else's: whatever is not ours stays."""
    await keep_schedules(client, [ONE, TWO, device("GONE")], SETTINGS, RETENTION)
    nightly = (await client.get_schedule_handle(BRANDS_ID).describe()).schedule
    await client.create_schedule("nightly-backup", nightly)
    await listed(client, "stock-ONE", "stock-TWO", "stock-GONE", BRANDS_ID, RETENTION_ID, "nightly-backup")

    await keep_schedules(client, [ONE, device("TWO", is_active=False)], SETTINGS, RETENTION)

    await listed(client, "stock-ONE", BRANDS_ID, RETENTION_ID, "nightly-backup")
    with pytest.raises(RPCError) as refusal:
        await described(client, TWO)
    assert refusal.value.status is RPCStatusCode.NOT_FOUND


async def test_workers_that_start_together_agree(client: Client):
    await keep_schedules(client, [device("GONE")], SETTINGS, RETENTION)
    await listed(client, "stock-GONE", BRANDS_ID, RETENTION_ID)

    await asyncio.gather(*(keep_schedules(client, [ONE, TWO], SETTINGS, RETENTION) for _ in range(5)))

    await listed(client, "stock-ONE", "stock-TWO", BRANDS_ID, RETENTION_ID)


async def test_a_new_key_is_used_from_the_next_start_on(client: Client, settings: TemporalSettings):
    """Or the old key could never be taken out: the schedule's own input would need it for ever."""
    await keep_schedules(client, [ONE], SETTINGS, RETENTION)
    rotated = settings.model_dump(exclude={"codec_keys"}, exclude_unset=True)
    both = await connect(TemporalSettings.model_validate({**rotated, "codec_keys": f"{NEW_KEY},{OLD_KEY}"}))
    only_new = await connect(TemporalSettings.model_validate({**rotated, "codec_keys": NEW_KEY}))

    await keep_schedules(both, [ONE], SETTINGS, RETENTION)

    action = (await described(only_new, ONE)).schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    (argument,) = await only_new.data_converter.decode(action.args, [StockSync])
    assert argument == StockSync(device_id="ONE")


async def test_they_are_kept_as_soon_as_the_database_answers(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schedules, "RETRY_PAUSE", timedelta(0))
    outages = [ProviderUnavailable("down", provider="postgres") for _ in range(2)]

    async def devices() -> list[Device]:
        if outages:
            raise outages.pop()
        return [ONE]

    with capture_logs() as logs:
        await keep_schedules_until_done(client, devices, SETTINGS, RETENTION)

    assert (await described(client, ONE)).id == "stock-ONE"
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["the schedules are not kept yet"] * 2
