"""Media posts: made, published, made sharper (upstream-protocol.md 7.1, 7.4, 9)."""

import uuid
from typing import Any

import msgspec
from msgspec import Struct

from grokgate.sandbox.accounts import Post
from grokgate.sandbox.assets import asset_url, own_file
from grokgate.sandbox.encode_http import stamp
from grokgate.sandbox.faults_media import PostError
from grokgate.sandbox.request import Answered, Reply, invalid, json_reply
from grokgate.sandbox.routes import G1_G2, Route
from grokgate.sandbox.studio import Studio
from grokgate.sandbox.world import Visit


class PostBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """What becomes a post."""

    media_type: str
    prompt: str = ""
    media_url: str = ""


class LinkBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """What becomes public."""

    post_id: str
    source: str = ""
    platform: str = ""


class UpscaleBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """What becomes sharper."""

    video_id: str


async def create_post(visit: Visit) -> Answered:
    """Make a post of a prompt, or of a file of the account."""
    try:
        call = msgspec.json.decode(visit.request.body, type=PostBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _wrong(visit, f"Invalid request: {error}")
    knob = next((action for action in visit.actions if isinstance(action, PostError)), None)
    if knob is not None and knob.form == "invalid_parent":
        return visit.world.refusal("invalid_parent")
    match call:
        case PostBody(media_type="MEDIA_POST_TYPE_VIDEO", media_url="") if call.prompt.strip():
            mime = ""
        case PostBody(media_type="MEDIA_POST_TYPE_IMAGE") if call.media_url:
            file = own_file(visit, call.media_url)
            if file is None:
                return visit.world.refuse(visit.exchange, "invalid_parent")
            mime = file.mime
        case _:
            return _wrong(visit, "Invalid media type")
    if knob is not None:
        return json_reply({"post": {"id": ""}})
    return json_reply({"post": _published(visit, call, mime)})


async def create_link(visit: Visit) -> Answered:
    """Publish the picture or video of a post."""
    try:
        call = msgspec.json.decode(visit.request.body, type=LinkBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _wrong(visit, f"Invalid request: {error}")
    post, file = visit.account.posts.get(call.post_id), visit.account.files.get(call.post_id)
    if post is not None:
        file = own_file(visit, post.media_url) or file
    if post is None and file is None:
        return visit.world.refuse(visit.exchange, "invalid_parent")
    if file is not None:
        file.public = True
    link = f"{visit.request.origin}/imagine/post/{call.post_id}?source={call.source}"
    return json_reply({"shareLink": link})


async def upscale(visit: Visit) -> Answered:
    """Make a second, sharper file of a video."""
    try:
        call = msgspec.json.decode(visit.request.body, type=UpscaleBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _wrong(visit, f"Invalid request: {error}")
    video = visit.account.files.get(call.video_id)
    if video is None or video.mime != "video/mp4":
        return visit.world.refuse(visit.exchange, "not_found")
    sharper = Studio.of(visit).sharper(video)
    return json_reply({"hdMediaUrl": asset_url(visit, sharper)})


def _published(visit: Visit, call: PostBody, mime: str) -> dict[str, Any]:
    now = visit.world.clock.now()
    post = Post(
        id=str(uuid.uuid4()),
        media_type=call.media_type,
        prompt=call.prompt,
        media_url=call.media_url,
        created_at=now.timestamp(),
    )
    visit.account.publish(post)
    return {
        "id": post.id,
        "userId": visit.account.user_id,
        "createTime": stamp(now),
        "prompt": post.prompt,
        "mediaType": post.media_type,
        "mediaUrl": post.media_url,
        "mimeType": mime,
        "originalPostId": "",
        "childPosts": [],
    }


def _wrong(visit: Visit, message: str) -> Reply:
    visit.exchange.refusal = "invalid"
    return invalid(message)


ROUTES = (
    Route(
        "post",
        "POST",
        "/rest/media/post/create",
        create_post,
        protocols=G1_G2,
        referers=("/imagine",),
    ),
    Route(
        "link",
        "POST",
        "/rest/media/post/create-link",
        create_link,
        protocols=G1_G2,
        referers=("/imagine", "/imagine/post/*"),
    ),
    Route(
        "upscale",
        "POST",
        "/rest/media/video/upscale",
        upscale,
        protocols=G1_G2,
        referers=("/imagine", "/imagine/post/*"),
    ),
)
