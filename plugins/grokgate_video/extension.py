"""The continuation of a finished video, where the upstream's profile has it (F-VID-13).

Only what the gateway made for the same key can be continued, and only by the account that made it.
"""

from typing import Any, Final

from msgspec import Struct

from grokgate.errors import Conflict, InvalidRequest, UnknownUrl
from grokgate.plugin import Body, Caller, Offer, PluginContext
from grokgate.plugin.media import VideoOptions, check_continuation, may_continue
from grokgate_video.asking import Checked, new_job
from grokgate_video.record import Job, Shape
from grokgate_video.schema import DirectRequest, ExtensionForm, ExtensionRequest, VideoSource
from grokgate_video.store import StoredJobs

_DIRECT_FIELDS: Final = {
    "seconds": "length",
    "start_s": "start_time",
    "aspect_ratio": "ratio",
}


class Extension(Struct, frozen=True, kw_only=True):
    """What is to be added to which video: named by its id, or else by a link."""

    shape: Shape
    """In which it is answered."""
    model: str | None
    options: VideoOptions
    video_id: str | None = None
    link: str | None = None
    link_param: str = "video.url"
    """Field of the link."""


async def read_extension(body: Body) -> Extension:
    """Read a request as JSON or as a form.

    Raises:
        UnknownUrl: ``endpoint_not_supported``: it brings a video of its own.
        GatewayError: The body is not fit.
    """
    if body.is_form:
        form, _ = await body.form(ExtensionForm, file_fields=("video",))
        if form.video_id is None:
            raise not_offered("continue a video that is sent to it")
        options = VideoOptions(prompt=form.prompt, seconds=form.seconds)
        return Extension(shape="openai", model=form.model, options=options, video_id=form.video_id)
    request = await body.json(ExtensionRequest)
    if request.video.id is None and request.video.url is None:
        raise InvalidRequest.missing("video.url")
    seconds, fields = request.seconds, {}
    if seconds is None:
        seconds, fields = request.duration, {"seconds": "duration"}
    return Extension(
        shape="xai" if request.video.id is None else "openai",
        model=request.model,
        options=VideoOptions(prompt=request.prompt, seconds=seconds, fields=fields),
        video_id=request.video.id,
        link=request.video.url,
    )


def of_direct(request: DirectRequest) -> Extension:
    """Read a request that waits for its video.

    Raises:
        InvalidRequest: It names none.
    """
    video = request.video or VideoSource()
    video_id = request.reference_id or video.id
    link = request.video_url or video.url
    if video_id is None and link is None:
        raise InvalidRequest.missing("reference_id")
    return Extension(
        shape="openai",
        model=request.model,
        options=VideoOptions(
            prompt=request.prompt,
            seconds=request.length,
            aspect_ratio=request.ratio,
            resolution=request.resolution,
            start_s=request.start_time,
            fields=_DIRECT_FIELDS,
        ),
        video_id=video_id,
        link=link,
        link_param="video_url" if request.video_url else "video.url",
    )


async def check_extension(ctx: PluginContext[Any], caller: Caller, asked: Extension) -> Checked:
    """Find the video and apply every rule.

    Raises:
        UnknownUrl: ``endpoint_not_supported``: the model's videos cannot be continued.
        GatewayError: It cannot be served; no account was asked.
    """
    named = None if asked.model is None else _offer(ctx, caller, asked.model)
    before = await _find(StoredJobs(ctx, caller.key_id), asked)
    model = before.model if asked.model is None else asked.model
    offer = named or _offer(ctx, caller, model)
    if before.made is None or before.plan is None:
        raise Conflict(
            "The video is not ready.", code="video_not_ready", headers={"x-should-retry": "false"}
        )
    wish = check_continuation(
        asked.options, offer, before.made, before=before.plan, ratio=before.ratio
    )
    job = new_job(ctx, caller, asked.shape, model, wish, size=before.size)
    return Checked(offer=offer, wish=wish, job=job)


def not_offered(what: str) -> UnknownUrl:
    """Describe a route of the original APIs that the upstream has nothing for."""
    return UnknownUrl(f"The upstream cannot {what}.", code="endpoint_not_supported")


def _offer(ctx: PluginContext[Any], caller: Caller, model: str) -> Offer:
    """Find a model whose videos can be continued."""
    offer = ctx.models.find(model, capability="video", caller=caller)
    if not may_continue(offer):
        raise not_offered("continue videos")
    return offer


async def _find(jobs: StoredJobs, asked: Extension) -> Job:
    if asked.video_id is not None:
        return await jobs.find(asked.video_id)
    job = await jobs.of_link(asked.link or "")
    if job is None:
        raise InvalidRequest(
            "Only a video that this gateway made for the same key can be continued.",
            param=asked.link_param,
        )
    return job
