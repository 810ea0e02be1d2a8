"""Fills the emulated machines up, as a technician would, and asks them what they hold, as the stock sync does."""

from collections.abc import Mapping
from datetime import UTC, datetime

from adapters.manufacturer.client import connect
from adapters.postgres.catalog import CatalogReader
from adapters.postgres.engine import Database
from adapters.postgres.stock_book import PostgresStockBook
from config.groups import DatabaseSettings, ManufacturerSettings
from dev.emulators.remote import Remote
from dev.world import STOCK_PER_SHELL, Ports

REFILL_BELOW = 10


async def refresh_stock(ports: Ports, env: Mapping[str, str]) -> None:
    """Refill what runs low, and store each machine's count of each brand that is sold."""
    await _refill(ports)
    database = Database.connect_to(DatabaseSettings.model_validate({"url": env["DATABASE_URL"]}), application_name="dev")
    manufacturer = ManufacturerSettings.model_validate(
        {name.removeprefix("MANUFACTURER_").lower(): value for name, value in env.items() if name.startswith("MANUFACTURER_")}
    )
    try:
        catalogue, stock = CatalogReader(database), PostgresStockBook(database)
        async with connect(manufacturer) as partner:
            for device in await catalogue.devices():
                for brand in await catalogue.brands():
                    taken_at = datetime.now(UTC)
                    levels = await partner.stock(device_id=device.id, brand_id=brand.manufacturer_brand_id)
                    await stock.store_stock(device.id, levels, taken_at, manufacturer_brand_id=brand.manufacturer_brand_id)
    finally:
        await database.dispose()


async def _refill(ports: Ports) -> None:
    async with Remote(ports.url("manufacturer")) as machines:
        for device_id, device in (await machines.call("GET", "/devices")).items():
            for shell_id, pieces in device["stock"].items():
                if pieces < REFILL_BELOW:
                    refill = {"mobile_shell_id": shell_id, "stock": STOCK_PER_SHELL}
                    await machines.call("PUT", f"/devices/{device_id}/stock", refill)
