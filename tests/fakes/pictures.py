"""A bucket, a renderer and links in memory."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from models.artwork import PrintFile, RenderedImage, RenderRequest
from models.errors import NotThere
from tests.fakes.faults import Faults
from tests.fakes.order_book import PICTURE


class FakeStore:
    """A bucket with the approved picture in it."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.objects: dict[str, bytes] = {"uploads/picture.png": PICTURE}

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        await self.faults.before("put")
        self.objects[key] = data
        await self.faults.after("put")

    async def get(self, key: str) -> bytes:
        await self.faults.before("get")
        if key not in self.objects:
            raise NotThere("no such object", provider="store")
        return self.objects[key]

    async def exists(self, key: str) -> bool:
        return key in self.objects


class FakeRenderer:
    """Says what it was given, so that every picture and shell has bytes of its own."""

    version = "fake-1"

    def __init__(self) -> None:
        self.faults = Faults()

    async def render(self, data: bytes, request: RenderRequest) -> RenderedImage:
        await self.faults.before("render")
        rendered = data + f" at {request.width_mm}x{request.height_mm}".encode()
        await self.faults.after("render")
        height = round(1390 * request.height_mm / request.width_mm)
        return RenderedImage(
            data=rendered,
            sha256=sha256(rendered).hexdigest(),
            width=1390,
            height=height,
            renderer_version=self.version,
        )


class FakeLinks:
    """Links that lead into the fake bucket."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def for_print_file(self, print_file: PrintFile, *, order_id: UUID, expires_at: datetime) -> str:
        return f"https://api.example/image/{print_file.key}?token={order_id}"

    async def fetch(self, url: str) -> bytes:
        return await self._store.get(url.removeprefix("https://api.example/image/").split("?", maxsplit=1)[0])
