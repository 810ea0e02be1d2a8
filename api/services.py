"""What handlers work with, built once per process by `api.app` and reached through `api.dependencies`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.catalog import CatalogReader
from api.checkout import Checkouts
from api.claims import PaymentClaims
from api.confirmation import Confirmations
from api.designed_orders import DesignedOrders
from api.designs import Designs
from api.end_user_links import EndUserLinks
from api.generations import Generations
from api.health import Health
from api.partner_access import PartnerAccess
from api.pictures import Pictures, UploadLinks
from api.ports import InboxWriter, Orders, PartnerOrders, Styles
from api.print_links import PrintLinks
from api.pseudonyms import Pseudonyms
from api.stickers import Stickers
from api.stripe_events import StripeEvents
from api.upload_slots import UploadSlots


@dataclass(frozen=True)
class Services:
    """One of each."""

    clock: Callable[[], datetime]
    storefront_url: str
    catalog: CatalogReader
    styles: Styles
    orders: Orders
    inbox: InboxWriter
    pictures: Pictures
    upload_links: UploadLinks
    end_user_links: EndUserLinks
    upload_slots: UploadSlots
    generations: Generations
    pseudonyms: Pseudonyms
    checkouts: Checkouts
    designs: Designs
    designed_orders: DesignedOrders
    confirmations: Confirmations
    stripe_events: StripeEvents
    claims: PaymentClaims
    partner_access: PartnerAccess
    partner_orders: PartnerOrders
    print_links: PrintLinks
    stickers: Stickers
    health: Health
