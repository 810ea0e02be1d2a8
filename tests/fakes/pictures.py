"""A bucket, a renderer and links in memory."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from models.artwork import PrintFile, RenderedImage, RenderRequest
from models.design import ComposedDesign, ComposeRequest, DesignDocument, KeptDesign
from models.errors import NotThere, OrderRefused
from tests.fakes.faults import Faults
from tests.fakes.order_book import PICTURE, FakeOrderBook


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


class FakeDesigner:
    """Draws a document as its own JSON and the bytes of its pictures; `refusal` is what it says instead."""

    version = "fake-1"

    def __init__(self) -> None:
        self.faults = Faults()
        self.refusal: OrderRefused | None = None
        self.drawn: list[DesignDocument] = []

    async def compose(self, document: DesignDocument, request: ComposeRequest, pictures: Mapping[str, bytes]) -> ComposedDesign:
        await self.faults.before("compose")
        if self.refusal is not None:
            raise self.refusal
        self.drawn.append(document)
        data = document.model_dump_json().encode() + b"".join(pictures[name] for name in document.photo_names)
        await self.faults.after("compose")
        return ComposedDesign(
            data=data,
            sha256=sha256(data).hexdigest(),
            width=1390,
            height=round(1390 * request.height_mm / request.width_mm),
            preview=b"small " + data,
            preview_width=400,
            preview_height=836,
            renderer_version=self.version,
        )


class FakeDesignBook:
    """The rows of designs; each is an upload that can be ordered."""

    def __init__(self, orders: FakeOrderBook) -> None:
        self.kept: dict[str, KeptDesign] = {}
        self._orders = orders

    async def keep(self, kept: KeptDesign) -> None:
        self.kept.setdefault(kept.names.final, kept)
        self._orders.uploads[kept.names.final] = kept.design.print_image


class FakeLinks:
    """Links that lead into the fake bucket."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def for_print_file(self, print_file: PrintFile, *, order_id: UUID, expires_at: datetime) -> str:
        return f"https://api.example/image/{print_file.key}?token={order_id}"

    async def fetch(self, url: str) -> bytes:
        return await self._store.get(url.removeprefix("https://api.example/image/").split("?", maxsplit=1)[0])
