"""Customers' pictures on their way in, and pictures of all kinds on their way out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from adapters.links import Audience, Grant, LinkMalformed, LinkRefused, LinkUnsigned, SignedImageLinks, new_file_name
from adapters.r2 import StoredObject
from adapters.rendering.data_url import parse_data_url
from adapters.rendering.final_image import inspect_final_image
from adapters.rendering.normalized import NormalizedPhoto
from api.errors import BadRequest, Forbidden, NotFound, Unauthorized
from api.ports import PartnerOrders, Uploads
from models.artwork import PRINT_FOLDER, ImageLink, PictureKind, Upload, object_key
from models.design import DesignWarning
from models.errors import NotThere, OrderRefused, ProviderUnavailable, RefusalCode

log = structlog.get_logger(__name__)

LINK_LIFETIME = timedelta(hours=24)
"""How long a customer's browser can show its picture: the design, the payment and the confirmation page."""
PICTURES_AT_ONCE = 2
"""Final images being decoded; each takes up to 100 MB of memory and half a second of a core."""
NOT_GOOD = "This link is not good, or not any more. Please go back to where you found it."
NO_PICTURE = "There is no such picture. It may have been removed; please design your case again."


class PictureStore(Protocol):
    """The object store, as far as pictures come and go through us."""

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Store the bytes under a name made of their content."""

    async def stream(self, key: str) -> StoredObject:
        """Begin to read an object. Raises `NotThere`."""

    async def probe(self) -> None:
        """Raise `ProviderUnavailable` or `ProviderRejected` unless the store answers."""


class PhotoReader(Protocol):
    """Reads strangers' photos."""

    async def normalize(self, data: bytes) -> NormalizedPhoto:
        """Return a photo as it is to be kept. Raises `OrderRefused`, `ProviderUnavailable`."""


@dataclass(frozen=True)
class OpenPicture:
    """A picture that its link opens: where its bytes are, what names its content, and until when the link is good."""

    key: str
    sha256: str
    expires_at: datetime


class Pictures:
    """Takes final images in, and opens what a signed link names."""

    def __init__(
        self,
        store: PictureStore,
        uploads: Uploads,
        orders: PartnerOrders,
        links: SignedImageLinks,
        *,
        photos: PhotoReader,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._photos = photos
        self._uploads = uploads
        self._orders = orders
        self._links = links
        self._clock = clock
        self._seats = asyncio.Semaphore(PICTURES_AT_ONCE)

    async def accept(self, data_url: str, *, template_id: str) -> tuple[Upload, ImageLink, tuple[DesignWarning, ...]]:
        """Check and store a final image, and give it a fresh name: each upload is a new attempt to order.

        The object is stored before the row names it. Raises `OrderRefused` for a picture that cannot be printed.
        """
        async with self._seats:
            data = await asyncio.to_thread(parse_data_url, data_url)
            image, warnings = await asyncio.to_thread(inspect_final_image, data)
        await self._store.put(image.key, data, media_type=image.media_type)
        now = self._clock()
        upload = Upload(name=new_file_name(image.media_type), template_id=template_id, image=image, created_at=now)
        await self._uploads.add(upload)
        log.info("final image stored", sha256=image.sha256, width=image.width, height=image.height, size=image.size)
        return upload, self.link_to(upload), warnings

    async def accept_photo(self, data: bytes) -> Upload:
        """Make a photo safe to keep, store it, and give it a fresh name.

        Raises `OrderRefused` (`BAD_IMAGE`, `IMAGE_TOO_LARGE`) for what is not a photo or is too large, `ProviderUnavailable`.
        """
        photo = await self._photos.normalize(data)
        image = photo.image
        await self._store.put(image.key, photo.data, media_type=image.media_type)
        upload = Upload(name=new_file_name(image.media_type), kind=PictureKind.PHOTO, image=image, created_at=self._clock())
        await self._uploads.add(upload)
        log.info("photo stored", sha256=image.sha256, width=image.width, height=image.height, size=image.size)
        return upload

    def link_to(self, upload: Upload) -> ImageLink:
        """Return the link that a customer is answered with when its picture was made or stored."""
        return self.link_to_name(upload.name)

    def link_to_name(self, name: str) -> ImageLink:
        """Return the same by the name of the picture."""
        return self._links.link(name, audience=Audience.END_USER, expires_at=self._clock() + LINK_LIFETIME)

    async def open(self, name: str, token: str | None) -> OpenPicture:
        """Say what a link opens.

        Raises `Unauthorized` without a token, `BadRequest` for one that we cannot have made, `Forbidden` for one that is not good
        (any more), `NotFound`.
        """
        grant = self._verified(name, token)
        if grant.audience is Audience.MANUFACTURER:
            await self._check_order(grant)
            sha256 = name.partition(".")[0]
            return OpenPicture(object_key(PRINT_FOLDER, sha256, "image/png"), sha256, grant.expires_at)
        upload = await self._uploads.find(name)
        if upload is None:
            raise NotFound(NO_PICTURE)
        return OpenPicture(upload.image.key, upload.image.sha256, grant.expires_at)

    async def read(self, picture: OpenPicture) -> StoredObject:
        """Begin to read a picture. Raises `NotFound` for one that is not kept any more."""
        try:
            return await self._store.stream(picture.key)
        except NotThere as error:
            raise NotFound(NO_PICTURE) from error

    def seconds_left(self, picture: OpenPicture) -> int:
        """Return how long the link is still good."""
        return max(0, int((picture.expires_at - self._clock()).total_seconds()))

    async def _check_order(self, grant: Grant) -> None:
        """Close the link of an order that ended without a case, so that none is made of it, and of one printed long ago.

        Without the database the token alone decides: orders end only with it, and a machine that is turned away fails a print.
        """
        try:
            standing = await self._orders.print_file(grant.order_id) if grant.order_id else None
        except ProviderUnavailable as outage:
            log.warning("a print file is shown without asking after its order", reason=outage.message)
            return
        if standing is None or not standing.is_shown(self._clock()):
            raise Forbidden(NOT_GOOD)

    def _verified(self, name: str, token: str | None) -> Grant:
        try:
            return self._links.verify(name, token, at=self._clock())
        except LinkUnsigned as refusal:
            raise Unauthorized("This picture can only be opened by its complete link.") from refusal
        except LinkMalformed as refusal:
            raise BadRequest("This is not a link of ours: the end of it seems to be missing.") from refusal
        except LinkRefused as refusal:
            raise Forbidden(NOT_GOOD) from refusal


class UploadLinks:
    """Recognises links to uploads by their address alone. Nothing is ever fetched, so nobody can make us fetch."""

    def __init__(self, public_base_url: str) -> None:
        ours = urlsplit(public_base_url)
        self._origin = (ours.scheme, ours.netloc.lower())
        self._path = f"{ours.path.rstrip('/')}/image/"

    def upload_name(self, url: str) -> str:
        """Return the file name in a link of ours. Raises `OrderRefused` for any other text.

        The token is not looked at: a customer may pay for longer than it lives, and the name is as hard to guess.
        """
        try:
            parts = urlsplit(url.strip())
        except ValueError:
            parts = urlsplit("")
        name = parts.path.removeprefix(self._path)
        if (
            (parts.scheme, parts.netloc.lower()) != self._origin
            or name == parts.path
            or not name
            or "/" in name
            or len(name) > 200
        ):
            raise OrderRefused(
                "We cannot find your design. Please go back to the design screen and save it again.",
                code=RefusalCode.UNKNOWN_UPLOAD,
            )
        return name
