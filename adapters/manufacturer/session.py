"""The login token of the interface dialect: fetched once, shared by every concurrent call, replaced when refused."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta


class TokenCache:
    """One token for this process.

    Many calls that find no token, or whose token is refused, wait for one login together. The token itself tells nothing of its
    end, so its age is limited here and a refusal ends it early.
    """

    def __init__(
        self, log_in: Callable[[], Awaitable[str]], lifetime: timedelta, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log_in = log_in
        self._lifetime = lifetime.total_seconds()
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._issued_at = 0.0

    async def current(self) -> str:
        """A token that is young enough; raises what the login raises."""
        return self._fresh() or await self.replacement(refused=None)

    async def replacement(self, *, refused: str | None) -> str:
        """A token other than ``refused``: somebody else's new one if there is one, else from a login of our own."""
        async with self._lock:
            token = self._fresh()
            if token is None or token == refused:
                self._token = None
                token = await self._log_in()
                self._token, self._issued_at = token, self._clock()
            return token

    def _fresh(self) -> str | None:
        return self._token if self._clock() - self._issued_at < self._lifetime else None
