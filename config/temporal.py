"""The connection to Temporal, the same for API, worker, replayer and bootstrap: one plugin of converter, codec, interceptors."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import RateLimit
from temporalio.api.workflowservice.v1 import UpdateTaskQueueConfigRequest
from temporalio.client import Client, Interceptor
from temporalio.common import SearchAttributeIndexedValueType, SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.plugin import SimplePlugin
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from config.codec import EncryptedPayloadCodec
from config.groups import TemporalSettings
from config.interceptors import ErrorTranslation, Heartbeats, LogContext

SearchAttributeKeys = Iterable[SearchAttributeKey[Any]]


class SearchAttributeConflictError(Exception):
    """The server knows a search attribute of ours by another type, which only an administrator can change."""


def data_converter(settings: TemporalSettings) -> DataConverter:
    """Pydantic on the inside, encrypted on the outside, failures included."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=EncryptedPayloadCodec(settings.codec_keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def pipeline_plugin(settings: TemporalSettings) -> SimplePlugin:
    """What every client, worker and replayer of the project has in common.

    A worker takes it over from its client, so it is never passed to one; a `Replayer` has no client and needs it in `plugins`.
    """
    return SimplePlugin(
        "pimpmycase",
        data_converter=data_converter(settings),
        # The earlier one is the outer one: a translated error is logged with its context.
        interceptors=[LogContext(), ErrorTranslation(), Heartbeats()],
    )


async def connect(
    settings: TemporalSettings,
    *,
    lazy: bool = False,
    runtime: Runtime | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """Connect to the server; `lazy` waits for the first call, so that an API can start while Temporal is away.

    The client belongs to the running event loop and does not survive a fork. Raises `RuntimeError` when nobody answers, and
    `OSError` when a certificate cannot be read.
    """
    return await Client.connect(
        settings.address,
        namespace=settings.namespace,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        tls=tls_of(settings),
        plugins=[pipeline_plugin(settings)],
        interceptors=interceptors,
        lazy=lazy,
        runtime=runtime,
    )


async def register_search_attributes(client: Client, keys: SearchAttributeKeys) -> list[str]:
    """Make the attributes known to the namespace; those it knows already are left alone.

    Returns the names that were added. Raises `SearchAttributeConflictError` for one that is known by another type.
    """
    missing = await missing_search_attributes(client, keys)
    if not missing:
        return []
    request = AddSearchAttributesRequest(namespace=client.namespace)
    for key in missing:
        request.search_attributes[key.name] = IndexedValueType.ValueType(key.indexed_value_type)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        # Two bootstraps at once: the other one was faster.
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
    return [key.name for key in missing]


async def missing_search_attributes(client: Client, keys: SearchAttributeKeys) -> list[SearchAttributeKey[Any]]:
    """Return the attributes that the namespace does not know: a workflow that sets one of them cannot start.

    Raises `SearchAttributeConflictError` for one that is known by another type.
    """
    answer = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    known = {name: SearchAttributeIndexedValueType(number) for name, number in answer.custom_attributes.items()}
    wanted = list(keys)
    for key in wanted:
        found = known.get(key.name, key.indexed_value_type)
        if found is not key.indexed_value_type:
            message = (
                f"search attribute {key.name} of namespace {client.namespace} is {found.name}, not {key.indexed_value_type.name}"
            )
            raise SearchAttributeConflictError(message)
    return [key for key in wanted if key.name not in known]


async def limit_activities(client: Client, task_queue: str, per_second: float) -> None:
    """Have the server hand out at most `per_second` activity tasks of a queue, to all workers together.

    Kept by the server until it is told otherwise, so it holds for workers of any age.
    """
    limit = UpdateTaskQueueConfigRequest.RateLimitUpdate(
        rate_limit=RateLimit(requests_per_second=per_second), reason="the setting of a worker"
    )
    await client.workflow_service.update_task_queue_config(
        UpdateTaskQueueConfigRequest(
            namespace=client.namespace,
            identity=client.identity,
            task_queue=task_queue,
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            update_queue_rate_limit=limit,
        )
    )


def tls_of(settings: TemporalSettings) -> bool | TLSConfig:
    """Return how to encrypt the connection, False for not at all. Raises `OSError` for a certificate that cannot be read."""
    if not settings.uses_tls:
        return False
    paths = (settings.tls_server_ca_cert_path, settings.tls_client_cert_path, settings.tls_client_key_path)
    ca_cert, client_cert, client_key = (path.read_bytes() if path else None for path in paths)
    return TLSConfig(
        server_root_ca_cert=ca_cert,
        client_cert=client_cert,
        client_private_key=client_key,
        domain=settings.tls_server_name,
    )
