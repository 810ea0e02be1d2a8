"""Which web pages may read our answers."""

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.groups import StorefrontSettings

PICTURES = ("/image/", "/api/stickers/image/")
_EXPOSED = ("Retry-After", "X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_DAY = "86400"


class Cors:
    """The storefront may send credentials. A picture may be read by any page, without credentials: its link is the secret, and
    stickers are everybody's.

    The picture's header is there even when nobody asked for it: a browser that has shown a picture takes it out of its cache
    when the same picture is drawn on a canvas, and a cached answer without the header taints the canvas.
    """

    def __init__(self, app: ASGIApp, *, storefront: StorefrontSettings) -> None:
        self._app = app
        self._allow_list = CORSMiddleware(
            app,
            allow_origins=(storefront.url, *storefront.cors_origins),
            allow_origin_regex=storefront.cors_origin_regex,
            allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "X-Request-ID"),
            allow_credentials=True,
            expose_headers=_EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PICTURES):
            await self._allow_list(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await _preflight()(scope, receive, send)
        else:
            await self._app(scope, receive, _readable_by_all(send))


def _preflight() -> Response:
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Max-Age": _DAY,
            "Allow": "GET, HEAD, OPTIONS",
        },
    )


def _readable_by_all(send: Send) -> Send:
    async def with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        await send(message)

    return with_header
