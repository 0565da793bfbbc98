"""The fetch itself: check, resolve, connect, follow, count, store."""

import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import unquote
from weakref import WeakValueDictionary

import anyio
from anyio import CapacityLimiter, to_thread

from grokgate.errors import InvalidRequest
from grokgate.fetch.answer import Answer
from grokgate.fetch.target import (
    FetchRefused,
    IPAddress,
    Target,
    follow,
    may_connect,
    networks,
    parse_target,
)
from grokgate.spool import Room, Spool
from grokgate.upstream import Blob

MAX_REDIRECTS = 3
AT_ONCE = 4
"""Fetches of one request that run at the same time."""

_MESSAGE = "The address could not be fetched."
_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOKUPS_AT_ONCE = 8
_MIB = 1 << 20
_EXTENSIONS = {"octet-stream": "bin", "mpeg": "mp3"}
"""Where the extension is not the subtype itself."""


class FetchLimits(Protocol):
    """What the fetch reads from the ``limits`` section (F-CFG-108), anew for each address."""

    @property
    def remote_fetch_mb(self) -> float:
        """Largest body, MiB."""
        ...

    @property
    def remote_fetch_timeout(self) -> float:
        """Seconds for one address in total, redirects and waiting included."""
        ...

    @property
    def remote_fetch_http(self) -> bool:
        """Whether plain HTTP may be used on the public web."""
        ...

    @property
    def remote_fetch_cidrs(self) -> Sequence[str]:
        """Networks that may be contacted though not public, also by HTTP and on any port."""
        ...


class Transport(Protocol):
    """Sends one GET to one of the addresses it is given, and nothing else."""

    def get(
        self, target: Target, addresses: Sequence[IPAddress]
    ) -> AbstractAsyncContextManager[Answer]:
        """Give the answer; raises `FetchRefused` when there is none."""
        ...


Resolver: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Takes a host name, gives addresses as text, best first; raises OSError when there are none."""


class SystemResolver:
    """The operating system's resolver, in threads of its own so that slow names stall no others."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(_LOOKUPS_AT_ONCE)

    async def __call__(self, host: str) -> list[str]:
        """Look *host* up; a cancelled look-up goes on in its thread and is forgotten."""
        found = await to_thread.run_sync(
            lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM),
            abandon_on_cancel=True,
            limiter=self._threads,
        )
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedFetch:
    """Implements `grokgate.plugin.Fetch`; may be called from any number of tasks.

    Args:
        limits: Called once for each address.
        folder: Where bodies over 1 MiB go, in files that vanish with their blobs.
        log: Told why a fetch failed; the client is not.
        room: What all of these files may take; None: any number of bytes.
        resolve: Called once per host and hop.
        transport: None: real connections.
    """

    def __init__(
        self,
        limits: Callable[[], FetchLimits],
        folder: Path,
        *,
        log: Any,
        room: Room | None = None,
        resolve: Resolver | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._limits = limits
        self._folder = folder
        self._log = log
        self._room = room or Room()
        self._resolve = resolve or SystemResolver()
        self._given_transport = transport
        self._turns: WeakValueDictionary[str, CapacityLimiter] = WeakValueDictionary()

    async def get(self, url: str, *, request_id: str = "") -> Blob:
        """Fetch *url* to a spooled blob whose type was read off its bytes.

        Args:
            url: As the client wrote it.
            request_id: Fetches of one request take turns, four at once. Empty: a turn of its own.

        Raises:
            InvalidRequest: ``invalid_image_url`` with one fixed message, whatever went wrong.
            Overloaded: There is no room.
        """
        limits = self._limits()
        try:
            with anyio.fail_after(limits.remote_fetch_timeout):
                async with self._turn(request_id):
                    return await self._fetch(url, limits)
        except FetchRefused as refused:
            reason = refused.reason
        except TimeoutError:
            reason = "timeout"
        except OSError as error:
            reason = f"os_error_{error.errno}"
        self._log.warning("remote_fetch_failed", reason=reason, request_id=request_id)
        raise InvalidRequest(_MESSAGE, code="invalid_image_url")

    def _turn(self, request_id: str) -> CapacityLimiter:
        turn = CapacityLimiter(AT_ONCE)
        return self._turns.setdefault(request_id, turn) if request_id else turn

    async def _fetch(self, url: str, limits: FetchLimits) -> Blob:
        target = parse_target(url)
        for _ in range(MAX_REDIRECTS + 1):
            addresses = await permitted(target, limits, self._resolve)
            async with self._transport.get(target, addresses) as answer:
                if answer.status not in _REDIRECTS:
                    return await self._store(target, answer, limits)
            target = follow(target, answer.headers.get("location", ""))
        raise FetchRefused("redirects")

    async def _store(self, target: Target, answer: Answer, limits: FetchLimits) -> Blob:
        limit = limits.remote_fetch_mb * _MIB
        if answer.status != _OK:
            raise FetchRefused(f"status_{answer.status}")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise FetchRefused("encoding")
        if int(answer.headers.get("content-length", "0")) > limit:
            raise FetchRefused("size")
        spool = Spool(self._folder, room=self._room)
        async for piece in answer.body:
            if spool.size + len(piece) > limit:
                raise FetchRefused("size")
            await spool.write(piece)
        if not spool.size:
            raise FetchRefused("empty")
        return await spool.to_blob(name=_name(target.path, spool.mime))

    @cached_property
    def _transport(self) -> Transport:
        if self._given_transport is not None:
            return self._given_transport
        from grokgate.fetch.transport import PinnedTransport  # noqa: PLC0415 - loads an HTTP client

        return PinnedTransport()


async def permitted(target: Target, limits: FetchLimits, resolve: Resolver) -> list[IPAddress]:
    """Resolve the host of *target*, once, and refuse it for any address not to be contacted.

    Raises:
        FetchRefused: ``address``: one of them may not be contacted, or there is none.
        OSError: It cannot be resolved.
    """
    allowed = networks(limits.remote_fetch_cidrs)
    http = limits.remote_fetch_http
    if not allowed and not target.is_ordinary(http=http):
        raise FetchRefused("address")
    if target.address is not None:
        found = [target.address]
    else:
        found = [ip_address(text) for text in await resolve(target.host)]
    if not found or not all(
        may_connect(target, address, allowed=allowed, http=http) for address in found
    ):
        raise FetchRefused("address")
    return found


def _name(path: str, mime: str) -> str:
    """Make a harmless file name of the last path segment, with the extension of the content."""
    last = unquote(path.partition("?")[0]).rpartition("/")[2]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", last.partition(".")[0]).strip("-")[:60]
    subtype = mime.partition("/")[2]
    return f"{stem or 'file'}.{_EXTENSIONS.get(subtype, subtype)}"
