"""``/v1/video/extend``: a finished video is continued while its client waits (F-VID-13)."""

from typing import Any

from litestar import post
from litestar.params import JSONBody
from msgspec import UNSET

from grokgate.plugin import (
    Caller,
    Ctx,
    CurrentCaller,
    EventStream,
    PluginContext,
    Settings,
    patiently,
)
from grokgate_video.asking import Checked
from grokgate_video.extension import check_extension, of_direct
from grokgate_video.filming import complete
from grokgate_video.record import KEPT_S
from grokgate_video.schema import DirectRequest, ExtendedVideo, VideoSource


@post(
    "/v1/video/extend",
    status_code=200,
    summary="Have a finished video continued, and wait for it.",
)
async def extend_directly(
    ctx: Ctx[Settings], caller: CurrentCaller, data: JSONBody[DirectRequest]
) -> ExtendedVideo | EventStream:
    """Return the video that is both together; a client that leaves ends it."""
    checked = await check_extension(ctx, caller, of_direct(data))
    return await patiently(lambda: _extended(ctx, caller, checked, data), ctx.shared.grok)


async def _extended(
    ctx: PluginContext[Any], caller: Caller, checked: Checked, data: DirectRequest
) -> ExtendedVideo:
    wish = checked.wish
    job = await complete(ctx, caller, checked.offer, wish, checked.job)
    (plan,) = wish.plans
    assert job.video is not None
    return ExtendedVideo(
        id=job.id,
        model=job.model,
        created_at=job.created_at,
        completed_at=job.ended_at,
        expires_at=None if job.ended_at is None else job.ended_at + KEPT_S,
        prompt=job.prompt,
        reference_id=_named(data),
        start_time=float(wish.before_s) if wish.start_s is None else wish.start_s,
        ratio=job.ratio,
        length=plan.seconds,
        seconds=str(job.seconds),
        resolution=data.resolution if plan.upscale else plan.resolution,
        url=job.video.link,
        thumbnail_url=UNSET if job.poster is None else job.poster.link,
    )


def _named(data: DirectRequest) -> str:
    """Return how the request names the video."""
    video = data.video or VideoSource()
    return data.reference_id or video.id or data.video_url or video.url or ""
