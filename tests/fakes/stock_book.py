"""The stock book in memory; what differs from before is for tests to say."""

from collections.abc import Sequence
from datetime import datetime

from models.production import ManufacturerBrand
from models.stock import Findings, StockCount, StockedBrand
from tests.fakes.faults import Faults

APPLE = StockedBrand(brand_id="iphone", manufacturer_brand_id="BR1")
SAMSUNG = StockedBrand(brand_id="samsung", manufacturer_brand_id="BR2")


class FakeStockBook:
    """Keeps what it was given."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.counts: list[StockCount] = []
        self.brand_lists: list[tuple[Sequence[ManufacturerBrand], datetime]] = []
        self.failures: list[tuple[str | None, str | None, str, datetime]] = []
        self.gone: list[int] = []
        self.findings = Findings()
        self.taken_at: datetime | None = None
        """How old the list is that stands."""

    async def brands_to_count(self) -> list[StockedBrand]:
        await self.faults.before("brands_to_count")
        return [APPLE, SAMSUNG]

    async def known_gone(self, device_id: str) -> list[int]:
        await self.faults.before("known_gone")
        return list(self.gone)

    async def store_stock(self, count: StockCount) -> Findings:
        await self.faults.before("store_stock")
        self.counts.append(count)
        await self.faults.after("store_stock")
        return self.findings

    async def store_brands(self, brands: Sequence[ManufacturerBrand], *, taken_at: datetime) -> Findings:
        await self.faults.before("store_brands")
        self.brand_lists.append((brands, taken_at))
        return self.findings

    async def record_failure(
        self, reason: str, *, at: datetime, device_id: str | None = None, brand_id: str | None = None
    ) -> datetime | None:
        self.failures.append((device_id, brand_id, reason, at))
        return self.taken_at
