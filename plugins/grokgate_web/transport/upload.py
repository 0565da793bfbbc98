"""A call that sends a long body."""

from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

from curl_cffi import CurlOpt

from grokgate_web.transport.connections import Connections
from grokgate_web.transport.exchange import MAX_HELD
from grokgate_web.transport.model import Pieces, Request
from grokgate_web.transport.outgoing import Sending


class Upload(Sending):
    """One call; the next piece is asked for once little of the last one is left.

    What was sent cannot be sent again: a kept connection that breaks meanwhile fails the call.
    """

    def __init__(
        self,
        connections: Connections,
        request: Request,
        pieces: Pieces,
        on_sent: Callable[[], None],
    ) -> None:
        self._parts = pieces
        super().__init__(connections, request, on_sent)

    async def head(self, until: float) -> None:
        """Send the body and wait for the answer's headers; they may come before its end.

        Args:
            until: Deadline for both, loop time.

        Raises:
            TransportError: They did not come.
        """
        async with aclosing(self._parts.open()) as parts:
            async for part in parts:
                self._outgoing.add(part)
                self._send_on()
                while self._outgoing.held >= MAX_HELD and not self._answered():
                    await self._wait(until)
                if self._answered():
                    break
        self._outgoing.ended = True
        self._send_on()
        await super().head(until)

    def _answered(self) -> bool:
        return self._headed or self._failure() is not None or self._future.done()

    def _options(
        self, request: Request, on_sent: Callable[[], None]
    ) -> Iterator[tuple[CurlOpt, Any]]:
        yield from super()._options(request, on_sent)
        yield CurlOpt.POSTFIELDSIZE_LARGE, self._parts.size
