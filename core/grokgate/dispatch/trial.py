"""One attempt: a lease, a session on its account, and the generator that answers."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager

import anyio
from msgspec import Struct, structs

from grokgate.dispatch.desk import Desk
from grokgate.dispatch.route import Route
from grokgate.errors import GatewayError, InternalError
from grokgate.plugin.records import Call, Capability
from grokgate.scheduler.home import Lease, LeaseEnded, Settled
from grokgate.scheduler.verdict import error_of
from grokgate.upstream import (
    AccountFacts,
    Asset,
    Event,
    Finished,
    ImageReady,
    ImageRefused,
    Kind,
    Observation,
    Stage,
    Started,
    UpstreamFailure,
    VideoReady,
    is_output,
)
from grokgate.upstreams import Line, UnknownAccount

CLOSE_S = 1.0
"""Seconds a driver has to end a session; aborting its exchange takes none."""
_FILM_IDLE_S = 180.0
"""Seconds a video may be without progress (F-VID-09)."""
COUNTED = frozenset({ImageReady, VideoReady})
"""Events that count as one output each."""
_OPERATIONS: Mapping[Capability, str] = {
    "chat": "converse",
    "image": "imagine",
    "image_edit": "imagine",
    "video": "film",
}


class Failure(Struct, frozen=True, kw_only=True):
    """How an attempt ended badly."""

    observation: Observation
    error: GatewayError
    """What the client is told if it ends there."""


class Trial:
    """An attempt on one account. Opened, read, settled once, closed.

    Args:
        desk: Shared parts.
        plugin: Who made the call, for the log.
        call: What is sent.
        route: Where.
        lease: On which account.
    """

    def __init__(self, desk: Desk, plugin: str, call: Call, route: Route, lease: Lease) -> None:
        self.route = route
        self.lease = lease
        self.began_at = desk.clock.monotonic()
        self.started: Started | None = None
        self.counted = 0
        """Pictures and videos seen."""
        self.lost = 0
        """Of these, those whose file could not be had."""
        self.withheld = 0
        """Pictures that were made and not handed out."""
        self.blocked = False
        """Some of them without a word: the account is to be spared (F-NSFW-06)."""
        self.answered = False
        """Some output was seen."""
        self.settled: Settled | None = None
        self._desk = desk
        self._plugin = plugin
        self._call = call
        self._sent = False
        self._too_late = False
        """The body was not let out: the lease may have ended before."""
        self._ready: set[str] = set()
        """References of finished files."""
        self._entered: AbstractAsyncContextManager[object] | None = None
        """Leaves the session."""
        self._closed = False
        self._acting = False
        """There is a session, and the plugin's own code has begun."""
        self._unwanted = False
        """It was ended because nobody wants its answer any more."""
        self.events: AsyncGenerator[Event, None] | None = None

    async def begin(self) -> Event:
        """Open the session, send, and read to the first output.

        Raises:
            StopAsyncIteration: There was none.
            UpstreamFailure: The driver says why not.
        """
        desk = self._desk
        driver = desk.upstreams.driver(self.route.upstream)
        account = desk.upstreams.account(self.lease.token)
        entering = driver.session(account, self.route.wire, self._line())
        session = await entering.__aenter__()
        self._entered = entering
        self._acting = True
        self.events = self._call.send(session)
        async for event in self.events:
            if isinstance(event, Started):
                self.started = event
            elif is_output(event):
                self.answered = True
                if type(event) in COUNTED:
                    self.count(event)
                if type(event) is ImageRefused:
                    self.withhold(event)
                return event
            elif isinstance(event, Finished) and event.reason == "refused":
                raise UpstreamFailure(self.observation(Kind.MODERATION))
        raise StopAsyncIteration

    def count(self, ready: Event) -> None:
        """Note a finished picture or video."""
        assert isinstance(ready, ImageReady | VideoReady)
        self.counted += 1
        self._ready.add(ready.asset.ref)

    def lose(self, asset: Asset) -> bool:
        """Note that a file could not be had; return whether it was a finished one."""
        if asset.ref not in self._ready:
            return False
        self._ready.remove(asset.ref)
        self.lost += 1
        return True

    def withhold(self, refused: Event) -> None:
        """Note a picture that was made and not handed out."""
        assert isinstance(refused, ImageRefused)
        self.withheld += 1
        self.blocked = self.blocked or refused.blocked

    def outputs(self) -> int:
        """Return how many outputs were seen; a text of any length is one."""
        if self._call.card.capability == "chat":
            return max(self.counted, int(self.answered))
        return self.counted

    def made(self) -> int:
        """Return how many outputs to charge: the upstream made what it withholds, too."""
        return self.outputs() + self.withheld

    def observation(self, kind: Kind) -> Observation:
        """Describe an end that the driver did not describe."""
        stage = Stage.SENT if self._sent else Stage.UNSENT
        return Observation(
            operation=_OPERATIONS[self._call.card.capability],
            kind=kind,
            stage=Stage.CONTENT if self.answered else stage,
        )

    def failure(self, error: BaseException, *, timed_out: bool) -> Failure:
        """Say what *error*, raised while opening or reading, means.

        Args:
            error: Whatever came out of the session, the plugin's code or the event loop.
            timed_out: The call's own total limit caused it.
        """
        if timed_out:
            limit = structs.replace(self.observation(Kind.TIMEOUT), total_timeout=True)
            return _failed(limit)
        match error:
            case Exception() if self._too_late:
                return _failed(self.observation(Kind.CONNECT))
            case UpstreamFailure():
                return _failed(self._staged(error.observation))
            case StopAsyncIteration():
                return _failed(self.observation(Kind.TRUNCATED if self.answered else Kind.EMPTY))
            case UnknownAccount():
                return _failed(self.observation(Kind.CONNECT))
            case GatewayError():
                return Failure(observation=self.observation(Kind.CANCELLED), error=error)
            case asyncio.CancelledError():
                return _failed(self.observation(Kind.CANCELLED))
        plugin = self._at_fault()
        self._desk.log.error(
            "call_crashed", plugin=plugin, upstream=self.route.upstream, exc_info=error
        )
        self._desk.blamed(plugin)
        return Failure(observation=self.observation(Kind.CANCELLED), error=InternalError())

    def settle(self, observation: Observation, *, units: int, penalize: bool) -> Settled:
        """End the lease; a second end changes nothing."""
        if self.settled is None:
            self._unwanted = observation.kind is Kind.CANCELLED
            self.settled = self._desk.home.settle(
                self.lease, observation, units=units, penalize=penalize
            )
        return self.settled

    async def close(self) -> None:
        """Abort the exchange and leave the session, whatever happens meanwhile."""
        if self._closed:
            return
        self._closed = True
        began_at = self._desk.clock.monotonic()
        with anyio.move_on_after(CLOSE_S, shield=True) as scope:
            try:
                await self._leave()
            except Exception as error:  # noqa: BLE001 - fence: a driver's clean-up, the call is over
                self._log_close(type(error).__name__)
        if scope.cancelled_caught:
            self._log_close("timeout")
        if self._unwanted and self.events is not None:
            self._desk.aborted(self._desk.clock.monotonic() - began_at)

    async def _leave(self) -> None:
        """End the generator, then the session, which is told what went wrong with the former.

        The session refers to this attempt: were it kept, both would wait for the collector.
        """
        entered, self._entered = self._entered, None
        if entered is None:
            return
        try:
            if self.events is not None:
                await self.events.aclose()
        except BaseException:
            if not await entered.__aexit__(*sys.exc_info()):
                raise
        else:
            await entered.__aexit__(None, None, None)

    def _at_fault(self) -> str:
        """Name the plugin whose code was running: the upstream's until there is a session."""
        return self._plugin if self._acting else self._desk.upstreams.plugin_of(self.route.upstream)

    def _log_close(self, problem: str) -> None:
        self._desk.log.warning(
            "session_not_closed", upstream=self.route.upstream, plugin=self._plugin, error=problem
        )

    def _staged(self, observation: Observation) -> Observation:
        """Correct the stage of a driver's observation by what we saw ourselves."""
        if self.answered and observation.stage is not Stage.CONTENT:
            return structs.replace(observation, stage=Stage.CONTENT)
        return observation

    def _line(self) -> Line:
        grok = self._desk.settings().grok
        is_film = self._call.card.capability == "video"
        return Line(
            first_s=grok.stream_first_byte_timeout,
            idle_s=_FILM_IDLE_S if is_film else grok.stream_idle_timeout,
            sent=self._on_sent,
            learned=self._on_learned,
            drifted=self._on_drifted,
        )

    def _on_sent(self) -> None:
        if self.settled is not None:
            return
        try:
            self._desk.home.sent(self.lease)
        except LeaseEnded:
            self._too_late = True
            raise
        self._sent = True

    def _on_learned(self, facts: AccountFacts) -> None:
        if self.settled is None:
            self._desk.home.learned(self.lease.token, facts, since=self.lease.fence)

    def _on_drifted(self, operation: str, path: str) -> None:
        self._desk.drifted(self.route.upstream, operation, path)


def _failed(observation: Observation) -> Failure:
    return Failure(observation=observation, error=error_of(observation))
