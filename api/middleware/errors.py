"""The last net: what no handler named becomes a 500 that says nothing of its cause."""

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import unexpected
from api.problems import send_problem

log = structlog.get_logger(__name__)


class UnexpectedErrors:
    """Stands inside of CORS and security headers, unlike the framework's own net: a browser shows the answer to its page only
    when those headers are on it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            log.info("the client hung up")
        except Exception as error:
            if has_begun:  # half an answer must not look like a whole one: let the server cut the connection
                raise
            await send_problem(unexpected(error), scope, receive, send)
