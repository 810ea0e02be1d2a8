"""Signed links to pictures: made, checked by us, fetched through the front door."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from pydantic import SecretBytes

from adapters.links import (
    MAX_FETCH,
    Audience,
    LinkExpired,
    LinkForged,
    LinkMalformed,
    LinkRefused,
    LinkUnsigned,
    SignedImageLinks,
    new_file_name,
)
from config.fields import Key
from config.groups import ImageLinkSettings
from models.artwork import PrintFile, sha256_of
from models.errors import ProviderRejected, ProviderUnavailable

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=1)
ORDER = UUID("6b3f0d53-0a8f-4c3e-9a63-0a1f7f0e5d11")
ANOTHER_ORDER = UUID("00000000-0a8f-4c3e-9a63-0a1f7f0e5d11")
NAME = "4f9d0c0a6f0e4a7d9b1c2d3e4f5a6b7c.png"
PUBLIC = "https://api.example.com"
OLD_KEY = Key(id="2025", secret=SecretBytes(b"o" * 32))
KEY = Key(id="2026.a", secret=SecretBytes(b"k" * 32))

Handler = Callable[[httpx.Request], httpx.Response]


def links_with(*keys: Key, handler: Handler = lambda _: httpx.Response(404)) -> SignedImageLinks:
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return SignedImageLinks(keys, public_base_url=PUBLIC, http=http)


@pytest.fixture
def links() -> SignedImageLinks:
    return links_with(KEY, OLD_KEY)


@pytest.fixture
def token(links: SignedImageLinks) -> str:
    return links.sign(NAME, audience=Audience.MANUFACTURER, expires_at=UNTIL, order_id=ORDER)


class TestMaking:
    def test_a_token_names_expiry_audience_key_and_order_and_needs_no_escaping(self, token: str):
        expiry, audience, key_id, order, mac = token.split(":")
        assert (int(expiry), audience, key_id, order) == (int(UNTIL.timestamp()), "manufacturer", "2026.a", ORDER.hex)
        assert len(mac) == 64
        assert str(httpx.URL(f"{PUBLIC}/image/{NAME}?token={token}")) == f"{PUBLIC}/image/{NAME}?token={token}"

    def test_a_print_files_link_is_the_same_however_often_it_is_made_and_shows_no_key_of_the_store(self, links: SignedImageLinks):
        digest = sha256_of(b"print file")
        print_file = PrintFile(
            key=f"print/{digest}.png",
            sha256=digest,
            approved_sha256=sha256_of(b"approved"),
            shell_id="MS102503270003",
            renderer_version="1",
            width=1390,
            height=2833,
            size=10,
        )
        url = links.for_print_file(print_file, order_id=ORDER, expires_at=UNTIL)
        assert url == links.for_print_file(print_file, order_id=ORDER, expires_at=UNTIL)
        assert url.startswith(f"{PUBLIC}/image/{digest}.png?token=")
        assert print_file.key not in url
        grant = links.verify(f"{digest}.png", url.partition("?token=")[2], at=NOW)
        assert (grant.audience, grant.order_id) == (Audience.MANUFACTURER, ORDER)

    def test_a_link_says_when_it_ends_and_for_whom(self, links: SignedImageLinks):
        link = links.link(NAME, audience=Audience.END_USER, expires_at=UNTIL)
        assert (link.name, link.order_id, link.expires_at) == (NAME, None, UNTIL)
        assert links.verify(NAME, httpx.URL(link.url).params["token"], at=NOW).audience is Audience.END_USER

    def test_settings_make_the_same_links(self, links: SignedImageLinks, token: str):
        settings = ImageLinkSettings(keys=(KEY, OLD_KEY), public_base_url=f"{PUBLIC}/")
        same = SignedImageLinks.from_settings(settings, httpx.AsyncClient())
        assert same.sign(NAME, audience=Audience.MANUFACTURER, expires_at=UNTIL, order_id=ORDER) == token

    @pytest.mark.parametrize("name", ["", ".env", "../secrets.png", "a/b.png", "a b.png", "ä.png", "a.png\n", "x" * 201])
    def test_a_name_that_cannot_stand_in_an_address_is_never_signed(self, links: SignedImageLinks, name: str):
        with pytest.raises(LinkMalformed):
            links.sign(name, audience=Audience.END_USER, expires_at=UNTIL)

    def test_file_names_cannot_be_guessed_and_end_as_their_media_type_says(self):
        names = {new_file_name("image/jpeg") for _ in range(100)}
        assert len(names) == 100
        assert all(len(name) == 36 and name.endswith(".jpg") for name in names)


class TestChecking:
    def test_a_genuine_token_grants_what_it_names(self, links: SignedImageLinks, token: str):
        grant = links.verify(NAME, token, at=NOW)
        assert (grant.name, grant.audience, grant.expires_at, grant.key_id, grant.order_id) == (
            NAME,
            Audience.MANUFACTURER,
            UNTIL,
            "2026.a",
            ORDER,
        )

    @pytest.mark.parametrize("token", [None, ""])
    def test_no_token_is_told_apart(self, links: SignedImageLinks, token: str | None):
        with pytest.raises(LinkUnsigned):
            links.verify(NAME, token, at=NOW)

    @pytest.mark.parametrize(
        "token",
        [
            "token",
            "1:x:y",
            f"1772370000:{'0' * 64}",
            f"1772370000:end_user:{'0' * 64}",
            f"-1772370000:end_user:2026.a:{'0' * 64}",
            f"01772370000:end_user:2026.a:{'0' * 64}",
            f"1772370000:stranger:2026.a:{'0' * 64}",
            f"1772370000:end_user:2026.a:{'0' * 63}",
            f"1772370000:end_user:2026.a:{'G' * 64}",
            f"1772370000:end_user:2026.a:{'0' * 64}\n",
            f"1772370000:end_user:2026.a:{ORDER}:{'0' * 64}",
            f"١٧٧٢٣٧٠٠٠٠:end_user:2026.a:{'0' * 64}",
        ],
    )
    def test_what_cannot_be_a_token_is_told_apart(self, links: SignedImageLinks, token: str):
        with pytest.raises(LinkMalformed):
            links.verify(NAME, token, at=NOW)

    def test_a_token_opens_no_other_file(self, links: SignedImageLinks, token: str):
        with pytest.raises(LinkForged):
            links.verify(f"a{NAME}", token, at=NOW)

    @pytest.mark.parametrize(
        ("part", "value"),
        [
            (0, str(int(UNTIL.timestamp()) + 1)),
            (1, "end_user"),
            (2, "2025"),
            (2, "retired"),
            (3, ANOTHER_ORDER.hex),
            (4, "0" * 64),
        ],
    )
    def test_a_token_with_any_part_changed_is_forged(self, links: SignedImageLinks, token: str, part: int, value: str):
        parts = token.split(":")
        assert parts[part] != value
        parts[part] = value
        with pytest.raises(LinkForged):
            links.verify(NAME, ":".join(parts), at=NOW)

    def test_a_token_without_its_order_is_forged(self, links: SignedImageLinks, token: str):
        parts = token.split(":")
        with pytest.raises(LinkForged):
            links.verify(NAME, ":".join(parts[:3] + parts[4:]), at=NOW)

    def test_a_token_ends_at_its_second(self, links: SignedImageLinks, token: str):
        links.verify(NAME, token, at=UNTIL - timedelta(microseconds=1))
        with pytest.raises(LinkExpired):
            links.verify(NAME, token, at=UNTIL)

    def test_a_forger_is_not_told_that_the_time_is_over(self, links: SignedImageLinks, token: str):
        with pytest.raises(LinkForged):
            links.verify(NAME, token[:-64] + "0" * 64, at=UNTIL + timedelta(days=1))

    def test_refusals_never_repeat_the_token(self, links: SignedImageLinks, token: str):
        for name, at in ((NAME, UNTIL), (f"a{NAME}", NOW)):
            with pytest.raises(LinkRefused) as refused:
                links.verify(name, token, at=at)
            assert token not in str(refused.value)

    def test_an_older_key_still_opens_what_it_signed_until_it_is_retired(self):
        token = links_with(OLD_KEY).sign(NAME, audience=Audience.END_USER, expires_at=UNTIL)
        assert links_with(KEY, OLD_KEY).verify(NAME, token, at=NOW).key_id == "2025"
        with pytest.raises(LinkForged):
            links_with(KEY).verify(NAME, token, at=NOW)

    def test_the_first_key_signs(self, links: SignedImageLinks):
        assert links.sign(NAME, audience=Audience.END_USER, expires_at=UNTIL).split(":")[2] == KEY.id


class TestFetching:
    async def test_a_link_is_read_whole(self, token: str):
        asked: list[httpx.URL] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url)
            return httpx.Response(200, content=b"picture", headers={"content-type": "image/png"})

        links = links_with(KEY, handler=answer)
        url = links.link(NAME, audience=Audience.MANUFACTURER, expires_at=UNTIL, order_id=ORDER).url
        assert await links.fetch(url) == b"picture"
        assert asked == [httpx.URL(f"{PUBLIC}/image/{NAME}?token={token}")]

    @pytest.mark.parametrize(
        "url",
        [
            "https://elsewhere.example.com/image/a.png?token=1",
            f"{PUBLIC}.elsewhere.example.com/image/a.png?token=1",
            f"{PUBLIC}/admin/a.png?token=1",
            f"{PUBLIC}/image/../admin?token=1",
            f"{PUBLIC}/image/?token=1",
            "file:///image/a.png",
            "a.png?token=1",
        ],
    )
    async def test_only_our_own_pictures_are_fetched(self, url: str):
        def never(request: httpx.Request) -> httpx.Response:
            raise AssertionError(f"{request.url} was asked")

        with pytest.raises(ProviderRejected):
            await links_with(KEY, handler=never).fetch(url)

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 522])
    async def test_a_front_door_that_is_busy_or_down_is_asked_again_later(self, status: int):
        links = links_with(KEY, handler=lambda _: httpx.Response(status, headers={"retry-after": "3"}))
        with pytest.raises(ProviderUnavailable) as unavailable:
            await links.fetch(f"{PUBLIC}/image/{NAME}?token=secret")
        assert unavailable.value.retry_after == timedelta(seconds=3)
        assert "secret" not in unavailable.value.message

    @pytest.mark.parametrize("status", [204, 301, 302, 400, 401, 403, 404, 410])
    async def test_any_other_answer_is_a_refusal_and_redirects_are_not_followed(self, status: int):
        headers = {"location": f"{PUBLIC}/image/other.png"}
        links = links_with(KEY, handler=lambda _: httpx.Response(status, headers=headers))
        with pytest.raises(ProviderRejected) as rejected:
            await links.fetch(f"{PUBLIC}/image/{NAME}?token=secret")
        assert rejected.value.code == str(status)
        assert "secret" not in rejected.value.message

    @pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.DecodingError])
    async def test_a_connection_that_fails_is_an_outage(self, error: type[httpx.RequestError]):
        def fail(request: httpx.Request) -> httpx.Response:
            raise error(f"while asking {request.url}", request=request)

        with pytest.raises(ProviderUnavailable) as unavailable:
            await links_with(KEY, handler=fail).fetch(f"{PUBLIC}/image/{NAME}?token=secret")
        assert "secret" not in unavailable.value.message

    @pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "application/octet-stream", "image/jpeg"])
    async def test_a_page_in_place_of_the_picture_is_refused(self, media_type: str):
        links = links_with(KEY, handler=lambda _: httpx.Response(200, content=b"x", headers={"content-type": media_type}))
        with pytest.raises(ProviderRejected, match="image/png"):
            await links.fetch(f"{PUBLIC}/image/{NAME}?token=1")

    async def test_an_endless_answer_is_cut_off(self):
        sent = 0

        class Endless(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                nonlocal sent
                while True:
                    sent += 1_000_000
                    yield b"x" * 1_000_000

        links = links_with(KEY, handler=lambda _: httpx.Response(200, stream=Endless(), headers={"content-type": "image/png"}))
        with pytest.raises(ProviderRejected, match="more than"):
            await links.fetch(f"{PUBLIC}/image/{NAME}?token=1")
        assert sent <= MAX_FETCH + 2_000_000
