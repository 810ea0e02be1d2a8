"""Design documents: from what a customer composed to a preview, remarks, and a print file that can be ordered."""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from adapters.links import Audience, SignedImageLinks, new_file_name
from api.errors import NotFound
from api.pictures import LINK_LIFETIME
from api.render_client import RenderClient
from models.artwork import StoredImage
from models.design import ComposeRequest, DesignDocument, DesignNames, KeptDesign, RenderDesign
from models.errors import OrderRefused, RefusalCode
from models.order import Channel, CheckoutRequest, Product

log = structlog.get_logger(__name__)

MOST_PIXELS = 300_000_000
"""To be read for one design: six of the largest photos and forty stickers of ours are fewer, and take several seconds."""


@dataclass(frozen=True)
class DesignWish:
    """A document and what it is to be printed on, as the customer names it.

    Attributes:
        device_id: The scanned machine; None for home delivery.
    """

    brand: str
    model: str
    device_id: str | None
    shell_id: str | None
    document: DesignDocument

    @property
    def channel(self) -> Channel:
        """Return where this would be ordered."""
        return Channel.APP if self.device_id else Channel.WEB


@dataclass(frozen=True)
class LinkedDesign:
    """A design that was drawn, with links to look at it."""

    kept: KeptDesign
    final_url: str
    preview_url: str


class DesignReader(Protocol):
    """The rows that designs are made of, and the rows that they become."""

    async def case(
        self, request: CheckoutRequest, *, at: datetime, shell_id: str | None = None, in_stock: bool = False
    ) -> Product:
        """Resolve phone, shell, machine and template. Raises `OrderRefused`."""

    async def pictures(self, names: Collection[str]) -> dict[str, StoredImage]:
        """Find pictures by their public names."""

    async def keep(self, kept: KeptDesign) -> None:
        """Write a drawn document down."""

    async def find(self, token: str) -> KeptDesign | None:
        """Find a design by its token."""


class Decorations(Protocol):
    """Stickers and backgrounds."""

    async def find_decorations(self, names: Collection[str]) -> dict[str, StoredImage]:
        """Find stickers and backgrounds by name; unknown ones are missing from the answer."""


class Designs:
    """Has documents drawn and keeps them."""

    def __init__(
        self,
        client: RenderClient,
        book: DesignReader,
        decorations: Decorations,
        links: SignedImageLinks,
        *,
        wait: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._book = book
        self._decorations = decorations
        self._links = links
        self._wait = wait
        self._clock = clock

    async def draw(self, wish: DesignWish) -> LinkedDesign:
        """Draw a document; the answer's print file is an upload of its own, and to order it is to order exactly these pixels.

        Raises `OrderRefused` for what is not known or cannot be printed, `TryAgain`.
        """
        if wish.document.ai is not None:
            raise OrderRefused(
                "The picture of this design is not made yet. Have it made first, and use it as the design's photo.",
                code=RefusalCode.BAD_DESIGN,
            )
        request, _ = await self.prepare(wish)
        design = await self._client.draw(request, channel=wish.channel, wait=self._wait)
        kept = KeptDesign(names=new_names(), document=request.document, design=design, at=request.at)
        await self._book.keep(kept)
        log.info("design drawn", template=request.document.template_id, warnings=[w.code.value for w in design.warnings])
        return self.linked(kept)

    async def find(self, token: str) -> LinkedDesign:
        """Return a design to go on with. Raises `NotFound`."""
        kept = await self._book.find(token)
        if kept is None:
            raise NotFound("We do not know this design, or it was not ordered and is no longer kept. Please start a new one.")
        return self.linked(kept)

    async def prepare(self, wish: DesignWish, *, in_stock: bool = False) -> tuple[RenderDesign, Product]:
        """Resolve every name in a wish. Raises `OrderRefused`."""
        at = self._clock()
        named = CheckoutRequest(
            channel=wish.channel,
            upload_name="",
            brand=wish.brand,
            model=wish.model,
            amount=0,
            template_id=wish.document.template_id,
            device_id=wish.device_id,
        )
        product = await self._book.case(named, at=at, shell_id=wish.shell_id, in_stock=in_stock)
        request = RenderDesign(
            document=wish.document.model_copy(update={"template_id": product.template_id}),
            shell_id=product.shell_id,
            compose=ComposeRequest(width_mm=product.width_mm, height_mm=product.height_mm, model_id=product.model_id),
            pictures=await self._pictures(wish.document),
            at=at,
        )
        if request.pixels > MOST_PIXELS:
            raise OrderRefused(
                "The pictures in your design are too large together. Please take some of them out, or use smaller ones.",
                code=RefusalCode.BAD_DESIGN,
                facts={"pixels": request.pixels, "limit": MOST_PIXELS},
            )
        return request, product

    def linked(self, kept: KeptDesign) -> LinkedDesign:
        """Return a design with links that its customer's browser can open."""
        expires_at = self._clock() + LINK_LIFETIME
        final, preview = (
            self._links.link(name, audience=Audience.END_USER, expires_at=expires_at).url
            for name in (kept.names.final, kept.names.preview)
        )
        return LinkedDesign(kept=kept, final_url=final, preview_url=preview)

    async def _pictures(self, document: DesignDocument) -> dict[str, StoredImage]:
        found: dict[str, StoredImage] = {}
        if document.photo_names:
            found |= await self._book.pictures(document.photo_names)
        if document.decoration_names:
            found |= await self._decorations.find_decorations(document.decoration_names)
        for name in document.photo_names:
            if name not in found:
                raise OrderRefused(
                    "We cannot find one of your photos. Please choose it again.",
                    code=RefusalCode.UNKNOWN_PICTURE,
                    facts={"photo": name},
                )
        for name in document.decoration_names:
            if name not in found:
                raise OrderRefused(
                    f"The sticker or background “{name}” is not offered any more. Please take it out of your design.",
                    code=RefusalCode.UNKNOWN_DECORATION,
                    facts={"decoration": name},
                )
        return found


def new_names() -> DesignNames:
    """Draw the names of one drawing."""
    return DesignNames(token=secrets.token_urlsafe(24), final=new_file_name("image/png"), preview=new_file_name("image/webp"))
