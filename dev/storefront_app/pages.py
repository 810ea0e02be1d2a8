"""What all pages share: the templates, and the parts of the shop that they are made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dev.storefront_app.draft import Book, Draft
from dev.storefront_app.shop import Refused, Shop
from dev.storefront_app.studio import Studio

HERE: Final = Path(__file__).parent
COOKIE: Final = "design"
"""Leads whoever comes back without an address (from a cancelled payment) to the design they were at."""


def money(pence: int) -> str:
    return f"£{pence / 100:,.2f}"


_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
)
_templates.filters["money"] = money


@dataclass(frozen=True)
class Pages:
    """The parts; `machines` are those whose code can be scanned."""

    shop: Shop
    book: Book
    studio: Studio
    machines: tuple[str, ...]

    def show(self, template: str, *, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(_templates.get_template(template).render(**values), status)

    def draft(self, draft_id: str) -> Draft:
        """Find a draft. Raises `Refused`."""
        draft = self.book.draft(draft_id)
        if draft is None:
            raise Refused(404, "We do not know this design. Please start a new one.")
        return draft


def to(url: str) -> Response:
    """Lead the browser on after a form, so that a reload repeats nothing."""
    return RedirectResponse(url, 303)
