"""How far a connection to an address comes: name, TCP, TLS. Sends no request."""

import ssl
from collections.abc import Sequence
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import anyio

Place: TypeAlias = Literal["dns", "tcp", "tls", "open"]
"""Where it ended; ``open``: nowhere."""

AT_ONCE = 20
"""Addresses traced side by side."""
_STEP_S = 5.0
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def bare(address: str) -> str:
    """Return *address* without user and password, which a proxy's may hold."""
    scheme, separator, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


async def first_closed(addresses: Sequence[str]) -> tuple[Place, str] | None:
    """Return where and at which of *addresses* no connection comes through; None: all are open."""
    places = await traced(addresses)
    closed = (address for address in addresses if places[address] != "open")
    return next(((places[address], address) for address in closed), None)


async def traced(addresses: Sequence[str]) -> dict[str, Place]:
    """Trace all *addresses*, a few side by side; returns how far each came."""
    places: dict[str, Place] = {}
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def look(address: str) -> None:
        async with limiter:
            places[address] = await trace(address)

    async with anyio.create_task_group() as group:
        for address in addresses:
            group.start_soon(look, address)
    return {address: places[address] for address in addresses}


async def trace(address: str) -> Place:
    """Look *address* up, connect to it, and make a TLS handshake if it is https.

    Args:
        address: ``scheme://host[:port]``.
    """
    parts = urlsplit(address)
    try:
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
    except ValueError:  # there is no such port
        return "tcp"
    try:
        with anyio.fail_after(_STEP_S):
            await anyio.getaddrinfo(host, port)
    except (OSError, UnicodeError):  # a timeout is an OSError too
        return "dns"
    try:
        with anyio.fail_after(_STEP_S):
            stream = await anyio.connect_tcp(host, port)
    except OSError:
        return "tcp"
    await stream.aclose()
    return await _handshake(host, port) if parts.scheme == "https" else "open"


async def _handshake(host: str, port: int) -> Place:
    try:
        with anyio.fail_after(_STEP_S):
            secured = await anyio.connect_tcp(host, port, tls=True, tls_standard_compatible=False)
            await secured.aclose()
    except (OSError, ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
        return "tls"
    return "open"
