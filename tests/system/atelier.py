"""Where AI pictures are made: API, Temporal, database and sockets are real; Gemini and the object store are emulated."""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import text
from temporalio.client import Client

from adapters.postgres.engine import Database
from api.app import create_app
from config.settings import Settings, load_settings
from config.temporal import connect
from dev.emulators import s3
from dev.emulators.gemini.app import create_app as create_gemini
from dev.emulators.gemini.settings import GeminiEmulatorSettings
from dev.emulators.remote import Remote
from dev.emulators.s3 import S3EmulatorSettings
from dev.emulators.serving import serving
from dev.process import free_port
from dev.world import Ports, environment
from tests.system.running import new_namespace

WISH = {"template_id": "retro-remix", "style_params": '{"keyword": "80s Neon"}'}
GENERATE = "generate_content"
"""What the emulated Gemini calls the one thing that it can be asked for."""


def photo() -> bytes:
    """A photo that nobody else has."""
    file = io.BytesIO()
    Image.new("RGB", (640, 800), f"#{uuid4().hex[:6]}").save(file, "PNG")
    return file.getvalue()


@dataclass
class Atelier:
    """Everything that runs, and the hands of a customer."""

    env: Mapping[str, str]
    settings: Settings
    client: Client
    database: Database
    browser: httpx.AsyncClient
    gemini: Remote
    s3: Remote
    bucket: Path

    async def generate(self, data: bytes | None = None) -> httpx.Response:
        """Have a picture made, however long it takes."""
        answer = await self.ask(data)
        return await self.until_there(answer.json()["status_url"]) if answer.status_code == 202 else answer

    async def ask(self, data: bytes | None = None) -> httpx.Response:
        """What the storefront sends."""
        files = {"image": ("photo.png", data or photo(), "image/png")}
        return await self.browser.post("/api/images/generate", data=WISH, files=files)

    async def until_there(self, status_url: str, *, within: float = 30) -> httpx.Response:
        """Ask at the address that a 202 named, as a customer's page does."""
        for _ in range(int(within / 0.1)):
            answer = await self.browser.get(status_url)
            if answer.status_code != 202:
                return answer
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {within} s")

    def answers(self) -> list[Path]:
        """The AI's answers that are in the bucket, whole."""
        return [path for path in (self.bucket / "answers").rglob("*") if path.is_file()] if self.bucket.exists() else []

    async def paid(self) -> int:
        """How many answers Gemini would charge for."""
        return len(await self.gemini.ledger(GENERATE))

    async def cost_of(self, name: str) -> int:
        """What the row says that a picture has cost."""
        async with self.database.connect() as connection:
            statement = text("SELECT cost FROM generations WHERE picture_name = :name")
            return int((await connection.execute(statement, {"name": name})).scalar_one())

    async def calm(self) -> None:
        """As a test wants to find it."""
        await self.gemini.reset()
        for emulator in (self.gemini, self.s3):
            await emulator.clear_faults()


@asynccontextmanager
async def atelier(database_url: str, temporal_address: str, folder: Path, **variables: str) -> AsyncIterator[Atelier]:
    """Everything but a worker while the block lasts; `variables` are further settings, as in the environment."""
    namespace = f"atelier-{uuid4().hex[:12]}"
    async with AsyncExitStack() as stack:
        await new_namespace(temporal_address, namespace)
        ports = {name: free_port() for name in ("api", "stripe", "manufacturer", "temporal_ui")}
        env = environment(Ports(**ports), database_url)
        store = S3EmulatorSettings(
            folder=folder / "buckets",
            buckets=(env["STORAGE_BUCKET"],),
            access_key=env["STORAGE_ACCESS_KEY_ID"],
            secret_key=env["STORAGE_SECRET_ACCESS_KEY"],
        )
        s3_url = await stack.enter_async_context(serving(s3.create_app(store)))
        gemini = GeminiEmulatorSettings(api_key=env["GEMINI_API_KEY"])
        gemini_url = await stack.enter_async_context(serving(create_gemini(gemini)))
        env |= {
            "TEMPORAL_ADDRESS": temporal_address,
            "TEMPORAL_NAMESPACE": namespace,
            "STORAGE_ENDPOINT_URL": s3_url,
            "GEMINI_BASE_URL": gemini_url,
            "GEMINI_IMAGE_SIZE": "1K",
            "API_RATE_DEFAULT": "10000/minute",
            "API_RATE_GENERATE": "10000/minute",
            **variables,
        }
        settings = settings_from(env)
        database = Database.connect_to(settings.database, application_name="tests")
        stack.push_async_callback(database.dispose)
        api = await stack.enter_async_context(serving(create_app(settings), port=ports["api"]))
        one = Atelier(
            env=env,
            settings=settings,
            client=await connect(settings.temporal),
            database=database,
            browser=await stack.enter_async_context(httpx.AsyncClient(base_url=api, timeout=90, trust_env=False)),
            gemini=await stack.enter_async_context(Remote(gemini_url)),
            s3=await stack.enter_async_context(Remote(s3_url)),
            bucket=store.folder / env["STORAGE_BUCKET"],
        )
        yield one


def settings_from(env: Mapping[str, str]) -> Settings:
    """Read settings as a process with this environment does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        return load_settings()
