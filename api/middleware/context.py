"""Gives every request an id, puts it on every line that is logged meanwhile, and writes one line when it is done."""

import re
import secrets
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "X-Request-ID"
_USABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")

log = structlog.get_logger("api.access")


class RequestContext:
    """The outermost layer.

    The log line names the *route*, never the path or its query: paths carry session ids and tokens that open an order or a
    picture for whoever reads the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 0
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            log.info(
                "request",
                method=scope["method"],
                route=getattr(scope.get("route"), "path", "(none)"),
                status=status,
                milliseconds=round((time.perf_counter() - began) * 1000, 1),
            )


def _request_id(headers: Headers) -> str:
    """Take over a proxy's id, unless it could smuggle something into the log."""
    given = headers.get(REQUEST_ID, "")
    return given if _USABLE.fullmatch(given) else secrets.token_hex(8)
