"""Media posts, from which edits and videos start, and sharper videos (`upstream-protocol.md` 7)."""

from typing import Any

import msgspec

from grokgate.upstream import Kind, Observation, Stage, UpstreamFailure
from grokgate_web.call import WebCall
from grokgate_web.caller import Caller
from grokgate_web.decode import known
from grokgate_web.decode.fields import first_text
from grokgate_web.profile_media import Post, Upscale


async def post_prompt(
    caller: Caller, post: Post, prompt: str, *, operation: str, first_s: float
) -> str:
    """Make a post of *prompt* for a video, and return its id.

    Raises:
        UpstreamFailure: Refused; nothing of the order itself was sent.
    """
    body = {"mediaType": "MEDIA_POST_TYPE_VIDEO", "prompt": prompt}
    return await _create(caller, post, body, operation=operation, first_s=first_s)


async def post_picture(
    caller: Caller, post: Post, url: str, *, operation: str, first_s: float
) -> str:
    """Make a post of a picture of the account at *url*, and return its id.

    Raises:
        UpstreamFailure: As for `post_prompt`.
    """
    body = {"mediaType": "MEDIA_POST_TYPE_IMAGE", "mediaUrl": url}
    return await _create(caller, post, body, operation=operation, first_s=first_s)


async def sharpen(caller: Caller, upscale: Upscale, video_id: str) -> str:
    """Have a video made sharper, and return where the other file lies.

    Raises:
        UpstreamFailure: Refused, or no answer in time.
    """
    call = WebCall(
        operation="film",
        path=upscale.path,
        referer=upscale.referer,
        body=msgspec.json.encode({"videoId": video_id}),
        first_s=upscale.within_s,
        known=known.UPSCALED,
    )
    return _text((await caller.fetch(call)).body, "hdMediaUrl", "film")


async def _create(
    caller: Caller, post: Post, body: dict[str, Any], *, operation: str, first_s: float
) -> str:
    call = WebCall(
        operation=operation,
        path=post.path,
        referer=post.referer,
        body=msgspec.json.encode(body),
        first_s=first_s,
        sent_stage=Stage.UNSENT,
        known=known.POST,
    )
    return _text((await caller.fetch(call)).body, "post.id", operation)


def _text(body: bytes, path: str, operation: str) -> str:
    try:
        found = first_text(msgspec.json.decode(body), (path,))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if found is None:
        raise UpstreamFailure(
            Observation(operation=operation, kind=Kind.MALFORMED, stage=Stage.UNSENT, drift=(path,))
        )
    return found
