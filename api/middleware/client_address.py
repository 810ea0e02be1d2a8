"""Who is calling, as far as it can be believed."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

Network = IPv4Network | IPv6Network
_UNKNOWN = "unknown"
_CUSTOMER_PREFIX = 64
"""Bits of an IPv6 address that belong to one connection; the rest its owner chooses at will."""


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> str:
    """Return the address to count requests by; IPv6 is cut to its /64.

    X-Forwarded-For is read from its right end, where our own proxies write, and only as far as each writer is trusted:
    everything left of that is whatever the caller liked to claim.
    """
    client = scope.get("client")
    address = _parse(client[0]) if client else None
    if address is None:
        return _UNKNOWN
    hops = [hop.strip() for line in Headers(scope=scope).getlist("X-Forwarded-For") for hop in line.split(",")]
    for hop in reversed(hops):
        if not any(address in network for network in trusted_proxies):
            break
        claimed = _parse(hop)
        if claimed is None:
            break
        address = claimed
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _CUSTOMER_PREFIX), strict=False))
    return str(address)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
