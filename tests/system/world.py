"""The whole shop: what the outside sees, and what it can do to us."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.client import Client

from adapters.postgres.engine import Database
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.reference_book import PostgresReferenceBook
from api.app import create_app
from api.delivery import InboxDrainer
from api.poller_keeper import PollerKeeper
from api.ports import Notified
from config.settings import Settings
from dev.emulators.control import Controls
from dev.emulators.remote import Remote
from dev.emulators.serving import serving
from dev.emulators.stripe.remote import RemoteStripe
from dev.emulators.stripe.webhooks import sign
from tests.system.case import Case, until
from tests.system.storefront import WEB_BODY, new_picture, upload_form

PAYMENT_CALLBACK, ORDER_CALLBACK = "/api/chinese/order/payStatus", "/api/chinese/order/status-update"
KEEPER_ROUND = timedelta(seconds=1)
PARTNER_KEY = "the-key-that-the-manufacturer-asks-us-with"
WEBHOOK_SECRETS = ("whsec_the-present-one", "whsec_the-next-one")


def signed(body: bytes, secret: str = WEBHOOK_SECRETS[0]) -> dict[str, str]:
    """The headers of a webhook with this body."""
    return {"Stripe-Signature": sign(body, (secret,), int(time.time())), "Content-Type": "application/json"}


class MovableClock:
    """What the API takes for now: this moment, or so much later."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class World:
    """Everything that runs, and the hands that steer it."""

    settings: Settings
    client: Client
    rows_database: Database
    worker_database: Database
    browser: httpx.AsyncClient
    stripe: RemoteStripe
    manufacturer: Remote
    stripe_controls: Controls
    s3: Remote
    gemini: Remote
    bucket: Path
    clock: MovableClock
    messages: Notified
    references: Notified
    _drainer: asyncio.Task[None] | None = field(default=None)
    _keeper: asyncio.Task[None] | None = field(default=None)

    async def design(self, body: dict[str, Any] | None = None, *, data: bytes | None = None) -> Case:
        """Upload a design as the storefront does; the checkout is not opened yet."""
        answer = await self.browser.post("/api/images/upload-final", data=upload_form(data or new_picture()))
        assert answer.status_code == 200, answer.text
        upload = answer.json()
        return Case(self, upload, {**(body or WEB_BODY), "final_image_url": upload["public_url"]})

    async def order(self, body: dict[str, Any] | None = None) -> Case:
        """A design whose payment page is open."""
        return await (await self.design(body)).checkout()

    async def paid(self, body: dict[str, Any] | None = None) -> Case:
        """A design that was paid."""
        return await (await self.order(body)).pay()

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """What the database says."""
        async with self.rows_database.connect() as connection:
            return [dict(row) for row in (await connection.execute(text(statement), values)).mappings()]

    async def execute(self, statement: str) -> None:
        """Change the database as nobody of ours would."""
        async with self.rows_database.connect() as connection:
            await connection.execute(text(statement))

    async def count(self, table: str) -> int:
        return int((await self.rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"])  # noqa: S608 - a test's own constant

    async def inbox(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Every message of the inbox, or those of one kind, oldest first."""
        rows = await self.rows("SELECT * FROM inbox ORDER BY id")
        return [row for row in rows if kind in (None, row["kind"])]

    async def inbox_settled(self) -> list[dict[str, Any]]:
        """Wait until nothing of the inbox is to be delivered any more."""

        async def settled() -> tuple[list[dict[str, Any]]] | None:
            rows = await self.inbox()
            return (rows,) if all(row["state"] in {"delivered", "recorded"} for row in rows) else None

        found = await until(settled)
        assert found is not None
        return found[0]

    async def stripe_objects(self, path: str) -> list[dict[str, Any]]:
        """Everything of one kind that Stripe has (`checkout/sessions`, `events`, …), the newest first."""
        key = self.settings.stripe.api_key.get_secret_value()
        async with httpx.AsyncClient(base_url=f"{self.stripe.url}/v1/", trust_env=False) as http:
            answer = await http.get(path, params={"limit": 100}, headers={"Authorization": f"Bearer {key}"})
            answer.raise_for_status()
            return list(answer.json()["data"])

    async def stripe_event(self, kind: str, case: Case) -> dict[str, Any]:
        """The event of this kind that Stripe has for an order."""
        order_id = str(case.order_id)

        async def found() -> dict[str, Any] | None:
            events = [event for event in await self.stripe_objects("events") if event["type"] == kind]
            return next((event for event in events if event["data"]["object"]["metadata"].get("order_id") == order_id), None)

        event = await until(found, what=kind)
        assert event is not None
        return event

    async def send_event(
        self, event: dict[str, Any], browser: httpx.AsyncClient | None = None, *, secret: str = WEBHOOK_SECRETS[0]
    ) -> httpx.Response:
        """Deliver an event as Stripe signs it."""
        body = json.dumps(event).encode()
        return await (browser or self.browser).post("/stripe-webhook", content=body, headers=signed(body, secret))

    def tamper_session(self, session_id: str, **fields: Any) -> None:
        """Change what Stripe says of a Session, behind everybody's back."""
        sessions = self.stripe_controls.store.collection("sessions")
        sessions.put(session_id, {**(sessions.get(session_id) or {}), **fields})

    async def calm(self) -> None:
        """As a test wants to find the world: nothing goes wrong, nothing is held back, everybody works."""
        self.clock.ahead = timedelta(0)
        for emulator in (self.stripe, self.manufacturer, self.s3, self.gemini):
            await emulator.clear_faults()
        await self.stripe.release_webhooks()
        await self.manufacturer.call("PUT", "/clock", {"frozen": False})
        for device in await self.manufacturer.call("GET", "/devices"):
            await self.manufacturer.call("PUT", f"/devices/{device}", {"online": True, "permitted": True})
        api = self.settings.image_link.public_base_url
        urls = {"payment_callback_url": f"{api}{PAYMENT_CALLBACK}", "order_callback_url": f"{api}{ORDER_CALLBACK}"}
        await self.manufacturer.call("PUT", "/callbacks", urls)
        if self._drainer is None:
            self.start_drainer()
        if self._keeper is None:
            self.start_keeper()

    async def object_names(self) -> list[str]:
        """The keys of everything in the bucket."""
        return [str(path.relative_to(self.bucket)) for path in self.bucket.rglob("*") if path.is_file()]

    async def stop_drainer(self) -> None:
        """Let the inbox lie; messages are stored and delivered by nobody."""
        if self._drainer is not None:
            self._drainer.cancel()
            await asyncio.gather(self._drainer, return_exceptions=True)
            self._drainer = None

    def start_drainer(self, client: Client | None = None) -> None:
        drainer = InboxDrainer(PostgresInbox(self.worker_database), client or self.client)
        self._drainer = asyncio.create_task(drainer.run(self.messages))

    def start_keeper(self) -> None:
        """Look after the poller, more often than a worker does."""
        keeper = PollerKeeper(self.client, PostgresReferenceBook(self.worker_database), every=KEEPER_ROUND)
        self._keeper = asyncio.create_task(keeper.run(self.references))

    async def stop_keeper(self) -> None:
        """Let nobody wake the poller."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    @asynccontextmanager
    async def another_api(self, **groups: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
        """A second front door of the same shop with other settings, `temporal={"address": …}`."""
        changed = {name: getattr(self.settings, name).model_copy(update=fields) for name, fields in groups.items()}
        app = create_app(self.settings.model_copy(update=changed), clock=self.clock)
        async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as browser:
            yield browser
