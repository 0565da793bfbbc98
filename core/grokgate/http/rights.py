"""What the client of an open WebSocket may do, asked again at each of its turns."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import anyio
from litestar.types import WebSocketScope
from msgspec import Struct, structs
from structlog.contextvars import bound_contextvars

from grokgate.errors import GatewayError, InternalError, Overloaded
from grokgate.http.accounting import CLIENT_GONE, Accounting
from grokgate.http.arrival import BodyBudget
from grokgate.http.body import BodyReader
from grokgate.http.errors import plugin_of
from grokgate.http.limits import Turnstile
from grokgate.openai.ids import new_id
from grokgate.openai.tally import Tally, tallying
from grokgate.plugin.records import Caller
from grokgate.plugin.socket import SocketClosed
from grokgate.plugin.stream import OpenStreams
from grokgate.statistics import Ended

T = TypeVar("T")

METHOD = "WEBSOCKET"
"""In log and metrics; no request has it."""
SHUTTING_DOWN = "The gateway is shutting down."
_OK = 200


class Drain(Protocol):
    """Counts requests in progress and open sockets, and knows whether new ones are taken."""

    inflight: int
    sockets: int

    @property
    def draining(self) -> bool:
        """Whether new work is refused."""
        ...

    def enter(self) -> None:
        """Count a request in."""
        ...

    def leave(self) -> None:
        """Count a request out."""
        ...

    def connect(self) -> None:
        """Count a socket in."""
        ...

    def disconnect(self) -> None:
        """Count a socket out."""
        ...


class Metrics(Protocol):
    """Where turns and defects are counted."""

    def request_finished(self, route: str, method: str, *, status: int, seconds: float) -> None:
        """Count one turn, or one refused handshake."""
        ...

    def plugin_fault(self, plugin: str) -> None:
        """Count a defect of *plugin*."""
        ...


class SocketServices(Struct, frozen=True, kw_only=True):
    """What all sockets of one process share."""

    drain: Drain
    max_inflight: Callable[[], int]
    """The limit in force now."""
    open_to_origins: Callable[[], bool]
    """Whether pages of any origin may use the API now."""
    strict_params: Callable[[], bool]
    """Whether fields without effect are refused now."""
    metrics: Metrics
    log: Any
    accounting: Accounting
    turnstile: Turnstile | None = None
    """Lets turns in and out; None: no key has limits."""
    streams: OpenStreams
    budget: BodyBudget
    memory: BodyBudget
    """For what sockets remember between turns: idle ones are to take no room from bodies."""


class ClientRights:
    """The rights of one socket's client (`grokgate.plugin.socket.Rights`)."""

    def __init__(self, scope: WebSocketScope, services: SocketServices) -> None:
        self.request_id = new_id("req_")
        self._scope = scope
        self._services = services
        self._ask: Callable[[], Awaitable[None]] | None = None

    def asked_by(self, guards: Callable[[], Awaitable[None]]) -> None:
        """Ask *guards*, those of the route, at each check from now on."""
        self._ask = guards

    @property
    def draining(self) -> bool:
        """Whether the process is about to stop."""
        return self._services.drain.draining

    @property
    def memory(self) -> BodyBudget:
        """Room for what is remembered between turns."""
        return self._services.memory

    @property
    def message_bytes(self) -> int:
        """The most that one message may have."""
        return int(self._scope["state"]["body_limit"])

    async def check(self) -> Caller:
        """Ask again what the handshake was asked."""
        if self._ask is not None:
            await self._ask()
        caller: Caller = self._scope["state"]["caller"]
        return caller

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Turn"]:
        """Let the client have one piece of work."""
        drain = self._services.drain
        if drain.draining:
            raise Overloaded(SHUTTING_DOWN)
        caller = await self.check()
        if drain.inflight >= self._services.max_inflight():
            raise Overloaded
        turn = Turn(structs.replace(caller, request_id=new_id("req_")), on_defect=self._defect)
        tally = Tally(request_id=turn.caller.request_id)
        async with self._inside(turn.caller):
            self._services.streams.add(turn)
            try:
                with bound_contextvars(request_id=turn.caller.request_id), tallying(tally):
                    yield turn
            finally:
                self._services.streams.discard(turn)
                self._account(turn, tally)

    def reader(self, body_type: type[T]) -> Callable[[bytes], T]:
        """Make the strict decoder of a message."""
        reader = BodyReader(body_type)

        def read(message: bytes) -> T:
            data: T = reader.read(message, strict=self._services.strict_params())[0]
            return data

        return read

    def take(self, size: int) -> None:
        """Count the bytes of a message in."""
        self._services.budget.take(size)

    def give_back(self, size: int) -> None:
        """Count them out."""
        self._services.budget.give_back(size)

    @asynccontextmanager
    async def _inside(self, caller: Caller) -> AsyncIterator[None]:
        """Count a turn in, as far as its key's limits allow, and out."""
        drain, turnstile = self._services.drain, self._services.turnstile
        drain.enter()
        try:
            if turnstile is not None:
                await turnstile.enter(caller)
            try:
                yield
            finally:
                if turnstile is not None:
                    turnstile.leave(caller)
        finally:
            drain.leave()

    def _defect(self, error: Exception) -> None:
        plugin = plugin_of(self._scope)
        self._services.metrics.plugin_fault(plugin)
        self._services.log.error("unhandled_error", plugin=plugin, exc_info=error)

    def _account(self, turn: "Turn", tally: Tally) -> None:
        ended = Ended(
            endpoint=f"{METHOD} {self._scope.get('path_template')}",
            status=turn.status,
            seconds=turn.elapsed_s,
            error=turn.error.code if turn.error is not None else None,
            address=self._services.accounting.address(self._scope),
            caller=turn.caller,
            stream=True,
        )
        self._services.accounting.turn(self._scope, ended, tally)


class Turn:
    """One piece of work over a socket (`grokgate.plugin.socket.SocketTurn`)."""

    def __init__(self, caller: Caller, *, on_defect: Callable[[Exception], None]) -> None:
        self.caller = caller
        self._on_defect = on_defect
        self.error: GatewayError | None = None
        self._began = time.perf_counter()
        self._work = anyio.CancelScope()
        self._stopped_by: GatewayError | None = None
        self._done = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self._began

    @property
    def status(self) -> int:
        """What a request that ended like this would have been answered."""
        if self.error is not None:
            return self.error.status
        return _OK if self._done else CLIENT_GONE

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work; what it raises is passed on, or is a defect."""
        try:
            with self._work:
                await work()
                self._done = True
            if self._stopped_by is not None and not self._done:
                raise self._stopped_by
        except SocketClosed:
            raise
        except GatewayError as error:
            self.error = error
            raise
        except Exception as error:  # a fence: a turn's fault is its plugin's, not the socket's
            self.error = InternalError()
            self._on_defect(error)
            raise self.error from error

    def stop(self, error: GatewayError) -> None:
        """Give the work up with *error*."""
        self._stopped_by = error
        self._work.cancel()
