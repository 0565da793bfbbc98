"""Calls over the transport, as its tests make them."""

import asyncio
from collections.abc import Callable

from grokgate_web.transport import (
    Exchange,
    Request,
    Route,
    Transport,
)

ROUTE = Route(target="chrome136")


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def nothing() -> None:
    pass


async def start(
    transport: Transport,
    base: str,
    *,
    owner: str = "a",
    route: Route = ROUTE,
    body: bytes = b"{}",
    max_bytes: int = 1 << 30,
    headers: tuple[tuple[str, str], ...] = (),
    on_sent: Callable[[], None] = nothing,
) -> Exchange:
    request = Request(url=base + "/x", headers=headers, body=body, max_bytes=max_bytes)
    return transport.start(owner, route, request, on_sent=on_sent)


async def whole(exchange: Exchange) -> bytes:
    await exchange.head(soon())
    pieces = []
    while piece := await exchange.read(soon()):
        pieces.append(piece)
    exchange.close()
    return b"".join(pieces)
