"""Real servers in the test's own event loop, up in some 30 ms, on free loopback ports."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from granian.constants import Interfaces
from granian.server.embed import Server

from grokgate.sandbox import AccountFixture, Protocol, Sandbox


@asynccontextmanager
async def serving(app: Any, *, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serve the ASGI *app* until the context is left; yields ``http://host:port``."""
    port = free_port(host)
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


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def _listening(host: str, port: int) -> None:
    with anyio.fail_after(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.005)
                continue
            writer.close()
            await writer.wait_closed()
            return
