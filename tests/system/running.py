"""Starts the whole shop in one event loop, with real sockets in between.

PostgreSQL, Temporal, the API, the worker and the emulators of Stripe, Gemini, the manufacturer and the object store are all real
processes or real servers on loopback; only the customer, the packer and the card are played.
"""

import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from adapters.postgres.engine import Database
from adapters.postgres.notifications import listening
from api.app import create_app
from api.delivery import INBOX_CHANNEL
from api.poller_keeper import REFERENCES_CHANNEL
from config.settings import Settings
from config.temporal import connect, register_search_attributes
from dev.emulators import s3
from dev.emulators.gemini.app import create_app as create_gemini
from dev.emulators.gemini.settings import GeminiEmulatorSettings
from dev.emulators.manufacturer.app import create_app as create_manufacturer
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.remote import Remote
from dev.emulators.s3 import S3EmulatorSettings
from dev.emulators.serving import serving
from dev.emulators.stripe.app import create_app as create_stripe
from dev.emulators.stripe.remote import RemoteStripe
from dev.emulators.stripe.settings import StripeEmulatorSettings
from dev.process import free_port
from dev.world import devices
from tests.system.storefront import DEFAULT_DEVICE
from tests.system.world import ORDER_CALLBACK, PARTNER_KEY, PAYMENT_CALLBACK, WEBHOOK_SECRETS, MovableClock, World
from worker import build_workers
from workflows.attributes import SEARCH_ATTRIBUTES

HOST = "127.0.0.1"
KEY = f"k1:{base64.b64encode(b'k' * 32).decode()}"
STOCK = 50
"""Of every shell in every machine."""


def settings_for(
    database_url: str, temporal_address: str, namespace: str, urls: dict[str, str], manufacturer: Mapping[str, Any] | None = None
) -> Settings:
    """A test installation, everything of which is at `urls`; `manufacturer` changes the settings of that group."""
    return Settings.model_validate(
        {
            "environment": "test",
            "database": {"url": database_url, "pool_size": 10},
            "temporal": {"address": temporal_address, "namespace": namespace, "codec_keys": KEY},
            "stripe": {
                "api_key": "sk_test_example-key",
                "webhook_secrets": ",".join(WEBHOOK_SECRETS),
                "api_base": urls["stripe"],
                "timeout": "5s",
            },
            "manufacturer": {
                "base_url": f"{urls['manufacturer']}/mobileShell/en",
                "account": "account",
                "password": "password",
                "fixed_key": "key",
                "default_device_id": DEFAULT_DEVICE,
                "partner_keys": PARTNER_KEY,
                "timeout": "5s",
                **(manufacturer or {}),
            },
            "storage": {
                "endpoint_url": urls["s3"],
                "bucket": "pictures",
                "access_key_id": "id",
                "secret_access_key": "secret",
            },
            "gemini": {"api_key": "key", "base_url": urls.get("gemini", "http://127.0.0.1:1"), "image_size": "1K"},
            "image_link": {"keys": KEY, "public_base_url": urls["api"]},
            "storefront": {"url": "https://shop.test.example"},
            "api": {"rate_default": "1000000/minute"},
        }
    )


async def new_namespace(address: str, name: str) -> None:
    """Make a namespace that knows our search attributes."""
    client = await Client.connect(address)
    retention = Duration(seconds=86_400)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    await register_search_attributes(await Client.connect(address, namespace=name), SEARCH_ATTRIBUTES)


@asynccontextmanager
async def running(
    database_url: str,
    temporal_address: str,
    namespace: str,
    folder: Path,
    *,
    manufacturer: Mapping[str, Any] | None = None,
    partner: Mapping[str, Any] | None = None,
) -> AsyncIterator[World]:
    """The whole shop while the block lasts; `manufacturer` changes our settings of it, `partner` those of the emulated one."""
    api_url = f"http://{HOST}:{free_port()}"
    async with AsyncExitStack() as stack:
        await new_namespace(temporal_address, namespace)
        urls = {"api": api_url}
        emulators = dict(_emulators(api_url, folder, partner or {}))
        for name, app in emulators.items():
            urls[name] = await stack.enter_async_context(serving(app))
        settings = settings_for(database_url, temporal_address, namespace, urls, manufacturer)
        client = await connect(settings.temporal)
        worker, rows = [Database.connect_to(settings.database, application_name=name) for name in ("worker", "rows")]
        for database in (worker, rows):
            stack.push_async_callback(database.dispose)
        clock = MovableClock()
        await stack.enter_async_context(serving(_app(settings, clock), port=int(api_url.rpartition(":")[2])))
        messages = await stack.enter_async_context(listening(settings.database, INBOX_CHANNEL))
        references = await stack.enter_async_context(listening(settings.database, REFERENCES_CHANNEL))
        for one in await build_workers(settings, client, worker, stack):
            await stack.enter_async_context(one)
        world = World(
            settings=settings,
            client=client,
            rows_database=rows,
            worker_database=worker,
            browser=await stack.enter_async_context(httpx.AsyncClient(base_url=api_url, timeout=60, trust_env=False)),
            stripe=await stack.enter_async_context(RemoteStripe(urls["stripe"])),
            manufacturer=await stack.enter_async_context(Remote(urls["manufacturer"])),
            stripe_controls=emulators["stripe"].state.controls,
            s3=await stack.enter_async_context(Remote(urls["s3"])),
            gemini=await stack.enter_async_context(Remote(urls["gemini"])),
            bucket=folder / "buckets" / settings.storage.bucket,
            clock=clock,
            messages=messages,
            references=references,
        )
        world.start_drainer()
        stack.push_async_callback(world.stop_drainer)
        world.start_keeper()
        stack.push_async_callback(world.stop_keeper)
        yield world


def _app(settings: Settings, clock: MovableClock) -> FastAPI:
    return create_app(settings, clock=clock)


def _emulators(api_url: str, folder: Path, partner: Mapping[str, Any]) -> Iterable[tuple[str, FastAPI]]:
    yield "gemini", create_gemini(GeminiEmulatorSettings(api_key="key"))
    yield (
        "stripe",
        create_stripe(
            StripeEmulatorSettings(
                api_key="sk_test_example-key",
                webhook_urls=(f"{api_url}/stripe-webhook",),
                webhook_secrets=WEBHOOK_SECRETS[:1],
                redelivery_delays=(0.05,) * 20,
            )
        ),
    )
    yield (
        "manufacturer",
        create_manufacturer(
            ManufacturerEmulatorSettings.model_validate(
                {
                    "account": "account",
                    "password": "password",
                    "fixed_key": "key",
                    "payment_callback_url": f"{api_url}{PAYMENT_CALLBACK}",
                    "order_callback_url": f"{api_url}{ORDER_CALLBACK}",
                    "devices": devices(),
                    "stock_per_shell": STOCK,
                    "print_step": timedelta(milliseconds=10),
                    "payment_echo_after": timedelta(milliseconds=10),
                    "callback_interval": timedelta(milliseconds=50),
                    **partner,
                }
            )
        ),
    )
    yield (
        "s3",
        s3.create_app(S3EmulatorSettings(folder=folder / "buckets", buckets=("pictures",), access_key="id", secret_key="secret")),
    )
