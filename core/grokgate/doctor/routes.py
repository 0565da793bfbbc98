"""Whether connections come through to where an upstream connects, and to a proxy not yet in use."""

import ipaddress
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import urlsplit

import anyio

from grokgate.doctor.cause import code_of_way
from grokgate.doctor.finding import Finding
from grokgate.doctor.reach import Place, bare, trace, traced
from grokgate.fetch import is_public
from grokgate.fetch.target import IPNetwork

_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
_PORTS = {"http": 80, "https": 443}
_SOCKS_PORT = 1080
_RESOLVE_S = 5.0


async def look_at_routes(upstream: str, described: Mapping[str, Any]) -> list[Finding]:
    """Try every route that `UpstreamSpec.describe` names."""
    proxied = bool(described.get("proxies"))
    places = await traced(described.get("routes", ()))
    return [
        _told(upstream, place, bare(address), proxied=proxied) for address, place in places.items()
    ]


async def look_at_proxy(address: str, allowed: tuple[IPNetwork, ...]) -> Finding:
    """Try a proxy that an operator has typed in (S9).

    It is resolved once, and only a public address, or one of *allowed*, is connected to: what is no
    setting yet shall not explore the network behind the gateway.

    Raises:
        ValueError: It is no proxy's address, or not a public one.
    """
    host, port = _place(address)
    try:
        with anyio.fail_after(_RESOLVE_S):
            found = await anyio.getaddrinfo(host, port)
    except (OSError, UnicodeError):
        return _found("", "connect_dns", bare(address))
    addresses = {ipaddress.ip_address(entry[4][0]) for entry in found}
    if not all(_may_connect(one, allowed) for one in addresses):
        raise ValueError("this address is not public; save it first, then it can be tried")
    pinned = min(addresses, key=str)
    shown = f"[{pinned}]" if pinned.version == 6 else str(pinned)  # noqa: PLR2004 - of IP
    place = await trace(f"socks5://{shown}:{port}")
    return _told("", place, bare(address), proxied=True)


def _told(upstream: str, place: Place, shown: str, *, proxied: bool) -> Finding:
    if place == "open":
        return Finding(
            area="upstream", subject=upstream, code="route_open", values={"address": shown}
        )
    return _found(upstream, code_of_way(place, proxied=proxied), shown)


def _found(upstream: str, code: str, address: str) -> Finding:
    values = {"address": address}
    return Finding(area="upstream", subject=upstream, code=code, level="attention", values=values)


def _place(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme not in _SCHEMES:
        raise ValueError("a proxy is http, https, socks5 or socks5h, a host and a port")
    return host, port or _PORTS.get(parts.scheme, _SOCKS_PORT)


def _may_connect(address: IPv4Address | IPv6Address, allowed: tuple[IPNetwork, ...]) -> bool:
    return is_public(address) or any(address in network for network in allowed)
