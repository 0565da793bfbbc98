"""A scripted upstream on loopback, and what a driver is opened with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from msgspec import Struct

from grokgate.upstream import Account, AccountFacts, Secret, UpstreamContext, Wire
from grokgate_web.driver import open_driver
from grokgate_web.settings import WebSettings

Script = Callable[["Visit"], Awaitable[None]]


class Visit(Struct):
    """One request, and the way to answer it."""

    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

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
        body = await reader.readexactly(int(lower.get("content-length", "0")))
        port = writer.get_extra_info("peername")[1]
        visit = Visit(head[0].split()[1], lower, body, port, reader, writer)
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
def settled() -> Callable[..., Awaitable[None]]:
    """Wait for a state that nobody announces, such as a socket being closed."""

    async def wait(condition: Callable[[], bool], seconds: float = 2.0) -> None:
        with anyio.fail_after(seconds):
            while not condition():  # noqa: ASYNC110 - it is nobody's to announce
                await anyio.sleep(0.005)

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

    def sent(self) -> None:
        self.sent_count += 1

    def learned(self, facts: AccountFacts, /) -> None:
        pass

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
    """An attempt with limits that pass at once."""
    return Line(first_s=0.2, idle_s=0.2)


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
        now = WebSettings(web_base=server.base, **settings)
        context = UpstreamContext(settings=lambda: now, log=log, clock=clock)
        model = wire or Wire(name="fast", buckets=("fast",))
        async with open_driver(context) as driver, driver.session(account, model, attempt) as one:
            yield one

    return opened
