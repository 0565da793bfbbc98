"""What reached the simulated upstream: every exchange with its head, and when it opened and closed.

An exchange is open from its first byte until its answer has ended or the client has left. Times
for durations are real seconds; `Exchange.at` is the virtual wall time.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from grokgate.sandbox.clock import VirtualClock
from grokgate.sandbox.faults import Action
from grokgate.sandbox.request import Request

Outcome: TypeAlias = Literal["open", "answered", "abandoned", "cut"]

BODY_KEPT = 64 * 1024
"""Bytes of a request body that the journal keeps."""
FRAMES_KEPT = 100
"""Frames of one socket that the journal keeps, the first ones."""
SENT_KEPT = 4 * 1024
"""Characters of a frame from the sandbox that the journal keeps; pictures are long."""
MEMORY = 64 * 1024 * 1024
"""Bytes and characters of ended exchanges that the journal keeps in all; the oldest go first."""


class Frame(Struct, frozen=True):
    """A message on a socket."""

    side: Literal["client", "server"]
    size: int
    """Characters of the whole message, or bytes of a binary one."""
    content: str
    """Its beginning: at most `BODY_KEPT` characters of the client's, `SENT_KEPT` of the sandbox's.
    Bytes of a binary frame are written as hexadecimal digits."""
    binary: bool = False

    @classmethod
    def received(cls, content: str | bytes) -> "Frame":
        """Note what the client sent."""
        text = _text(content)[:BODY_KEPT]
        return cls("client", len(content), text, binary=isinstance(content, bytes))

    @classmethod
    def sent(cls, content: str | bytes) -> "Frame":
        """Note what the sandbox sent."""
        text = _text(content)[:SENT_KEPT]
        return cls("server", len(content), text, binary=isinstance(content, bytes))

    def json(self) -> Any:
        """Return the message, decoded."""
        return msgspec.json.decode(self.content)


class Exchange(Struct, kw_only=True):
    """One request and how it was answered; of a socket, all that passed over it."""

    number: int
    """Counts from 1."""
    at: str
    """Virtual wall time, RFC 3339."""
    started_s: float
    """Monotonic seconds."""
    closed_s: float | None = None
    """Monotonic seconds; None: still open."""
    method: str
    path: str
    endpoint: str = ""
    """Word for the endpoint, such as ``chat``; empty: no such path."""
    query: dict[str, str]
    headers: tuple[tuple[str, str], ...]
    """As they arrived, in order; names in lower case."""
    cookies: dict[str, str]
    body: bytes = b""
    """At most `BODY_KEPT` bytes of it."""
    body_bytes: int = 0
    """Size of the whole body."""
    account: str | None = None
    """Token of the account, where the cookie names one."""
    model: str | None = None
    """Model or mode name of a chat call."""
    status: int | None = None
    """None: nothing was answered."""
    refusal: str = ""
    """Why a check of the sandbox turned it away: a word of ``refusals.toml``, or ``invalid``."""
    faults: tuple[Action, ...] = ()
    """What rules and directives did to it."""
    units: int = 0
    """Units it took from the account."""
    pieces_sent: int = 0
    bytes_sent: int = 0
    frames: list[Frame] = []
    """What passed over a socket, oldest first; at most `FRAMES_KEPT`."""
    complete: bool = False
    """A socket's last answer has ended, so that nobody is left waiting when it closes."""
    close_code: int | None = None
    """What the sandbox closed the socket with; 1006: without a close frame."""
    outcome: Outcome = "open"

    @property
    def weight(self) -> int:
        """Bytes and characters that are kept of it."""
        return len(self.body) + sum(len(frame.content) for frame in self.frames)

    def record(self, body: bytes) -> None:
        """Keep the beginning of the request body, and its size."""
        self.body = body[:BODY_KEPT]
        self.body_bytes = len(body)

    def note(self, frame: Frame) -> None:
        """Keep a frame, and count those sent."""
        if frame.side == "server":
            self.pieces_sent += 1
            self.bytes_sent += frame.size
        if len(self.frames) < FRAMES_KEPT:
            self.frames.append(frame)

    def events(self, side: Literal["client", "server"]) -> list[Any]:
        """Return the decoded text frames of one side that were kept whole, oldest first."""
        return [
            frame.json()
            for frame in self.frames
            if frame.side == side and not frame.binary and len(frame.content) == frame.size
        ]

    def json(self) -> Any:
        """Return the request body, decoded; a longer one than was kept does not decode."""
        return msgspec.json.decode(self.body)

    def header(self, name: str) -> str | None:
        """Return the first value of a request header, by its lower-case name."""
        return next((value for known, value in self.headers if known == name), None)

    def report(self) -> dict[str, Any]:
        """Return the exchange as the control plane shows it."""
        return {
            field: msgspec.to_builtins(getattr(self, field))
            for field in self.__struct_fields__
            if field != "body"
        } | {"body": self.body.decode(errors="replace")}


class Journal:
    """The last exchanges, and who is being served now."""

    def __init__(self, clock: VirtualClock, *, limit: int = 5_000, memory: int = MEMORY) -> None:
        self._clock = clock
        self._limit = limit
        self._memory = memory
        self._kept: deque[Exchange] = deque()
        self._weight = 0
        self._open: Counter[tuple[str, str]] = Counter()
        self._peak: Counter[tuple[str, str]] = Counter()
        self._changed: asyncio.Event | None = None
        self.total = 0
        """Exchanges so far, those forgotten included."""

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def open(self, request: Request) -> Exchange:
        """Note that a request has arrived; its body may follow."""
        self.total += 1
        exchange = Exchange(
            number=self.total,
            at=self._clock.now().isoformat(),
            started_s=self._clock.monotonic(),
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=request.headers,
            cookies=dict(request.cookies),
        )
        self._kept.append(exchange)
        if len(self._kept) > self._limit:
            self._forget_oldest()
        return exchange

    def serve(self, exchange: Exchange, account: str) -> None:
        """Note which account an open exchange belongs to."""
        exchange.account = account
        key = (account, exchange.endpoint)
        self._open[key] += 1
        self._peak[key] = max(self._peak[key], self._open[key])
        self.announce()

    def close(self, exchange: Exchange, outcome: Outcome) -> None:
        """Note the end of an exchange; only the first call counts."""
        if exchange.outcome != "open":
            return
        exchange.outcome = outcome
        exchange.closed_s = self._clock.monotonic()
        if exchange.account is not None:
            self._open[exchange.account, exchange.endpoint] -= 1
        if self._kept and exchange.number >= self._kept[0].number:
            self._weight += exchange.weight
        while self._weight > self._memory:
            self._forget_oldest()
        self.announce()

    def since(self, number: int) -> list[Exchange]:
        """Return the kept exchanges after *number*, oldest first."""
        return [exchange for exchange in self._kept if exchange.number > number]

    def of(self, endpoint: str) -> list[Exchange]:
        """Return the kept exchanges of one endpoint, oldest first."""
        return [exchange for exchange in self._kept if exchange.endpoint == endpoint]

    def inflight(self, account: str | None = None, *, endpoint: str = "chat") -> int:
        """Count the open exchanges of an account, or of all."""
        return sum(
            count
            for (token, word), count in self._open.items()
            if word == endpoint and account in (None, token)
        )

    def peak(self, account: str, *, endpoint: str = "chat") -> int:
        """Return the most exchanges an account ever had open at once."""
        return self._peak[account, endpoint]

    def clear(self) -> None:
        """Forget ended exchanges and peaks; open ones stay counted, numbers go on."""
        still_open = [exchange for exchange in self._kept if exchange.outcome == "open"]
        self._kept.clear()
        self._kept.extend(still_open)
        self._weight = 0
        self._peak = Counter(self._open)

    def announce(self) -> None:
        """Wake those who wait in `until`."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def until(self, test: Callable[[], bool]) -> None:
        """Wait until *test* holds; it is asked again whenever an exchange changes.

        Waits for ever if it never holds: give it a deadline.
        """
        while not test():
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()

    def _forget_oldest(self) -> None:
        exchange = self._kept.popleft()
        if exchange.outcome != "open":
            self._weight -= exchange.weight


def _text(content: str | bytes) -> str:
    return content.hex() if isinstance(content, bytes) else content
