"""What the manufacturer's people and servers ask. Whatever is private needs their key; all of it only reads."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Catalog, Partner, PartnerOrders, PerhapsPartner, PrintLinks
from api.errors import NotFound, Unprocessable
from api.print_links import NOT_THEIRS
from api.problems import problems
from api.schemas import partner as schemas
from api.schemas.words import Text
from models.errors import OrderRefused
from models.tracking import PrintJob

router = APIRouter(prefix="/api/chinese", tags=["manufacturer"], responses=problems(503))

LINKS_LIFETIME = timedelta(hours=48)
BATCH_LIFETIME = timedelta(hours=24)
MOST_AT_ONCE = 50
RECENT = 10

KEYED = problems(401, 404)
UNKNOWN_DEVICE = "We do not know this machine."

OrderName = Annotated[Text, Path(max_length=200, description="PYEN…, OREN…, MSOR…, MSPY…, PMC-… or our own id")]
DeviceId = Annotated[Text, Path(max_length=200)]


@router.get("/payment/{third_id}/status")
async def payment_state(
    third_id: Annotated[Text, Path(max_length=200)], orders: PartnerOrders, partner: PerhapsPartner
) -> schemas.PaymentState:
    """Whether a payment (PYEN) has been made. Without the key: paid or not, and an unknown payment is one that is not paid."""
    standing = await orders.payment(third_id)
    state = schemas.PaymentState
    return state.for_partner(third_id, standing) if partner else state.for_stranger(third_id, standing)


@router.get("/print/{order_id}/status", responses=KEYED)
async def print_status(order_id: OrderName, orders: PartnerOrders, _partner: Partner) -> schemas.PrintStatus:
    """Where a print stands."""
    return schemas.PrintStatus.answer(await _job(orders, order_id))


@router.get("/order/{order_id}/download-links", responses={**KEYED, **problems(409)})
async def download_links(
    order_id: OrderName, orders: PartnerOrders, links: PrintLinks, partner: Partner
) -> schemas.DownloadLinks:
    """A link to an order's print file, good for 48 hours. Who was given one is written down."""
    job = await _job(orders, order_id)
    link = links.of(job, lifetime=LINKS_LIFETIME, partner=partner)
    return schemas.DownloadLinks(success=True, order=schemas.PrintState.of(job), download_links=[schemas.DownloadLink.of(link)])


@router.get("/images/batch-download", responses=KEYED)
async def batch_download(
    orders: PartnerOrders,
    links: PrintLinks,
    partner: Partner,
    order_ids: Annotated[Text | None, Query(max_length=10_000, description="Names of orders, commas in between")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = MOST_AT_ONCE,
) -> schemas.BatchDownload:
    """Links to the print files of several orders, good for 24 hours; of none in particular, of what waits to be printed."""
    names = [name for name in map(str.strip, (order_ids or "").split(",")) if name]
    if len(names) > MOST_AT_ONCE:
        raise Unprocessable(f"At most {MOST_AT_ONCE} orders can be asked for at once.")
    found = await (orders.print_jobs(names) if names else orders.to_print(limit=limit))
    theirs = [job for job in found if job.print_reference is not None]
    return schemas.BatchDownload(
        success=True,
        orders=[_batched(job, links, partner) for job in theirs],
        total_orders=len(theirs),
        not_found=[name for name in names if not any(job.is_called(name) for job in theirs)],
    )


@router.get("/equipment/{device_id}/info", responses=KEYED)
async def equipment_info(
    device_id: DeviceId, catalog: Catalog, orders: PartnerOrders, _partner: Partner
) -> schemas.EquipmentInfo:
    """A machine and the last orders that it was given."""
    device = next((device for device in await catalog.devices() if device.id == device_id), None)
    if device is None:
        raise NotFound(UNKNOWN_DEVICE)
    return schemas.EquipmentInfo.of(device, await orders.printed_at(device.id, limit=RECENT))


@router.get("/models/stock-status", responses=KEYED)
async def stock_status(
    catalog: Catalog, _partner: Partner, device_id: Annotated[Text | None, Query(max_length=200)] = None
) -> schemas.StockStatus:
    """What a machine has of every model; without `device_id`, the machine that prints web orders."""
    device = await catalog.device(device_id)
    if device is None:
        raise NotFound(UNKNOWN_DEVICE)
    items = await catalog.stock_items(device_id=device.id, manufacturer_brand_id=None)
    return schemas.StockStatus.of(device.id, items)


async def _job(orders: PartnerOrders, name: str) -> PrintJob:
    found = await orders.print_jobs([name.strip()])
    job = next((job for job in reversed(found) if job.print_reference is not None), None)
    if job is None:
        raise NotFound(NOT_THEIRS)
    return job


def _batched(job: PrintJob, links: PrintLinks, partner: str) -> schemas.BatchedLinks:
    order = schemas.PrintState.of(job)
    try:
        link = links.of(job, lifetime=BATCH_LIFETIME, partner=partner)
    except OrderRefused as refusal:
        return schemas.BatchedLinks(order=order, download_links=[], message=refusal.message)
    return schemas.BatchedLinks(order=order, download_links=[schemas.DownloadLink.of(link)], message=None)
