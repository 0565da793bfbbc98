"""Pictures over their own socket (`upstream-protocol.md` 6.2 to 6.4).

1. Upgrade, with the fingerprint meant for it where adult content is asked for (F-NSFW-04).
2. A message that resets, where the generation has one, and one with the prompt: from here on the
   call counts as sent.
3. Frames, until the pictures are there or what is missing is not to be waited for any longer.

One request per socket, and one socket per request.
"""

import asyncio
from collections.abc import AsyncGenerator

from msgspec.structs import replace

from grokgate.upstream import (
    Event,
    Finished,
    ImageRequest,
    Kind,
    Observation,
    Stage,
    UpstreamFailure,
)
from grokgate_web.actor import Actor, unfit
from grokgate_web.classify import in_band_evidence
from grokgate_web.decode.imagine import ImagineDecoder
from grokgate_web.dial import SocketCaller
from grokgate_web.making import CLOSING_S, Ending, turned_away, withheld
from grokgate_web.payload_media import expected_pictures, imagine_messages
from grokgate_web.profile_media import ImagineSocket
from grokgate_web.settings import WebSettings
from grokgate_web.transport import Socket, TransportError

MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes of one message, which may hold a large picture (6.2)."""

_IMAGINE = "imagine"
_LISTEN = "listen"
"""Of the upgrade: it comes before any prompt, so that no refusal is about one."""


async def imagine(actor: Actor, request: ImageRequest) -> AsyncGenerator[Event, None]:
    """Make pictures from the prompt."""
    if actor.wire is None or request.references or not request.prompt.strip():
        raise unfit(_IMAGINE)
    better = bool(actor.wire.params.get("pro")) or request.quality == "quality"
    work = _Work(actor, request, pro=better)
    try:
        await work.open()
        while not work.decoder.done:
            events = await work.read()
            if events is None:
                break
            for event in events:
                yield event
        await work.finish()
        for event in work.decoder.finish():
            yield event
    finally:
        work.close()
        actor.report_drift(_IMAGINE, work.decoder.drift)
    end = work.ending()
    for event in end.events:
        yield event
    if end.failure is not None:
        raise end.failure


def told_apart(socket: ImagineSocket, settings: WebSettings) -> ImagineSocket:
    """Return *socket* with what the operator says of adult pictures (F-NSFW-04)."""
    said = {
        "blocked_s": settings.nsfw_final_s,
        "grace_s": settings.nsfw_grace_s,
        "medium_over": settings.nsfw_medium_over,
        "final_over": settings.nsfw_final_over,
    }
    return replace(socket, **{name: value for name, value in said.items() if value is not None})


class _Work:
    """One request on its socket; `close` it."""

    def __init__(self, actor: Actor, request: ImageRequest, *, pro: bool) -> None:
        identity = actor.identity
        guise = identity.nsfw if request.nsfw else identity.main
        self._caller = actor.caller.become(SocketCaller, guise=guise)
        self._profile = actor.profile.images.socket
        if request.nsfw:
            self._profile = told_apart(self._profile, identity.settings)
        self._attempt = actor.attempt
        self._request = request
        self._pro = pro
        self._id = self._caller.fresh_id()
        self._loop = asyncio.get_running_loop()
        self._socket: Socket | None = None
        self._first_until = self._loop.time() + min(actor.attempt.first_s, self._profile.first_s)
        self._total_until = self._first_until + self._profile.total_s
        self._ping_at = 0.0
        self._news_at = 0.0
        self._medium_at: float | None = None
        self._sent = False
        self._stopped = False
        """Moderation seems to have stopped what has begun."""
        self._failure: UpstreamFailure | None = None
        self.decoder = ImagineDecoder(
            self._profile,
            request=self._id,
            expected=expected_pictures(self._profile, request, pro=pro),
            sought=actor.sought(most=request.count, previews=request.previews),
        )

    async def open(self) -> None:
        """Connect and ask.

        Raises:
            UpstreamFailure: It was not asked.
        """
        self._socket = await self._caller.dial(
            self._profile.path,
            operation=_LISTEN,
            until=self._first_until,
            max_message=MAX_MESSAGE,
        )
        said = imagine_messages(
            self._profile,
            self._request,
            pro=self._pro,
            request_id=self._id,
            stamp=self._caller.stamp(),
        )
        self._attempt.sent()  # before the first message: it may refuse
        self._sent = True
        for message in said:
            self._socket.send(message)
        now = self._loop.time()
        self._total_until, self._ping_at = now + self._profile.total_s, now + self._profile.ping_s

    async def read(self) -> list[Event] | None:
        """Return the events of the next message, perhaps none; None: no more is to be waited for.

        The upstream's time to go on counts from this call: before it, the reader is slow.
        """
        heard = self.decoder.heard
        try:
            message = await self._receive(self._until())
        except TransportError as error:
            self._broke(error)
            return None
        if message is None:
            return None
        events = self.decoder.feed(message)
        if self.decoder.heard > heard:
            self._news_at = 0.0
        return events

    def ending(self) -> Ending:
        """Say what came of it."""
        decoder = self.decoder
        if decoder.ready:
            return Ending(events=[*decoder.refusals(), Finished()])
        if decoder.error is not None:
            evidence = in_band_evidence(decoder.error)
            failure = turned_away(self._caller.judged(evidence, _IMAGINE, self._stage))
            return Ending(events=[], failure=failure)
        if self._stopped or (decoder.withheld and decoder.told):
            return withheld(decoder.refusals(), _IMAGINE)
        return Ending(events=[], failure=self._failure or self._cut_off())

    async def finish(self) -> None:
        """Close in good order, if the upstream has nothing more to say."""
        if self._socket is not None and self.decoder.told:
            await self._socket.finish(CLOSING_S)

    def close(self) -> None:
        """Cut the connection; any number of times."""
        if self._socket is not None:
            self._socket.close()

    @property
    def _stage(self) -> Stage:
        if self.decoder.output:
            return Stage.CONTENT
        return Stage.SENT if self._sent else Stage.UNSENT

    def _until(self) -> float:
        """Return how long to wait for the next message, loop time."""
        if not self.decoder.heard:
            return min(self._first_until, self._total_until)
        now = self._loop.time()
        self._news_at = self._news_at or now
        limits = [self._total_until, self._news_at + self._patience_s()]
        if self.decoder.medium and not self.decoder.ready:
            self._medium_at = self._medium_at or now
            limits.append(self._medium_at + self._profile.blocked_s)
        return min(limits)

    def _patience_s(self) -> float:
        """Return how much silence there may be."""
        idle_s = self._attempt.idle_s
        if self.decoder.told:
            return min(idle_s, self._profile.straggler_s)
        if self.decoder.ready or self.decoder.medium:
            return min(idle_s, self._profile.grace_s)
        return idle_s

    async def _receive(self, until: float) -> bytes | None:
        """Wait for the next text; a sign of life is given meanwhile, and moves no deadline."""
        assert self._socket is not None
        while True:
            try:
                message = await self._socket.receive(min(until, self._ping_at))
            except TransportError as error:
                if error.reason != "timeout" or self._loop.time() >= until:
                    raise
                self._socket.ping()
                self._ping_at = self._loop.time() + self._profile.ping_s
                continue
            if message is None or message.text:
                return None if message is None else message.data
            self.decoder.drift.add("frame")

    def _broke(self, error: TransportError) -> None:
        """Note why nothing more comes: silence after a beginning is how moderation looks."""
        if error.reason == "timeout" and self.decoder.silenced:
            self._stopped = True
            return
        first = not self.decoder.heard
        self._failure = self._caller.broken(error, _IMAGINE, self._stage, first=first)

    def _cut_off(self) -> UpstreamFailure:
        assert self._socket is not None
        observation = Observation(
            operation=_IMAGINE,
            kind=Kind.TRUNCATED if self.decoder.output else Kind.TRANSIENT,
            stage=self._stage,
            status=self._socket.close_code,
            drift=tuple(sorted(self.decoder.drift)),
        )
        return self._caller.failed(observation)
