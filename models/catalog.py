"""What is sold: brands, phones and their shells, templates, add-ons, styles, fonts, colours, machines."""

import re
from enum import StrEnum

from models.base import Contract, Instant, Minor


def match_name(spelling: str) -> str:
    """Reduce a name to what identifies it: `iPhone 15 Pro` and `IPHONE-15 PRO` are one phone, `S22` and `S22+` are two."""
    return re.sub(r"[^0-9a-z+]", "", spelling.casefold())


class TemplateCategory(StrEnum):
    """How a template is made into a picture."""

    BASIC = "basic"
    AI = "ai"
    FILM = "film"


class StyleParameter(StrEnum):
    """The storefront's name of the choice that an AI template offers."""

    STYLE = "style"
    KEYWORD = "keyword"


class ColorKind(StrEnum):
    """What a colour is offered for."""

    BACKGROUND = "background"
    TEXT = "text"


class Brand(Contract):
    """A brand of phones.

    Attributes:
        id: Slug of ours.
        name: The company: `Apple`. `display_name` is what customers look for: `iPhone`.
        native_name: What the manufacturer calls it.
        is_available: Whether its phones are sold now; others are shown greyed out with `subtitle`.
    """

    id: str
    name: str
    display_name: str
    native_name: str
    manufacturer_brand_id: str
    frame_color: str
    button_color: str
    subtitle: str
    is_available: bool


class Shell(Contract):
    """One kind of case for one phone, as one machine has it.

    Attributes:
        shell_id: The manufacturer's `MS…`.
        sellable: The newest count in the machine less what is held for orders, never below 0.
    """

    shell_id: str
    kind: str
    width_mm: float
    height_mm: float
    is_default: bool
    sellable: int


class PhoneModel(Contract):
    """A phone with all its shells.

    Attributes:
        price: What a case for it costs at least, minor units.
    """

    id: str
    brand_id: str
    display_name: str
    manufacturer_model_id: str
    is_available: bool
    price: Minor
    currency: str
    shells: tuple[Shell, ...]

    @property
    def offered(self) -> Shell | None:
        """The shell that a design is made for: the default one, or another that is there while that one is not."""
        return max(self.shells, key=lambda shell: (shell.sellable > 0, shell.is_default), default=None)


class StockItem(Contract):
    """One shell in one machine, as the storefront's design screen lists it; `taken_at` is how old its count is."""

    model_id: str
    model_name: str
    shell_id: str
    width_mm: float
    height_mm: float
    sellable: int
    taken_at: Instant


class Template(Contract):
    """What a design starts from; the price is that of a case made with it."""

    id: str
    name: str
    description: str
    category: TemplateCategory
    image_count: int
    features: tuple[str, ...]
    price: Minor
    currency: str
    is_active: bool


class AddOn(Contract):
    """Something that can be bought with a case."""

    id: str
    name: str
    price: Minor
    currency: str


class TemplateStyles(Contract):
    """The choices that an AI template offers, under the parameter by which they are sent."""

    template_id: str
    parameter: StyleParameter
    names: tuple[str, ...]


class Font(Contract):
    """A font for texts on the case."""

    id: str
    name: str
    css_style: str
    font_weight: str
    google_font_url: str | None
    is_active: bool


class Color(Contract):
    """A colour for texts or backgrounds; the classes are the storefront's."""

    id: str
    kind: ColorKind
    name: str
    hex_value: str
    css_background: str
    css_border: str
    is_active: bool


class Device(Contract):
    """A machine that prints; web orders are printed on the default one."""

    id: str
    name: str
    location: str
    is_default: bool
    is_active: bool
