"""Names that say nothing and that only we can make: of customers by their address, and of pictures that are still being made."""

import hmac
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Final
from uuid import UUID

from starlette.types import Scope

from api.errors import NotFound
from api.middleware.client_address import client_address
from config.fields import Key

_MAC_LENGTH: Final = 32
"""Hex digits: 128 bits."""
_ID_LENGTH: Final = 32
_CLIENTS: Final = b"pseudonyms of clients"
_HANDLES: Final = b"handles of generations"

UNKNOWN = "We do not know this picture. Please ask for it again."


class Pseudonyms:
    """Makes them with a key of its own, derived from the one that signs image links; older keys still open old handles."""

    def __init__(self, keys: Sequence[Key], trusted_proxies: Sequence[IPv4Network | IPv6Network]) -> None:
        self._client_key = _derived(keys[0], _CLIENTS)
        self._handle_keys = [_derived(key, _HANDLES) for key in keys]
        self._trusted_proxies = trusted_proxies

    def client(self, scope: Scope) -> str:
        """Return who asks: the same for everything that comes from one connection, and for nobody to be turned back."""
        return _mac(self._client_key, client_address(scope, self._trusted_proxies))

    def handle(self, generation_id: UUID) -> str:
        """Return under which name whoever asked for a picture may ask after it: the id stands in logs, this does not."""
        return f"{generation_id.hex}{_mac(self._handle_keys[0], generation_id.hex)}"

    def generation_id(self, handle: str) -> UUID:
        """Return what a handle of ours is for. Raises `NotFound`."""
        name, mac = handle[:_ID_LENGTH], handle[_ID_LENGTH:]
        if not any(hmac.compare_digest(_mac(key, name).encode(), mac.encode()) for key in self._handle_keys):
            raise NotFound(UNKNOWN)
        return UUID(name)


def _derived(key: Key, purpose: bytes) -> bytes:
    return hmac.digest(key.secret.get_secret_value(), purpose, "sha256")


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()[:_MAC_LENGTH]
