"""Temporal's engine is measured like the rest of the process."""

import httpx
from pydantic import SecretBytes

from config.fields import Key
from config.groups import TelemetrySettings, TemporalSettings
from config.telemetry import create_runtime
from config.temporal import connect


async def test_the_engines_metrics_are_served_for_prometheus(temporal_address: str, port: int):
    runtime = create_runtime(TelemetrySettings(metrics_address=f"127.0.0.1:{port}"))
    key = Key(id="k", secret=SecretBytes(b"k" * 32))
    client = await connect(TemporalSettings(address=temporal_address, codec_keys=(key,)), runtime=runtime)
    await client.count_workflows()

    async with httpx.AsyncClient() as prometheus:
        metrics = (await prometheus.get(f"http://127.0.0.1:{port}/metrics")).text

    assert 'temporal_request_latency_seconds_count{namespace="default",operation="CountWorkflowExecutions"' in metrics
