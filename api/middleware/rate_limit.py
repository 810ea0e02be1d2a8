"""How often somebody may ask: by address, and inside of a vending session by session, because a shop's Wi-Fi is one address."""

import hashlib
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import RateLimited
from api.middleware.client_address import client_address
from api.problems import problem_response, send_problem
from config.groups import ApiSettings

log = structlog.get_logger(__name__)

FREE_OF_LIMITS = re.compile(
    r"/|/health|/stripe-webhook|/image/.*|/api/chinese/(order/(payStatus|status-update)|order-status-update)"
)
"""Whoever is turned away here does not come back with the news: Stripe's and the manufacturer's callbacks, the machine that
fetches its print file, and the monitor that asks whether we are alive."""

_PARTNER = re.compile(
    r"/api/chinese/(payment/[^/]+/status|print/[^/]+/status|order/[^/]+/download-links|images/batch-download"
    r"|equipment/[^/]+/info|models/stock-status)"
)
"""What the manufacturer's server asks for all its machines, from one address and as often as it likes."""
_STICKERS = re.compile(r"/api/stickers/(image|url)/.*")
"""A sticker screen asks for a hundred at once; what it asks for is answered from memory."""
_NEW_SESSION = "/api/vending/create-session"
_PHOTOS = "/api/photos"
_GENERATE = re.compile(r"/api/images/generate")
_SESSION = re.compile(r"/api/vending/session/(?P<session>[^/]+)(/.*)?")


@dataclass(frozen=True)
class Verdict:
    """The state of one window: how many are allowed, how many are left, and at which Unix time it begins anew."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }

    @property
    def retry_after(self) -> int:
        """Seconds until it is worth trying again."""
        return max(1, math.ceil(self.reset - time.time()))


class RateLimits:
    """Counts in the storage that the settings name. A storage that fails lets everybody in: selling comes before counting."""

    def __init__(self, settings: ApiSettings, storage: Storage | None = None) -> None:
        self._settings = settings
        self._limiter = FixedWindowRateLimiter(storage or _storage(settings.rate_storage_uri.get_secret_value()))
        self._default = parse(settings.rate_default)
        self._generate = parse(settings.rate_generate)
        self._photos = parse(settings.rate_photos)
        self._session = parse(settings.rate_session)
        self._machine = parse(settings.rate_machine)
        self._partner = parse(settings.rate_partner)
        self._stickers = parse(settings.rate_stickers)

    def rule_for(self, scope: Scope) -> tuple[RateLimitItem, Sequence[str]] | None:
        """Return the limit that a request falls under and whose it is; None for one that is never turned away."""
        path: str = scope["path"]
        if scope["method"] == "OPTIONS" or FREE_OF_LIMITS.fullmatch(path):
            return None
        if session := _SESSION.fullmatch(path):
            # The session id is a bearer secret, and the storage may be a shared one.
            return self._session, ("session", hashlib.sha256(session["session"].encode()).hexdigest())
        address = client_address(scope, self._settings.trusted_proxies)
        if _GENERATE.fullmatch(path):
            return self._generate, ("generate", address)
        if path == _PHOTOS:
            return self._photos, ("photos", address)
        if path == _NEW_SESSION:
            return self._machine, ("machine", address)
        if _PARTNER.fullmatch(path):
            return self._partner, ("partner", address)
        if _STICKERS.fullmatch(path):
            return self._stickers, ("stickers", address)
        return self._default, ("address", address)

    async def hit(self, item: RateLimitItem, *key: str) -> Verdict | None:
        """Count one request; None when the storage does not answer."""
        try:
            allowed = await self._limiter.hit(item, *key)
            window = await self._limiter.get_window_stats(item, *key)
        except Exception:
            log.warning("rates are not counted: their storage does not answer", exc_info=True)
            return None
        return Verdict(allowed=allowed, limit=item.amount, remaining=max(0, window.remaining), reset=math.ceil(window.reset_time))


class RateLimit:
    """Turns away whoever asks too often, and tells everybody how much is left."""

    def __init__(self, app: ASGIApp, *, limits: RateLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = self._limits.rule_for(scope) if scope["type"] == "http" else None
        verdict = await self._limits.hit(rule[0], *rule[1]) if rule else None
        if verdict is None:
            await self._app(scope, receive, send)
            return
        if not verdict.allowed:
            error = RateLimited(f"Too many requests. Please wait {verdict.retry_after} seconds and try again.")
            headers = {**verdict.headers(), "Retry-After": str(verdict.retry_after)}
            response = problem_response(error.status_code, error.detail, code=error.code, headers=headers)
            await send_problem(response, scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(verdict.headers())
            await send(message)

        await self._app(scope, receive, with_headers)


def _storage(uri: str) -> Storage:
    storage = storage_from_string(uri if uri.startswith("async+") else f"async+{uri}")
    if not isinstance(storage, Storage):
        raise TypeError(f"rates cannot be counted in a {type(storage).__name__}")
    return storage
