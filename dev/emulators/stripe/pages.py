"""The payment page that the customer sees, in place of Stripe's own."""

from pathlib import Path
from typing import Annotated

import jinja2
from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dev.emulators.state import Document
from dev.emulators.stripe.account import Account
from dev.emulators.stripe.cards import CARDS
from dev.emulators.stripe.checkout import CardDeclined, Checkout, NotPayable

_SYMBOLS = {"gbp": "£", "eur": "€", "usd": "$"}


def _money(amount: int, currency: str) -> str:
    return f"{_SYMBOLS.get(currency, currency.upper() + ' ')}{amount / 100:,.2f}"


_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
)
_templates.filters["money"] = _money


class _Pages:
    """The page of a Session in each of its states."""

    def __init__(self, account: Account, checkout: Checkout) -> None:
        self._account = account
        self._checkout = checkout

    def get(self, name: str) -> Response:
        session = self._find(name)
        return self._lost() if session is None else self._show(session)

    def pay(self, name: str, card: str, email: str) -> Response:
        session = self._find(name)
        if session is None:
            return self._lost()
        number = card.replace(" ", "")
        if number not in CARDS:
            return self._show(session, "Your card number is invalid: use one of the test cards.", 402)
        try:
            self._checkout.pay(session, CARDS[number], email or None)
        except CardDeclined as declined:
            return self._show(session, declined.card.message, 402)
        except NotPayable:
            return self._show(session, status=410)
        return RedirectResponse(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]), 303)

    def _find(self, name: str) -> Document | None:
        self._account.timers.run_due()
        return self._account.sessions.get(name)

    def _show(self, session: Document, error: str | None = None, status: int = 200) -> Response:
        text = _templates.get_template("checkout.html").render(
            merchant=self._account.settings.merchant_name,
            session=session,
            lines=self._checkout.line_items(session),
            cards=list(CARDS.values()),
            error=error,
        )
        return HTMLResponse(text, status)

    def _lost(self) -> Response:
        return HTMLResponse("<h1>Something went wrong</h1><p>The page you were looking for could not be found.</p>", 404)


def page_routes(account: Account, checkout: Checkout) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    pages = _Pages(account, checkout)

    @router.get("/c/pay/{name}")
    async def payment_page(name: str) -> Response:
        return pages.get(name)

    @router.post("/c/pay/{name}")
    async def pay(name: str, card: Annotated[str, Form()], email: Annotated[str, Form()] = "") -> Response:
        return pages.pay(name, card, email)

    return router
