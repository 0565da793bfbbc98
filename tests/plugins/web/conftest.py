"""A scripted upstream on loopback, and what a driver is opened with."""

import asyncio
import base64
import hashlib
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msgspec import Struct

from grokgate.upstream import (
    Account,
    AccountFacts,
    Conversation,
    Event,
    Observation,
    Secret,
    UpstreamContext,
    UpstreamFailure,
    Wire,
)
from grokgate_web.driver import open_driver
from grokgate_web.settings import WebSettings
from grokgate_web.transport import Transport

Script = Callable[["Visit"], Awaitable[None]]

_TURN_S = 0.005


class Visit(Struct):
    """One request, and the way to answer it."""

    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    method: str

    async def head(self, status: int = 200, *lines: str, chunked: bool = True) -> None:
        coding = ("Transfer-Encoding: chunked",) if chunked else ("Connection: close",)
        text = "\r\n".join((f"HTTP/1.1 {status} X", *coding, *lines, "", ""))
        self.writer.write(text.encode())
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()

    async def end(self) -> None:
        await self.send(b"")

    async def reply(self, body: bytes, status: int = 200, *lines: str) -> None:
        await self.head(status, *lines)
        if body:
            await self.send(body)
        await self.end()

    async def gone(self) -> None:
        """Wait until the client has left."""
        while await self.reader.read(1024):
            pass

    async def upgrade(self, *more: str) -> "Peer":
        """Accept a WebSocket (RFC 6455); *more* are header lines."""
        salted = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(salted.encode()).digest()).decode()
        own = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}")
        lines = (*own, *more)
        self.writer.write("\r\n".join(("HTTP/1.1 101 X", *lines, "", "")).encode())
        await self.writer.drain()
        return Peer(self.reader, self.writer)


class Peer(Struct):
    """The server's end of a WebSocket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> tuple[int, bytes]:
        """Return the opcode and payload of the next frame."""
        first, second = await self.reader.readexactly(2)
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))

    async def event(self) -> dict[str, Any]:
        """Return the next message, which is JSON."""
        _, data = await self.read()
        return dict(json.loads(data))

    async def send(self, data: bytes, *, first: int = 0x81) -> None:
        """Send one frame; *first* is its first byte."""
        if len(data) < 126:
            size = bytes((len(data),))
        elif len(data) < 1 << 16:
            size = b"\x7e" + len(data).to_bytes(2, "big")
        else:
            size = b"\x7f" + len(data).to_bytes(8, "big")
        self.writer.write(bytes((first,)) + size + data)
        await self.writer.drain()

    async def tell(self, kind: str, session: str = "s1", **fields: Any) -> None:
        """Send one event in its envelope."""
        event = {"session_id": session, "event": {"type": kind, **fields}}
        await self.send(json.dumps(event).encode())

    async def open_session(self) -> dict[str, Any]:
        """Take the first event and do as it says; returns it."""
        asked = await self.event()
        await self.tell("session.created", client_event_id=asked["event"]["event_id"])
        await self.tell("conversation.attached", conversation={"id": "s1"}, mode="new")
        return asked

    async def part(self) -> None:
        """Close in good order, once the client does."""
        while (await self.read())[0] != 8:
            pass
        await self.send(b"\x03\xe8", first=0x88)

    async def gone(self) -> None:
        """Wait until the client has left."""
        while await self.reader.read(1024):
            pass


class Server:
    def __init__(self) -> None:
        self.base = ""
        self.visits: list[Visit] = []
        self.connections = 0
        self.open = 0
        self.left = asyncio.Event()
        self.script: Script | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while await self._visit(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self.left.set()
            writer.close()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        lower = {name.lower(): value for name, value in headers.items()}
        assert len(lower) == len([line for line in head[1:] if line]), "a header came twice"
        body = await reader.readexactly(int(lower.get("content-length", "0")))
        port = writer.get_extra_info("peername")[1]
        method, path, _ = head[0].split()
        visit = Visit(path, lower, body, port, reader, writer, method)
        self.visits.append(visit)
        assert self.script is not None
        await self.script(visit)
        return True


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    scripted = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await scripted.serve(reader, writer)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    scripted.base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield scripted
    listening.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def secure(server: Any, tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """The scripted server behind TLS, and the authority that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = Encoding.PEM
    both = certificate.public_bytes(pem) + key.private_bytes(
        pem, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / "own.crt").write_bytes(both)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "own.crt")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            await server.serve(reader, writer)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    yield f"https://127.0.0.1:{port}", tmp_path / "own.crt"
    listening.close()


@pytest.fixture
def settled() -> Callable[..., Awaitable[None]]:
    """Wait for a state that nobody announces, such as a socket being closed.

    Time in which a busy machine leaves the tests no turn does not count.
    """

    async def wait(condition: Callable[[], bool], seconds: float = 2.0) -> None:
        for _ in range(round(seconds / _TURN_S)):
            if condition():
                return
            await anyio.sleep(_TURN_S)
        raise TimeoutError

    return wait


class StillClock:
    def now(self) -> datetime:
        return datetime(2026, 4, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    warning = info


class Line:
    """An attempt that notes what the driver says."""

    def __init__(self, *, first_s: float = 5.0, idle_s: float = 5.0) -> None:
        self.first_s = first_s
        self.idle_s = idle_s
        self.sent_count = 0
        self.drift: list[tuple[str, str]] = []
        self.kept: dict[str, str] = {}

    def sent(self) -> None:
        self.sent_count += 1

    def learned(self, facts: AccountFacts, /) -> None:
        self.kept.update(facts.keep)

    def drifted(self, operation: str, path: str, /) -> None:
        self.drift.append((operation, path))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def attempt() -> Line:
    return Line()


@pytest.fixture
def hasty() -> Line:
    """An attempt with limits that pass soon; the first has to see the connection made."""
    return Line(first_s=1.5, idle_s=0.2)


@pytest.fixture
def account() -> Account:
    return Account(id="a1", pool="ssoBasic", credential=Secret("secret-a"))


@pytest.fixture
def open_session(log: Log, clock: StillClock) -> Any:
    """Open the driver with some settings, and a session on it."""

    @asynccontextmanager
    async def opened(
        server: Server, account: Account, attempt: Line, wire: Wire | None = None, **settings: Any
    ) -> AsyncIterator[Any]:
        now = WebSettings(web_base=server.base, **{"protocol": "2026-04", **settings})
        context = UpstreamContext(settings=lambda: now, log=log, clock=clock)
        model = wire or Wire(name="fast", buckets=("fast",))
        async with open_driver(context) as driver, driver.session(account, model, attempt) as one:
            yield one

    return opened


@pytest.fixture
async def transport(tmp_path: Path) -> AsyncIterator[Transport]:
    one = Transport(tmp_path, max_connections=3)
    yield one
    await one.aclose()


@pytest.fixture
def talk(open_session: Any, server: Any) -> Any:
    """Ask over the gateway; returns the events and, if it failed, the observation."""

    async def ask(
        account: Account, attempt: Any, request: Conversation | None = None, **settings: Any
    ) -> tuple[list[Event], Observation | None]:
        found: list[Event] = []
        choices = {"protocol": "2026-08", **settings}
        with anyio.fail_after(10):
            async with open_session(server, account, attempt, **choices) as session:
                try:
                    async with aclosing(
                        session.converse(request or Conversation.of_text("Why?"))
                    ) as events:
                        async for event in events:
                            found.append(event)  # noqa: PERF401 - what came before a failure counts
                except UpstreamFailure as failure:
                    return found, failure.observation
        return found, None

    return ask
