"""What a request for a video says, whichever of the shapes it has (`openai-contract.md` 7)."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from grokgate.errors import InvalidRequest
from grokgate.openai import Source, accept, new_id
from grokgate.plugin import Body, Caller, Offer, PluginContext, load_attachments
from grokgate.plugin.media import VideoOptions, VideoWish, check_options, check_video
from grokgate.upstream import Blob
from grokgate_video.record import Job, Shape
from grokgate_video.schema import (
    InputReference,
    VideoForm,
    VideoOptionsRequest,
    VideoRequest,
    XaiRequest,
)
from grokgate_video.store import StoredJobs

Given: TypeAlias = Source | Blob
USUAL_MODEL: Final = "grok-imagine-1.0-video"
_FILES: Final = ("input_reference", "input_reference[]")
_SIZE: Final = re.compile(r"[0-9]+x[0-9]+\Z")
_SIZES: Final = {
    "16:9": "1280x720",
    "9:16": "720x1280",
    "1:1": "1024x1024",
    "2:3": "1024x1536",
    "3:2": "1536x1024",
}
_RATIOS: Final[dict[Shape, str]] = {"openai": "9:16", "xai": "16:9"}
"""Where the request names none."""
_XAI_FIELDS: Final = {"seconds": "duration", "references": "image"}
_OPENAI_FIELDS: Final = {"resolution": "resolution_name", "references": "input_reference"}
_MEGABYTE: Final = 2**20


class Asked(Struct, frozen=True, kw_only=True):
    """A request for a video; types are checked, nothing else."""

    shape: Shape
    model: str | None
    options: VideoOptions
    pictures: tuple[Given, ...] = ()
    """Not loaded yet where they are named rather than sent."""


class Checked(Struct, frozen=True, kw_only=True):
    """A request that can be served, and the job it becomes."""

    offer: Offer
    wish: VideoWish
    job: Job


async def read_request(body: Body) -> Asked:
    """Read a request in the shape of OpenAI, as JSON or as a form.

    Raises:
        GatewayError: The body is not fit.
    """
    if not body.is_form:
        request = await body.json(VideoRequest)
        return _of_openai(request, tuple(_named(request)))
    texts, form = await body.form(VideoForm, file_fields=())
    return _of_openai(texts, (*form.files_of(*_FILES), *_named_in_form(texts)))


def of_xai(request: XaiRequest) -> Asked:
    """Read a request in the shape of xAI."""
    named = [] if request.image is None else [("image.url", request.image.url)]
    named += [
        (f"reference_images[{place}].url", picture.url)
        for place, picture in enumerate(request.reference_images or ())
    ]
    pictures = tuple(Source(text=url, param=path, kind="image") for path, url in named)
    return Asked(
        shape="xai",
        model=request.model,
        options=VideoOptions(
            prompt=request.prompt,
            seconds=request.duration,
            aspect_ratio=request.aspect_ratio,
            resolution=request.resolution,
            preset=request.preset,
            references=len(pictures),
            fields=_XAI_FIELDS,
        ),
        pictures=pictures,
    )


async def check(ctx: PluginContext[Any], caller: Caller, asked: Asked) -> Checked:
    """Apply every rule, then load the pictures.

    Raises:
        GatewayError: It cannot be served; no account was asked.
    """
    check_options(asked.options)
    model = usual_model(ctx, caller) if asked.model is None else asked.model
    offer = ctx.models.find(model, capability="video", caller=caller)
    ratio = _RATIOS[asked.shape]
    wish = check_video(asked.options, offer, ctx.shared, default_ratio=ratio)
    pictures = await _load(asked.pictures, ctx, caller)
    job = new_job(ctx, caller, asked.shape, model, wish, size=_size(asked.options, wish))
    return Checked(offer=offer, wish=replace(wish, references=pictures), job=job)


def new_job(
    ctx: PluginContext[Any],
    caller: Caller,
    shape: Shape,
    model: str,
    wish: VideoWish,
    *,
    size: str,
) -> Job:
    """Make the record of a job that was not begun."""
    now = StoredJobs(ctx, caller.key_id).now()
    return Job(
        id=new_id("video_"),
        shape=shape,
        model=model,
        prompt=wish.prompt,
        seconds=wish.before_s + wish.plans[0].seconds,
        size=size,
        ratio=wish.ratio,
        created_at=now,
        touched_at=now,
    )


def usual_model(ctx: PluginContext[Any], caller: Caller) -> str:
    """Return the model that stands for an absent one: the bundled one, if the caller may use it."""
    offered = [
        offer.card.id for offer in ctx.models.offered(caller) if offer.card.capability == "video"
    ]
    if USUAL_MODEL in offered or not offered:
        return USUAL_MODEL
    return offered[0]


def _of_openai(request: VideoOptionsRequest, pictures: tuple[Given, ...]) -> Asked:
    return Asked(
        shape="openai",
        model=request.model,
        options=VideoOptions(
            prompt=request.prompt,
            seconds=request.seconds,
            size=request.size,
            aspect_ratio=request.aspect_ratio,
            resolution=request.resolution_name,
            preset=request.preset,
            references=len(pictures),
            fields=_OPENAI_FIELDS,
        ),
        pictures=pictures,
    )


def _named(request: VideoRequest) -> Iterable[Source]:
    given = request.input_reference
    if isinstance(given, str | InputReference):
        yield _source(given, "input_reference")
    elif given is not None:
        for place, entry in enumerate(given):
            yield _source(entry, f"input_reference[{place}]")
    if request.image_url is not None:
        yield Source(text=request.image_url, param="image_url", kind="image")


def _source(entry: str | InputReference, path: str) -> Source:
    if isinstance(entry, str):
        return Source(text=entry, param=path, kind="image")
    if entry.file_id is not None:
        return Source(file_id=entry.file_id, param=f"{path}.file_id", kind="image")
    path = f"{path}.image_url"
    if entry.image_url is None:
        raise InvalidRequest.missing(path)
    return Source(text=entry.image_url, param=path, kind="image")


def _named_in_form(texts: VideoForm) -> Iterable[Source]:
    named = {
        "input_reference": texts.reference,
        "input_reference[]": texts.references,
        "input_reference[image_url]": texts.reference_url,
        "image_url": texts.image_url,
    }
    for path, text in named.items():
        if text is not None:
            yield Source(text=text, param=path, kind="image")
    if texts.reference_file is not None:
        path = "input_reference[file_id]"
        yield Source(file_id=texts.reference_file, param=path, kind="image")


async def _load(
    given: Sequence[Given], ctx: PluginContext[Any], caller: Caller
) -> tuple[Blob, ...]:
    """Return the pictures: those that are named are decoded, fetched or opened."""
    sent = Source(file_id="", param="input_reference", kind="image")
    limit = ctx.shared.limits.file_mb * _MEGABYTE
    for one in given:
        if isinstance(one, Blob):
            accept(one, sent, limit=limit)
    named = [one for one in given if isinstance(one, Source)]
    loaded = iter(await load_attachments(named, ctx, caller, param="input_reference"))
    return tuple(next(loaded) if isinstance(one, Source) else one for one in given)


def _size(options: VideoOptions, wish: VideoWish) -> str:
    """Return the size the client named, or one of the video's ratio."""
    if options.aspect_ratio is None and options.size and _SIZE.match(options.size):
        return options.size
    return _SIZES.get(wish.ratio or "", _SIZES["9:16"])
