"""``/v1/responses`` over a WebSocket (`openai-contract.md` 4.10).

Three tasks serve a connection until the first of them ends it:

1. the *listener* reads messages, so that a client that leaves is noticed at once;
2. the *worker* answers them one after the other;
3. the *watcher* ends a connection whose key was switched off, whose hour is over, or that has
   nothing to do while the process stops.

The server cannot be told to send pings (granian 2.8); it answers those of the client.
"""

import asyncio
from typing import Any, Final

import anyio
import msgspec
from anyio.lowlevel import checkpoint
from litestar import WebSocket, websocket
from msgspec import Struct

from grokgate.errors import (
    AuthenticationFailed,
    BodyTooLarge,
    GatewayError,
    InvalidRequest,
    Overloaded,
)
from grokgate.openai import ErrorDetail, envelope
from grokgate.plugin import ClientSocket, Ctx, PluginContext, SocketClosed
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.memory import ConnectionKeeper
from grokgate_responses.settings import ResponsesSettings
from grokgate_responses.socket_turn import SocketTurns
from grokgate_responses.turn import CLOSE_S

MOST_WAITING: Final = 8
"""Messages that may wait for their turn."""
LIMIT_S: Final = 3600.0
"""Seconds a connection may last."""
WATCH_S: Final = 0.5
"""Seconds between two looks at key, clock and shutdown; the key must be noticed within two."""
STALL_S: Final = 120.0
"""Seconds one message may take to be sent."""
_DONE, _GOING_AWAY, _REFUSED = 1000, 1001, 1008
"""Close codes (RFC 6455, 7.4.1)."""


class ErrorMessage(Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """What a client is told instead of an answer."""

    status: int
    """That of the same error over HTTP."""
    error: ErrorDetail


@websocket("/v1/responses")
async def converse(socket: WebSocket[Any, Any, Any], ctx: Ctx[ResponsesSettings]) -> None:
    """Answer the turns of one connection."""
    client = await ClientSocket.accept(socket)
    await Connection(client, ctx).serve()


class Connection:
    """One open connection.

    Args:
        socket: Accepted.
        ctx: Of the plugin; its clock decides when the hour is over.
    """

    def __init__(self, socket: ClientSocket, ctx: PluginContext[ResponsesSettings]) -> None:
        self._socket = socket
        self._rights = socket.rights
        self._clock = ctx.clock
        self._ends_at = ctx.clock.monotonic() + LIMIT_S
        self._keeper = ConnectionKeeper(StoredTurns(ctx), socket.rights.memory)
        self._turns = SocketTurns(ctx, self._keeper, self._write, self._rights)
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._busy = False
        self._sending_since: float | None = None
        self._code = _DONE
        self._scope = anyio.CancelScope()

    async def serve(self) -> None:
        """Serve the connection to its end, and close it."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._listen)
                    tasks.start_soon(self._work)
                    tasks.start_soon(self._watch)
        finally:
            self._give_back_all()
        with anyio.move_on_after(CLOSE_S, shield=True):
            await self._socket.close(self._code)

    def _end(self, code: int = _DONE) -> None:
        self._code = code
        self._scope.cancel()

    async def _listen(self) -> None:
        """Take messages until the client leaves."""
        while True:
            try:
                message = await self._socket.read()
                await self._take(message.encode() if isinstance(message, str) else message)
            except SocketClosed:
                self._end()
                return
            except GatewayError as error:
                await self._tell(error)

    async def _take(self, message: bytes) -> None:
        """Let a message wait for its turn.

        Raises:
            GatewayError: It is too large, or there are too many.
        """
        if len(message) > self._rights.message_bytes:
            raise BodyTooLarge
        if self._waiting.full():
            raise Overloaded(f"At most {MOST_WAITING} messages may wait for their turn.")
        self._rights.take(len(message))
        self._waiting.put_nowait(message)
        await checkpoint()

    async def _work(self) -> None:
        """Answer messages, one after the other."""
        while True:
            message = await self._waiting.get()
            self._busy = True
            try:
                await self._answer(message)
            except SocketClosed:
                self._end()
            finally:
                self._rights.give_back(len(message))
                self._busy = False

    async def _answer(self, message: bytes) -> None:
        try:
            await self._turns.answer(message)
        except AuthenticationFailed as error:
            await self._tell(error)
            self._end(_REFUSED)
        except GatewayError as error:
            await self._tell(error)

    async def _watch(self) -> None:
        """End the connection when it must not go on."""
        code = None
        while code is None:
            await anyio.sleep(WATCH_S)
            code = await self._looked()
        self._end(code)

    async def _looked(self) -> int | None:
        """Return the close code of a connection that must not go on; None: it may."""
        now = self._clock.monotonic()
        if not await self._is_welcome():
            return _REFUSED
        if self._sending_since is not None and now - self._sending_since > STALL_S:
            return _GOING_AWAY
        if now >= self._ends_at:
            await self._tell(_too_long())
            return _DONE
        is_idle = not self._busy and self._waiting.empty()
        return _GOING_AWAY if self._rights.draining and is_idle else None

    async def _is_welcome(self) -> bool:
        """Tell whether the key is still accepted; what is switched off is told at the next turn."""
        try:
            await self._rights.check()
        except AuthenticationFailed:
            return False
        except GatewayError:
            pass
        return True

    async def _tell(self, error: GatewayError) -> None:
        told = ErrorMessage(status=error.status, error=envelope(error).error)
        await self._write(msgspec.json.encode(told))

    async def _write(self, message: bytes) -> None:
        self._sending_since = self._clock.monotonic()
        await self._socket.write(message.decode())
        self._sending_since = None

    def _give_back_all(self) -> None:
        self._keeper.forget_all()
        while not self._waiting.empty():
            self._rights.give_back(len(self._waiting.get_nowait()))


def _too_long() -> InvalidRequest:
    return InvalidRequest(
        "A connection may last 60 minutes. Open a new one.",
        code="websocket_connection_limit_reached",
    )
