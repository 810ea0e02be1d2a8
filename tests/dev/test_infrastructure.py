"""The fixtures that every other test relies on."""

import socket
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType

from adapters.postgres.engine import Database
from workflows.attributes import SEARCH_ATTRIBUTES


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_database_belongs_to_one_test(empty_database_url: str, attempt: str):
    """The second test would find the first one's table."""
    connection = await asyncpg.connect(empty_database_url.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE mine ()")
    await connection.close()


async def test_a_database_has_every_table(database: Database):
    async with database.connect() as connection:
        tables = await connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
    assert tables > 10


async def test_temporal_knows_our_search_attributes(temporal_address: str):
    client = await Client.connect(temporal_address)
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default"))
    for key in SEARCH_ATTRIBUTES:
        assert SearchAttributeIndexedValueType(known.custom_attributes[key.name]) is key.indexed_value_type


class TestNoNetwork:
    """Nothing but this machine can be reached, however it is tried."""

    def refused(self) -> Any:
        return pytest.raises(Exception, match="tests must not reach")

    def test_connecting_to_an_address_is_refused(self):
        with socket.socket() as probe, self.refused():
            probe.connect(("192.0.2.1", 80))

    def test_connecting_without_raising_is_refused(self):
        with socket.socket(socket.AF_INET6) as probe, self.refused():
            probe.connect_ex(("2001:db8::1", 80))

    def test_looking_up_a_name_is_refused(self):
        with self.refused():
            socket.getaddrinfo("api.stripe.com", 443)

    async def test_an_http_client_is_refused(self):
        async with httpx.AsyncClient() as http:
            with self.refused():
                await http.get("https://api.stripe.com")

    def test_this_machine_is_reached(self):
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            assert client.getpeername() == server.getsockname()
