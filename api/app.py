"""The HTTP process: builds adapters, services and the app around them. The first composition root."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import structlog
from fastapi import FastAPI
from starlette.middleware import Middleware
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.claiming import ClaimingStore
from adapters.links import SignedImageLinks
from adapters.postgres.catalog import CatalogReader
from adapters.postgres.decorations import PostgresDecorations
from adapters.postgres.designs import PostgresDesigns
from adapters.postgres.engine import Database
from adapters.postgres.generations import PostgresGenerations
from adapters.postgres.inbox_writer import PostgresInboxWriter
from adapters.postgres.orders import PostgresOrders
from adapters.postgres.partner import PostgresPartnerOrders
from adapters.postgres.retention import PostgresClaims
from adapters.postgres.stock_book import PostgresStockBook
from adapters.postgres.uploads import PostgresUploads
from adapters.prompts.book import PromptBook
from adapters.r2 import open_store
from adapters.rendering.photo_process import PhotoProcess
from api import errors, openapi
from api.checkout import Checkouts
from api.claims import PaymentClaims
from api.confirmation import Confirmations
from api.designed_orders import DesignedOrders
from api.designs import Designs
from api.end_user_links import EndUserLinks
from api.generation_client import GenerationClient
from api.generations import Generations
from api.health import DATABASE, Health, fresh_stock, unspent_artwork
from api.middleware.body_limit import BodyLimit
from api.middleware.context import RequestContext
from api.middleware.cors import Cors
from api.middleware.errors import UnexpectedErrors
from api.middleware.rate_limit import RateLimit, RateLimits
from api.middleware.security import SecurityHeaders
from api.order_client import OrderClient
from api.partner_access import PartnerAccess
from api.pictures import PhotoReader, Pictures, PictureStore, UploadLinks
from api.print_links import PrintLinks
from api.problems import NOT_UNDERSTOOD, problems
from api.pseudonyms import Pseudonyms
from api.render_client import RenderClient
from api.routers import catalog, checkout, docs, generations, gone, health, images, manufacturer, partner, stickers, webhooks
from api.routers import designs as design_routes
from api.routers import orders as order_routes
from api.routers.codec import CodecCORSMiddleware, codec_router
from api.services import Services
from api.stickers import Stickers
from api.stripe_events import StripeEvents
from api.upload_slots import UploadSlots
from config.codec import EncryptedPayloadCodec
from config.logging import configure_logging
from config.settings import Settings, load_settings
from config.temporal import SearchAttributeConflictError, connect, missing_search_attributes
from workflows.attributes import SEARCH_ATTRIBUTES
from workflows.options import ORDERS_TASK_QUEUE

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
OpenServices = Callable[[Settings, Clock], AbstractAsyncContextManager[Services]]

TITLE = "PimpMyCase API"
DESCRIPTION = "Takes orders for phone cases and follows each until it is in its customer's hand."
PHOTO_LIMIT = 11_000_000
"""Bytes of a form with a photo, which has at most 10 MB."""
START_UP_PATIENCE = timedelta(seconds=3)
"""How long the start waits for Temporal; without it catalogue, uploads and webhooks work all the same."""

_ROUTERS = (
    docs,
    health,
    catalog,
    stickers,
    images,
    generations,
    design_routes,
    checkout,
    order_routes,
    webhooks,
    manufacturer,
    partner,
    gone,
)


def utc_now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def create() -> FastAPI:
    """Build the app from the environment: `uvicorn api.app:create --factory --no-access-log`. Raises `SettingsError`."""
    settings = load_settings()
    configure_logging(settings.logging)
    return create_app(settings)


def create_app(
    settings: Settings,
    *,
    open_services: OpenServices | None = None,
    clock: Clock = utc_now,
    limits: RateLimits | None = None,
) -> FastAPI:
    """Build the app. Nothing connects before its lifespan begins, so that a process may fork in between.

    Args:
        settings: Everything that differs between installations.
        open_services: Opens what handlers work with, and closes it at the end; the real adapters unless a test has others.
        clock: What time it is.
        limits: Where requests are counted; where the settings say unless a test has others.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (open_services or connect_services)(settings, clock) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version=health.VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        middleware=_middleware(settings, limits or RateLimits(settings.api)),
        responses={**problems(429, 500), **NOT_UNDERSTOOD},
    )
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    errors.install(app)
    for module in _ROUTERS:
        app.include_router(module.router)
    app.include_router(_codec(settings))
    app.mount(docs.ASSETS_PATH, docs.ASSETS)
    return app


@asynccontextmanager
async def connect_services(settings: Settings, clock: Clock) -> AsyncIterator[Services]:
    """Connect to the world for as long as the block lasts. Only Temporal may be away: its client connects when it is needed."""
    async with AsyncExitStack() as stack:
        database = Database.connect_to(settings.database, application_name="pimpmycase-api")
        stack.push_async_callback(database.dispose)
        store = ClaimingStore(await stack.enter_async_context(open_store(settings.storage)), PostgresClaims(database))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=settings.storage.timeout.total_seconds()))
        client = await connect(settings.temporal, lazy=True)
        await warn_of_missing_attributes(client)
        links = SignedImageLinks.from_settings(settings.image_link, http)
        photos = await stack.enter_async_context(PhotoProcess())
        yield build_services(settings, clock, database=database, client=client, store=store, links=links, photos=photos)


def build_services(
    settings: Settings,
    clock: Clock,
    *,
    database: Database,
    client: Client,
    store: PictureStore,
    links: SignedImageLinks,
    photos: PhotoReader,
    task_queue: str = ORDERS_TASK_QUEUE,
) -> Services:
    """Plug the adapters into the ports; mypy checks the fit here."""
    order_client = OrderClient(client, task_queue=task_queue)
    orders = PostgresOrders(database)
    partner_orders = PostgresPartnerOrders(database)
    decorations = PostgresDecorations(database)
    designs = Designs(
        RenderClient(client, task_queue=task_queue),
        PostgresDesigns(database),
        decorations,
        links,
        wait=settings.artwork.render_wait,
        clock=clock,
    )
    uploads = PostgresUploads(database)
    pictures = Pictures(store, uploads, partner_orders, links, photos=photos, clock=clock)
    records = PostgresGenerations(database)
    pseudonyms = Pseudonyms(settings.image_link.keys, settings.api.trusted_proxies)
    styles = PromptBook.open(trademark_styles=settings.artwork.trademark_styles)
    generations = Generations(
        GenerationClient(client, call_timeout=settings.api.update_wait, task_queue=task_queue),
        records,
        styles,
        pictures,
        pseudonyms,
        artwork=settings.artwork,
        clock=clock,
    )
    return Services(
        clock=clock,
        storefront_url=settings.storefront.url,
        catalog=CatalogReader(database),
        styles=styles,
        orders=orders,
        inbox=PostgresInboxWriter(database),
        pictures=pictures,
        end_user_links=EndUserLinks(uploads, links, clock=clock),
        upload_links=UploadLinks(settings.image_link.public_base_url),
        designs=designs,
        designed_orders=DesignedOrders(
            order_client, designs, generations, api=settings.api, policy=settings.order.policy(), clock=clock
        ),
        upload_slots=UploadSlots(),
        generations=generations,
        pseudonyms=pseudonyms,
        checkouts=Checkouts(
            order_client,
            orders,
            api=settings.api,
            storefront=settings.storefront,
            policy=settings.order.policy(),
            clock=clock,
        ),
        confirmations=Confirmations(order_client, orders, api=settings.api, clock=clock),
        stripe_events=StripeEvents(settings.stripe, clock=clock),
        claims=PaymentClaims(partner_orders, wait=settings.api.claim_wait),
        partner_access=PartnerAccess(settings.manufacturer.partner_keys),
        partner_orders=partner_orders,
        print_links=PrintLinks(links, clock=clock),
        stickers=Stickers(decorations, store, public_base_url=settings.image_link.public_base_url, clock=clock),
        health=_health(settings, clock, database=database, client=client, store=store),
    )


def _health(settings: Settings, clock: Clock, *, database: Database, client: Client, store: PictureStore) -> Health:
    return Health(
        {
            DATABASE: database.ping,
            "temporal": client.service_client.check_health,
            "object_store": store.probe,
            "stock": fresh_stock(PostgresStockBook(database), clock, settings.stock.stale_after),
            "artwork": unspent_artwork(PostgresGenerations(database), clock, settings.artwork.policy()),
        },
    )


async def warn_of_missing_attributes(client: Client) -> None:
    """Say at the start, rather than at the first order, that Temporal was not prepared; nothing is refused for it."""
    try:
        async with asyncio.timeout(START_UP_PATIENCE.total_seconds()):
            missing = await missing_search_attributes(client, SEARCH_ATTRIBUTES)
    except (RPCError, RuntimeError, TimeoutError) as error:
        log.warning("temporal does not answer yet: search attributes were not checked", reason=str(error)[:300])
    except SearchAttributeConflictError as error:
        log.warning("temporal knows a search attribute by another type", reason=str(error))
    else:
        if missing:
            log.warning("temporal does not know all search attributes", missing=[key.name for key in missing])


def _middleware(settings: Settings, limits: RateLimits) -> list[Middleware]:
    """From the outside to the inside."""
    is_https = settings.image_link.public_base_url.startswith("https://")
    large = settings.api.upload_limit
    larger_bodies = {
        "/api/images/upload-final": large,
        "/api/photos": PHOTO_LIMIT,
        "/api/images/generate": PHOTO_LIMIT,
        "/codec/decode": large,
        "/codec/encode": large,
    }
    return [
        Middleware(RequestContext),
        Middleware(SecurityHeaders, is_https=is_https),
        Middleware(CodecCORSMiddleware, settings=settings.temporal),
        Middleware(Cors, storefront=settings.storefront),
        Middleware(RateLimit, limits=limits),
        Middleware(BodyLimit, default=settings.api.body_limit, by_path=larger_bodies),
        Middleware(UnexpectedErrors),
    ]


def _codec(settings: Settings) -> Any:
    return codec_router(
        EncryptedPayloadCodec(settings.temporal.codec_keys),
        settings.temporal,
        settings.operator,
        open_on_loopback=not settings.is_production,
    )
