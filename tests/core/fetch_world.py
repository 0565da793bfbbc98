"""Servers and names for the guarded fetch, for tests."""

import gc
import os
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import structlog
from anyio.abc import SocketStream
from anyio.streams.tls import TLSListener
from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.fetch import (
    GuardedFetch,
)
from grokgate.upstream import Blob

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


LISTED = "127.0.0.2"
"""The loopback address of the allow-list; 127.0.0.1 is not in it."""


class Limits(Struct, frozen=True, kw_only=True):
    remote_fetch_mb: int = 3
    remote_fetch_timeout: float = 5.0
    remote_fetch_http: bool = False
    remote_fetch_cidrs: tuple[str, ...] = ()


class Names:
    """A resolver with a fixed table that counts its look-ups."""

    def __init__(self, **table: Sequence[str]) -> None:
        self.table = table
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.table:
            raise OSError(f"no such host: {host}")
        return self.table[host]


def guarded(folder: Path, **options: Any) -> GuardedFetch:
    limits = options.pop("limits", Limits(remote_fetch_cidrs=(f"{LISTED}/32",)))
    log = options.pop("log", structlog.testing.CapturingLogger())
    return GuardedFetch(lambda: limits, folder, log=log, **options)


async def refusal(fetch: GuardedFetch, url: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        await fetch.get(url)
    assert (caught.value.code, caught.value.message) == (
        "invalid_image_url",
        "The address could not be fetched.",
    )
    return caught.value


async def content(blob: Blob) -> bytes:
    return b"".join([piece async for piece in blob.open()])


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Server:
    """A loopback server whose *answer* writes raw bytes; keeps the requests it got."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://{LISTED}:{self.port}"


Answerer = Callable[[Any], Awaitable[None]]


@asynccontextmanager
async def serving(
    answer: Answerer, *, host: str = LISTED, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Server, None]:
    server = Server()

    async def handle(stream: SocketStream) -> None:
        async with stream:
            try:
                server.requests.append(await stream.receive())
                await answer(stream)
            except (anyio.BrokenResourceError, anyio.EndOfStream):
                return

    tcp = await anyio.create_tcp_listener(local_host=host)
    server.port = tcp.extra(anyio.abc.SocketAttribute.local_port)
    listener: Any = TLSListener(tcp, tls, standard_compatible=False) if tls else tcp
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield server
        tasks.cancel_scope.cancel()


def replying(body: bytes = PNG, *, status: str = "200 OK", headers: Sequence[str] = ()) -> Answerer:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]

    async def answer(stream: Any) -> None:
        await stream.send("\r\n".join(lines).encode() + body)

    return answer
