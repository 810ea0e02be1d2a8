"""Who of the manufacturer asks: its people and servers prove themselves by a key that both sides hold."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

import structlog
from pydantic import SecretStr

from api.errors import NotFound, Unauthorized

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="partner"'}
NO_KEYS = "This is answered to the manufacturer only, and no key for it is configured: set MANUFACTURER_PARTNER_KEYS."
WRONG_KEY = "This is answered to the manufacturer only: send your key as “Authorization: Bearer <key>”."

log = structlog.get_logger(__name__)


class PartnerAccess:
    """Knows the keys that are good, two of them while one replaces the other."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._digests = [sha256(key.get_secret_value().encode()).digest() for key in keys]

    def require(self, key: str | None) -> str:
        """Return what a key is called in our log. Raises `NotFound` while none is configured, `Unauthorized` for another one."""
        if not self._digests:
            raise NotFound(NO_KEYS)
        partner = self.find(key)
        if partner is None:
            log.warning("somebody without a partner's key asked for what is the partner's", has_key=key is not None)
            raise Unauthorized(WRONG_KEY, headers=CHALLENGE)
        structlog.contextvars.bind_contextvars(partner=partner)
        return partner

    def find(self, key: str | None) -> str | None:
        """Return what a key is called in our log, the first eight digits of its SHA-256; None for one that is not good.

        Takes the same time for every key of the same length.
        """
        if not key:
            return None
        digest = sha256(key.encode()).digest()
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return digest.hex()[:8] if any(matches) else None
