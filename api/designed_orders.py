"""Orders that are opened with a design: its picture is made first, approved, and only then ordered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from api.designs import Designs, DesignWish, LinkedDesign, new_names
from api.generations import Generations, retry_facts
from api.order_client import OrderClient
from config.groups import ApiSettings
from models.approval import ApproveArtwork, ArtworkState, ArtworkView, SubmitDesign
from models.design import KeptDesign, Refusal, RenderDesign
from models.errors import OrderRefused
from models.generation import GenerateImage
from models.order import Channel, Checkout, CheckoutRequest, OrderInput, OrderPolicy, designed_order_id

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OrderArtwork:
    """The picture of an order, with links to look at it where there is one."""

    order_id: UUID
    view: ArtworkView
    linked: LinkedDesign | None


class DesignedOrders:
    """Opens orders with designs, and takes the customer's yes."""

    def __init__(
        self,
        client: OrderClient,
        designs: Designs,
        generations: Generations,
        *,
        api: ApiSettings,
        policy: OrderPolicy,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._designs = designs
        self._generations = generations
        self._wait = api.update_wait
        self._policy = policy
        self._clock = clock

    async def open(self, request_id: str, wish: DesignWish, *, client: str, again: bool = False) -> OrderArtwork:
        """Open the order of a page with a design, or give it another one; the same again changes nothing.

        `again` has the AI make another picture although it has made one of this photo in this style. Raises `OrderRefused` for
        what cannot be made or had, or is approved already; `TryAgain`.
        """
        order_id = designed_order_id(request_id)
        structlog.contextvars.bind_contextvars(order_id=str(order_id))
        render, product = await self._designs.prepare(wish, in_stock=True)
        generate = None
        if render.document.ai is not None:
            generate = await self._commission(order_id, render, wish.channel, client, again=again)
        design = SubmitDesign(
            brand=wish.brand,
            model=wish.model,
            device_id=wish.device_id,
            render=render,
            generate=generate,
            names=new_names(),
            again=again,
        )
        order = OrderInput(order_id=order_id, channel=wish.channel, policy=self._policy, opens_with_design=True)
        view = await self._client.submit_design(
            order, design, device_id=product.device_id, update_id=f"design:{uuid4().hex}", wait=self._wait
        )
        if view is not None and view.refusal is not None:
            raise self._refused(view.refusal)
        return self._linked(order_id, view or ArtworkView(state=ArtworkState.DRAWING))

    async def artwork(self, order_id: UUID) -> OrderArtwork:
        """Return where the picture of an order stands. Raises `NotFound`, `TryAgain`."""
        return self._linked(order_id, await self._client.artwork(order_id, wait=self._wait))

    async def approve(self, order_id: UUID, print_sha256: str, request: CheckoutRequest) -> Checkout:
        """Freeze the picture that the customer has seen, and open the checkout.

        Raises `OrderRefused` for any other picture and for what cannot be had, `NotFound`, `TryAgain`.
        """
        structlog.contextvars.bind_contextvars(order_id=str(order_id))
        checkout = await self._client.approve_artwork(
            order_id,
            ApproveArtwork(print_sha256=print_sha256, request=request),
            update_id=f"approve:{uuid4().hex}",
            wait=self._wait,
        )
        log.info("artwork approved, checkout is open", number=checkout.number)
        return checkout

    def _refused(self, refusal: Refusal) -> OrderRefused:
        facts = dict(refusal.facts)
        if (retry_at := facts.pop("retry_at", None)) is not None:
            facts |= retry_facts(datetime.fromisoformat(str(retry_at)), at=self._clock())
        return OrderRefused(refusal.message, code=refusal.code, facts=facts)

    async def _commission(
        self, order_id: UUID, render: RenderDesign, channel: Channel, client: str, *, again: bool
    ) -> GenerateImage:
        document, size = render.document, render.compose
        photo = render.pictures[document.photos[0].photo] if document.photos else None
        return await self._generations.commission(
            order_id,
            channel=channel,
            template_id=document.template_id,
            parameters=document.ai or {},
            photo=photo,
            ratio=size.width_mm / size.height_mm,
            client=client,
            again=again,
        )

    def _linked(self, order_id: UUID, view: ArtworkView) -> OrderArtwork:
        if view.design is None or view.names is None or view.document is None:
            return OrderArtwork(order_id, view, None)
        kept = KeptDesign(names=view.names, document=view.document, design=view.design, at=self._clock())
        return OrderArtwork(order_id, view, self._designs.linked(kept))
