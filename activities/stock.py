"""Reading the manufacturer's lists, machine by machine, and storing what they say and when it was asked."""

from datetime import datetime, timedelta

from temporalio import activity

from activities.ports import Manufacturer, StockBook
from models.errors import ProviderError
from models.stock import CountPlan, CountStock, ListReading, PlanCount, ReadBrandList, StockCount


class StockActivities:
    """The steps of a sync. Each may run twice: a list that is as old as the one that is stored changes nothing."""

    def __init__(self, manufacturer: Manufacturer, stock: StockBook, *, stale_after: timedelta) -> None:
        self._manufacturer = manufacturer
        self._stock = stock
        self._stale_after = stale_after

    @activity.defn
    async def plan_count(self, request: PlanCount) -> CountPlan:
        """Say which brands a machine is asked for."""
        return CountPlan(brands=tuple(await self._stock.brands_to_count()))

    @activity.defn
    async def count_stock(self, request: CountStock) -> ListReading:
        """Ask one machine for one brand; what is known to have left the shelf is asked first, so that the list must know it."""
        device_id, brand = request.device_id, request.brand
        known_gone = await self._stock.known_gone(device_id)
        try:
            levels = await self._manufacturer.stock(device_id=device_id, brand_id=brand.manufacturer_brand_id)
        except ProviderError as error:
            taken_at = await self._stock.record_failure(
                error.message, at=request.at, device_id=device_id, brand_id=brand.brand_id
            )
            self._warn(f"the stock of {brand.brand_id} in {device_id}", taken_at, request.at)
            raise
        count = StockCount(
            device_id=device_id,
            brand_id=brand.brand_id,
            levels=tuple(levels),
            taken_at=request.at,
            known_gone=tuple(known_gone),
        )
        pieces = sum(max(level.stock, 0) for level in levels)
        return ListReading(
            title=brand.brand_id, entries=len(levels), pieces=pieces, findings=await self._stock.store_stock(count)
        )

    @activity.defn
    async def read_brand_list(self, request: ReadBrandList) -> ListReading:
        """Ask for the brands."""
        try:
            brands = await self._manufacturer.brands()
        except ProviderError as error:
            self._warn("the list of brands", await self._stock.record_failure(error.message, at=request.at), request.at)
            raise
        findings = await self._stock.store_brands(brands, taken_at=request.at)
        return ListReading(title="brands", entries=len(brands), findings=findings)

    def _warn(self, what: str, taken_at: datetime | None, at: datetime) -> None:
        if taken_at is None:
            activity.logger.warning("%s was never read", what)
        elif at - taken_at > self._stale_after:
            activity.logger.warning("%s is as old as %s", what, at - taken_at)
