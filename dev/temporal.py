"""The Temporal dev server as a child: one binary with server, Web UI and a SQLite file that keeps histories across restarts."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType, SearchAttributeKey
from temporalio.service import RPCError

from dev.process import Command, program
from dev.supervisor import NotReady, Probe, Service

NAMESPACE = "default"

_TYPE_NAMES = {
    SearchAttributeIndexedValueType.TEXT: "Text",
    SearchAttributeIndexedValueType.KEYWORD: "Keyword",
    SearchAttributeIndexedValueType.INT: "Int",
    SearchAttributeIndexedValueType.DOUBLE: "Double",
    SearchAttributeIndexedValueType.BOOL: "Bool",
    SearchAttributeIndexedValueType.DATETIME: "Datetime",
    SearchAttributeIndexedValueType.KEYWORD_LIST: "KeywordList",
}


def temporal_service(
    *,
    port: int,
    search_attributes: Sequence[SearchAttributeKey[Any]],
    database: Path | None = None,
    ui_port: int | None = None,
    codec_endpoint: str | None = None,
    dynamic_config: Sequence[str] = (),
) -> Service:
    """The dev server on `127.0.0.1:<port>`; without a `database` it forgets everything, without a `ui_port` it has no Web UI.

    `codec_endpoint` is where the Web UI has payloads decrypted. `dynamic_config` are `key=value` pairs.
    """
    return Service(
        command=Command(
            name="temporal",
            argv=[
                *(program("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "warn"),
                *_storage(database),
                *_web_ui(ui_port, codec_endpoint),
                *_each("--search-attribute", [f"{key.name}={_TYPE_NAMES[key.indexed_value_type]}" for key in search_attributes]),
                *_each("--dynamic-config-value", dynamic_config),
            ],
            listens_on={"--temporal-port": port, **({"--temporal-ui-port": ui_port} if ui_port else {})},
            stop_within=timedelta(seconds=15),
        ),
        ready=_serves_namespace(f"127.0.0.1:{port}"),
    )


def _storage(database: Path | None) -> list[str]:
    if database is None:
        return []
    # The write-ahead log survives `kill -9` and runs twice as many workflows per second as the default pragmas.
    return ["--db-filename", str(database), *_each("--sqlite-pragma", ["journal_mode=wal", "synchronous=normal"])]


def _web_ui(port: int | None, codec_endpoint: str | None) -> list[str]:
    if port is None:
        return ["--headless"]
    return ["--ui-port", str(port), *_each("--ui-codec-endpoint", [codec_endpoint] if codec_endpoint else [])]


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _serves_namespace(address: str) -> Probe:
    async def probe() -> None:
        client = await Client.connect(address)  # RuntimeError while nobody listens
        try:
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
        except RPCError as error:
            raise NotReady(str(error)) from error

    return probe
