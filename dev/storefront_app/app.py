"""A small storefront, so that a person can do by hand what customers do: design a case, pay for it, follow the order.

Server-rendered, and nothing but a client of the public HTTP API. It never ships.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from dev.emulators.state import Store
from dev.storefront_app.design_pages import design_routes
from dev.storefront_app.draft import Book
from dev.storefront_app.order_pages import order_routes
from dev.storefront_app.pages import HERE, Pages
from dev.storefront_app.phone_pages import phone_routes
from dev.storefront_app.shop import Refused, Shop
from dev.storefront_app.studio import Studio

TIMEOUT_S = 90
"""Longer than the API waits for an AI picture before it answers where to ask."""


def create_app(
    api_url: str,
    *,
    machines: tuple[str, ...] = (),
    state_file: Path | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """Build the storefront of the API at `api_url`.

    Args:
        api_url: Where the public HTTP API is, for us and for browsers.
        machines: Those whose code can be scanned, so to speak: a link on the first page for each.
        state_file: Where drafts are kept; without it they last as long as the app.
        transport: For tests.
    """
    store = Store(state_file)
    http = httpx.AsyncClient(base_url=api_url, timeout=TIMEOUT_S, trust_env=False, transport=transport)
    shop, book = Shop(http), Book(store)
    studio = Studio(shop, book)
    pages = Pages(shop, book, studio, machines)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await studio.close()
        await http.aclose()
        store.close()

    app = FastAPI(title="Demo storefront", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.book = book
    app.include_router(phone_routes(pages))
    app.include_router(design_routes(pages))
    app.include_router(order_routes(pages))
    app.mount("/static", StaticFiles(directory=HERE / "static"))

    async def refused(_: Request, error: Exception) -> Response:
        """What a page cannot be shown without; what a form is refused for is shown beside the form instead."""
        if not isinstance(error, Refused):
            raise error
        return pages.show("sorry.html", status=error.status, detail=str(error), again=error.is_passing)

    async def lost(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return pages.show("sorry.html", status=status, detail="There is nothing here that can be shown.", again=False)

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, lost)
    policy = f"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: {api_url}; base-uri 'none'"

    @app.middleware("http")
    async def harden(request: Request, call_next: object) -> Response:
        """Nothing that a customer typed could run, even if it ever came through unescaped."""
        answer: Response = await call_next(request)  # type: ignore[operator]
        answer.headers["Content-Security-Policy"] = policy
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        if not request.url.path.startswith("/static/"):
            answer.headers["Cache-Control"] = "no-store"
        return answer

    return app
