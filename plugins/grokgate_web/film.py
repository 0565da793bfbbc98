"""Videos, and continuations of videos (`upstream-protocol.md` 7).

1. A media post of the prompt or of the first picture, unless the profile needs none or a video is
   continued, which is a post itself.
2. A conversation with the order; news of the video come as its lines.
3. A sharper file, where that was asked for; without it the first one stands.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from grokgate.upstream import Event, Finished, UpstreamFailure, VideoReady, VideoRequest, Wire
from grokgate_web.actor import Actor, unfit
from grokgate_web.decode.film import file_id
from grokgate_web.making import made
from grokgate_web.opening import upload_all
from grokgate_web.payload_media import film_body
from grokgate_web.pictures import addresses
from grokgate_web.posts import post_picture, post_prompt, sharpen
from grokgate_web.talk import LinesTalk, Purpose, Talk

_FILM = "film"


class _Start(Struct, frozen=True, kw_only=True):
    """What a video starts from."""

    parent: str | None = None
    """Id of a post, or of the video that is continued."""
    original: str | None = None
    references: tuple[str, ...] = ()
    """Addresses of pictures."""


async def film(actor: Actor, request: VideoRequest) -> AsyncGenerator[Event, None]:
    """Make what *request* says."""
    if actor.wire is None or not _offered(actor, request):
        raise unfit(_FILM)
    start = await _start(actor, request)
    talk = await _order(actor, request, actor.wire, start)
    making = made(actor, talk, operation=_FILM, enough=lambda answer: answer.film.ready)
    video: VideoReady | None = None
    async with aclosing(making) as events:
        async for event in events:
            if isinstance(event, VideoReady) and request.upscale:
                video = event
                continue
            if isinstance(event, Finished) and video is not None:
                yield await _sharper(actor, video)
            yield event


def _offered(actor: Actor, request: VideoRequest) -> bool:
    """Tell whether the profile can be asked this at all."""
    video = actor.profile.video
    from_text = not request.references and request.extends is None and not request.upscale
    return (
        bool(request.prompt.strip())
        and (request.resolution or video.resolution) in video.resolutions
        and (video.shape == "post" or from_text)
        and (request.extends is None or file_id(request.extends) is not None)
        and (request.original is None or file_id(request.original) is not None)
    )


async def _start(actor: Actor, request: VideoRequest) -> _Start:
    """Make what the video starts from; nothing of it commits to anything."""
    if actor.profile.video.shape == "text":
        return _Start()
    if request.extends is not None:
        extended = file_id(request.extends)
        return _Start(parent=extended, original=file_id(request.original or request.extends))
    caller, post, first_s = actor.caller, actor.profile.post, actor.attempt.first_s
    if not request.references:
        prompt = request.prompt
        parent = await post_prompt(caller, post, prompt, operation=_FILM, first_s=first_s)
        return _Start(parent=parent)
    urls = addresses(actor, await upload_all(actor, request.references, purpose="edit"))
    parent = await post_picture(caller, post, urls[0], operation=_FILM, first_s=first_s)
    return _Start(parent=parent, references=tuple(urls))


async def _order(actor: Actor, request: VideoRequest, wire: Wire, start: _Start) -> Talk:
    video = actor.profile.video
    referer = video.referer
    if request.extends is not None and video.extension_referer:
        referer = video.extension_referer.replace("{id}", start.parent or "")
    talk = LinesTalk(
        actor.caller,
        actor.identity,
        actor.attempt,
        purpose=Purpose(operation=_FILM, path=video.path, referer=referer),
        sought=actor.sought(),
    )
    await talk.open(
        film_body(
            video,
            request,
            model=wire.name,
            parent=start.parent,
            original=start.original,
            references=start.references,
            settings=actor.identity.settings,
        )
    )
    return talk


async def _sharper(actor: Actor, event: VideoReady) -> VideoReady:
    """Have the video made sharper; it stays as it is if that fails."""
    upscale, video_id = actor.profile.video.upscale, file_id(event.asset.ref)
    if upscale is None or video_id is None:
        return event
    try:
        url = await sharpen(actor.caller, upscale, video_id)
    except UpstreamFailure:
        return event
    return replace(event, asset=replace(event.asset, ref=url, size=None))
