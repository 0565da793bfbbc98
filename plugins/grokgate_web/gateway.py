"""A conversation over the gateway socket (`upstream-protocol.md` 2.12).

1. Who is the account? Kept from earlier, else asked (1.7).
2. Upgrade. A refusal that may come from a wrong or dead account makes us ask again who it is.
3. ``session.create``; wait until the session is created and its conversation attached.
4. ``conversation.item.create`` and ``response.create``: from here on the call counts as sent.
5. Read events to ``response.done``, with a sign of life now and then.

One socket per conversation: nothing says that a second one may share it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from grokgate.upstream import (
    Attempt,
    Conversation,
    Event,
    Kind,
    Observation,
    Stage,
    UpstreamFailure,
    Wire,
)
from grokgate_web.caller import Caller
from grokgate_web.classify import in_band_evidence
from grokgate_web.decode.gateway import GatewayDecoder
from grokgate_web.decode.pictures import Sought
from grokgate_web.dial import GatewayCaller, gateway_of
from grokgate_web.identity import Identity
from grokgate_web.payload import envelope, message_event, session_event
from grokgate_web.transport import Socket, TransportError

_CHAT = "converse"


class GatewayTalk:
    """One conversation on its socket; `close` it."""

    def __init__(
        self, caller: Caller, identity: Identity, attempt: Attempt, *, sought: Sought
    ) -> None:
        self._caller = caller.become(GatewayCaller)
        self._settings = identity.settings
        self._attempt = attempt
        self._gateway = gateway_of(identity)
        self._loop = asyncio.get_running_loop()
        self._opening = f"evt_init_{self._caller.fresh_id()}"
        self._socket: Socket | None = None
        self._until = self._loop.time() + attempt.first_s
        self._ping_at = self._loop.time() + self._gateway.ping_s
        self._sent = False
        self._moved_on = False
        """The last frame told something."""
        self.decoder = GatewayDecoder(
            identity.profile.stream,
            self._gateway.channels,
            opening=self._opening,
            filter_tags=self._settings.filter_tags,
            sought=sought,
        )

    @property
    def close_code(self) -> int | None:
        """Why the upstream closed the socket."""
        return self._socket.close_code if self._socket is not None else None

    async def open(
        self, request: Conversation, *, wire: Wire, prompt: str, uploaded: Sequence[str]
    ) -> None:
        """Connect, open a session, and ask.

        Raises:
            UpstreamFailure: It was not asked.
        """
        event = session_event(
            self._gateway, request, wire=wire, event_id=self._opening, settings=self._settings
        )
        await self._open_session(event)
        self._ask(prompt, uploaded)

    @property
    def stage(self) -> Stage:
        """How far the attempt came."""
        if self.decoder.output:
            return Stage.CONTENT
        return Stage.SENT if self._sent else Stage.UNSENT

    async def read(self) -> list[Event] | None:
        """Return the events of the next frame, perhaps none; None: the upstream has closed.

        The upstream's time to go on counts from this call: before it, the reader is slow.

        Raises:
            UpstreamFailure: The connection broke, or a deadline passed.
        """
        if self._moved_on:
            self._moved_on = False
            self._until = self._loop.time() + self._attempt.idle_s
        heard = self.decoder.heard
        try:
            message = await self._receive()
        except TransportError as error:
            first = not self.decoder.seen
            raise self._caller.broken(error, _CHAT, self.stage, first=first) from error
        if message is None:
            return None
        events = self.decoder.feed(message)
        self._moved_on = self._sent and self.decoder.heard > heard
        return events

    async def finish(self, within_s: float) -> None:
        """Close in good order, within *within_s* seconds."""
        if self._socket is not None:
            await self._socket.finish(within_s)

    def close(self) -> None:
        """Cut the connection; any number of times."""
        if self._socket is not None:
            self._socket.close()

    async def _open_session(self, event: dict[str, Any]) -> None:
        limit = self._loop.time() + self._gateway.handshake_s
        answer_until, self._until = self._until, min(self._until, limit)
        self._socket = await self._caller.connect(self._attempt, self._until)
        self._send(event)
        while not self.decoder.ready:
            found = None if self.decoder.done else await self.read()
            if found is None:
                raise self._no_session()
        self._until = answer_until

    def _no_session(self) -> UpstreamFailure:
        if self.decoder.error is not None:
            evidence = in_band_evidence(self.decoder.error)
            return self._caller.judged(evidence, _CHAT, Stage.UNSENT)
        ended = Observation(
            operation=_CHAT, kind=Kind.TRANSIENT, stage=Stage.UNSENT, status=self.close_code
        )
        return self._caller.failed(ended)

    def _ask(self, prompt: str, uploaded: Sequence[str]) -> None:
        stamp = self._caller.stamp()
        said = message_event(
            prompt, uploaded, event_id=f"evt_msg_{stamp}", message_id=self._caller.fresh_id()
        )
        self._send(said)
        self._sent = True
        self._attempt.sent()
        self._send({"type": "response.create", "event_id": f"evt_resp_{stamp}"})

    def _send(self, event: dict[str, Any]) -> None:
        assert self._socket is not None
        self._socket.send(envelope(event, self.decoder.session))

    async def _receive(self) -> bytes | None:
        """Wait for the next text; a sign of life is given meanwhile, and moves no deadline."""
        assert self._socket is not None
        while True:
            try:
                message = await self._socket.receive(min(self._until, self._ping_at))
            except TransportError as error:
                if error.reason != "timeout" or self._loop.time() >= self._until:
                    raise
                self._ping()
                continue
            if message is None or message.text:
                return None if message is None else message.data
            self.decoder.binary()

    def _ping(self) -> None:
        """Give a sign of life if it is time; before there is a session nobody would take it."""
        if self._loop.time() < self._ping_at:
            return
        self._ping_at = self._loop.time() + self._gateway.ping_s
        if self.decoder.session:
            self._send({"type": "ping", "event_id": f"evt_hb_{self._caller.stamp()}"})
