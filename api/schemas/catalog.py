"""Catalogue answers, field for field what the storefront reads: here texts, there numbers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import BaseModel

from models import catalog


def pounds(amount: int) -> float:
    """Return minor units as the storefront's numbers: 3500 → 35.0."""
    return amount / 100


class Brand(BaseModel):
    """A brand as the storefront's brand screen shows it; `chinese_brand_id` is the manufacturer's."""

    id: str
    name: str
    display_name: str
    frame_color: str
    button_color: str
    available: bool
    enabled: bool
    subtitle: str
    chinese_brand_id: str

    @classmethod
    def of(cls, brand: catalog.Brand) -> Self:
        return cls(
            id=brand.id,
            name=brand.display_name,
            display_name=brand.display_name,
            frame_color=brand.frame_color,
            button_color=brand.button_color,
            available=brand.is_available,
            enabled=brand.is_available,
            subtitle=brand.subtitle,
            chinese_brand_id=brand.manufacturer_brand_id,
        )


class BrandList(BaseModel):
    """Answer of `/api/brands`."""

    success: bool
    brands: list[Brand]


class Model(BaseModel):
    """A phone on one machine; millimetres and pounds are numbers here, null where nothing is known."""

    id: str
    name: str
    display_name: str
    price: float
    stock: int
    is_available: bool
    chinese_model_id: str
    mobile_shell_id: str | None
    width: float | None
    height: float | None

    @classmethod
    def of(cls, model: catalog.PhoneModel) -> Self:
        shell = model.offered
        return cls(
            id=model.id,
            name=model.display_name,
            display_name=model.display_name,
            price=pounds(model.price),
            stock=shell.sellable if shell else 0,
            is_available=model.is_available and shell is not None and shell.sellable > 0,
            chinese_model_id=model.manufacturer_model_id,
            mobile_shell_id=shell.shell_id if shell else None,
            width=shell.width_mm if shell else None,
            height=shell.height_mm if shell else None,
        )


class BrandOfModels(BaseModel):
    """The brand that the models belong to."""

    id: str
    name: str
    chinese_brand_id: str


class ModelList(BaseModel):
    """Answer of `/api/brands/{id}/models`: what is there first, because the first model is preselected."""

    success: bool
    models: list[Model]
    brand: BrandOfModels
    total_models: int
    in_stock_models: int

    @classmethod
    def of(cls, brand: catalog.Brand, models: Sequence[catalog.PhoneModel]) -> Self:
        listed = sorted((Model.of(model) for model in models), key=lambda model: not model.is_available)
        return cls(
            success=True,
            models=listed,
            brand=BrandOfModels(id=brand.id, name=brand.display_name, chinese_brand_id=brand.manufacturer_brand_id),
            total_models=len(listed),
            in_stock_models=sum(model.is_available for model in listed),
        )


class ManufacturerBrand(BaseModel):
    """A brand under the manufacturer's id, as the storefront's design screen asks for stock by it."""

    id: str
    name: str
    e_name: str
    display_name: str
    available: bool
    order: int

    @classmethod
    def of(cls, brand: catalog.Brand, *, order: int) -> Self:
        return cls(
            id=brand.manufacturer_brand_id,
            name=brand.native_name,
            e_name=brand.name,
            display_name=brand.display_name,
            available=brand.is_available,
            order=order,
        )


class ManufacturerBrandList(BaseModel):
    """Answer of `/api/chinese/brands`."""

    success: bool
    brands: list[ManufacturerBrand]


class StockItem(BaseModel):
    """A shell in a machine; millimetres and price are texts here, as the manufacturer spells them."""

    mobile_model_id: str
    mobile_model_name: str
    mobile_shell_id: str
    width: str
    height: str
    price: str
    stock: int

    @classmethod
    def of(cls, item: catalog.StockItem) -> Self:
        return cls(
            mobile_model_id=item.model_id,
            mobile_model_name=item.model_name,
            mobile_shell_id=item.shell_id,
            width=f"{item.width_mm:.2f}",
            height=f"{item.height_mm:.2f}",
            # The manufacturer's own price was shown here; it is in another currency and nobody charges it.
            price="0.00",
            stock=item.sellable,
        )


class Stock(BaseModel):
    """Answer of `/api/chinese/stock/{device}/{brand}`; `available_items` are those of `stock_items` that can be sold.

    `counted_at` says how old the oldest of these counts is, null where nothing was counted.
    """

    success: bool
    device_id: str
    brand_id: str
    stock_items: list[StockItem]
    available_items: list[StockItem]
    total_count: int
    available_count: int
    counted_at: datetime | None

    @classmethod
    def of(cls, device_id: str, brand_id: str, items: Sequence[catalog.StockItem]) -> Self:
        listed = [StockItem.of(item) for item in items]
        available = [item for item in listed if item.stock > 0]
        return cls(
            success=True,
            device_id=device_id,
            brand_id=brand_id,
            stock_items=listed,
            available_items=available,
            total_count=len(listed),
            available_count=len(available),
            counted_at=min((item.taken_at for item in items), default=None),
        )


class Template(BaseModel):
    """What a design starts from; `price` in pounds."""

    id: str
    name: str
    description: str
    price: float
    currency: str
    category: catalog.TemplateCategory
    image_count: int
    features: list[str]
    display_price: str
    is_active: bool

    @classmethod
    def of(cls, template: catalog.Template) -> Self:
        return cls(
            id=template.id,
            name=template.name,
            description=template.description,
            price=pounds(template.price),
            currency=template.currency.upper(),
            category=template.category,
            image_count=template.image_count,
            features=list(template.features),
            display_price=f"£{pounds(template.price):.2f}",
            is_active=template.is_active,
        )


class TemplateList(BaseModel):
    """Answer of `/api/templates`."""

    success: bool
    templates: list[Template]


class TemplateDetail(BaseModel):
    """Answer of `/api/templates/{id}`."""

    success: bool
    template: Template


class Styles(BaseModel):
    """Answer of `/api/styles/{template_id}`.

    Every screen of the storefront reads another of the lists, so each has the same names; all are empty for a template
    without AI.
    """

    success: bool
    template_id: str
    styles: list[str]
    keywords: list[str]
    modes: list[str]
    options: list[str]

    @classmethod
    def of(cls, template_id: str, names: list[str]) -> Self:
        return cls(success=True, template_id=template_id, styles=names, keywords=names, modes=names, options=names)


class Font(BaseModel):
    """A font for texts on the case."""

    id: str
    name: str
    css_style: str
    font_weight: str
    is_google_font: bool
    google_font_url: str | None
    is_active: bool

    @classmethod
    def of(cls, font: catalog.Font) -> Self:
        return cls(is_google_font=font.google_font_url is not None, **font.model_dump())


class FontList(BaseModel):
    """Answer of `/api/fonts`."""

    success: bool
    fonts: list[Font]


class CssClasses(BaseModel):
    """The storefront's own style classes of a colour."""

    bg: str
    border: str


class Color(BaseModel):
    """A colour for texts or backgrounds."""

    id: str
    name: str
    hex_value: str
    css_classes: CssClasses
    color_type: catalog.ColorKind
    is_active: bool

    @classmethod
    def of(cls, color: catalog.Color) -> Self:
        return cls(
            id=color.id,
            name=color.name,
            hex_value=color.hex_value,
            css_classes=CssClasses(bg=color.css_background, border=color.css_border),
            color_type=color.kind,
            is_active=color.is_active,
        )


class ColorList(BaseModel):
    """Answer of `/api/colors/{type}`."""

    success: bool
    colors: list[Color]
