"""Temporal's engine is measured like the rest of the process."""

import re
from datetime import timedelta
from pathlib import Path

import httpx
from pydantic import SecretBytes
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from config.fields import Key
from config.groups import TelemetrySettings, TemporalSettings
from config.telemetry import create_runtime
from config.temporal import connect

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


async def measured(temporal_address: str, port: int) -> Client:
    """A client whose engine is measured at this port."""
    runtime = create_runtime(TelemetrySettings(metrics_address=f"127.0.0.1:{port}"))
    key = Key(id="k", secret=SecretBytes(b"k" * 32))
    return await connect(TemporalSettings(address=temporal_address, codec_keys=(key,)), runtime=runtime)


async def metrics(port: int) -> str:
    async with httpx.AsyncClient() as prometheus:
        return (await prometheus.get(f"http://127.0.0.1:{port}/metrics")).text


async def test_the_engines_metrics_are_served_for_prometheus(temporal_address: str, port: int):
    client = await measured(temporal_address, port)
    await client.count_workflows()

    expected = 'temporal_request_latency_seconds_count{namespace="default",operation="CountWorkflowExecutions"'
    assert expected in await metrics(port)


@activity.defn
async def refuse() -> None:
    raise ValueError("refused")


@workflow.defn
class Stumbles:
    @workflow.run
    async def run(self) -> None:
        once = RetryPolicy(maximum_attempts=1)
        try:
            await workflow.execute_activity(refuse, start_to_close_timeout=timedelta(seconds=5), retry_policy=once)
        except ActivityError:
            raise KeyError("a bug") from None


async def test_what_the_runbook_says_to_watch_is_measured_when_something_is_wrong(
    temporal_address: str, port: int, task_queue: str
):
    """A bug in a workflow fails no order, so this is how somebody hears of it."""
    watched = set(re.findall(r"`(temporal_\w+)`", RUNBOOK.read_text(encoding="utf-8")))
    assert "temporal_workflow_task_execution_failed" in watched
    client = await measured(temporal_address, port)
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=task_queue, workflows=[Stumbles], activities=[refuse], workflow_runner=runner):
        stuck = await client.start_workflow(Stumbles.run, id=task_queue, task_queue=task_queue)
        seen: set[str] = set()
        while "temporal_workflow_task_execution_failed" not in seen:
            seen = {name for name in watched if re.search(rf"^{name}\w*{{", await metrics(port), re.MULTILINE)}
        assert (await stuck.describe()).close_time is None
        await stuck.terminate()
    assert seen == watched
