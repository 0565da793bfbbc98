"""HTTP/1.1 by hand, for what client libraries tidy up or refuse to send."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Connection:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> None:
        """Send a request; without *content* the head alone, as *headers* describe it."""
        fields = {"host": "localhost", **headers}
        if content is not None:
            fields |= {"content-type": "application/json", "content-length": str(len(content))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (content or b""))

    async def write(self, data: bytes) -> None:
        """Send raw bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read the head of the reply: status and headers, names in lower case."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in lines[1:] if line]
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def reply(self) -> tuple[int, bytes]:
        """Read a reply whose length is given: status and body."""
        status, head = await self.head()
        return status, await self._reader.readexactly(int(head["content-length"]))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read a chunked body; a chunk is a write of the server."""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield await self._reader.readexactly(size)
            assert await self._reader.readexactly(2) == b"\r\n"
        assert await self._reader.readexactly(2) == b"\r\n"

    def leave(self) -> None:
        """Close at once, whatever is under way."""
        self._writer.transport.abort()


@asynccontextmanager
async def connect(base: str) -> AsyncIterator[Connection]:
    """Open a connection to the server at *base*."""
    place = urlsplit(base)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
