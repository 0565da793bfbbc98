"""Where a request comes from: the client's address, its scheme, and the page that sent it.

What proxies say in headers counts only where the peer is one of ``server.trusted_proxies`` (S5).
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SECURE = frozenset({"https", "wss"})


def client_address(scope: Mapping[str, Any], trusted_proxies: Sequence[str]) -> str:
    """Return the address of the client, as text; empty: nobody knows it.

    ``X-Forwarded-For`` is read from its end, as long as what it names is a trusted proxy. An
    IPv4 address in IPv6 form is returned as IPv4.

    Args:
        scope: Of a request or a socket.
        trusted_proxies: The setting ``server.trusted_proxies``.
    """
    peer = _peer(scope)
    if peer is None:
        return ""
    networks = _networks(tuple(trusted_proxies))
    for text in reversed(_items(scope, b"x-forwarded-for")):
        if not _within(peer, networks):
            break
        told = _address(text)
        if told is None:
            break
        peer = told
    return str(peer)


def is_secure(scope: Mapping[str, Any], trusted_proxies: Sequence[str]) -> bool:
    """Tell whether the client speaks TLS, to this process or to a trusted proxy."""
    peer = _peer(scope)
    told = _items(scope, b"x-forwarded-proto")
    if told and peer is not None and _within(peer, _networks(tuple(trusted_proxies))):
        return told[0].lower() in _SECURE
    return scope.get("scheme") in _SECURE


def is_same_origin(scope: Mapping[str, Any], app_url: str) -> bool:
    """Tell whether a page of the gateway itself sent the request (F-AUTH-06).

    The browser says so, or host and port of ``Origin`` are those of ``Host`` or of *app_url*.
    """
    if _values(scope, b"sec-fetch-site") == ["same-origin"]:
        return True
    origins, hosts = _values(scope, b"origin"), _values(scope, b"host")
    if len(origins) != 1:
        return False
    own = [f"//{host}" for host in hosts] + ([app_url] if app_url else [])
    return any(_same_place(origins[0], place) for place in own)


def origin_of(scope: Mapping[str, Any]) -> str | None:
    """Return the ``Origin`` of a request that a page sent; None: it names none."""
    origins = _values(scope, b"origin")
    return origins[0] if origins else None


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _peer(scope: Mapping[str, Any]) -> Address | None:
    client = scope.get("client")
    return _address(client[0]) if client else None


def _address(text: str) -> Address | None:
    """Parse an address as proxies write it: with a port, or in brackets, perhaps."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _items(scope: Mapping[str, Any], name: bytes) -> list[str]:
    """Return the items of a list that may be spread over several headers."""
    listed = ",".join(_values(scope, name))
    return [item.strip() for item in listed.split(",") if item.strip()]


def _values(scope: Mapping[str, Any], wanted: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for name, value in scope["headers"] if name == wanted]


def _same_place(origin: str, place: str) -> bool:
    try:
        ours, theirs = urlsplit(place), urlsplit(origin)
        default = _DEFAULT_PORTS.get(theirs.scheme)
        return (
            theirs.hostname is not None
            and theirs.hostname == ours.hostname
            and (theirs.port or default) == (ours.port or _DEFAULT_PORTS.get(ours.scheme, default))
        )
    except ValueError:
        return False
