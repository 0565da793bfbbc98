"""Connections of all accounts: found again, bounded in number, closed when idle."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from curl_cffi import CurlError
from curl_cffi.curl import DEFAULT_CACERT

from grokgate_web.transport.connections import Connections
from grokgate_web.transport.exchange import Exchange
from grokgate_web.transport.model import Request, Route, TransportError

MAX_CONNECTIONS = 256
MAX_IDLE_S = 300.0


class Transport:
    """Keeps connections of accounts and routes, and starts calls on them.

    Args:
        folder: Where bundles of certificate authorities are put together.
        max_connections: Accounts (or egresses) whose connections are kept; the longest idle ones
            are closed first, never those with a call under way.
    """

    def __init__(self, folder: Path, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._folder = folder
        self._max = max_connections
        self._table: dict[tuple[str, Route], Connections] = {}
        self._retired: list[Connections] = []

    async def start(
        self, owner: str, route: Route, request: Request, *, on_sent: Callable[[], None]
    ) -> Exchange:
        """Start a call; the caller must `close` the exchange.

        Args:
            owner: Connections are reused only for the same owner.
            route: How to connect.
            request: What to send.
            on_sent: Called once, when the body is about to go out.

        Raises:
            TransportError: The route cannot be used at all.
        """
        await self._sweep(keep=(owner, route))
        connections = self._table.pop((owner, route), None)
        if connections is None:
            connections = Connections(route, self._ca_bundle(route.ca_file))
        self._table[owner, route] = connections
        try:
            return Exchange(connections, request, on_sent)
        except CurlError as error:
            raise TransportError("connect") from error

    async def aclose(self) -> None:
        """Close all connections; answers under way end early, without an error of their own."""
        everything = [*self._table.values(), *self._retired]
        self._table.clear()
        self._retired.clear()
        await _close(everything)

    @property
    def kept(self) -> int:
        """How many owners' connections are open."""
        return len(self._table) + len(self._retired)

    async def _sweep(self, *, keep: tuple[str, Route]) -> None:
        """Close what is retired, long idle or too much, as far as no call is under way."""
        now = asyncio.get_running_loop().time()
        for key, item in list(self._table.items()):
            if item.retired:
                self._retired.append(self._table.pop(key))
            elif item.live == 0 and now - item.used_at > MAX_IDLE_S and key != keep:
                item.retired = True
                self._retired.append(self._table.pop(key))
        surplus = len(self._table) + (keep not in self._table) - self._max
        idle = [key for key, item in self._table.items() if item.live == 0 and key != keep]
        for key in idle[: max(0, surplus)]:
            self._retired.append(self._table.pop(key))
        closing = [item for item in self._retired if item.live == 0]
        self._retired = [item for item in self._retired if item.live > 0]
        await _close(closing)

    def _ca_bundle(self, extra: str) -> str:
        """Return a file with the usual authorities and those of *extra*.

        Raises:
            TransportError: *extra* cannot be read.
        """
        if not extra:
            return str(DEFAULT_CACERT)
        try:
            both = Path(DEFAULT_CACERT).read_bytes() + b"\n" + Path(extra).read_bytes()
            bundle = self._folder / f"{hashlib.sha256(both).hexdigest()}.pem"
            if not bundle.exists():
                bundle.write_bytes(both)
        except OSError as error:
            raise TransportError("connect") from error
        return str(bundle)


async def _close(connections: Iterable[Connections]) -> None:
    for item in connections:
        with suppress(CurlError):
            await item.aclose()
