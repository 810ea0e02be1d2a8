"""New links to pictures for the browsers that made them, and for nobody else.

A picture's name is a secret of 128 bits that only its maker was told, so asking by name is good for as long as somebody designs.
Later only a link that is still good leads to another one. The manufacturer's links are never made here.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from adapters.links import Audience, Grant, LinkRefused, SignedImageLinks
from api.errors import BadRequest, Forbidden, NotFound
from api.pictures import NO_PICTURE
from api.ports import Uploads
from models.artwork import ImageLink, Upload

MAX_HOURS: Final = 4
"""A link that is made on request is good for at most so long."""
BY_NAME: Final = timedelta(hours=6)
"""How long after a picture was made its name alone is enough. Designing and paying take less, and no link that is made by then
outlives the one that its maker was answered with (24 hours)."""
BY_LINK: Final = timedelta(days=7)
"""How long after a picture was made its links can be renewed, so that a link that got into wrong hands is not good for ever."""


class EndUserLinks:
    """Makes links to uploads and generated pictures."""

    def __init__(self, uploads: Uploads, links: SignedImageLinks, *, clock: Callable[[], datetime]) -> None:
        self._uploads = uploads
        self._links = links
        self._clock = clock

    async def by_name(self, name: str, *, audience: str, hours: int) -> ImageLink:
        """Make a link for whoever knows the name.

        Raises `BadRequest` for another audience than `end_user`, `NotFound`, `Forbidden` for a picture made too long ago.
        """
        if audience != Audience.END_USER:
            raise BadRequest("Links can be made for `partner_type` end_user only.")
        upload = await self._find(name)
        now = self._clock()
        if now - upload.created_at > BY_NAME:
            raise Forbidden("This picture was made too long ago to be opened by its name. Please go back to where you found it.")
        return self._link(name, now + timedelta(hours=min(hours, MAX_HOURS)))

    async def by_link(self, name: str, token: str, *, hours: int) -> tuple[ImageLink, str]:
        """Make another link for whoever holds a good one, never a shorter one; return it and its token.

        Raises `BadRequest` for a token that is not good (any more) or not a browser's, `NotFound`, `Forbidden` for a picture made
        too long ago.
        """
        now = self._clock()
        grant = self._verified(name, token, now)
        upload = await self._find(name)
        last = upload.created_at + BY_LINK
        if now >= last:
            raise Forbidden("This picture was made too long ago. Please design your case again.")
        longer = min(now + timedelta(hours=min(hours, MAX_HOURS)), last)
        link = self._link(name, max(grant.expires_at, longer))
        return link, link.url.partition("?token=")[2]

    def _verified(self, name: str, token: str, now: datetime) -> Grant:
        try:
            grant = self._links.verify(name, token, at=now)
        except LinkRefused as refusal:
            raise BadRequest("This token is not good, or not any more.") from refusal
        if grant.audience is not Audience.END_USER:
            raise BadRequest("This token is not one that can be renewed.")
        return grant

    async def _find(self, name: str) -> Upload:
        upload = await self._uploads.find(name)
        if upload is None:
            raise NotFound(NO_PICTURE)
        return upload

    def _link(self, name: str, expires_at: datetime) -> ImageLink:
        return self._links.link(name, audience=Audience.END_USER, expires_at=expires_at.replace(microsecond=0))
