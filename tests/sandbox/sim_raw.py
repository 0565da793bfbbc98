"""A raw client of RFC 6455, to see what a server's socket really puts on the wire."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

TEXT, BINARY, CLOSE = 1, 2, 8


class RawSocket:
    """One connection after its handshake; frames come whole, as this server sends them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0

    async def shake(self, path: str, headers: dict[str, str]) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split(b" ", 2)[1])

    def say(self, content: Any) -> None:
        data = json.dumps(content).encode()
        mask = os.urandom(4)
        size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        self._writer.write(bytes((0x80 | TEXT,)) + size + mask + masked)

    async def hear(self) -> tuple[int, bytes] | None:
        """Return opcode and content of the next frame; None: the connection is over."""
        head = await self._reader.read(2)
        if len(head) < 2:
            return None
        size = head[1]
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
        return head[0] & 0x0F, await self._reader.readexactly(size)

    async def hear_all(self) -> list[tuple[int, bytes]]:
        """Return all frames up to the end of the connection, or the close frame."""
        frames: list[tuple[int, bytes]] = []
        while (frame := await self.hear()) is not None:
            frames.append(frame)
            if frame[0] == CLOSE:
                break
        return frames


@asynccontextmanager
async def connected(base: str) -> AsyncIterator[RawSocket]:
    """Connect to ``http://host:port``."""
    host, port = base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield RawSocket(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()
