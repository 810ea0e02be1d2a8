"""Photos come in by their bytes, a bounded number at a time, and are shown to whoever has their link."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from io import BytesIO

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import text

from adapters.postgres.engine import Database
from adapters.postgres.uploads import PostgresUploads
from api.services import Services
from api.upload_slots import LARGEST, UploadSlots
from models.artwork import PictureKind, sha256_of
from models.errors import ProviderUnavailable
from tests.adapters.rendering.photo_corpus import encoded, exif, portrait, sample
from tests.api.conftest import browser_of
from tests.api.world import NOW, Clock, MemoryStore, assert_problem, path_of

BOUNDARY = "d1v1d3"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


async def send(
    browser: httpx.AsyncClient, data: bytes, *, name: str = "photo.jpg", media_type: str = "image/jpeg", field: str = "image"
) -> httpx.Response:
    return await browser.post("/api/photos", files={field: (name, data, media_type)})


def form_around(data: bytes) -> tuple[bytes, bytes]:
    """A form up to the photo's last byte, and its end."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'.encode()
    return head + data, f"\r\n--{BOUNDARY}--\r\n".encode()


async def test_a_photo_is_kept_upright_under_its_content_and_opens_by_its_link(
    browser: httpx.AsyncClient, database: Database, store: MemoryStore
):
    sideways = portrait().transpose(Image.Transpose.ROTATE_90)
    answer = await send(browser, encoded(sideways, "JPEG", exif=exif(6)))

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"success", "filename", "file_path", "public_url", "width", "height"}
    assert (body["success"], body["width"], body["height"]) == (True, 240, 320)
    row = await PostgresUploads(database).find(body["filename"])
    assert row is not None
    assert (row.kind, row.template_id, row.created_at) == (PictureKind.PHOTO, None, NOW)
    assert row.image.key == f"photos/{row.image.sha256}.jpg"
    shown = await browser.get(path_of(body["public_url"]))
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert (sha256_of(shown.content), store.objects) == (row.image.sha256, {row.image.key: (shown.content, "image/jpeg")})
    assert Image.open(BytesIO(shown.content)).size == (240, 320)
    assert b"Example Camera" not in shown.content


async def test_a_phones_photo_is_taken_whatever_it_is_called(browser: httpx.AsyncClient):
    answer = await send(browser, sample("sideways"), name="../../cat.html", media_type="text/html")

    assert answer.status_code == 200, answer.text
    assert answer.json()["filename"].endswith(".jpg")


async def test_the_same_photo_sent_twice_is_one_object_with_two_names(browser: httpx.AsyncClient, store: MemoryStore):
    first, second = [(await send(browser, encoded(portrait(), "PNG"))).json() for _ in range(2)]

    assert first["filename"] != second["filename"]
    assert len(store.objects) == 1


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(b"", 422, "bad_image", id="nothing"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "bad_image", id="a drawing"),
        pytest.param(encoded(portrait(), "GIF"), 422, "bad_image", id="a GIF"),
        pytest.param(encoded(portrait(), "PNG")[:300], 422, "bad_image", id="half a PNG"),
        pytest.param(encoded(portrait(size=(12_100, 200)), "PNG"), 413, "image_too_large", id="too wide"),
        pytest.param(bytes(10_000_001), 413, "image_too_large", id="a byte too many"),
        pytest.param(bytes(11_000_000), 413, "body_too_large", id="a form too large"),
    ],
)
async def test_what_is_no_photo_is_refused_with_the_reason(
    stranded: httpx.AsyncClient, store: MemoryStore, data: bytes, status: int, code: str
):
    answer = await send(stranded, data, name="photo.jpg")

    assert_problem(answer, status, code=code)
    assert store.objects == {}


@pytest.mark.parametrize(
    ("request_for", "status"),
    [
        pytest.param(lambda shop: shop.post("/api/photos", files={"photo": b"x"}), 422, id="another field"),
        pytest.param(lambda shop: shop.post("/api/photos", data={"image": "x"}), 422, id="urlencoded"),
        pytest.param(lambda shop: shop.post("/api/photos", files={"image": (None, "x")}), 422, id="a text"),
        pytest.param(lambda shop: shop.post("/api/photos", json={"image": "x"}), 422, id="JSON"),
        pytest.param(lambda shop: shop.post("/api/photos"), 422, id="nothing"),
        pytest.param(lambda shop: shop.post("/api/photos", files=[("image", b"x"), ("image", b"y")]), 400, id="two files"),
        pytest.param(
            lambda shop: shop.post("/api/photos", content=b"x", headers={"Content-Type": "multipart/form-data"}), 400, id="rags"
        ),
    ],
)
async def test_a_form_without_one_photo_is_refused(
    stranded: httpx.AsyncClient, request_for: Callable[[httpx.AsyncClient], "asyncio.Future[httpx.Response]"], status: int
):
    assert_problem(await request_for(stranded), status)


async def test_a_photo_that_cannot_be_stored_can_be_sent_again(browser: httpx.AsyncClient, store: MemoryStore):
    store.outage = ProviderUnavailable("the bucket is away", provider="r2")
    assert_problem(await send(browser, encoded(portrait(), "JPEG")), 503, code="try_again")

    store.outage = None
    assert (await send(browser, encoded(portrait(), "JPEG"))).status_code == 200


def services_of(app: FastAPI) -> Services:
    services = app.state.services
    assert isinstance(services, Services)
    return services


def give_slots(app: FastAPI, **changes: object) -> None:
    slots = UploadSlots(**{"at_once": LARGEST, **changes})  # type: ignore[arg-type]
    object.__setattr__(services_of(app), "upload_slots", slots)


class SlowPhone:
    """Sends the first part of a form, and the rest when it is told to."""

    def __init__(self, data: bytes) -> None:
        self._head, self._tail = form_around(data)
        self.has_begun = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.has_begun.set()
        yield self._head
        await self.goes_on.wait()
        yield self._tail


async def test_while_all_slots_are_taken_nothing_of_the_next_photo_is_read_and_it_is_told_to_come_again(stranded_app: FastAPI):
    give_slots(stranded_app, patience=timedelta(milliseconds=20))
    first, second = SlowPhone(b"x"), SlowPhone(b"x")
    async with browser_of(stranded_app) as browser:
        slow = asyncio.ensure_future(browser.post("/api/photos", content=first, headers=FORM))
        await first.has_begun.wait()
        turned_away = await browser.post("/api/photos", content=second, headers=FORM)

        assert_problem(turned_away, 503, code="try_again")
        assert not second.has_begun.is_set()
        first.goes_on.set()
        assert_problem(await slow, 422, code="bad_image")
        second.goes_on.set()
        assert_problem(await browser.post("/api/photos", content=second, headers=FORM), 422, code="bad_image")


async def test_a_photo_that_never_arrives_whole_does_not_keep_its_slot(stranded_app: FastAPI):
    give_slots(stranded_app, on_the_road=timedelta(milliseconds=20))
    async with browser_of(stranded_app) as browser:
        answer = await browser.post("/api/photos", content=SlowPhone(b"x"), headers=FORM)
        assert_problem(answer, 503, code="try_again")

        assert_problem(await send(browser, b"no photo"), 422, code="bad_image")


async def test_a_phone_that_hangs_up_gives_its_slot_back(stranded_app: FastAPI):
    give_slots(stranded_app)
    head, _ = form_around(b"x")
    messages: list[dict[str, object]] = [{"type": "http.request", "body": head, "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send_nothing(_: object) -> None:
        pass

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/photos",
        "raw_path": b"/api/photos",
        "query_string": b"",
        "headers": [(b"content-type", FORM["Content-Type"].encode())],
        "client": ("198.51.100.1", 1),
    }
    await stranded_app(scope, receive, send_nothing)

    async with browser_of(stranded_app) as browser:
        assert_problem(await send(browser, b"no photo"), 422, code="bad_image")


async def test_a_photo_that_was_removed_is_no_longer_shown(browser: httpx.AsyncClient, database: Database):
    body = (await send(browser, encoded(portrait(), "JPEG"))).json()

    async with database.connect() as connection:
        await connection.execute(text("UPDATE assets SET removed_at = now()"))

    shown = await browser.get(path_of(body["public_url"]))
    assert_problem(shown, 404)
    assert shown.headers["access-control-allow-origin"] == "*"


async def test_a_removed_photo_that_is_sent_again_opens_by_both_names(
    browser: httpx.AsyncClient, database: Database, clock: Clock
):
    first = (await send(browser, encoded(portrait(), "JPEG"))).json()
    async with database.connect() as connection:
        await connection.execute(text("UPDATE assets SET removed_at = now()"))

    second = (await send(browser, encoded(portrait(), "JPEG"))).json()

    for body in (first, second):
        assert (await browser.get(path_of(body["public_url"]))).status_code == 200
