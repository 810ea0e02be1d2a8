"""Headers that tell browsers what our answers may be used for."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_DEFAULTS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""For answers that do not say it themselves, as pages and pictures do."""
_DOCUMENTATION = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; worker-src blob:; img-src 'self' data:; "
        "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
    ),
}
_DOCUMENTATION_PATHS = frozenset({"/docs", "/redoc"})
_ONLY_TLS = "max-age=31536000; includeSubDomains"


class SecurityHeaders:
    """Adds the headers; `is_https` says whether people reach us by HTTPS only."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._everywhere = _EVERYWHERE | ({"Strict-Transport-Security": _ONLY_TLS} if is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        defaults: Mapping[str, str] = _DEFAULTS | (_DOCUMENTATION if scope["path"] in _DOCUMENTATION_PATHS else {})

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._everywhere)
                for name, value in defaults.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)
