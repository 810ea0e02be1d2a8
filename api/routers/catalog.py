"""What is sold, as the storefront's screens ask for it."""

from fastapi import APIRouter

from api.dependencies import Catalog, Now, Styles
from api.errors import BadRequest, NotFound
from api.problems import problems
from api.schemas import catalog as schemas
from api.schemas.words import Text
from models.catalog import ColorKind, Template

router = APIRouter(tags=["catalogue"], responses=problems(503))


@router.get("/api/brands")
async def brands(catalog: Catalog) -> schemas.BrandList:
    """Every brand, sold now or not."""
    return schemas.BrandList(success=True, brands=[schemas.Brand.of(brand) for brand in await catalog.brands()])


@router.get("/api/brands/{brand_id}/models", responses=problems(404))
async def models(brand_id: str, catalog: Catalog, now: Now, device_id: Text | None = None) -> schemas.ModelList:
    """The phones of a brand with what `device_id` has of them; without it, the machine that prints web orders."""
    brand = await catalog.brand(brand_id)
    if brand is None:
        raise NotFound("We do not know this brand.")
    return schemas.ModelList.of(brand, await catalog.phone_models(brand.id, at=now, device_id=device_id))


@router.get("/api/chinese/brands")
async def manufacturer_brands(catalog: Catalog) -> schemas.ManufacturerBrandList:
    """Every brand under the id by which the design screen asks for its stock."""
    listed = [schemas.ManufacturerBrand.of(brand, order=order) for order, brand in enumerate(await catalog.brands(), start=1)]
    return schemas.ManufacturerBrandList(success=True, brands=listed)


@router.get("/api/chinese/stock/{device_id}/{brand_id}")
async def stock(device_id: Text, brand_id: Text, catalog: Catalog) -> schemas.Stock:
    """The shells of a brand (by the manufacturer's id) in one machine, less what is held for orders."""
    items = await catalog.stock_items(device_id=device_id, manufacturer_brand_id=brand_id)
    return schemas.Stock.of(device_id, brand_id, items)


@router.get("/api/templates")
async def templates(catalog: Catalog, now: Now, *, include_inactive: bool = False) -> schemas.TemplateList:
    """What a design can start from."""
    found = await catalog.templates(at=now, include_inactive=include_inactive)
    return schemas.TemplateList(success=True, templates=[schemas.Template.of(template) for template in found])


@router.get("/api/templates/{template_id}", responses=problems(404))
async def template(template_id: str, catalog: Catalog, now: Now) -> schemas.TemplateDetail:
    """One template."""
    return schemas.TemplateDetail(success=True, template=schemas.Template.of(await _template(catalog, template_id, now)))


@router.get("/api/styles/{template_id}", responses=problems(404))
@router.get("/api/images/styles/{template_id}", responses=problems(404), operation_id="styles_under_their_older_path")
async def styles(template_id: str, catalog: Catalog, offered: Styles, now: Now) -> schemas.Styles:
    """What an AI template offers to choose from; styles whose names somebody may own can be switched off."""
    found = await _template(catalog, template_id, now)
    listed = await catalog.styles(found.id)
    names = [name for styles in listed for name in styles.names if offered.is_offered(found.id, name)]
    return schemas.Styles.of(found.id, names)


@router.get("/api/fonts")
async def fonts(catalog: Catalog, *, include_inactive: bool = False) -> schemas.FontList:
    """Fonts for texts on the case."""
    found = await catalog.fonts(include_inactive=include_inactive)
    return schemas.FontList(success=True, fonts=[schemas.Font.of(font) for font in found])


@router.get("/api/colors/{color_type}", responses=problems(400))
async def colors(color_type: str, catalog: Catalog, *, include_inactive: bool = False) -> schemas.ColorList:
    """Colours for texts or backgrounds."""
    if color_type not in set(ColorKind):
        raise BadRequest(f"Colours are listed for {' and '.join(ColorKind)}.")
    found = await catalog.colors(ColorKind(color_type), include_inactive=include_inactive)
    return schemas.ColorList(success=True, colors=[schemas.Color.of(color) for color in found])


async def _template(catalog: Catalog, name: str, now: Now) -> Template:
    found = await catalog.template(name, at=now)
    if found is None:
        raise NotFound("We do not know this template.")
    return found
