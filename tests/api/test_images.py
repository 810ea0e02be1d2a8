"""Designs come in checked and go out to whoever holds their link, and to nobody else."""

import json
import struct
import zlib
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from adapters.links import Audience, SignedImageLinks
from adapters.postgres.engine import Database
from adapters.postgres.uploads import PostgresUploads
from config.settings import Settings
from models.artwork import PrintFile, sha256_of
from models.errors import ProviderUnavailable
from tests.api.world import API, FORM, NOW, Clock, MemoryStore, assert_problem, data_url, path_of, picture, upload, upload_form


async def test_an_upload_answers_every_field_that_the_storefront_reads(browser: httpx.AsyncClient):
    body = await upload(browser)

    assert body.keys() == {
        "success",
        "filename",
        "file_path",
        "public_url",
        "session_id",
        "template_id",
        "order_id",
        "image_type",
        "warnings",
    }
    assert body["public_url"].startswith(f"{API}/image/{body['filename']}?token=")
    assert body["session_id"] == f"session_{int(NOW.timestamp())}"
    assert (body["success"], body["template_id"], body["image_type"]) == (True, "classic", "final_composed")


async def test_an_upload_is_stored_under_its_content_and_found_under_its_name(
    browser: httpx.AsyncClient, database: Database, store: MemoryStore
):
    design = picture()

    body = await upload(browser, design)

    found = await PostgresUploads(database).find(body["filename"])
    assert found is not None
    assert found.image.sha256 == sha256_of(design)
    assert store.objects == {found.image.key: (design, "image/png")}


async def test_the_same_picture_sent_twice_is_one_object_and_two_attempts_to_order(
    browser: httpx.AsyncClient, store: MemoryStore
):
    first, second = await upload(browser), await upload(browser)

    assert first["filename"] != second["filename"]
    assert len(store.objects) == 1


async def test_a_multipart_form_is_taken_as_well(browser: httpx.AsyncClient):
    fields = {"template_id": (None, "classic"), "final_image_data": (None, data_url(picture(colour="navy")))}

    answer = await browser.post("/api/images/upload-final", files=fields)

    assert answer.status_code == 200, answer.text


async def test_a_form_is_understood_however_it_is_escaped(browser: httpx.AsyncClient):
    """Browsers escape as little as they must, others everything; of a name that comes twice the last value counts."""
    design = picture(colour="gold")
    everything = "".join(f"%{ord(character):02x}" for character in data_url(design))

    answer = await browser.post(
        "/api/images/upload-final",
        content=f"template_id=2-in-1&final_image_data=x&final_image_data={everything}&template_id=film%2Bstrip&&template%5fid=cl%61ssic&order_id=a+b%252B%C3%BC",
        headers=FORM,
    )

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["template_id"], body["order_id"]) == ("classic", "a b%2Bü")
    assert (await browser.get(path_of(body["public_url"]))).content == design


async def test_a_form_of_too_many_fields_is_refused(stranded: httpx.AsyncClient):
    answer = await stranded.post("/api/images/upload-final", content="a=1&" * 21, headers=FORM)

    assert_problem(answer, 422, code="unprocessable")


async def test_a_picture_of_several_megabytes_is_taken(browser: httpx.AsyncClient):
    answer = await browser.post("/api/images/upload-final", content=upload_form(_noise(megabytes=4)), headers=FORM)

    assert answer.status_code == 200, answer.text


def _noise(*, megabytes: int) -> bytes:
    """A PNG with a tail, which decoders ignore, to make it large."""
    return picture() + b"\x00" * (megabytes * 1_000_000)


async def test_an_upload_that_was_stored_but_not_written_down_is_not_answered_as_done(
    browser: httpx.AsyncClient, store: MemoryStore
):
    store.outage = ProviderUnavailable("the bucket is away", provider="r2")

    answer = await browser.post("/api/images/upload-final", content=upload_form(), headers=FORM)

    assert_problem(answer, 503, code="try_again")


def _bomb(claim: tuple[int, int], png: bytes) -> bytes:
    """A PNG whose header claims other dimensions than it has pixels for."""
    header = b"IHDR" + struct.pack(">II", *claim) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        pytest.param({"final_image_data": data_url(picture()[:5000])}, 422, "bad_image", id="a truncated PNG"),
        pytest.param({"final_image_data": data_url(_bomb((60000, 60000), picture()))}, 413, "image_too_large", id="a bomb"),
        pytest.param({"final_image_data": data_url(b"GIF89a")}, 422, "bad_image", id="not a picture"),
        pytest.param({"final_image_data": "https://example.com/x.png"}, 422, "bad_image", id="a link instead of a picture"),
        pytest.param({"final_image_data": data_url(picture((500, 1000)))}, 422, "bad_image", id="too few pixels"),
        pytest.param({"final_image_data": data_url(picture((1390, 1390)))}, 422, "wrong_ratio", id="not the shape of a phone"),
        pytest.param({"final_image_data": ""}, 422, "invalid_request", id="nothing"),
        pytest.param({"template_id": "no-such-template"}, 422, "unknown_template", id="an unknown template"),
        pytest.param({"template_id": ""}, 422, "invalid_request", id="no template"),
    ],
)
async def test_what_cannot_be_printed_is_refused_with_the_reason(
    browser: httpx.AsyncClient, form: dict[str, str], status: int, code: str
):
    answer = await browser.post("/api/images/upload-final", content=upload_form(fields=form), headers=FORM)

    assert_problem(answer, status, code=code)


async def test_twenty_megabytes_are_refused_before_they_are_read(stranded: httpx.AsyncClient):
    answer = await stranded.post("/api/images/upload-final", content=b"x" * 20_000_001, headers=FORM)

    body = assert_problem(answer, 413, code="body_too_large")
    assert "20 MB" in body["detail"]


async def test_a_body_that_is_no_form_is_refused_with_the_reason(stranded: httpx.AsyncClient):
    answer = await stranded.post("/api/images/upload-final", json={"template_id": "classic"})

    assert_problem(answer, 422, code="unprocessable")


async def test_a_picture_is_shown_to_whoever_has_its_link(browser: httpx.AsyncClient):
    design = picture()
    link = path_of((await upload(browser, design))["public_url"])

    answer = await browser.get(link)

    assert answer.status_code == 200
    assert answer.content == design
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(len(design))
    assert answer.headers["cache-control"] == "private, max-age=3600"


async def test_a_picture_can_be_drawn_on_a_canvas_whoever_showed_it_first(browser: httpx.AsyncClient):
    link = path_of((await upload(browser))["public_url"])

    plain = await browser.get(link)
    foreign = await browser.get(link, headers={"Origin": "https://anywhere.example"})

    for answer in (plain, foreign):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_for_a_picture_needs_no_link(stranded: httpx.AsyncClient):
    answer = await stranded.options("/image/x.png", headers={"Origin": "https://anywhere.example"})

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_browser_that_has_the_picture_is_not_sent_it_again(browser: httpx.AsyncClient):
    link = path_of((await upload(browser))["public_url"])
    etag = (await browser.get(link)).headers["etag"]

    answer = await browser.get(link, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "private, max-age=3600"


async def test_head_tells_kind_and_size(browser: httpx.AsyncClient):
    design = picture()
    link = path_of((await upload(browser, design))["public_url"])

    answer = await browser.head(link)

    assert answer.status_code == 200
    assert (answer.headers["content-type"], answer.headers["content-length"]) == ("image/png", str(len(design)))


async def test_a_picture_is_never_cached_longer_than_its_link_is_good(browser: httpx.AsyncClient, clock: Clock):
    link = path_of((await upload(browser))["public_url"])
    clock.pass_by(timedelta(hours=23, minutes=59))

    assert (await browser.get(link)).headers["cache-control"] == "private, max-age=60"


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        pytest.param(lambda url: url.partition("?")[0], 401, id="no token"),
        pytest.param(lambda url: f"{url.partition('?')[0]}?token=abc", 400, id="not a token"),
        pytest.param(lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"), 403, id="forged"),
        pytest.param(lambda url: url.replace("/image/", "/image/0"), 403, id="of another picture"),
    ],
)
async def test_a_link_that_is_not_ours_opens_nothing(browser: httpx.AsyncClient, spoil: Any, status: int):
    link = path_of((await upload(browser))["public_url"])

    answer = await browser.get(spoil(link))

    assert_problem(answer, status)
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_an_expired_link_opens_nothing(browser: httpx.AsyncClient, clock: Clock):
    link = path_of((await upload(browser))["public_url"])
    clock.pass_by(timedelta(hours=24))

    assert_problem(await browser.get(link), 403)


async def test_a_good_link_to_a_picture_that_is_not_kept_is_404(browser: httpx.AsyncClient, store: MemoryStore):
    link = path_of((await upload(browser))["public_url"])
    store.objects.clear()

    answer = await browser.get(link)
    assert_problem(answer, 404)
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_store_that_is_away_is_told_to_every_page(browser: httpx.AsyncClient, store: MemoryStore):
    link = path_of((await upload(browser))["public_url"])
    store.outage = ProviderUnavailable("the bucket is away", provider="r2")

    answer = await browser.get(link)

    assert_problem(answer, 503)
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_the_manufacturer_fetches_a_print_file_by_its_link_with_or_without_a_database(
    stranded: httpx.AsyncClient, store: MemoryStore, settings: Settings
):
    data = picture()
    print_file = PrintFile(
        key=f"print/{sha256_of(data)}.png",
        sha256=sha256_of(data),
        approved_sha256=sha256_of(b"approved"),
        shell_id="MS102509090019",
        renderer_version="1",
        width=1390,
        height=2905,
        size=len(data),
    )
    await store.put(print_file.key, data, media_type="image/png")
    async with httpx.AsyncClient() as http:
        links = SignedImageLinks.from_settings(settings.image_link, http)
        url = links.for_print_file(print_file, order_id=uuid4(), expires_at=NOW + timedelta(days=7))

    answer = await stranded.get(path_of(url))

    assert (answer.status_code, answer.content) == (200, data)


async def test_an_end_users_token_does_not_open_a_print_file(browser: httpx.AsyncClient, store: MemoryStore, settings: Settings):
    data = picture()
    await store.put(f"print/{sha256_of(data)}.png", data, media_type="image/png")
    async with httpx.AsyncClient() as http:
        links = SignedImageLinks.from_settings(settings.image_link, http)
        url = links.link(f"{sha256_of(data)}.png", audience=Audience.END_USER, expires_at=NOW + timedelta(hours=1)).url

    assert_problem(await browser.get(path_of(url)), 404)


async def test_the_recorded_upload_of_the_storefront_is_taken(browser: httpx.AsyncClient):
    metadata = json.dumps({"uploadTimestamp": 1767225600, "source": "own_collection"})

    body = await upload(browser, metadata=metadata)

    assert urlsplit(body["public_url"]).path == body["file_path"]
