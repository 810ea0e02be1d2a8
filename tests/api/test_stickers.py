"""The sticker screen: a hundred pictures at once, from memory, and what there is not is 404 at once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from adapters.postgres.decorations import PostgresDecorations
from adapters.postgres.engine import Database
from api.stickers import LARGEST_KEPT, Stickers
from models.artwork import StoredImage, object_key, sha256_of
from models.decoration import FOLDER, Decoration, DecorationKind
from models.errors import ProviderUnavailable
from tests.api.conftest import browser_of
from tests.api.world import API, NOW, Clock, MemoryStore, assert_problem


def stored(store: MemoryStore, data: bytes, media_type: str) -> StoredImage:
    key = object_key(FOLDER, sha256_of(data), media_type)
    store.objects[key] = (data, media_type)
    return StoredImage(key=key, sha256=sha256_of(data), media_type=media_type, width=300, height=200, size=len(data))


def decoration(store: MemoryStore, pack: str, number: str, *, kind: DecorationKind = DecorationKind.STICKER) -> Decoration:
    name = f"{kind} {pack} {number}".encode()
    return Decoration(
        kind=kind,
        pack=pack,
        number=number,
        picture=stored(store, name, "image/png"),
        highres=stored(store, name + b" large", "image/webp"),
        thumbnail=stored(store, name + b" small", "image/webp"),
        source=sha256_of(name),
        display_order=int(number),
    )


class CountingTable:
    """The table, and how often it was asked."""

    def __init__(self, decorations: Sequence[Decoration]) -> None:
        self.decorations = decorations
        self.reads = 0
        self.is_away = False

    async def offered(self) -> Sequence[Decoration]:
        self.reads += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise ProviderUnavailable("away", provider="postgres")
        return self.decorations


class CountingStore(MemoryStore):
    """A bucket that counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def stream(self, key: str):
        self.reads += 1
        return await super().stream(key)


@pytest.fixture
async def screen(browser: httpx.AsyncClient, database: Database, store: MemoryStore) -> httpx.AsyncClient:
    """The storefront, with two packs of stickers and one of backgrounds."""
    book = PostgresDecorations(database)
    for pack, number in (("CAT", "2"), ("CAT", "10"), ("GRAFITTI", "1"), ("POP-ART", "1")):
        await book.write(decoration(store, pack, number), at=NOW)
    await book.write(decoration(store, "SPACE", "1", kind=DecorationKind.BACKGROUND), at=NOW)
    return browser


async def test_the_packs_are_listed_with_addresses_that_work(screen: httpx.AsyncClient):
    categories = (await screen.get("/api/stickers/categories")).json()["categories"]
    assert [(one["id"], one["name"], one["count"]) for one in categories] == [
        ("CAT", "Cat", 2),
        ("GRAFITTI", "Grafitti", 1),
        ("POP-ART", "Pop art", 1),
    ]
    assert [one["name"] for one in categories[0]["stickers"]] == ["CAT/2", "CAT/10"]
    (pack,) = (await screen.get("/api/backgrounds")).json()["packs"]
    assert [one["name"] for one in pack["backgrounds"]] == ["BACKGROUND-SPACE/1"]
    for item in (categories[0]["stickers"][0], pack["backgrounds"][0]):
        answers = [await screen.get(item[field]) for field in ("url", "highres_url", "thumbnail_url")]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert [answer.content[-5:] for answer in answers][1:] == [b"large", b"small"]


@pytest.mark.parametrize(
    "path", ["CAT/2.png", "cat/2.png", "Cat/2", "GRAFFITI/1.png", "graffiti/1.png", "POP%20ART/1.png", "POP-ART/1.png"]
)
async def test_a_pack_is_found_in_every_spelling(screen: httpx.AsyncClient, path: str):
    answer = await screen.get(f"/api/stickers/image/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


async def test_a_picture_is_everybodys_is_cached_for_long_and_asked_about_cheaply(screen: httpx.AsyncClient, store: MemoryStore):
    path = "/api/stickers/image/CAT/thumbnails/2.webp"
    answer = await screen.get(path)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["cache-control"].startswith("public, max-age=86400")
    store.outage = ProviderUnavailable("away", provider="r2")
    again = await screen.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert (await screen.get(path, headers={"If-None-Match": '"other"'})).content == answer.content, "kept in memory"


@pytest.mark.parametrize(
    "path", ["CAT/3.png", "UNICORN/1.png", "CAT", "CAT/thumbnails/", "CAT/huge/2.webp", "CAT/../../x", "SPACE/1.png"]
)
async def test_what_there_is_not_is_404(screen: httpx.AsyncClient, path: str):
    assert_problem(await screen.get(f"/api/stickers/image/{path}"), 404, code="not_found")
    assert_problem(await screen.get(f"/api/stickers/url/{path}"), 404, code="not_found")


async def test_an_address_can_be_asked_for_and_is_ours(screen: httpx.AsyncClient):
    for path in ("CAT/2.png", "CAT/thumbnails/2.webp", "CAT/highres/2.webp"):
        answer = await screen.get(f"/api/stickers/url/{path.lower()}", params={"expires_in": 3600})
        assert answer.json() == {"url": f"{API}/api/stickers/image/{path}"}
    assert_problem(await screen.get("/api/stickers/url/CAT/2.png", params={"expires_in": 10**9}), 422)


async def test_a_hundred_misses_and_hits_at_once_cost_one_look_at_the_table_and_one_at_each_picture(clock: Clock):
    store = CountingStore()
    table = CountingTable([decoration(store, "CAT", str(number)) for number in range(1, 11)])
    stickers = Stickers(table, store, public_base_url=API, clock=clock)
    found = await asyncio.gather(*(stickers.find(f"CAT/{number}.png") for number in range(1, 101)), return_exceptions=True)
    assert len([image for image in found if isinstance(image, StoredImage)]) == 10
    assert table.reads == 1
    images = [image for image in found if isinstance(image, StoredImage)]
    for _ in range(3):
        assert [await stickers.read(image) for image in images] == [store.objects[image.key][0] for image in images]
    assert store.reads == 10


async def test_an_import_is_seen_within_a_minute_and_an_outage_of_the_database_is_not(clock: Clock):
    store = CountingStore()
    table = CountingTable([decoration(store, "CAT", "1")])
    stickers = Stickers(table, store, public_base_url=API, clock=clock)
    assert len(await stickers.packs(DecorationKind.STICKER)) == 1
    table.decorations = [*table.decorations, decoration(store, "DOG", "1")]
    clock.pass_by(timedelta(seconds=59))
    assert len(await stickers.packs(DecorationKind.STICKER)) == 1
    clock.pass_by(timedelta(seconds=1))
    assert len(await stickers.packs(DecorationKind.STICKER)) == 2
    table.is_away = True
    clock.pass_by(timedelta(hours=1))
    assert len(await stickers.packs(DecorationKind.STICKER)) == 2


async def test_without_a_database_from_the_start_the_screen_is_told_to_come_back(stranded: httpx.AsyncClient):
    answer = await stranded.get("/api/stickers/image/CAT/1.png")
    assert_problem(answer, 503)


async def test_a_large_picture_is_passed_on_and_not_kept(clock: Clock):
    store = CountingStore()
    large = stored(store, bytes(LARGEST_KEPT + 1), "image/png")
    stickers = Stickers(CountingTable([]), store, public_base_url=API, clock=clock)
    for _ in range(2):
        chunks = await stickers.read(large)
        assert not isinstance(chunks, bytes)
        assert b"".join([chunk async for chunk in chunks]) == store.objects[large.key][0]
    assert store.reads == 2


async def test_memory_is_bounded_and_the_longest_unused_goes_first(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.stickers.MEMORY", 250)
    store = CountingStore()
    stickers = Stickers(CountingTable([]), store, public_base_url=API, clock=clock)
    first, second, third = (stored(store, bytes([number]) * 100, "image/png") for number in range(3))
    for image in (first, second, first, third):  # now `second` is the one that was not asked for the longest
        await stickers.read(image)
    assert store.reads == 3
    await stickers.read(first)
    assert store.reads == 3
    await stickers.read(second)
    assert store.reads == 4


async def test_a_picture_that_the_bucket_lost_is_an_outage_and_no_404(screen: httpx.AsyncClient, store: MemoryStore):
    store.objects.clear()
    answer = await screen.get("/api/stickers/image/CAT/2.png")
    assert_problem(answer, 503)


async def test_a_sticker_screen_does_not_use_up_what_its_address_may_ask(app: FastAPI):
    async with browser_of(app) as browser:
        for _ in range(5):
            await browser.get("/api/stickers/image/CAT/999.png")
        answer = await browser.get("/api/fonts")
    assert int(answer.headers["x-ratelimit-remaining"]) == int(answer.headers["x-ratelimit-limit"]) - 1
