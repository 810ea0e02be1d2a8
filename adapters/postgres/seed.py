"""The catalogue that a new installation starts with: `catalogue.json`, written where it is missing.

Nothing that is there is changed: what operators edited in the database stays theirs, and seeding twice is seeding once.
A deployment runs it after the migrations: `python -m adapters.postgres.seed`, with the database's address in DATABASE_URL.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import literal, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.engine import Database
from config.groups import DatabaseSettings
from models.catalog import match_name
from models.tables import (
    AddOn,
    AIStyle,
    Base,
    Brand,
    Color,
    Device,
    Font,
    PhoneModel,
    Price,
    Promotion,
    Shell,
    StockLevel,
    Template,
)

CATALOGUE = Path(__file__).with_name("catalogue.json")

BEGINNING = datetime(2025, 12, 17, tzinfo=UTC)
"""Prices and promotions of the catalogue hold from the day that it was recorded."""


async def seed(database: Database, *, stock: int | None = None, taken_at: datetime = BEGINNING) -> None:
    """Write the catalogue where it is missing.

    With `stock`, every machine is said to have held that many of each shell that is sold at `taken_at`, so that something can be
    sold before the manufacturer was asked.
    """
    catalogue: dict[str, Any] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    async with database.begin() as connection:
        for table, rows in _rows(catalogue):
            await connection.execute(insert(table).on_conflict_do_nothing(), list(rows))
        if stock is not None:
            await _fill(connection, stock, taken_at)


def _rows(catalogue: Mapping[str, Any]) -> Iterable[tuple[type[Base], Iterable[dict[str, Any]]]]:
    """Each table with its rows, the tables that others refer to first."""
    yield Device, catalogue["devices"]
    yield Promotion, ({**row, "is_active": True, "starts_at": BEGINNING} for row in catalogue["promotions"])
    yield Brand, _named(catalogue["brands"], "id", "name", "display_name", "manufacturer_brand_id")
    yield PhoneModel, _named(_phone_models(catalogue), "id", "display_name", "manufacturer_model_id")
    yield (
        Shell,
        (
            {**shell, "phone_model_id": model["id"], "is_default": position == 0}
            for model in catalogue["phone_models"]
            for position, shell in enumerate(model["shells"])
        ),
    )
    yield Template, _named(catalogue["templates"], "id", "name")
    yield AddOn, ({"id": row["id"], "name": row["name"], "is_active": True} for row in catalogue["add_ons"])
    yield Price, _prices(catalogue)
    yield AIStyle, _styles(catalogue["ai_styles"])
    yield Font, _ordered(catalogue["fonts"], is_active=True)
    for kind, colors in catalogue["colors"].items():
        yield Color, _ordered(colors, kind=kind, is_active=True)


def _phone_models(catalogue: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """The phones without their shells; people also say the brand before the name."""
    brands = {brand["id"]: brand["name"] for brand in catalogue["brands"]}
    for model in catalogue["phone_models"]:
        names = [model["display_name"], *model["also_called"]]
        also_called = [*names, *(f"{brands[model['brand_id']]} {name}" for name in names)]
        yield {field: value for field, value in {**model, "also_called": also_called}.items() if field != "shells"}


def _ordered(rows: Iterable[dict[str, Any]], **more: Any) -> Iterable[dict[str, Any]]:
    return ({**row, **more, "display_order": order} for order, row in enumerate(rows, 1))


def _named(rows: Iterable[dict[str, Any]], *spellings: str) -> Iterable[dict[str, Any]]:
    """The rows in their order, with every spelling by which an order may name them."""
    for row in _ordered(rows):
        others = row.pop("also_called")
        yield {**row, "match_names": sorted({match_name(name) for name in [*others, *(row[field] for field in spellings)]})}


def _prices(catalogue: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for template in catalogue["templates"]:
        yield {"template_id": template["id"], "add_on_id": None, "amount": catalogue["template_price"], "valid_from": BEGINNING}
    for add_on in catalogue["add_ons"]:
        yield {"template_id": None, "add_on_id": add_on["id"], "amount": add_on["price"], "valid_from": BEGINNING}


def _styles(styles: Mapping[str, Mapping[str, list[str]]]) -> Iterable[dict[str, Any]]:
    for template_id, parameters in styles.items():
        for parameter, names in parameters.items():
            rows = ({"name": name} for name in names)
            yield from _ordered(rows, template_id=template_id, parameter=parameter, is_active=True)


async def _fill(connection: AsyncConnection, stock: int, taken_at: datetime) -> None:
    shelves = (
        select(Device.id, Shell.id, literal(stock), literal(taken_at))
        .join(Shell, true())
        .join(PhoneModel, PhoneModel.id == Shell.phone_model_id)
        .where(PhoneModel.is_available)
    )
    await connection.execute(
        insert(StockLevel).from_select(["device_id", "shell_id", "stock", "taken_at"], shelves).on_conflict_do_nothing()
    )


async def _seed_at(url: str) -> None:
    database = Database.connect_to(DatabaseSettings(url=SecretStr(url), pool_size=1), application_name="pimpmycase-seed")
    try:
        await seed(database)
    finally:
        await database.dispose()


def main() -> int:
    """Seed the database of DATABASE_URL and return the exit status."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.stderr.write("DATABASE_URL is not set: postgresql+asyncpg://user:password@host/database\n")
        return 2
    asyncio.run(_seed_at(url))
    return 0


if __name__ == "__main__":
    sys.exit(main())
