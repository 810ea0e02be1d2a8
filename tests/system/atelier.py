"""Where AI pictures are made: the API, Temporal, the database and the object store are real, and so is every byte to Gemini.

Gemini itself is a painter who does as it is told by a test and counts what was paid for.
"""

import asyncio
import base64
import io
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image
from temporalio.client import Client

from adapters.postgres.engine import Database
from api.app import create_app
from config.settings import Settings, load_settings
from config.temporal import connect
from dev.emulators import s3
from dev.emulators.remote import Remote
from dev.emulators.s3 import S3EmulatorSettings
from dev.emulators.serving import serving
from dev.process import free_port
from dev.world import Ports, environment
from tests.system.running import new_namespace

WISH = {"template_id": "retro-remix", "style_params": '{"keyword": "80s Neon"}'}
REFUSED: dict[str, Any] = {
    "candidates": [{"finishReason": "IMAGE_SAFETY", "content": {"parts": [{"text": "I would rather not."}]}}]
}
WORDS_ONLY: dict[str, Any] = {"candidates": [{"finishReason": "NO_IMAGE", "content": {"parts": [{"text": "Here it is!"}]}}]}


def picture(size: tuple[int, int] = (768, 1376)) -> bytes:
    """A picture that nobody else has."""
    file = io.BytesIO()
    Image.new("RGB", size, f"#{uuid4().hex[:6]}").save(file, "PNG")
    return file.getvalue()


def painted() -> dict[str, Any]:
    data = base64.b64encode(picture()).decode()
    part = {"inlineData": {"mimeType": "image/png", "data": data}}
    return {"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [part]}}], "modelVersion": "painter-1"}


@dataclass
class Painter:
    """Answers as Gemini does: what it was told to next, and otherwise with a picture.

    Attributes:
        paid: How many answers were given; a quota's refusal is none.
        hand: Cleared, it paints nothing until it is set.
    """

    paid: int = 0
    asked: int = 0
    next: deque[dict[str, Any] | Response] = field(default_factory=deque)
    hand: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/{version}/models/{call:path}", self.answer, methods=["POST"])
        return app

    async def answer(self, version: str, call: str, request: Request) -> Response:
        body = await request.json()
        assert call.endswith(":generateContent"), call
        assert body["generationConfig"]["responseModalities"] == ["TEXT", "IMAGE"]
        self.asked += 1
        self.begun.set()
        await self.hand.wait()
        answer = self.next.popleft() if self.next else painted()
        if isinstance(answer, Response):
            return answer
        self.paid += 1
        return JSONResponse(answer)

    def refuse_for_now(self, seconds: float) -> None:
        """Be over quota once."""
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}]
        error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "quota", "details": details}
        self.next.append(JSONResponse({"error": error}, status_code=429))

    def lose_an_answer(self) -> None:
        """Be paid, and break the line before the answer is through."""
        self.next.append(Broken())


class Broken(Response):
    """Closes the connection in the middle of the body."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})


@dataclass
class Atelier:
    """Everything that runs, and the hands of a customer."""

    env: Mapping[str, str]
    settings: Settings
    client: Client
    database: Database
    browser: httpx.AsyncClient
    painter: Painter
    s3: Remote
    bucket: Path

    async def generate(self, photo: bytes | None = None, **fields: str) -> httpx.Response:
        files = {"image": ("photo.png", photo or picture((640, 800)), "image/png")}
        return await self.browser.post("/api/images/generate", data={**WISH, **fields}, files=files)

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

    async def calm(self) -> None:
        self.painter.next.clear()
        self.painter.hand.set()
        self.painter.begun.clear()
        self.painter.paid = self.painter.asked = 0
        await self.s3.clear_faults()


@asynccontextmanager
async def atelier(database_url: str, temporal_address: str, folder: Path, **variables: str) -> AsyncIterator[Atelier]:
    """Everything but a worker while the block lasts; `variables` are further settings, as in the environment."""
    namespace = f"atelier-{uuid4().hex[:12]}"
    async with AsyncExitStack() as stack:
        await new_namespace(temporal_address, namespace)
        painter = Painter()
        ports = {name: free_port() for name in ("api", "stripe", "manufacturer", "temporal_ui")}
        env = environment(Ports(**ports), database_url)
        store = S3EmulatorSettings(
            folder=folder / "buckets",
            buckets=(env["STORAGE_BUCKET"],),
            access_key=env["STORAGE_ACCESS_KEY_ID"],
            secret_key=env["STORAGE_SECRET_ACCESS_KEY"],
        )
        s3_url = await stack.enter_async_context(serving(s3.create_app(store)))
        env |= {
            "TEMPORAL_ADDRESS": temporal_address,
            "TEMPORAL_NAMESPACE": namespace,
            "STORAGE_ENDPOINT_URL": s3_url,
            "GEMINI_BASE_URL": await stack.enter_async_context(serving(painter.app())),
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
            painter=painter,
            s3=await stack.enter_async_context(Remote(s3_url)),
            bucket=store.folder / env["STORAGE_BUCKET"],
        )
        await one.calm()
        yield one


def settings_from(env: Mapping[str, str]) -> Settings:
    """Read settings as a process with this environment does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        return load_settings()
