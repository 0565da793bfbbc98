"""Server-sent events as a reply: reads a source, writes whole frames, and always closes the source.

Three tasks and one timer serve a stream, so that nothing has to be started per event:

1. the *reader* pulls events, turns them into frames, and waits while 16 KB are unsent;
2. the *writer* sends what is ready in one write; it is the task of the request itself;
3. the *watcher* waits for the client to leave, which cancels the other two;
4. the timer sends a keep-alive after silence and gives up on a client that stopped reading.

Form and order of the frames: `openai-contract.md` 1.3 and 1.4.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import anyio
from litestar import Response
from litestar.types import Receive, Scope, Send

from grokgate.errors import GatewayError, InternalError

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)

WRITE_BYTES = 16 * 1024
"""Upper bound of a write of several frames, and of what waits unsent."""
EVENTS_PER_TURN = 16
"""Events after which the reader lets other tasks run, however many its source has ready."""
STALL_S = 120.0
"""Seconds one write may take before the client counts as gone."""
CLOSE_S = 1.0
"""Seconds the source has to close itself."""

_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}


class EventSource(Protocol[E_co]):
    """What a stream is read from: an `Exchange`, or an asynchronous generator."""

    def __aiter__(self) -> AsyncIterator[E_co]: ...

    def aclose(self) -> Awaitable[None]:
        """End the source early; harmless at its end."""
        ...


class EventStream(Response[None]):
    """A streamed reply, returned by a handler like any other response.

    The source is closed exactly once: at its end, after an error, when the client leaves, and when
    the request is cancelled. An error becomes the frames of *failure*; `finish` is then left out.

    Args:
        source: Read from one task. Should raise only `GatewayError`.
        frames: Renders an event as zero or more whole frames.
        finish: Renders the frames of a regular end.
        failure: Renders an error after the headers, in the form of the endpoint's family.
        keepalive_s: Seconds of silence before *ping* is sent; 0: never.
        ping: A whole frame.
        terminator: Sent last, after success and failure alike; may be empty.
        headers: Further response headers, or others in place of those of an event stream.
        stall_s: Seconds one write may take.
        ends_itself: A shutdown ends the source, and need not end the stream.
    """

    def __init__(
        self,
        source: EventSource[E],
        frames: Callable[[E], Iterable[bytes]],
        *,
        failure: Callable[[GatewayError], Iterable[bytes]],
        keepalive_s: float,
        finish: Callable[[], Iterable[bytes]] = tuple,
        ping: bytes = b": ping\n\n",
        terminator: bytes = b"",
        headers: Mapping[str, str] | None = None,
        stall_s: float = STALL_S,
        ends_itself: bool = False,
    ) -> None:
        super().__init__(None, headers={**_HEADERS, **(headers or {})})
        self._delivery = _Delivery(
            source,
            frames,
            failure=failure,
            finish=finish,
            terminator=terminator,
            timer=_Timer(keepalive_s, stall_s, ping),
            ends_itself=ends_itself,
        )

    def to_asgi_response(self, *_: Any, headers: Mapping[str, str] | None = None, **__: Any) -> Any:
        """Return the application that delivers the stream; a handler's media type has no say."""
        merged = {**(headers or {}), **self.headers}
        self._delivery.head = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in merged.items()
        ]
        return self._delivery


class Stoppable(Protocol):
    """Work that can be told to end."""

    def stop(self, error: GatewayError, /) -> None:
        """End with *error*; returns at once."""
        ...


class OpenStreams:
    """The streams and unanswered requests of one process, so that a shutdown can end them."""

    def __init__(self) -> None:
        self._open: set[Stoppable] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, work: Stoppable) -> None:
        """Count *work* as open."""
        self._open.add(work)

    def discard(self, work: Stoppable) -> None:
        """Forget *work*; what is unknown is ignored."""
        self._open.discard(work)

    def end(self, error: GatewayError) -> None:
        """Make every open stream end with the frames of *error*; returns at once."""
        for delivery in tuple(self._open):
            delivery.stop(error)


class _Timer:
    """One timer handle per stream, moved on only when it fires, so that a write costs no timer.

    A stalled write is therefore noticed up to one keep-alive interval late.
    """

    def __init__(self, keepalive_s: float, stall_s: float, ping: bytes) -> None:
        self.ping = ping
        self._keepalive_s = keepalive_s if keepalive_s > 0 else math.inf
        self._stall_s = stall_s
        self._interval_s = min(self._keepalive_s, stall_s)
        self._sending = False
        self._changed_at = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self, *, silent: Callable[[], None], stalled: Callable[[], None]) -> None:
        self._silent = silent
        self._stalled = stalled
        self._loop = asyncio.get_running_loop()
        self.turn(sending=False)
        self._arm(self._interval_s)

    def turn(self, *, sending: bool) -> None:
        """Note that a write begins or has ended."""
        self._sending = sending
        self._changed_at = self._loop.time()

    def stop(self) -> None:
        """Let go of the stream, too, for it refers to this timer."""
        self._silent = self._stalled = _nothing
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        waited = self._loop.time() - self._changed_at
        if self._sending and waited >= self._stall_s:
            self._stalled()
            return
        if not self._sending and waited >= self._keepalive_s:
            self._silent()
        left = self._interval_s - waited
        self._arm(left if left > 0 else self._interval_s)

    def _arm(self, delay_s: float) -> None:
        self._handle = self._loop.call_later(delay_s, self._fire)


class _Delivery:
    """An ASGI application that delivers one stream, once."""

    head: list[tuple[bytes, bytes]]

    def __init__(
        self,
        source: EventSource[E],
        frames: Callable[[E], Iterable[bytes]],
        *,
        failure: Callable[[GatewayError], Iterable[bytes]],
        finish: Callable[[], Iterable[bytes]],
        terminator: bytes,
        timer: _Timer,
        ends_itself: bool,
    ) -> None:
        self._source: EventSource[Any] = source
        self._frames: Callable[[Any], Iterable[bytes]] = frames
        self._failure = failure
        self._finish = finish
        self._terminator = terminator
        self._timer = timer
        self._ends_itself = ends_itself
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._reading = anyio.CancelScope()
        self._stopped_by: GatewayError | None = None
        self._pulling = False
        """The reader has let others run, and the source may have more at hand."""
        self._ended = False
        self._closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Deliver the stream; returns early when the client leaves."""
        self._state = scope["state"]
        streams: OpenStreams | None = self._state.get("streams")
        if streams is not None and not self._ends_itself:
            streams.add(self)
        watching = anyio.CancelScope()
        try:
            async with anyio.create_task_group() as group:
                abandon = group.cancel_scope.cancel
                self._timer.start(silent=self._keep_alive, stalled=abandon)
                group.start_soon(self._read)
                group.start_soon(_watch, receive, abandon, watching)
                await self._write(send)
                # Not the group: a task of it that ends as cancelled keeps what it refers to, until
                # the collector comes.
                watching.cancel()
        finally:
            self._timer.stop()
            if streams is not None:
                streams.discard(self)
            await self._close()

    def stop(self, error: GatewayError) -> None:
        """Stop reading; the stream ends with the frames of *error*. The first error counts."""
        if self._stopped_by is None and not self._ended:
            self._stopped_by = error
            self._reading.cancel()

    async def _read(self) -> None:
        """Fill the buffer until the source ends, then add the frames of its end."""
        try:
            with self._reading:
                await self._pull()
            if self._reading.cancelled_caught and self._stopped_by is not None:
                raise self._stopped_by
        except GatewayError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - fence: the frames are a plugin's; logged by the outermost layer
            self._state["exception"] = error
            self._fail(InternalError())
        finally:
            await self._close()
        self._ended = True
        self._ready.set()

    async def _pull(self) -> None:
        events = 0
        async for event in self._source:
            self._put_all(self._frames(event))
            events += 1
            if self._unsent_bytes >= WRITE_BYTES:
                self._room.clear()
                await self._room.wait()
            elif events % EVENTS_PER_TURN == 0:
                await self._let_others_run()
        self._put_all((*self._finish(), self._terminator))

    async def _let_others_run(self) -> None:
        self._pulling = True
        try:
            await asyncio.sleep(0)
        finally:
            self._pulling = False

    def _fail(self, error: GatewayError) -> None:
        self._state["error_code"] = error.code
        self._state["error_status"] = error.status
        self._put_all((*self._failure(error), self._terminator))

    def _put_all(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            if frame:
                self._unsent.append(frame)
                self._unsent_bytes += len(frame)
        if self._unsent:
            self._ready.set()

    def _keep_alive(self) -> None:
        if not self._unsent and not self._ended:
            self._put_all((self._timer.ping,))

    async def _write(self, send: Send) -> None:
        """Send what is ready, until the reader is done and the buffer empty."""
        # One turn for the reader, so that the first frames leave together with the head.
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": self.head})
        if not self._unsent:
            # The server holds the head back until a first piece of the body.
            await self._send(send, b"", more=True)
        while self._unsent or not self._ended:
            await self._ready.wait()
            while self._pulling:  # noqa: ASYNC110 - a turn of the loop each, until it is known
                await asyncio.sleep(0)  # what else arrived together, and goes out together
            for body in self._writes():
                self._room.set()
                await self._send(send, body, more=True)
            if not self._ended:
                self._ready.clear()
        await self._send(send, b"", more=False)

    async def _send(self, send: Send, body: bytes, *, more: bool) -> None:
        self._timer.turn(sending=True)
        await send({"type": "http.response.body", "body": body, "more_body": more})
        self._timer.turn(sending=False)

    def _writes(self) -> Iterator[bytes]:
        """Take what is unsent as writes of whole frames."""
        if self._unsent_bytes <= WRITE_BYTES and self._unsent:
            together = b"".join(self._unsent)
            self._unsent.clear()
            self._unsent_bytes = 0
            yield together
        while self._unsent:
            batch = [self._unsent.popleft()]
            size = len(batch[0])
            while self._unsent and size + len(self._unsent[0]) <= WRITE_BYTES:
                batch.append(self._unsent.popleft())
                size += len(batch[-1])
            self._unsent_bytes -= size
            yield b"".join(batch)

    async def _close(self) -> None:
        """Close the source, once, whatever happens to the request meanwhile."""
        if self._closed:
            return
        self._closed = True
        with anyio.move_on_after(CLOSE_S, shield=True):
            try:
                await self._source.aclose()
            except Exception as error:  # noqa: BLE001 - fence: the reply is complete without it
                self._state["exception"] = error


async def _watch(receive: Receive, gone: Callable[[], None], watching: anyio.CancelScope) -> None:
    """Call *gone* when the client has left, or its connection is of no more use."""
    with watching, suppress(GatewayError):
        while (await receive())["type"] != "http.disconnect":
            pass
    if not watching.cancelled_caught:
        gone()


def _nothing() -> None:
    pass
