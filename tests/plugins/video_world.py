"""Videos against an upstream that is written down, for tests."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from msgspec.structs import replace

import grokgate_video
from grokgate.jobs import JobId
from grokgate.plugin import CostRule, ModelCard, RouteSpec, hookimpl
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import (
    Asset,
    Event,
    Finished,
    Progress,
    UpstreamSpec,
    VideoReady,
    VideoRequest,
)
from grokgate_video.record import Job

PATH = "/v1/videos"
MODEL = "grok-imagine-1.0-video"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"film" * 64
JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
OLD, MIDDLE, NEW = "2026-02", "2026-04", "2026-08"
UNDER_WAY = Job(
    id="video_1",
    shape="openai",
    model="m",
    prompt="waves",
    seconds=6,
    size="720x1280",
    ratio=None,
    created_at=100,
    touched_at=200,
    status="in_progress",
)
"""As it is kept."""


class VideosOf:
    """The video plugin with the cards of one protocol profile."""

    def __init__(self, protocol: str) -> None:
        self._key = f"web/{protocol}"

    @hookimpl
    def grokgate_models(self) -> Iterable[ModelCard]:
        for card in grokgate_video.grokgate_models():
            yield replace(card, wire={self._key: card.wire[self._key]})

    @hookimpl
    def grokgate_cost_rules(self) -> Iterable[CostRule]:
        return grokgate_video.grokgate_cost_rules()

    @hookimpl
    def grokgate_routes(self) -> Iterable[RouteSpec]:
        return grokgate_video.grokgate_routes()


class FreeAccounts(FakeUpstream):
    """An upstream whose accounts have no paid plan."""

    def spec(self, upstream: str = "web", **more: Any) -> UpstreamSpec:
        pools = ("ssoBasic", "ssoSuper")
        serves = {"basic": pools, "super": pools[1:], "heavy": ()}
        return replace(super().spec(upstream, **more), serves=serves)


@asynccontextmanager
async def videos(
    *answers: Any,
    protocol: str = OLD,
    upstream: FakeUpstream | None = None,
    **more: Any,
) -> AsyncIterator[RunningGateway]:
    """A gateway with the video plugin, whose upstream speaks *protocol*."""
    upstream = FakeUpstream() if upstream is None else upstream
    upstream.add(*answers)
    upstream.contents |= {f"v{number}": MP4 for number in range(1, 10)} | {"p1": JPEG}
    async with running_gateway(VideosOf(protocol), upstream=upstream, **more) as running:
        yield running


def made(ref: str = "v1", *percents: int, poster: str | None = None) -> list[Event]:
    """What the upstream says of a video that it makes."""
    picture = None if poster is None else Asset(ref=poster, account="")
    return [
        *(Progress(slot=0, percent=percent) for percent in percents),
        VideoReady(asset=Asset(ref=ref, account=""), poster=picture),
    ]


class Held:
    """A video that waits at some percent until it is let go."""

    def __init__(self, percent: int = 40) -> None:
        self.reached = asyncio.Event()
        self.released = asyncio.Event()
        self._percent = percent

    async def __call__(self, _: Any) -> AsyncGenerator[Event, None]:
        yield Progress(slot=0, percent=self._percent)
        self.reached.set()
        await self.released.wait()
        yield VideoReady(asset=Asset(ref="v1", account=""))
        yield Finished()


async def create(running: RunningGateway, **fields: Any) -> Any:
    """Post a request in the shape of OpenAI; return the object."""
    return (await running.client.post(PATH, json={"prompt": "waves", **fields})).json()


async def get(running: RunningGateway, video_id: str) -> Any:
    return (await running.client.get(f"{PATH}/{video_id}")).json()


async def ended(running: RunningGateway, video_id: str) -> Any:
    """Wait until nobody works on a job any more; return it."""
    caller = running.gateway.keys.find(running.key)
    assert caller is not None
    job_id = JobId(plugin="videosof", kind="video", key=video_id, owner=caller.key_id)
    job = running.gateway.jobs.find(job_id)
    if job is not None:
        with anyio.fail_after(10):
            await job.wait()
    return await get(running, video_id)


async def finished(running: RunningGateway, **fields: Any) -> Any:
    """Create a video and wait for its end."""
    return await ended(running, (await create(running, **fields))["id"])


def asked(running: RunningGateway, place: int = -1) -> VideoRequest:
    """What the upstream was asked."""
    request = running.fake.asked[place].request
    assert isinstance(request, VideoRequest)
    return request
