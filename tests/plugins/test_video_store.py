"""Kept video jobs: what is read of one that ends meanwhile, and of one whose end is lost."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from grokgate.errors import StoreUnavailable
from grokgate.plugin.media import VideoOptions, check_video
from grokgate_video.filming import Filming
from grokgate_video.record import Job
from grokgate_video.store import StoredJobs
from plugins.video_world import MODEL, UNDER_WAY, get, made, videos

pytestmark = pytest.mark.anyio


class Ending:
    """A context in which a job ends between two looks."""

    def __init__(self, before: Job, after: Job | None) -> None:
        self._before, self._after = before, after
        self.objects: Any = self
        self.jobs: Any = self

    def find(self, *_: Any, **__: Any) -> None:
        """Nobody works on it any more."""

    async def goes_on(self, *_: Any, **__: Any) -> bool:
        return False

    async def page(self, **_: Any) -> list[bytes]:
        return [msgspec.json.encode(self._before)]

    async def get(self, *_: Any, **__: Any) -> bytes | None:
        return None if self._after is None else msgspec.json.encode(self._after)


@pytest.mark.parametrize(
    ("after", "status"),
    [
        (replace(UNDER_WAY, status="completed"), "completed"),
        (UNDER_WAY, "failed"),
        (None, "failed"),
    ],
    ids=["ended", "crashed", "deleted"],
)
async def test_a_job_that_ends_while_it_is_listed_was_not_interrupted(
    after: Job | None, status: str
) -> None:
    ctx: Any = Ending(UNDER_WAY, after)

    assert [job.status for job in await StoredJobs(ctx, "k1").page(limit=1)] == [status]


class EndsLost:
    """A context in which no end of a job can be kept."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self.objects: Any = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    async def put(self, key: str, value: bytes, **more: Any) -> None:
        if msgspec.json.decode(value, type=Job).ended_at is not None:
            raise StoreUnavailable
        await self._ctx.objects.put(key, value, **more)


async def test_an_end_that_cannot_be_kept_reads_as_interrupted() -> None:
    async with videos(made()) as running:
        ctx: Any = EndsLost(running.gateway.context("videosof"))
        caller: Any = running.gateway.keys.find(running.key)
        offer = ctx.models.find(MODEL, capability="video", caller=caller)
        options = VideoOptions(prompt="waves")
        wish = check_video(options, offer, ctx.shared, default_ratio="9:16")

        await Filming(ctx, caller, offer, wish, replace(UNDER_WAY, status="queued"))()
        found = await get(running, UNDER_WAY.id)

    assert (found["status"], found["error"]["code"]) == ("failed", "interrupted")
    assert "video_end_not_kept" in {entry["event"] for entry in running.logs}
