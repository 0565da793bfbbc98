"""A video as one piece of work of one account, in one call to the upstream or in several.

The calls of a longer video share one lease: what all of them cost is reserved together, and each
continues what the same account has made (F-TOK-30).
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import anyio

from grokgate.plugin.media.video_plans import Plan
from grokgate.plugin.media.video_wish import Continued, VideoWish
from grokgate.plugin.records import CallRecord, CostRule
from grokgate.upstream import (
    Event,
    Finished,
    Kind,
    Observation,
    Progress,
    Stage,
    UpstreamFailure,
    UpstreamSession,
    VideoReady,
    VideoRequest,
)

STALL_S: Final = 180.0
"""Seconds a video may make no progress (F-VID-09)."""
MOST_SEGMENTS: Final = 3
_ALL: Final = 100
_EFFORTS: Final = ("1", "4")
"""Units of one call, as ``limits.call_units`` of a wire names them."""


def video_cost_rules() -> list[CostRule]:
    """Price videos by the calls they take, where the wire names the units of one call.

    What was not begun any more is given back.
    """
    return [
        CostRule(
            units=int(each) * segments,
            capability="video",
            when={"call_units": each, "segments": str(segments)},
            correct=_only_begun(int(each)),
        )
        for each in _EFFORTS
        for segments in range(1, MOST_SEGMENTS + 1)
    ]


class Segments:
    """Makes the calls of one video on a session; what a `Call` sends.

    Args:
        wish: What is wanted.
        plan: How it is made.
        begun: Told, each time, that an account begins.
        stall_s: Seconds it may make no progress.
    """

    def __init__(
        self,
        wish: VideoWish,
        plan: Plan,
        *,
        begun: Callable[[], None],
        stall_s: float = STALL_S,
    ) -> None:
        self._wish = wish
        self._plan = plan
        self._begun = begun
        self._stall_s = stall_s

    async def send(self, session: UpstreamSession) -> AsyncGenerator[Event, None]:
        """Yield the events of all calls as those of one; progress counts over all of them."""
        self._begun()
        chain, made_s, percent = self._wish.continues, 0, 0
        pace = _Pace(self._stall_s)
        for place, seconds in enumerate(self._plan.lengths):
            ready: VideoReady | None = None
            async with aclosing(session.film(self._request(place, seconds, chain))) as events:
                while (event := await pace.next(events)) is not None:
                    if isinstance(event, Progress):
                        now = self._overall(made_s, seconds, event.percent)
                        if now > percent:
                            percent = now
                            pace.moved()
                            yield Progress(slot=0, percent=now)
                    elif not isinstance(event, Finished) or event.reason == "refused":
                        ready = event if isinstance(event, VideoReady) else ready
                        pace.moved()
                        yield event
            if ready is None:
                return
            made_s += seconds
            chain = _continued(chain, ready, seconds)
        yield Finished()

    def _overall(self, made_s: int, seconds: int, percent: int) -> int:
        """Return percent of the whole video."""
        return int((_ALL * made_s + seconds * percent) / self._plan.seconds)

    def _request(self, place: int, seconds: int, chain: Continued | None) -> VideoRequest:
        wish, plan = self._wish, self._plan
        return VideoRequest(
            prompt=wish.prompt,
            seconds=seconds,
            ratio=wish.ratio,
            resolution=plan.resolution,
            preset=wish.preset,
            references=() if place else wish.references,
            extends=None if chain is None else chain.asset.ref,
            original=None if chain is None else chain.original,
            start_s=0.0 if chain is None else self._start_s(place, chain),
            upscale=plan.upscale and place == len(plan.lengths) - 1,
        )

    def _start_s(self, place: int, chain: Continued) -> float:
        """Return where a continuation begins: at the end, unless the client says otherwise."""
        if place or self._wish.start_s is None:
            return float(chain.seconds)
        return self._wish.start_s


class _Pace:
    """Watches that a video makes progress."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._seen = False
        self._until = 0.0
        self.moved()

    def moved(self) -> None:
        """Note progress."""
        self._until = anyio.current_time() + self._stall_s

    async def next(self, events: AsyncGenerator[Event, None]) -> Event | None:
        """Return the next event; None: there is none.

        Raises:
            UpstreamFailure: There was no progress for too long.
        """
        try:
            with anyio.fail_after(self._until - anyio.current_time()):
                event = await anext(events, None)
        except TimeoutError:
            stage = Stage.CONTENT if self._seen else Stage.SENT
            stalled = Observation(operation="film", kind=Kind.TIMEOUT, stage=stage)
            raise UpstreamFailure(stalled) from None
        self._seen = True
        return event


def _continued(chain: Continued | None, ready: VideoReady, seconds: int) -> Continued:
    """Return what the next call continues: all that was made so far."""
    if chain is None:
        return Continued(asset=ready.asset, original=ready.asset.ref, seconds=seconds)
    return Continued(asset=ready.asset, original=chain.original, seconds=chain.seconds + seconds)


def _only_begun(each: int) -> Callable[[CallRecord], int]:
    """Make a correction: calls that came to an end, and the one under way."""

    def correct(record: CallRecord) -> int:
        begun = record.outputs + (record.observation is None or record.observation.kind != Kind.OK)
        return each * begun

    return correct
