"""One video as the calls of one account: progress, continuation, standstill (F-VID-09)."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import anyio
import pytest

from grokgate.plugin.media.segments import Segments
from grokgate.plugin.media.video_plans import Plan
from grokgate.plugin.media.video_wish import VideoWish
from grokgate.upstream import (
    Asset,
    Event,
    Finished,
    Kind,
    Progress,
    Stage,
    Started,
    UpstreamFailure,
    VideoReady,
    VideoRequest,
)

pytestmark = pytest.mark.anyio


class Session:
    """Films what it was told, one list of events a call; None stands for silence."""

    def __init__(self, *films: Sequence[Event | None]) -> None:
        self._films = iter(films)
        self.asked: list[VideoRequest] = []
        self.closed = 0

    async def film(self, request: VideoRequest) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        try:
            for event in next(self._films):
                if event is None:
                    await anyio.sleep_forever()
                else:
                    yield event
        finally:
            self.closed += 1


def ready(ref: str) -> VideoReady:
    return VideoReady(asset=Asset(ref=ref, account="t1"))


def at(percent: int) -> Progress:
    return Progress(slot=0, percent=percent)


async def told(session: Any, *lengths: int, stall_s: float = 5) -> list[Event]:
    plan = Plan(lengths=lengths)
    wish = VideoWish(prompt="waves", plans=(plan,))
    segments = Segments(wish, plan, begun=lambda: None, stall_s=stall_s)
    return [event async for event in segments.send(session)]


async def test_progress_counts_over_all_calls() -> None:
    first: list[Event] = [Started(), at(50), at(50), ready("a"), Finished()]
    session = Session(first, [at(0), at(50), ready("b"), Finished()])

    events = await told(session, 10, 6)

    assert [event.percent for event in events if isinstance(event, Progress)] == [31, 62, 81]
    assert [event for event in events if isinstance(event, Finished)] == [Finished()]
    assert events[-1] == Finished()


async def test_each_call_continues_what_was_made_so_far() -> None:
    films: list[list[Event]] = [[ready(ref), Finished()] for ref in "abc"]
    session = Session(*films)

    await told(session, 10, 10, 6)

    assert [(one.extends, one.original, one.start_s) for one in session.asked] == [
        (None, None, 0.0),
        ("a", "a", 10.0),
        ("b", "a", 20.0),
    ]
    assert [one.seconds for one in session.asked] == [10, 10, 6]


async def test_a_call_without_a_video_is_the_last_one() -> None:
    session = Session([at(10), Finished(reason="refused")], [])

    assert await told(session, 6, 6) == [at(5), Finished(reason="refused")]
    assert len(session.asked) == 1


@pytest.mark.parametrize(
    ("film", "stage"),
    [([None], Stage.SENT), ([at(10), at(10), None], Stage.CONTENT)],
    ids=["nothing", "standstill"],
)
async def test_a_standstill_is_a_timeout(film: Sequence[Event | None], stage: Stage) -> None:
    session = Session(film)
    with anyio.fail_after(5), pytest.raises(UpstreamFailure) as failed:
        await told(session, 6, stall_s=0.02)

    observation = failed.value.observation
    assert (observation.kind, observation.stage, session.closed) == (Kind.TIMEOUT, stage, 1)
