"""Real servers in the test's own event loop, up in some 30 ms, on free loopback ports."""

import asyncio
import errno
import os
import random
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
from granian.constants import Interfaces
from granian.server.embed import Server

from grokgate.sandbox import AccountFixture, Protocol, Sandbox

_FIRST_PORT = 10_000
_PORTS_EACH = 5_000
_MOST_WORKERS = 4
"""All below the ports that systems give to connections."""
_START_S = 30


@asynccontextmanager
async def serving(app: Any, *, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serve the ASGI *app* until the context is left; yields ``http://host:port``."""
    with kept_port(host) as port:
        server = Server(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            backlog=8192,
            backpressure=8192,
            log_enabled=False,
        )
        task = asyncio.create_task(server.serve())
        try:
            await _listening(host, port)
            yield f"http://{host}:{port}"
        finally:
            server.stop()  # type: ignore[no-untyped-call]  # the library's
            await task


@asynccontextmanager
async def running_sandbox(
    sandbox: Sandbox | None = None,
    *,
    protocol: Protocol = "2026-08",
    accounts: Iterable[AccountFixture] | None = None,
    strict: bool = True,
    strict_generation: bool = True,
) -> AsyncIterator[tuple[Sandbox, str]]:
    """Serve a simulated upstream; yields it with its base address.

    Args:
        sandbox: One of the caller's making; the other arguments are for those who bring none.
        protocol: Generation that accounts speak unless their fixture says otherwise.
        accounts: None: three harmless ones, one of each tier.
        strict: Refuse requests that lack headers of the protocol.
        strict_generation: Refuse what belongs to another generation than the account's.
    """
    sandbox = sandbox or Sandbox(
        accounts, protocol=protocol, strict=strict, strict_generation=strict_generation
    )
    async with serving(sandbox.app) as base:
        try:
            yield sandbox, base
        finally:
            await sandbox.cut()


@contextmanager
def kept_port(host: str = "127.0.0.1") -> Iterator[int]:
    """Keep a port until the context is left; yields it.

    Nobody else is given it meanwhile, in whatever process. A server can serve there; without one,
    connections are refused.
    """
    with socket.socket() as kept:
        port = _take(kept, host)
        # Only now: granian shares a port with others of its kind without a word, and two servers
        # that chose the same one would answer each other's calls.
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            kept.setsockopt(socket.SOL_SOCKET, option, 1)
        yield port


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody used a moment ago; unlike with `kept_port`, anybody may take it."""
    with socket.socket() as probe:
        return _take(probe, host)


def _take(taker: socket.socket, host: str) -> int:
    """Bind *taker* to a port that nobody has.

    Workers of a parallel test run choose from ports of their own, for the sake of `free_port`.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _MOST_WORKERS
    first = _FIRST_PORT + worker * _PORTS_EACH
    while True:
        port = random.randrange(first, first + _PORTS_EACH)  # noqa: S311 - no secret
        try:
            taker.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port


async def _listening(host: str, port: int) -> None:
    with anyio.fail_after(_START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.005)
                continue
            writer.close()
            await writer.wait_closed()
            return
