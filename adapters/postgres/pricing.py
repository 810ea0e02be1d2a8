"""From what a customer asks for to what we sell, and for how much. Pure: what the database knows comes in as `Facts`."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from models.artwork import PRINT_FOLDER, StoredImage, fits, print_size
from models.base import Contract
from models.catalog import match_name
from models.errors import OrderRefused, RefusalCode
from models.order import Channel, CheckoutRequest, OrderLine, Product, Quote

CURRENCY = "gbp"


class KnownShell(Contract):
    """A shell of a phone; `sellable` is None where the machine has never listed it."""

    id: str
    width_mm: float
    height_mm: float
    sellable: int | None


class KnownModel(Contract):
    """A phone of the brand that was asked for."""

    name: str
    manufacturer_model_id: str
    match_names: tuple[str, ...]
    is_available: bool
    shells: tuple[KnownShell, ...]


class KnownBrand(Contract):
    """The brand that was asked for."""

    id: str
    display_name: str
    is_available: bool
    models: tuple[KnownModel, ...]


class KnownItem(Contract):
    """A template or add-on with its price of the moment; None where it has none."""

    id: str
    name: str
    is_active: bool
    price: int | None


class KnownPromotion(Contract):
    """A running promotion of the machine, and how often it was used today."""

    id: str
    daily_cap: int
    used: int


class Facts(Contract):
    """What the database knows of everything that a request names; what it does not know is None or missing."""

    device_id: str | None
    image: StoredImage | None
    template: KnownItem | None
    brand: KnownBrand | None
    brand_names: tuple[str, ...]
    add_ons: tuple[KnownItem, ...]
    promotion: KnownPromotion | None


def quote(request: CheckoutRequest, facts: Facts) -> Quote:
    """Resolve and price a request. Raises `OrderRefused` with a sentence for the customer."""
    image = _image(request, facts)
    device_id = _device(request, facts)
    template = _template(request, facts)
    add_ons = _add_ons(request, facts)
    brand, model = _model(request, facts)
    shell = _shell(model, image)
    _check_customer(request)
    _check_stock(model, shell)
    promotion = _promotion(request, facts)
    lines = _lines(model, template, add_ons, free=promotion is not None)
    total = sum(line.amount for line in lines)
    if promotion is None:
        _check_amount(request, total)
    return Quote(
        channel=request.channel,
        product=_product(brand, model, shell, device_id=device_id, template=template),
        lines=lines,
        total=total,
        currency=CURRENCY,
        image=image,
        promotion_id=promotion.id if promotion else None,
    )


def case(request: CheckoutRequest, facts: Facts, *, shell_id: str | None, in_stock: bool) -> Product:
    """Resolve what a picture is to be made for: the shell that is named, else one that is there.

    Raises `OrderRefused` with a sentence for the customer; for a shell that is sold out only if it must be in stock.
    """
    device_id = _device(request, facts)
    template = _template(request, facts)
    brand, model = _model(request, facts)
    shells = [shell for shell in model.shells if shell_id in {None, shell.id}]
    if not shells:
        raise _unknown_model(f"the {model.name} with the shell “{shell_id}”", (shell.id for shell in model.shells))
    shell = next((shell for shell in shells if shell.sellable), shells[0])
    if in_stock:
        _check_stock(model, shell)
    return _product(brand, model, shell, device_id=device_id, template=template)


def _product(brand: KnownBrand, model: KnownModel, shell: KnownShell, *, device_id: str, template: KnownItem) -> Product:
    return Product(
        brand_id=brand.id,
        brand_name=brand.display_name,
        model_name=model.name,
        model_id=model.manufacturer_model_id,
        shell_id=shell.id,
        device_id=device_id,
        template_id=template.id,
        width_mm=shell.width_mm,
        height_mm=shell.height_mm,
    )


def _check_stock(model: KnownModel, shell: KnownShell) -> None:
    if not shell.sellable or shell.sellable < 1:
        raise out_of_stock(model.name)


def promotion_day(at: datetime) -> date:
    """Return the day that a promotion's cap counts by: UTC, like every clock here."""
    return at.date()


def out_of_stock(model_name: str) -> OrderRefused:
    """Say that the last shell is gone, whether it was seen before writing or while writing."""
    return OrderRefused(
        f"Cases for the {model_name} are sold out here at the moment. Please try again later or choose another phone.",
        code=RefusalCode.OUT_OF_STOCK,
        facts={"model": model_name},
    )


def promotion_exhausted() -> OrderRefused:
    """Say that today's free cases are gone, whether it was seen before writing or while writing."""
    return OrderRefused(
        "All free cases of today have been given away. Please come back tomorrow.", code=RefusalCode.PROMOTION_EXHAUSTED
    )


def _image(request: CheckoutRequest, facts: Facts) -> StoredImage:
    if facts.image is None:
        raise OrderRefused(
            "We cannot find your design. Please go back to the design screen and save it again.", code=RefusalCode.UNKNOWN_UPLOAD
        )
    return facts.image


def _device(request: CheckoutRequest, facts: Facts) -> str:
    """The scanned machine, or for web orders the default one; an order for a machine never falls back to another one."""
    if facts.device_id is None:
        raise OrderRefused(
            "This machine is not in service. Please scan the code on the machine again, or order for home delivery."
            if request.channel is not Channel.WEB
            else "We cannot take orders at the moment. Please try again later.",
            code=RefusalCode.UNKNOWN_DEVICE,
            facts={"device": request.device_id or ""},
        )
    return facts.device_id


def _template(request: CheckoutRequest, facts: Facts) -> KnownItem:
    template = facts.template
    if template is None or not template.is_active or template.price is None:
        raise OrderRefused(
            "This template is no longer offered. Please choose another one and design your case again.",
            code=RefusalCode.UNKNOWN_TEMPLATE,
            facts={"template": request.template_id or ""},
        )
    return template


def _add_ons(request: CheckoutRequest, facts: Facts) -> tuple[KnownItem, ...]:
    """Each add-on once, in the order of the request."""
    known = {item.id: item for item in facts.add_ons if item.is_active and item.price is not None}
    for name in request.add_ons:
        if name not in known:
            raise OrderRefused(
                f"“{name}” is not offered any more. Please take it out of your order.",
                code=RefusalCode.UNKNOWN_ADD_ON,
                facts={"add_on": name},
            )
    return tuple(known[name] for name in dict.fromkeys(request.add_ons))


def _model(request: CheckoutRequest, facts: Facts) -> tuple[KnownBrand, KnownModel]:
    brand = facts.brand
    if brand is None or not brand.is_available:
        raise _unknown_model(f"{request.brand} phones", facts.brand_names)
    spelling = match_name(request.model)
    sold = [model for model in brand.models if model.is_available]
    for model in sold:
        if spelling in model.match_names:
            return brand, model
    raise _unknown_model(f"the {brand.display_name} “{request.model}”", (model.name for model in sold))


def _unknown_model(what: str, names: Iterable[str]) -> OrderRefused:
    known = ", ".join(names)
    return OrderRefused(
        f"We do not make cases for {what}. We make them for: {known}.", code=RefusalCode.UNKNOWN_MODEL, facts={"known": known}
    )


def _shell(model: KnownModel, image: StoredImage) -> KnownShell:
    """The shell that the picture was made for: the one whose shape it has; where two have it, one that is there, then the closer.

    A picture of another shape is refused, although it could be printed: it would come out distorted. A print file that we drew
    ourselves is for shells of exactly its size: for any other it would have to be drawn anew, and nobody has seen that.
    """
    fitting = [shell for shell in model.shells if fits(image, shell.width_mm, shell.height_mm)]
    if image.key.startswith(f"{PRINT_FOLDER}/"):
        size = (image.width, image.height)
        fitting = [shell for shell in fitting if print_size(shell.width_mm, shell.height_mm) == size]
    if not fitting:
        raise _wrong_ratio(model, image)
    ratio = image.height / image.width
    return min(fitting, key=lambda shell: (not shell.sellable, abs(shell.height_mm / shell.width_mm - ratio)))


def _wrong_ratio(model: KnownModel, image: StoredImage) -> OrderRefused:
    listed = [shell for shell in model.shells if shell.sellable is not None] or list(model.shells)
    sizes = {print_size(shell.width_mm, shell.height_mm) for shell in listed}
    expected = " or ".join(f"{width} × {height}" for width, height in sorted(sizes))
    return OrderRefused(
        f"Your design is {image.width} × {image.height} pixels; a case for the {model.name} needs {expected}. "
        "Please go back to the design screen and save it again for this phone.",
        code=RefusalCode.WRONG_RATIO,
        facts={"width": image.width, "height": image.height, "expected": expected},
    )


def _check_customer(request: CheckoutRequest) -> None:
    """A parcel needs a name, an address and somebody to tell about it; a machine needs nothing."""
    if request.channel is not Channel.WEB:
        return
    customer = request.customer
    address = customer.address if customer else None
    given: Mapping[str, str] = {
        "name": customer.name if customer else "",
        "e-mail address": customer.email if customer else "",
        "street": address.line1 if address else "",
        "town": address.city if address else "",
        "postcode": address.postcode if address else "",
        "country": address.country if address else "",
    }
    missing = ", ".join(field for field, value in given.items() if not value)
    if missing:
        raise OrderRefused(
            f"To post your case we still need: {missing}.", code=RefusalCode.MISSING_ADDRESS, facts={"missing": missing}
        )


def _promotion(request: CheckoutRequest, facts: Facts) -> KnownPromotion | None:
    """The promotion that makes this order free. Once today's cases are gone, whoever was shown a price pays it."""
    promotion = facts.promotion
    if promotion is None or promotion.used < promotion.daily_cap:
        return promotion
    if request.amount == 0:
        raise promotion_exhausted()
    return None


def _lines(model: KnownModel, template: KnownItem, add_ons: Iterable[KnownItem], *, free: bool) -> tuple[OrderLine, ...]:
    def price(item: KnownItem) -> int:
        return 0 if free or item.price is None else item.price

    case = OrderLine(sku=template.id, title=f"Phone case for {model.name}, {template.name}", unit_amount=price(template))
    return (case, *(OrderLine(sku=item.id, title=item.name, unit_amount=price(item)) for item in add_ons))


def _check_amount(request: CheckoutRequest, total: int) -> None:
    """The customer pays what they were shown, and that is our price; any difference is theirs to accept first."""
    if (request.amount, request.currency.lower()) == (total, CURRENCY):
        return
    shown = f"{request.amount / 100:.2f} {request.currency.upper()}"
    raise OrderRefused(
        f"The price of your order is £{total / 100:.2f}, but you were shown {shown}. "
        "Nothing was charged. Please reload the page and order again.",
        code=RefusalCode.PRICE_CHANGED,
        facts={"shown": request.amount, "price": total, "shown_currency": request.currency.lower(), "currency": CURRENCY},
    )
