"""What a customer has composed so far, as it was typed, and the book in which it is kept between two pages."""

import secrets
from typing import Any, TypeVar

from pydantic import BaseModel

from dev.emulators.state import Collection, Store
from dev.storefront_app.shop import Json

Kept = TypeVar("Kept", bound=BaseModel)


class Phone(BaseModel):
    """What the case is for; `price` in pence, `machine_id` empty for home delivery."""

    brand: str
    brand_name: str
    model: str
    shell_id: str
    price: int
    width: float
    height: float
    machine_id: str = ""


class Photo(BaseModel):
    """A photo that the API has; `called` is its file's name on the customer's device."""

    filename: str
    url: str
    called: str
    width: int
    height: int


class Slot(BaseModel):
    """One place for a photo in the template."""

    photo: Photo | None = None
    fit: str = "cover"
    zoom: float = 1.0
    offset_x: float = 0.0
    offset_y: float = 0.0
    rotation: float = 0.0


class Sticker(BaseModel):
    """A sticker on the case."""

    name: str
    x: float = 0.5
    y: float = 0.5
    width: float = 0.25
    rotation: float = 0.0


class Line(BaseModel):
    """A text on the case; an empty one is not drawn."""

    text: str = ""
    font: str = "inter"
    color: str = "#000000"
    size: float = 0.1
    x: float = 0.5
    y: float = 0.85
    rotation: float = 0.0


class Problem(BaseModel):
    """What the customer must be told, and beside which part of the page; empty for the top of it."""

    where: str = ""
    detail: str


class Buyer(BaseModel):
    """The form of the checkout."""

    customer_name: str = ""
    customer_email: str = ""
    customer_phone: str = ""
    shipping_address_line1: str = ""
    shipping_address_line2: str = ""
    shipping_city: str = ""
    shipping_postcode: str = ""
    shipping_country: str = "United Kingdom"


class Draft(BaseModel):
    """One design being made.

    Attributes:
        style: Chosen for an AI template.
        words: To be written into the AI's picture.
        slots: As many as the template has; `spare` are those of a template that had more.
    """

    id: str
    phone: Phone
    template_id: str = ""
    template_name: str = ""
    is_ai: bool = False
    style: str = ""
    words: str = ""
    slots: list[Slot] = []
    spare: list[Slot] = []
    background_color: str = "#ffffff"
    background_picture: str = ""
    stickers: list[Sticker] = []
    lines: list[Line] = []
    buyer: Buyer = Buyer()
    add_ons: list[str] = []
    problems: list[Problem] = []

    def problems_at(self, where: str) -> list[str]:
        return [problem.detail for problem in self.problems if problem.where == where]

    @property
    def problems_elsewhere(self) -> str:
        """The first part of the page beside which something must be told; empty where there is none."""
        return next((problem.where for problem in self.problems if problem.where), "")

    @property
    def missing_photos(self) -> int:
        return sum(slot.photo is None for slot in self.slots)


class Made(BaseModel):
    """A picture that the AI made, and of what."""

    filename: str
    url: str
    style: str


class Painting(BaseModel):
    """The AI's work for one draft.

    Attributes:
        wish: What is being made: `template_id`, `style`, `words`, `photo` (a link to it); None when nothing is.
        status_url: Where the API said to ask for it.
        chosen: The picture that is on the case.
    """

    wish: dict[str, str] | None = None
    status_url: str = ""
    made: list[Made] = []
    chosen: str = ""
    problem: str = ""

    @property
    def picture(self) -> Made | None:
        return next((made for made in self.made if made.filename == self.chosen), None)


class Drawing(BaseModel):
    """The last thing that was drawn of a draft, and of which request; `answer` is None where it was refused."""

    body: Json
    answer: Json | None = None
    problem: str = ""


class Book:
    """Drafts and what became of them. The parts are kept apart because the AI works while the customer does."""

    def __init__(self, store: Store) -> None:
        self._drafts, self._paintings, self._drawings, self._orders = (
            store.collection(name) for name in ("drafts", "paintings", "drawings", "orders")
        )

    def begin(self, phone: Phone) -> Draft:
        """Open a draft under an id that cannot be guessed: whoever has its address can go on with it."""
        draft = Draft(id=secrets.token_urlsafe(16), phone=phone)
        self.keep(draft)
        return draft

    def draft(self, draft_id: str) -> Draft | None:
        return _read(self._drafts, draft_id, Draft)

    def keep(self, draft: Draft) -> None:
        _write(self._drafts, draft.id, draft)

    def painting(self, draft_id: str) -> Painting:
        return _read(self._paintings, draft_id, Painting) or Painting()

    def keep_painting(self, draft_id: str, painting: Painting) -> None:
        _write(self._paintings, draft_id, painting)

    def drawing(self, draft_id: str) -> Drawing | None:
        return _read(self._drawings, draft_id, Drawing)

    def keep_drawing(self, draft_id: str, drawing: Drawing) -> None:
        _write(self._drawings, draft_id, drawing)

    def preview_of(self, name: str) -> dict[str, Any] | None:
        """What an order (by its Session or token) looks like: `preview_url`, `print_sha256`."""
        return self._orders.get(name)

    def keep_preview(self, name: str, preview: dict[str, Any]) -> None:
        self._orders.put(name, preview)


def _read(collection: Collection, key: str, kind: type[Kept]) -> Kept | None:
    document = collection.get(key)
    return None if document is None else kind.model_validate(document)


def _write(collection: Collection, key: str, kept: BaseModel) -> None:
    collection.put(key, kept.model_dump(mode="json"))
