"""Signed links to pictures: `/image/<name>?token=…`, for browsers and for the manufacturer.

A token is `{expiry}:{audience}:{key id}[:{order}]:{hex HMAC-SHA256}`, made of characters that need no escaping in a query. The
MAC covers everything before it and the file's name, so a token opens one file for one audience until one moment, and where an
order is named, for that order.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import httpx

from config.fields import Key
from config.groups import ImageLinkSettings
from models.artwork import FILE_ENDINGS, ImageLink, PrintFile
from models.errors import OrderPipelineError, ProviderRejected, ProviderUnavailable

PROVIDER: Final = "image_links"

MAX_FETCH: Final = 50_000_000
"""Bytes that `fetch` reads before it gives up; an uncompressed print file has 12 MB."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


class LinkRefused(OrderPipelineError):
    """A picture's link does not open it."""


class LinkUnsigned(LinkRefused):
    """There is no token at all."""


class LinkMalformed(LinkRefused):
    """The token or the file's name is not one that we could have made."""


class LinkForged(LinkRefused):
    """The token was not made by us for this file, or its key was retired."""


class LinkExpired(LinkRefused):
    """The token was ours and its time is over."""


class Audience(StrEnum):
    """Who a link is for."""

    MANUFACTURER = "manufacturer"
    END_USER = "end_user"
    OPERATOR = "operator"


_TOKEN: Final = re.compile(
    rf"(?P<signed>(?P<expiry>[1-9][0-9]{{0,11}}):(?P<audience>{'|'.join(Audience)}):(?P<key_id>[A-Za-z0-9._-]{{1,64}})"
    r"(?::(?P<order>[0-9a-f]{32}))?):(?P<mac>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token allows: this audience may read this file, for this order if one is named, until `expires_at`."""

    name: str
    audience: Audience
    expires_at: datetime
    key_id: str
    order_id: UUID | None


def new_file_name(media_type: str) -> str:
    """Return a public file name that nobody can guess. Raises `KeyError` for a media type that is not kept."""
    return f"{secrets.token_hex(16)}.{FILE_ENDINGS[media_type]}"


class SignedImageLinks:
    """Makes links, checks them, and reads them from outside.

    The first key signs; the others still open what they signed before, until they are taken out of the settings.
    """

    def __init__(self, keys: Sequence[Key], *, public_base_url: str, http: httpx.AsyncClient) -> None:
        self._signing_key = keys[0]
        self._keys = {key.id: key for key in keys}
        self._address = f"{public_base_url.rstrip('/')}/image/"
        self._http = http

    @classmethod
    def from_settings(cls, settings: ImageLinkSettings, http: httpx.AsyncClient) -> "SignedImageLinks":
        """Build from settings; `http` needs a timeout and must not follow redirects."""
        return cls(settings.keys, public_base_url=settings.public_base_url, http=http)

    def for_print_file(self, print_file: PrintFile, *, order_id: UUID, expires_at: datetime) -> str:
        """Return the link under which the manufacturer fetches a print file; the same arguments give the same link."""
        name = f"{print_file.sha256}.png"
        return self.link(name, audience=Audience.MANUFACTURER, expires_at=expires_at, order_id=order_id).url

    def link(self, name: str, *, audience: Audience, expires_at: datetime, order_id: UUID | None = None) -> ImageLink:
        """Return a link to a file by its public name. Raises `LinkMalformed` for a name that cannot stand in a URL."""
        token = self.sign(name, audience=audience, expires_at=expires_at, order_id=order_id)
        return ImageLink(url=f"{self._address}{name}?token={token}", name=name, order_id=order_id, expires_at=expires_at)

    def sign(self, name: str, *, audience: Audience, expires_at: datetime, order_id: UUID | None = None) -> str:
        """Return the token alone; whole seconds, so a link never lives longer than was asked for."""
        _check_name(name)
        signed = f"{int(expires_at.timestamp())}:{audience}:{self._signing_key.id}"
        if order_id is not None:
            signed = f"{signed}:{order_id.hex}"
        return f"{signed}:{_mac(self._signing_key, name, signed)}"

    def verify(self, name: str, token: str | None, *, at: datetime) -> Grant:
        """Return what the token allows at the moment `at`.

        Raises `LinkUnsigned` (401), `LinkMalformed` (400), `LinkForged` or `LinkExpired` (403). Whether a token expired is told
        only to those who hold a genuine one.
        """
        if not token:
            raise LinkUnsigned("this picture needs a link with a token")
        _check_name(name)
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise LinkMalformed("this is not a token for a picture")
        key = self._keys.get(parts["key_id"])
        if key is None or not hmac.compare_digest(_mac(key, name, parts["signed"]), parts["mac"]):
            raise LinkForged("this token does not open this picture")
        expires_at = datetime.fromtimestamp(int(parts["expiry"]), UTC)
        if at >= expires_at:
            raise LinkExpired("this link is no longer valid")
        order = parts["order"]
        return Grant(
            name=name,
            audience=Audience(parts["audience"]),
            expires_at=expires_at,
            key_id=key.id,
            order_id=UUID(order) if order else None,
        )

    async def fetch(self, url: str) -> bytes:
        """Read a link of ours as the manufacturer will: through the front door, without following redirects.

        Raises `ProviderUnavailable` when the front door does not answer, `ProviderRejected` when it answers anything but a whole
        PNG, or when the link is not ours. Messages name the file and never the token.
        """
        name = self._name_in(url)
        try:
            async with self._http.stream("GET", url, follow_redirects=False) as answer:
                _check_answer(answer, name)
                return await _read(answer, name)
        except httpx.RequestError as error:
            message = f"our own picture {name} could not be fetched: {type(error).__name__}"
            raise ProviderUnavailable(message, provider=PROVIDER) from error

    def _name_in(self, url: str) -> str:
        name = url.removeprefix(self._address).partition("?")[0]
        if not url.startswith(self._address) or not _NAME.fullmatch(name):
            raise ProviderRejected("only links of our own are fetched", provider=PROVIDER)
        return name


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise LinkMalformed("this is not a picture's name")


def _mac(key: Key, name: str, signed: str) -> str:
    return hmac.digest(key.secret.get_secret_value(), f"{name}\n{signed}".encode(), "sha256").hex()


def _check_answer(answer: httpx.Response, name: str) -> None:
    status = answer.status_code
    if status == httpx.codes.OK:
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "image/png":
            message = f"our own picture {name} came as {media_type or 'nothing in particular'}, not as image/png"
            raise ProviderRejected(message, provider=PROVIDER)
        return
    message = f"our own picture {name} was answered with HTTP {status}"
    if status in {408, 429} or status >= 500:
        raise ProviderUnavailable(message, provider=PROVIDER, code=str(status), retry_after=_retry_after(answer))
    raise ProviderRejected(message, provider=PROVIDER, code=str(status))


async def _read(answer: httpx.Response, name: str) -> bytes:
    data = bytearray()
    async for chunk in answer.aiter_bytes():
        data += chunk
        if len(data) > MAX_FETCH:
            raise ProviderRejected(f"our own picture {name} has more than {MAX_FETCH} bytes", provider=PROVIDER)
    return bytes(data)


def _retry_after(answer: httpx.Response) -> timedelta | None:
    seconds = answer.headers.get("retry-after", "")
    return timedelta(seconds=int(seconds)) if seconds.isascii() and seconds.isdigit() else None
