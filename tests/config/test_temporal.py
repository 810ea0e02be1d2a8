"""One connection for everybody: encrypted, with our errors translated and our log lines labelled, on a real server."""

import asyncio
import uuid
from pathlib import Path

import pytest
from pydantic import SecretBytes, SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHistory, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError
from temporalio.service import TLSConfig
from temporalio.worker import Replayer, Worker

from config.codec import UnknownCodecKey
from config.fields import Key
from config.groups import TemporalSettings
from config.temporal import (
    SearchAttributeConflictError,
    connect,
    limit_activities,
    missing_search_attributes,
    pipeline_plugin,
    register_search_attributes,
    tls_of,
)
from tests.config.lines import Lines
from tests.config.specimens import CUSTOMER, Greeting, Specimen, reject
from workflows.attributes import ORDER_STATUS, SEARCH_ATTRIBUTES

OLD = Key(id="2025", secret=SecretBytes(b"o" * 32))
NEW = Key(id="2026", secret=SecretBytes(b"n" * 32))


def settings(address: str, *keys: Key) -> TemporalSettings:
    return TemporalSettings(address=address, codec_keys=keys or (OLD,))


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await connect(settings(temporal_address))


async def _tell_its_story(client: Client, task_queue: str) -> WorkflowHistory:
    """Run a specimen to its end and return what Temporal kept of it."""
    workflow_id = f"order-{uuid.uuid4()}"
    async with Worker(client, task_queue=task_queue, workflows=[Specimen], activities=[reject]):
        handle = await client.start_workflow(
            Specimen.run,
            Greeting(),
            id=workflow_id,
            task_queue=task_queue,
            static_summary=f"greet {CUSTOMER}",
            memo={"customer": CUSTOMER},
        )
        await handle.execute_update(Specimen.release, 1)
        assert await handle.result() == CUSTOMER
        return await handle.fetch_history()


async def test_nothing_personal_stands_in_a_history_in_clear_text(client: Client, task_queue: str):
    """Inputs, results, memo, summaries and failures: the server has ciphertext of all of them."""
    history = await _tell_its_story(client, task_queue)

    kept = b"".join(event.SerializeToString() for event in history.events)
    assert b"example.com" not in kept
    assert b"account_invalid" not in kept
    assert b"specimens.py" not in kept
    assert kept.count(b"binary/encrypted") >= 6


async def test_a_history_from_before_a_rotation_replays_after_it(client: Client, temporal_address: str, task_queue: str):
    history = await _tell_its_story(client, task_queue)

    rotated = pipeline_plugin(settings(temporal_address, NEW, OLD))
    await Replayer(workflows=[Specimen], plugins=[rotated]).replay_workflow(history)

    retired = pipeline_plugin(settings(temporal_address, NEW))
    with pytest.raises(RuntimeError, match=UnknownCodecKey.__name__):
        await Replayer(workflows=[Specimen], plugins=[retired]).replay_workflow(history)


async def test_an_activitys_error_reaches_temporal_translated(client: Client, task_queue: str):
    """The hint of the first failure decides the second attempt, and the second failure is the last."""
    history = await _tell_its_story(client, task_queue)

    (failed,) = (
        event.activity_task_failed_event_attributes
        for event in history.events
        if event.HasField("activity_task_failed_event_attributes")
    )
    (started,) = (
        event.activity_task_started_event_attributes
        for event in history.events
        if event.HasField("activity_task_started_event_attributes")
    )
    assert started.attempt == 2
    error = await client.data_converter.decode_failure(failed.failure)
    assert isinstance(error, ApplicationError)
    assert (error.type, error.non_retryable) == ("ProviderRejected", True)
    assert error.details == ({"provider": "stripe", "code": "account_invalid"},)


@pytest.mark.parametrize("amount", [-1, 101])
async def test_a_refused_update_tells_the_caller_why_and_the_workflow_goes_on(client: Client, task_queue: str, amount: int):
    """In the handler, an error of ours would otherwise stop the whole order until somebody deploys a fix."""
    async with Worker(client, task_queue=task_queue, workflows=[Specimen], activities=[reject]):
        handle = await client.start_workflow(Specimen.run, Greeting(), id=f"order-{uuid.uuid4()}", task_queue=task_queue)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(Specimen.release, amount)
        await handle.execute_update(Specimen.release, 100)
        await handle.result()

    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "OrderRefused"
    assert refused.value.cause.cause is None
    assert refused.value.cause.details == ({"code": "price_changed", "facts": {"amount": amount}},)


async def test_every_line_logged_inside_says_whose_it_is(client: Client, task_queue: str, lines: Lines):
    await _tell_its_story(client, task_queue)

    logged = {(line["event"], line.get("attempt")): line for line in lines.all() if "order_id" in line}
    for event, attempt in (
        ("structlog in an activity", 1),
        ("structlog in an activity", 2),
        ("stdlib in an activity", 1),
        ("stdlib in a workflow", 1),
        ("rejected", 1),
        ("stdlib in an update", 1),
    ):
        line = logged[event, attempt]
        assert line["workflow_id"] == f"order-{line['order_id']}"
        assert line["run_id"]
    assert logged["structlog in an activity", 1]["activity_type"] == "reject"
    assert logged["stdlib in an update", 1]["update"] == "release"
    assert CUSTOMER not in lines.text


async def test_a_client_can_be_made_while_temporal_is_away(port: int):
    """The API starts, answers from the database and connects when there is somebody to connect to."""
    await connect(settings(f"127.0.0.1:{port}"), lazy=True)

    with pytest.raises(RuntimeError):
        await connect(settings(f"127.0.0.1:{port}"))


async def test_a_signal_in_clear_text_can_be_read(client: Client):
    converter = client.data_converter

    assert await converter.decode([Payload(metadata={"encoding": b"json/plain"}, data=b'"by hand"')], [str]) == ["by hand"]


async def test_search_attributes_are_registered_once_and_then_known(client: Client):
    fresh = SearchAttributeKey.for_keyword(f"Test{uuid.uuid4().hex}")

    assert await missing_search_attributes(client, [*SEARCH_ATTRIBUTES, fresh]) == [fresh]
    assert await register_search_attributes(client, [*SEARCH_ATTRIBUTES, fresh]) == [fresh.name]
    assert await missing_search_attributes(client, [fresh]) == []
    assert await register_search_attributes(client, [fresh]) == []


async def test_a_search_attribute_of_another_type_is_a_conflict_and_not_a_success(client: Client):
    other = SearchAttributeKey.for_int(ORDER_STATUS.name)

    with pytest.raises(SearchAttributeConflictError, match="OrderStatus of namespace default is KEYWORD, not INT"):
        await register_search_attributes(client, [other])


def test_certificates_are_read_from_their_files(tmp_path: Path):
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(name)
    mutual = TemporalSettings(
        address="temporal.example:7233",
        codec_keys=(OLD,),
        tls_server_ca_cert_path=tmp_path / "ca",
        tls_client_cert_path=tmp_path / "cert",
        tls_client_key_path=tmp_path / "key",
        tls_server_name="temporal",
    )

    assert tls_of(mutual) == TLSConfig(
        server_root_ca_cert=b"ca", client_cert=b"cert", client_private_key=b"key", domain="temporal"
    )


@pytest.mark.parametrize(
    ("said", "api_key", "encrypted"), [(None, None, False), (None, "k", True), (True, None, True), (False, None, False)]
)
def test_an_api_key_never_travels_in_clear_text(said: bool | None, api_key: str | None, encrypted: bool):
    secret = SecretStr(api_key) if api_key else None

    assert bool(tls_of(TemporalSettings(address="t:7233", codec_keys=(OLD,), tls=said, api_key=secret))) is encrypted


async def test_a_rate_limit_is_kept_by_the_server_for_all_workers_and_can_be_changed(client: Client, task_queue: str):
    """The server answers from a copy that follows in a moment."""

    async def kept() -> float:
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_config=True,
        )
        description = await client.workflow_service.describe_task_queue(request)
        return float(description.config.queue_rate_limit.rate_limit.requests_per_second)

    for per_second in (2.5, 40.0):
        await limit_activities(client, task_queue, per_second)
        async with asyncio.timeout(20):
            while await kept() != per_second:
                continue
