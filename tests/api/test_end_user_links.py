"""New links: for browsers, to what they just made, for a few hours; to nobody else and to nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from adapters.links import Audience, SignedImageLinks
from adapters.postgres.engine import Database
from adapters.postgres.uploads import PostgresUploads
from config.settings import Settings
from models.artwork import PictureKind, StoredImage, Upload, sha256_of
from tests.api.world import API, NOW, Clock, MemoryStore, assert_problem, path_of, picture, upload

SPELLINGS = ("/api/images/generate-secure-url", "/api/image/generate-secure-url")
REFRESH = "/api/images/refresh-token"


async def ask(browser: httpx.AsyncClient, name: str, *, path: str = SPELLINGS[0], **fields: Any) -> httpx.Response:
    return await browser.post(path, data={"filename": name, **fields})


async def refresh(browser: httpx.AsyncClient, name: str, token: str, **fields: Any) -> httpx.Response:
    return await browser.post(REFRESH, data={"filename": name, "current_token": token, **fields})


@pytest.fixture
async def links(settings: Settings) -> SignedImageLinks:
    return SignedImageLinks.from_settings(settings.image_link, httpx.AsyncClient())


def expiry_of(url: str) -> datetime:
    return datetime.fromtimestamp(int(url.partition("?token=")[2].partition(":")[0]), UTC)


@pytest.mark.parametrize("path", SPELLINGS)
@pytest.mark.parametrize("way", ["urlencoded", "multipart"])
async def test_whoever_was_told_a_pictures_name_gets_another_link_to_it(browser: httpx.AsyncClient, path: str, way: str):
    design = picture()
    name = (await upload(browser, design))["filename"]
    fields = {"filename": name, "partner_type": "end_user", "expiry_hours": "2"}

    sent = {"data": fields} if way == "urlencoded" else {"files": {field: (None, value) for field, value in fields.items()}}
    answer = await browser.post(path, **sent)

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"success", "secure_url", "filename", "partner_type", "expiry_hours", "expires_at"}
    assert (body["success"], body["filename"], body["partner_type"], body["expiry_hours"]) == (True, name, "end_user", 2)
    assert body["secure_url"].startswith(f"{API}/image/{name}?token=")
    assert datetime.fromisoformat(body["expires_at"]) == expiry_of(body["secure_url"]) == NOW + timedelta(hours=2)
    assert (await browser.get(path_of(body["secure_url"]))).content == design


async def test_a_link_is_made_for_an_hour_and_never_for_more_than_four(browser: httpx.AsyncClient):
    name = (await upload(browser))["filename"]

    usual, long = (await ask(browser, name)).json(), (await ask(browser, name, expiry_hours=72)).json()

    assert expiry_of(usual["secure_url"]) == NOW + timedelta(hours=1)
    assert (long["expiry_hours"], expiry_of(long["secure_url"])) == (4, NOW + timedelta(hours=4))


@pytest.mark.parametrize("kind", [PictureKind.PHOTO, PictureKind.GENERATED, PictureKind.PREVIEW])
async def test_photos_generated_pictures_and_previews_open_like_designs_do(
    browser: httpx.AsyncClient, database: Database, store: MemoryStore, kind: PictureKind
):
    data = picture((300, 400))
    image = StoredImage(key="x/1.png", sha256=sha256_of(data), media_type="image/png", width=300, height=400, size=len(data))
    await store.put(image.key, data, media_type="image/png")
    await PostgresUploads(database).add(Upload(name="f00d.png", kind=kind, image=image, created_at=NOW))

    link = (await ask(browser, "f00d.png")).json()["secure_url"]

    assert (await browser.get(path_of(link))).content == data


@pytest.mark.parametrize("partner", ["chinese_manufacturing", "manufacturer", "admin", "operator", ""])
async def test_nobody_gets_a_link_for_anybody_but_a_browser(browser: httpx.AsyncClient, partner: str):
    name = (await upload(browser))["filename"]

    answer = await browser.post(SPELLINGS[0], content=f"filename={name}&partner_type={partner or 'x'}", headers=FORM)

    assert_problem(answer, 400, code="bad_request")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("name", ["0" * 32 + ".png", "../../etc/passwd", "a b", "ä.png", "x" * 200])
async def test_there_is_no_link_to_what_was_never_made(browser: httpx.AsyncClient, name: str):
    assert_problem(await ask(browser, name), 404)


async def test_there_is_no_link_to_a_print_file(browser: httpx.AsyncClient, store: MemoryStore):
    data = picture()
    await store.put(f"print/{sha256_of(data)}.png", data, media_type="image/png")

    assert_problem(await ask(browser, f"{sha256_of(data)}.png"), 404)


async def test_a_name_alone_is_enough_for_six_hours_and_then_no_more(browser: httpx.AsyncClient, clock: Clock):
    name = (await upload(browser))["filename"]
    clock.pass_by(timedelta(hours=6))
    assert (await ask(browser, name)).status_code == 200

    clock.pass_by(timedelta(seconds=1))

    assert_problem(await ask(browser, name), 403)


@pytest.mark.parametrize("fields", [{"expiry_hours": 0}, {"expiry_hours": -1}, {"expiry_hours": "long"}, {"filename": ""}])
async def test_a_wish_that_makes_no_sense_is_refused(browser: httpx.AsyncClient, fields: dict[str, Any]):
    answer = await browser.post(SPELLINGS[0], data={"filename": "a.png", **fields})

    assert_problem(answer, 422, code="invalid_request")


async def test_a_good_link_leads_to_another_one_that_is_good_for_at_least_as_long(browser: httpx.AsyncClient, clock: Clock):
    body = await upload(browser)
    name, token = body["filename"], body["public_url"].partition("?token=")[2]

    early = (await refresh(browser, name, token, additional_hours=2)).json()
    clock.pass_by(timedelta(hours=23))
    late = (await refresh(browser, name, token, additional_hours=2)).json()

    assert early.keys() == {"success", "new_secure_url", "new_token", "filename", "partner_type", "expires_at"}
    assert early["new_secure_url"] == f"{API}/image/{name}?token={early['new_token']}"
    assert expiry_of(early["new_secure_url"]) == NOW + timedelta(hours=24)
    assert expiry_of(late["new_secure_url"]) == NOW + timedelta(hours=25)
    assert (await browser.get(path_of(late["new_secure_url"]))).status_code == 200


async def test_links_can_be_renewed_for_a_week_and_never_beyond(browser: httpx.AsyncClient, clock: Clock):
    body = await upload(browser)
    name, token = body["filename"], body["public_url"].partition("?token=")[2]
    last = NOW + timedelta(days=7)
    while expiry_of(f"?token={token}") < last:
        clock.now = expiry_of(f"?token={token}") - timedelta(seconds=1)
        token = (await refresh(browser, name, token, additional_hours=99)).json()["new_token"]

    assert expiry_of(f"?token={token}") == last
    clock.now = last
    assert_problem(await refresh(browser, name, token), 400)


@pytest.mark.parametrize("audience", [Audience.MANUFACTURER, Audience.OPERATOR])
async def test_only_a_browsers_link_can_be_renewed(browser: httpx.AsyncClient, links: SignedImageLinks, audience: Audience):
    name = (await upload(browser))["filename"]
    token = links.sign(name, audience=audience, expires_at=NOW + timedelta(hours=1), order_id=uuid4())

    assert_problem(await refresh(browser, name, token), 400)


async def test_a_token_that_is_not_good_for_the_picture_leads_nowhere(browser: httpx.AsyncClient, clock: Clock):
    body, other = await upload(browser), await upload(browser)
    name, token = body["filename"], body["public_url"].partition("?token=")[2]

    assert_problem(await refresh(browser, other["filename"], token), 400)
    assert_problem(await refresh(browser, name, "token"), 400)
    assert_problem(await refresh(browser, name, token[:-1] + ("0" if token[-1] != "0" else "1")), 400)
    clock.pass_by(timedelta(hours=24))
    assert_problem(await refresh(browser, name, token), 400)


async def test_a_token_for_a_name_that_is_not_kept_leads_nowhere(browser: httpx.AsyncClient, links: SignedImageLinks):
    token = links.sign("gone.png", audience=Audience.END_USER, expires_at=NOW + timedelta(hours=1))

    assert_problem(await refresh(browser, "gone.png", token), 404)
