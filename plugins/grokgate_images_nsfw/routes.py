"""``/v1/images/generations/nsfw``: the image socket with the flag for adult content (F-NSFW)."""

from typing import Final

from litestar import Response, post
from litestar.params import JSONBody
from msgspec.structs import replace

from grokgate.plugin import Ctx, CurrentCaller, Daily, EventStream
from grokgate.plugin.media import (
    CompletedImage,
    ImagesReply,
    PromptedRequest,
    Rotation,
    answer_pictures,
    asked_for,
    check,
)
from grokgate_images_nsfw.settings import NsfwSettings

MODEL: Final = "grok-imagine-1.0"
"""Always; what a request names has no effect."""
TAG: Final = "nsfw"
"""Of accounts whose own preference allows such pictures; others are asked where none has it."""
DEFAULT_RATIO: Final = "2:3"
DAY: Final = "nsfw_day"
"""What the daily limit of an account counts."""


@post(
    "/v1/images/generations/nsfw",
    status_code=200,
    summary="Make adult pictures from a prompt.",
    opt={"event": CompletedImage},
)
async def create_nsfw_images(
    ctx: Ctx[NsfwSettings], caller: CurrentCaller, data: JSONBody[PromptedRequest]
) -> ImagesReply | Response[ImagesReply] | EventStream:
    """Make pictures on accounts that are entitled to them, whole or streamed."""
    settings = ctx.settings
    check(data, data.prompt)
    offer = ctx.models.find(MODEL, capability="image", caller=caller)
    count = data.n or (1 if data.stream else settings.default_count)
    options = replace(data, n=count)
    asked = asked_for(ctx, options, data.prompt, offer, default_ratio=DEFAULT_RATIO)
    wish = replace(asked.wish, nsfw=settings.flag, anew=settings.blocked_retry)
    rotation = Rotation(
        prefer_tags=(TAG,),
        daily=Daily(name=DAY, limit=settings.daily_limit),
        most_attempts=settings.max_attempts,
    )
    return await answer_pictures(
        ctx, caller, offer, replace(asked, wish=wish), method="socket", rotation=rotation
    )
