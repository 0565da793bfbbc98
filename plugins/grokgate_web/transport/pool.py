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
from grokgate_web.transport.frames import MAX_MESSAGE
from grokgate_web.transport.model import Request, Route, TransportError
from grokgate_web.transport.socket import Socket
from grokgate_web.transport.upload import Upload

MAX_CONNECTIONS = 256
MAX_IDLE_S = 300.0

_SWEEP_S = 10.0


class Transport:
    """Keeps connections of accounts and routes, starts calls and opens sockets on them.

    Args:
        folder: Where bundles of certificate authorities are put together.
        max_connections: Accounts (or egresses) whose connections are kept; the longest idle ones
            are closed first, never those with a call under way.
    """

    def __init__(self, folder: Path, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._folder = folder
        self._max = max_connections
        self._table: dict[tuple[str, Route], Connections] = {}
        """Those whose last call began longest ago first."""
        self._retired: list[Connections] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._swept_at = 0.0

    def start(
        self, owner: str, route: Route, request: Request, *, on_sent: Callable[[], None]
    ) -> Exchange:
        """Start a call; the caller must `close` the exchange.

        Args:
            owner: Connections are reused only for the same owner.
            route: How to connect.
            request: What to send.
            on_sent: Called once, when the body is about to go out; never if the method has none.

        Raises:
            TransportError: The route cannot be used at all.
        """
        connections = self._connections(owner, route)
        try:
            if request.pieces is not None:
                return Upload(connections, request, request.pieces, on_sent)
            return Exchange(connections, request, on_sent)
        except CurlError as error:
            raise TransportError("connect") from error

    def connect(
        self, owner: str, route: Route, request: Request, *, max_message: int = MAX_MESSAGE
    ) -> Socket:
        """Begin to open a WebSocket; the caller must `close` it.

        Args:
            owner: As for `start`; the socket's connection is nobody else's.
            route: How to connect.
            request: Its address has the scheme of HTTP; method and body do not count.
            max_message: Bytes of one message.

        Raises:
            TransportError: The route cannot be used at all.
        """
        connections = self._connections(owner, route)
        try:
            return Socket(connections, request, max_message=max_message)
        except CurlError as error:
            raise TransportError("connect") from error

    async def aclose(self) -> None:
        """Close all connections; answers under way end early, without an error of their own."""
        everything = [*self._table.values(), *self._retired]
        self._table.clear()
        self._retired.clear()
        await _close(everything)
        await asyncio.gather(*self._closing)

    @property
    def kept(self) -> int:
        """How many owners' connections are open."""
        return len(self._table) + len(self._retired)

    def _connections(self, owner: str, route: Route) -> Connections:
        """Return the owner's connections, and put them last in the table."""
        found = self._table.pop((owner, route), None)
        if found is not None and found.retired:
            self._retired.append(found)
            found = None
        self._sweep()
        if found is None:
            found = Connections(route, self._ca_bundle(route.ca_file))
        self._table[owner, route] = found
        return found

    def _sweep(self) -> None:
        """Make room for one, and now and then close what is retired or long idle.

        Connections with a call under way stay.
        """
        now = asyncio.get_running_loop().time()
        surplus = len(self._table) + 1 - self._max
        if surplus <= 0 and not self._retired and now < self._swept_at + _SWEEP_S:
            return
        self._swept_at = now
        for key, item in tuple(self._table.items()):
            old = surplus > 0 or now - item.used_at > MAX_IDLE_S
            if item.retired or (old and item.live == 0):
                self._retired.append(self._table.pop(key))
                surplus -= 1
        closing = [item for item in self._retired if item.live == 0]
        if closing:
            self._retired = [item for item in self._retired if item.live > 0]
            self._close_soon(closing)

    def _close_soon(self, items: Iterable[Connections]) -> None:
        """Close apart from the call that noticed: the library's closing can swallow a cancel."""
        task = asyncio.get_running_loop().create_task(_close(items))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

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
