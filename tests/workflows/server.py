"""A Temporal server that skips the time nobody needs."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from workflows.attributes import SEARCH_ATTRIBUTES


@asynccontextmanager
async def time_skipping(data_converter: DataConverter) -> AsyncIterator[WorkflowEnvironment]:
    """Start a server of our own that knows our search attributes; about 150 ms."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=_executable(), data_converter=data_converter
    ) as environment:
        request = AddSearchAttributesRequest(namespace=environment.client.namespace)
        for key in SEARCH_ATTRIBUTES:
            request.search_attributes[key.name] = IndexedValueType.ValueType(key.indexed_value_type)
        await environment.client.operator_service.add_search_attributes(request)
        yield environment


def _executable() -> str:
    beside = Path(sys.executable).with_name("temporal-test-server")
    found = str(beside) if beside.exists() else shutil.which("temporal-test-server")
    assert found, "temporal-test-server is not installed: run `make test`"
    return found
