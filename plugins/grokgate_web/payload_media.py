"""Requests for pictures and videos → bodies and messages, from the templates of the profile."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from grokgate.upstream import ImageRequest, VideoRequest
from grokgate_web.payload import fill
from grokgate_web.profile_media import Edit, ImagineSocket, Video
from grokgate_web.settings import WebSettings


def edit_body(
    edit: Edit,
    request: ImageRequest,
    *,
    model: str,
    mode: str | None,
    sources: Mapping[str, Any],
    settings: WebSettings,
) -> bytes:
    """Build the body of an edit.

    Args:
        edit: The profile's.
        request: Prompt and ratio.
        model: Wire name.
        mode: None: the body names none.
        sources: What the shape says of the pictures: ``references`` and ``parent``, or ``assets``.
        settings: Of the operator.
    """
    values = {
        "temporary": settings.temporary,
        "no_memory": settings.disable_memory,
        "model": model,
        "mode": mode,
        "message": request.prompt,
        "ratio": request.ratio,
        **dict.fromkeys(("references", "parent", "assets")),
        **sources,
    }
    return msgspec.json.encode(fill(edit.bodies[edit.shape], values))


def imagine_messages(
    socket: ImagineSocket, request: ImageRequest, *, pro: bool, request_id: str, stamp: int
) -> Iterator[bytes]:
    """Build what is said on the socket for pictures.

    Args:
        socket: The profile's.
        request: Prompt, ratio and number.
        pro: The better model.
        request_id: Answers repeat it.
        stamp: Wall time in milliseconds.
    """
    values = {
        "nsfw": request.nsfw,
        "ratio": request.ratio or socket.ratio,
        "pro": pro,
        "count": request.count,
    }
    content = {
        "requestId": request_id,
        "text": request.prompt,
        "type": socket.item,
        "properties": fill(socket.properties, values),
    }
    if socket.reset:
        yield _item({"type": "reset"}, stamp)
    yield _item(content, stamp)


def expected_pictures(socket: ImagineSocket, request: ImageRequest, *, pro: bool) -> int:
    """Return how many pictures the upstream makes: as many as named, if it can be told a number."""
    if "{count}" in socket.properties.values():
        return request.count
    return socket.pro_round if pro else socket.round


def film_body(
    video: Video,
    request: VideoRequest,
    *,
    model: str,
    parent: str | None,
    original: str | None,
    references: Sequence[str],
    settings: WebSettings,
) -> bytes:
    """Build the body of a video.

    Args:
        video: The profile's.
        request: Prompt and form; its resolution is one of the profile's.
        model: Wire name.
        parent: Id of the post, or of the video that is continued; None where there is neither.
        original: Id of the first video of the chain.
        references: Addresses of pictures.
        settings: Of the operator.
    """
    start_s, preset = request.start_s, video.presets.get(request.preset or "", video.preset)
    values: dict[str, Any] = {
        "temporary": settings.temporary,
        "model": model,
        "message": f"{request.prompt} --mode={preset}",
        "prompt": request.prompt,
        "ratio": request.ratio or video.ratio,
        "seconds": request.seconds,
        "resolution": video.resolutions[request.resolution or video.resolution],
        "references": list(references),
        "parent": parent,
        "original": original or parent,
        "start": int(start_s) if float(start_s).is_integer() else start_s,
    }
    template = dict(video.config)
    if request.extends is not None:
        template |= video.extension
    elif len(references) > 1:
        template |= video.several
    values["config"] = fill(template, values)
    return msgspec.json.encode(fill(video.bodies[video.shape], values))


def _item(content: Mapping[str, Any], stamp: int) -> bytes:
    item = {"type": "message", "content": [content]}
    return msgspec.json.encode(
        {"type": "conversation.item.create", "timestamp": stamp, "item": item}
    )
