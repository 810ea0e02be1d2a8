"""How much a request may carry: refused by its Content-Length, or as soon as a body without one grows past it."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BodyTooLarge
from api.problems import problem_response, send_problem

DISCARDED = 4
"""How many times the limit is read for nothing, so that a browser, which always announces its size, gets to see the answer."""


class BodyLimit:
    """Lets through at most `default` bytes; `by_path` says where it is another number."""

    def __init__(self, app: ASGIApp, *, default: int, by_path: Mapping[str, int]) -> None:
        self._app = app
        self._default = default
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._default)
        announced = Headers(scope=scope).get("Content-Length", "")
        if announced.isdecimal() and int(announced) > limit:
            error = _too_large(limit)
            await _discard(receive, DISCARDED * limit)
            # What is beyond that is not read, so the connection cannot be used again.
            response = problem_response(error.status_code, error.detail, code=error.code, headers={"Connection": "close"})
            await send_problem(response, scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    raise _too_large(limit)
            return message

        await self._app(scope, counted, send)


async def _discard(receive: Receive, most: int) -> None:
    """Read on and keep nothing: a connection that is closed with unread bytes in it is reset, and its answer is lost with it."""
    is_more = True
    while is_more and most > 0:
        message = await receive()
        most -= len(message.get("body", b""))
        is_more = message.get("more_body", False)


def _too_large(limit: int) -> BodyTooLarge:
    size = f"{limit / 1_000_000:g} MB" if limit >= 1_000_000 else f"{limit // 1000} kB"
    return BodyTooLarge(f"This is too large: at most {size} can be sent here. If it is a picture, please choose a smaller one.")
