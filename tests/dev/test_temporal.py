"""The Temporal dev server as a child."""

from pathlib import Path

import httpx
import psutil
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from dev.process import ChildDied, MissingBinary, free_port
from dev.supervisor import Supervisor
from dev.temporal import temporal_service
from workflows.attributes import ORDER_STATUS, SEARCH_ATTRIBUTES


async def test_a_running_workflow_survives_kill_9_of_the_server(supervisor: Supervisor, tmp_path: Path):
    """The write-ahead log has it; search attributes may be registered again."""
    port = free_port()
    service = temporal_service(port=port, search_attributes=SEARCH_ATTRIBUTES, database=tmp_path / "temporal.sqlite")
    child = await supervisor.start(service)
    client = await Client.connect(f"127.0.0.1:{port}")
    await client.start_workflow("Waits", id="order-1", task_queue="nobody")
    psutil.Process(child.pid).kill()
    with pytest.raises(ChildDied, match="temporal was ended by SIGKILL"):
        await supervisor.forever()
    await supervisor.stop()

    await supervisor.start(service)
    again = await Client.connect(f"127.0.0.1:{port}")
    description = await again.get_workflow_handle("order-1").describe()
    assert description.status is WorkflowExecutionStatus.RUNNING


async def test_the_web_ui_is_told_where_payloads_are_decrypted(supervisor: Supervisor):
    ui_port = free_port()
    codec = "http://127.0.0.1:8000/codec"
    service = temporal_service(port=free_port(), search_attributes=[ORDER_STATUS], ui_port=ui_port, codec_endpoint=codec)
    await supervisor.start(service)
    async with httpx.AsyncClient() as browser:
        settings = (await browser.get(f"http://127.0.0.1:{ui_port}/api/v1/settings")).json()
    assert settings["Codec"]["Endpoint"] == codec


def test_a_missing_binary_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(MissingBinary, match=rf"^{tmp_path}/temporal is missing; `make clean` and then `make run` install"):
        temporal_service(port=1, search_attributes=[])
