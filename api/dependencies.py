"""What a handler may ask for, by name: `async def brands(catalog: Catalog)`."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from adapters.postgres.catalog import CatalogReader
from api import ports
from api.callback_bodies import read_items
from api.checkout import Checkouts as CheckoutsService
from api.claims import PaymentClaims as PaymentClaimsService
from api.confirmation import Confirmations as ConfirmationsService
from api.designed_orders import DesignedOrders as DesignedOrdersService
from api.designs import Designs as DesignsService
from api.end_user_links import EndUserLinks as EndUserLinksService
from api.forms import FinalImageForm, final_image_form, generation_form, photo_form
from api.generations import Generations as GenerationsService
from api.generations import Wish
from api.health import Health as HealthService
from api.pictures import Pictures as PicturesService
from api.pictures import UploadLinks as UploadLinksService
from api.print_links import PrintLinks as PrintLinksService
from api.services import Services
from api.stickers import Stickers as StickersService
from api.upload_slots import LARGEST, UploadSlots
from models.inbox import NewMessage


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


_Services = Annotated[Services, Depends(_services)]


def _now(services: _Services) -> datetime:
    return services.clock()


def _storefront_url(services: _Services) -> str:
    return services.storefront_url


def _catalog(services: _Services) -> CatalogReader:
    return services.catalog


def _styles(services: _Services) -> ports.Styles:
    return services.styles


def _orders(services: _Services) -> ports.Orders:
    return services.orders


def _inbox(services: _Services) -> ports.InboxWriter:
    return services.inbox


def _pictures(services: _Services) -> PicturesService:
    return services.pictures


def _upload_links(services: _Services) -> UploadLinksService:
    return services.upload_links


def _designs(services: _Services) -> DesignsService:
    return services.designs


def _designed_orders(services: _Services) -> DesignedOrdersService:
    return services.designed_orders


def _end_user_links(services: _Services) -> EndUserLinksService:
    return services.end_user_links


def _generations(services: _Services) -> GenerationsService:
    return services.generations


def _client(request: Request, services: _Services) -> str:
    return services.pseudonyms.client(request.scope)


async def _wish(request: Request, services: _Services) -> tuple[Wish, str | None]:
    """Take a request for an AI picture in; its slot is free again, and its bytes are gone, before the AI is waited for."""
    async with services.upload_slots.one(_announced(request)):
        form = await services.upload_slots.received(generation_form(request))
        wish = await services.generations.accept(form, client=services.pseudonyms.client(request.scope))
        return wish, form.order_id


def _checkouts(services: _Services) -> CheckoutsService:
    return services.checkouts


def _confirmations(services: _Services) -> ConfirmationsService:
    return services.confirmations


def _claims(services: _Services) -> PaymentClaimsService:
    return services.claims


def _partner_orders(services: _Services) -> ports.PartnerOrders:
    return services.partner_orders


def _print_links(services: _Services) -> PrintLinksService:
    return services.print_links


_PARTNER_KEY = HTTPBearer(auto_error=False, scheme_name="PartnerKey", description="One of MANUFACTURER_PARTNER_KEYS.")
_Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_PARTNER_KEY)]


def _partner(services: _Services, given: _Given) -> str:
    return services.partner_access.require(given.credentials if given else None)


def _perhaps_partner(services: _Services, given: _Given) -> str | None:
    return services.partner_access.find(given.credentials if given else None)


def _stickers(services: _Services) -> StickersService:
    return services.stickers


def _health(services: _Services) -> HealthService:
    return services.health


async def _stripe_event(request: Request, services: _Services) -> NewMessage:
    return await services.stripe_events.read(request)


def _announced(request: Request) -> int:
    """Return how large a body says that it is: more of it than that is never read."""
    size = request.headers.get("Content-Length", "")
    return min(int(size), LARGEST) if size.isdecimal() else LARGEST


async def _upload_slot(request: Request, services: _Services) -> AsyncIterator[UploadSlots]:
    async with services.upload_slots.one(_announced(request)):
        yield services.upload_slots


_Slot = Annotated[UploadSlots, Depends(_upload_slot)]
"""Held until the answer is made."""


async def _final_image(request: Request, slot: _Slot) -> FinalImageForm:
    return await slot.received(final_image_form(request, slot.unpacked))


async def _photo(request: Request, slot: _Slot) -> bytes:
    return await slot.received(photo_form(request))


Now = Annotated[datetime, Depends(_now)]
"""This moment by the process's clock, UTC."""
StorefrontUrl = Annotated[str, Depends(_storefront_url)]
Catalog = Annotated[CatalogReader, Depends(_catalog)]
Styles = Annotated[ports.Styles, Depends(_styles)]
Orders = Annotated[ports.Orders, Depends(_orders)]
Inbox = Annotated[ports.InboxWriter, Depends(_inbox)]
Pictures = Annotated[PicturesService, Depends(_pictures)]
UploadLinks = Annotated[UploadLinksService, Depends(_upload_links)]
Designs = Annotated[DesignsService, Depends(_designs)]
DesignedOrders = Annotated[DesignedOrdersService, Depends(_designed_orders)]
EndUserLinks = Annotated[EndUserLinksService, Depends(_end_user_links)]
Generations = Annotated[GenerationsService, Depends(_generations)]
Client = Annotated[str, Depends(_client)]
"""Who asks, under a name that says nothing."""
GenerationWish = Annotated[tuple[Wish, str | None], Depends(_wish)]
"""What is to be made, its photo stored; and the order that the storefront wants to hear named again."""
Checkouts = Annotated[CheckoutsService, Depends(_checkouts)]
Confirmations = Annotated[ConfirmationsService, Depends(_confirmations)]
PaymentClaims = Annotated[PaymentClaimsService, Depends(_claims)]
PartnerOrders = Annotated[ports.PartnerOrders, Depends(_partner_orders)]
PrintLinks = Annotated[PrintLinksService, Depends(_print_links)]
Partner = Annotated[str, Depends(_partner)]
"""What our log calls the partner who asks: a handler that names it answers nobody without a good key."""
PerhapsPartner = Annotated[str | None, Depends(_perhaps_partner)]
"""The same, and None for a stranger, who is told less."""
Stickers = Annotated[StickersService, Depends(_stickers)]
Health = Annotated[HealthService, Depends(_health)]
FinalImageUpload = Annotated[FinalImageForm, Depends(_final_image)]
PhotoUpload = Annotated[bytes, Depends(_photo)]
"""The bytes of a photo as it was sent: nothing is known of them."""
StripeEvent = Annotated[NewMessage, Depends(_stripe_event)]
"""A webhook's event whose signature was checked: a handler that names it cannot forget to."""
CallbackItems = Annotated[list[dict[str, Any]], Depends(read_items)]
"""What a callback of the manufacturer says, item by item; unverified."""
