"""What is sold, as the storefront lists it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, Select, select, text

from adapters.postgres.engine import Database
from models.catalog import (
    AddOn,
    Brand,
    Color,
    ColorKind,
    Device,
    Font,
    PhoneModel,
    StockItem,
    StyleParameter,
    Template,
    TemplateStyles,
    match_name,
)
from models.production import ManufacturerBrand
from models.tables import AIStyle
from models.tables import Brand as BrandRow
from models.tables import Color as ColorRow
from models.tables import Device as DeviceRow
from models.tables import Font as FontRow

_PHONE_MODELS = TypeAdapter(tuple[PhoneModel, ...])


class CatalogReader:
    """The catalogue, one question per list. Devices are given by id, or None for the one that prints web orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def brands(self) -> list[Brand]:
        """Return the brands that customers see, those that are not sold at the moment included."""
        return [Brand.model_validate(dict(row)) for row in await self._rows(_listed_brands())]

    async def brand(self, name: str) -> Brand | None:
        """Return a brand by any of its spellings: our slug, the company's name, the manufacturer's id."""
        columns = [BrandRow.__table__.c[field] for field in Brand.model_fields]
        rows = await self._rows(select(*columns).where(BrandRow.match_names.contains([match_name(name)])))
        return Brand.model_validate(dict(rows[0])) if rows else None

    async def manufacturer_brands(self) -> list[ManufacturerBrand]:
        """Return the brands that customers see, in the manufacturer's words."""
        return [
            ManufacturerBrand(brand_id=brand.manufacturer_brand_id, name=brand.native_name, english_name=brand.name)
            for brand in await self.brands()
        ]

    async def phone_models(self, brand_id: str, *, at: datetime, device_id: str | None = None) -> tuple[PhoneModel, ...]:
        """Return a brand's phones that are sold, each with its shells as one machine has them, and the price of the moment."""
        async with self._database.connect() as connection:
            answer = await connection.execute(_MODELS, {"brand_id": brand_id, "device_id": device_id, "at": at})
            return _PHONE_MODELS.validate_json(answer.scalar_one())

    async def stock_items(self, *, device_id: str | None, manufacturer_brand_id: str | None) -> list[StockItem]:
        """Return the shells of a brand (None: of all) that the machine has listed, those that are sold out included."""
        rows = await self._rows(_STOCK_ITEMS, device_id=device_id, brand_id=manufacturer_brand_id)
        return [StockItem.model_validate(dict(row)) for row in rows]

    async def templates(self, *, at: datetime, include_inactive: bool = False) -> list[Template]:
        """Return the templates with their prices of the moment; one without a price is not sold and not listed."""
        rows = await self._rows(_TEMPLATES, at=at, include_inactive=include_inactive, name=None)
        return [Template.model_validate(dict(row)) for row in rows]

    async def template(self, name: str, *, at: datetime) -> Template | None:
        """Return a template by any of its spellings (`film-strip`, `film-strip-3`)."""
        rows = await self._rows(_TEMPLATES, at=at, include_inactive=True, name=match_name(name))
        return Template.model_validate(dict(rows[0])) if rows else None

    async def add_ons(self, *, at: datetime) -> list[AddOn]:
        """Return what can be bought with a case."""
        return [AddOn.model_validate(dict(row)) for row in await self._rows(_ADD_ONS, at=at)]

    async def styles(self, template_id: str) -> list[TemplateStyles]:
        """Return the choices of an AI template, one entry for each parameter; none for a template without any."""
        statement = (
            select(AIStyle.parameter, AIStyle.name)
            .where(AIStyle.template_id == template_id, AIStyle.is_active)
            .order_by(AIStyle.parameter, AIStyle.display_order)
        )
        names: dict[StyleParameter, list[str]] = {}
        for row in await self._rows(statement):
            names.setdefault(row["parameter"], []).append(row["name"])
        return [TemplateStyles(template_id=template_id, parameter=key, names=tuple(found)) for key, found in names.items()]

    async def fonts(self, *, include_inactive: bool = False) -> list[Font]:
        """Return the fonts for texts."""
        statement = select(*(FontRow.__table__.c[field] for field in Font.model_fields)).order_by(FontRow.display_order)
        if not include_inactive:
            statement = statement.where(FontRow.is_active)
        return [Font.model_validate(dict(row)) for row in await self._rows(statement)]

    async def colors(self, kind: ColorKind, *, include_inactive: bool = False) -> list[Color]:
        """Return the colours for texts or for backgrounds."""
        columns = (ColorRow.__table__.c[field] for field in Color.model_fields)
        statement = select(*columns).where(ColorRow.kind == kind).order_by(ColorRow.display_order)
        if not include_inactive:
            statement = statement.where(ColorRow.is_active)
        return [Color.model_validate({**row, "id": str(row["id"])}) for row in await self._rows(statement)]

    async def devices(self) -> list[Device]:
        """Return all machines, the default one first."""
        columns = (DeviceRow.__table__.c[field] for field in Device.model_fields)
        statement = select(*columns).order_by(DeviceRow.is_default.desc(), DeviceRow.id)
        return [Device.model_validate(dict(row)) for row in await self._rows(statement)]

    async def device(self, device_id: str | None) -> Device | None:
        """Return a machine in service by its id, or the one that prints web orders for None."""
        devices = [device for device in await self.devices() if device.is_active]
        return next((device for device in devices if (device.is_default if device_id is None else device.id == device_id)), None)

    async def _rows(self, statement: Any, **values: Any) -> Sequence[RowMapping]:
        async with self._database.connect() as connection:
            return (await connection.execute(statement, values)).mappings().all()


def _listed_brands() -> Select[Any]:
    columns = (BrandRow.__table__.c[field] for field in Brand.model_fields)
    return select(*columns).where(BrandRow.is_listed).order_by(BrandRow.display_order)


_DEVICE = """
device AS (
    SELECT id FROM devices
    WHERE is_active AND CASE WHEN CAST(:device_id AS text) IS NULL THEN is_default ELSE id = CAST(:device_id AS text) END
)
"""

_PRICE = """
price AS (
    SELECT DISTINCT ON (template_id, add_on_id) template_id, add_on_id, amount, currency
    FROM prices WHERE currency = 'gbp' AND valid_from <= :at
    ORDER BY template_id, add_on_id, valid_from DESC
)
"""

_MODELS = text(f"""
WITH {_DEVICE}, {_PRICE}, cheapest AS (
    SELECT price.amount, price.currency
    FROM price JOIN templates t ON t.id = price.template_id AND t.is_active
    ORDER BY price.amount LIMIT 1
)
SELECT CAST(coalesce(jsonb_agg(jsonb_build_object(
    'id', m.id, 'brand_id', m.brand_id, 'display_name', m.display_name, 'manufacturer_model_id', m.manufacturer_model_id,
    'is_available', m.is_available, 'price', cheapest.amount, 'currency', cheapest.currency,
    'shells', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'shell_id', s.id, 'kind', s.kind, 'width_mm', s.width_mm, 'height_mm', s.height_mm,
                   'is_default', s.is_default, 'sellable', greatest(coalesce(l.stock - l.held, 0), 0)
               ) ORDER BY s.is_default DESC, s.id), '[]')
        FROM shells s LEFT JOIN stock_levels l ON l.shell_id = s.id AND l.device_id = (SELECT id FROM device)
        WHERE s.phone_model_id = m.id)
) ORDER BY m.display_order, m.display_name), '[]') AS text)
FROM phone_models m CROSS JOIN cheapest
WHERE m.brand_id = :brand_id AND m.is_available
""")  # noqa: S608 - only constants are put in

_STOCK_ITEMS = text(f"""
WITH {_DEVICE}
SELECT m.manufacturer_model_id AS model_id, m.display_name AS model_name, s.id AS shell_id, s.width_mm, s.height_mm,
       greatest(l.stock - l.held, 0) AS sellable, l.taken_at
FROM stock_levels l
JOIN device ON device.id = l.device_id
JOIN shells s ON s.id = l.shell_id
JOIN phone_models m ON m.id = s.phone_model_id AND m.is_available
JOIN brands b ON b.id = m.brand_id
WHERE CAST(:brand_id AS text) IS NULL OR b.manufacturer_brand_id = CAST(:brand_id AS text)
ORDER BY b.display_order, m.display_order, m.display_name, s.is_default DESC, s.id
""")  # noqa: S608 - only a constant is put in

_TEMPLATES = text(f"""
WITH {_PRICE}
SELECT t.id, t.name, t.description, t.category, t.image_count, t.features, t.is_active,
       price.amount AS price, price.currency
FROM templates t JOIN price ON price.template_id = t.id
WHERE (t.is_active OR :include_inactive) AND (CAST(:name AS text) IS NULL OR CAST(:name AS text) = ANY (t.match_names))
ORDER BY t.display_order
""")  # noqa: S608 - only a constant is put in

_ADD_ONS = text(f"""
WITH {_PRICE}
SELECT a.id, a.name, price.amount AS price, price.currency
FROM add_ons a JOIN price ON price.add_on_id = a.id
WHERE a.is_active
ORDER BY a.id
""")  # noqa: S608 - only a constant is put in
