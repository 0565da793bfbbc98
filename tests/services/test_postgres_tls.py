"""The way to PostgreSQL is encrypted as the address says, and its certificate is checked.

The server under test was built without TLS, so what its clients meet is played here: the answer to
their request for it, and the encryption itself.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream

from certificates import write_certificate
from grokgate.errors import StateError
from grokgate.storage import ask_server
from grokgate.upstream import Secret

pytestmark = pytest.mark.anyio

HOST = "127.0.0.1"
_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""With it a client asks for TLS, before anything else."""


@asynccontextmanager
async def encrypted(url: str, certificate: Path) -> AsyncIterator[int]:
    """Stand before the server of *url* with *certificate*; yields the port."""
    socket = parse_qs(urlsplit(url).query)["host"][0] + "/.s.PGSQL.5432"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def serve(client: SocketStream) -> None:
        async with client:
            if await client.receive(len(_REQUEST)) != _REQUEST:
                return  # it would speak in the clear
            await client.send(b"S")
            try:
                inner = await TLSStream.wrap(client, server_side=True, ssl_context=context)
            except (ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
                return  # it does not trust us
            async with (
                await anyio.connect_unix(socket) as server,
                anyio.create_task_group() as both_ways,
            ):
                both_ways.start_soon(_carry, inner, server, both_ways.cancel_scope)
                both_ways.start_soon(_carry, server, inner, both_ways.cancel_scope)

    async with (
        await anyio.create_tcp_listener(local_host=HOST) as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        yield listener.extra(SocketAttribute.local_port)
        group.cancel_scope.cancel()


async def _carry(source: ByteStream, target: ByteStream, over: anyio.CancelScope) -> None:
    """Hand on what comes until one side ends."""
    try:
        while True:
            await target.send(await source.receive())
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        over.cancel()


def address(port: int, mode: str, trusted: Path | None = None) -> Secret:
    more = f"&sslrootcert={quote(str(trusted), safe='')}" if trusted else ""
    return Secret(f"postgresql://postgres@{HOST}:{port}/postgres?sslmode={mode}{more}")


async def test_trusted_server_is_spoken_to(postgres_url: str, tmp_path: Path) -> None:
    certificate = write_certificate(HOST, tmp_path)
    async with encrypted(postgres_url, certificate) as port:
        told = await ask_server(address(port, "verify-full", certificate))

    assert told.version


async def test_certificate_of_nobody_we_know_is_refused(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write_certificate(HOST, tmp_path / "other")
    async with encrypted(postgres_url, write_certificate(HOST, tmp_path)) as port:
        with pytest.raises(StateError, match="sslrootcert"):
            await ask_server(address(port, "verify-full", other))


async def test_without_encryption_nothing_is_said(postgres_url: str, tmp_path: Path) -> None:
    async with encrypted(postgres_url, write_certificate(HOST, tmp_path)) as port:
        with pytest.raises(StateError):
            await ask_server(address(port, "disable"))
