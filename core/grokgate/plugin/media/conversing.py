"""Image and video models in a conversation: its last turn says what is wanted (F-CHAT-12, F-VID).

1. `last_turn` finds the message of the user that counts; the rest of the conversation does not.
2. `check_turn` applies every rule before anything is fetched, leased or paid.
3. `open_turn` has the pictures or the video made, and waits until there is news.
"""

from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeAlias

from msgspec.structs import replace

from grokgate.errors import InvalidRequest
from grokgate.plugin.context import PluginContext
from grokgate.plugin.media.answering import Answering
from grokgate.plugin.media.answers import PicturesAnswer, VideoAnswer
from grokgate.plugin.media.asking import check
from grokgate.plugin.media.configs import Configs, ImageConfig, VideoConfig
from grokgate.plugin.media.fast import fixed
from grokgate.plugin.media.pictures import open_pictures
from grokgate.plugin.media.records import Wish
from grokgate.plugin.media.reply import asked_for
from grokgate.plugin.media.video_wish import VideoOptions, VideoWish, check_video
from grokgate.plugin.media.videos import open_video
from grokgate.plugin.media.wire import MOST_PROMPT, PictureOptions
from grokgate.plugin.records import Caller, Offer
from grokgate.upstream import Attachment, Blob, Conversation, Text

MediaWish: TypeAlias = Wish | VideoWish
UNREAD: Final = Blob.of_bytes(b"", mime="", name="")
"""Stands for an attachment while nothing is loaded yet."""
_PICTURE_RATIO: Final = "2:3"
_VIDEO_RATIO: Final = "3:2"
"""Where the request names none."""
_EDITABLE: Final = frozenset({"image/png", "image/jpeg", "image/webp"})


def last_turn(conversation: Conversation) -> Conversation:
    """Return the conversation of the user's last message alone; without one it is empty."""
    turns = [message for message in conversation.messages if message.role == "user"]
    return Conversation(messages=tuple(turns[-1:]))


def check_turn(
    ctx: PluginContext[Any],
    offer: Offer,
    turn: Conversation,
    configs: Configs,
    *,
    param: str,
    streamed: bool,
) -> MediaWish:
    """Apply every rule, and make the wish.

    Args:
        ctx: Of the plugin that asks.
        offer: Of an image, edit or video model.
        turn: Comes from `last_turn`; what is attached need not be loaded yet.
        configs: Of the request.
        param: Field that holds the conversation, for error messages.
        streamed: How it is answered.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    text = _text(turn)
    if len(text) > MOST_PROMPT:
        _refuse(
            param,
            f"The prompt may have at most {MOST_PROMPT} characters.",
            "string_above_max_length",
        )
    pictures = len(_pictures(turn, param))
    if offer.card.capability == "video":
        return _video_wish(ctx, offer, text, configs.video_config, pictures=pictures, param=param)
    _check_number(offer, pictures, param)
    return _wish(ctx, offer, text, configs.image_config, param=param, streamed=streamed)


async def open_turn(
    ctx: PluginContext[Any],
    caller: Caller,
    offer: Offer,
    wish: MediaWish,
    turn: Conversation,
    *,
    param: str,
    timeout_s: float,
) -> Answering:
    """Have pictures or a video made, and wait until there is news.

    Args:
        ctx: Of the plugin that asks.
        caller: Whose request it is, and whose the pictures or the video will be.
        offer: Of the model.
        wish: Made by `check_turn`.
        turn: The same turn with everything loaded.
        param: Field that holds the conversation, for error messages.
        timeout_s: Seconds for each call that makes pictures; 0: no total limit.

    Raises:
        GatewayError: There will be none: what `open_pictures` and `open_video` raise.
    """
    pictures = _pictures(turn, param)
    if isinstance(wish, VideoWish):
        film = await open_video(ctx, caller, offer, replace(wish, references=pictures))
        return VideoAnswer(film, ctx.shared)
    if any(picture.mime not in _EDITABLE for picture in pictures):
        _refuse(param, "The image must be PNG, JPEG or WebP.", "invalid_image")
    wish = replace(wish, references=pictures)
    return PicturesAnswer(await open_pictures(ctx, caller, offer, wish, timeout_s=timeout_s))


def _wish(
    ctx: PluginContext[Any],
    offer: Offer,
    text: str,
    config: ImageConfig | None,
    *,
    param: str,
    streamed: bool,
) -> Wish:
    config = config or ImageConfig()
    options = PictureOptions(
        n=config.n,
        size=config.size,
        aspect_ratio=config.aspect_ratio,
        response_format=config.response_format,
        stream=streamed,
    )
    ratio = _PICTURE_RATIO if offer.card.capability == "image" else None
    try:
        check(options, text)
        options = fixed(options, offer, ctx.shared)
        asked = asked_for(ctx, options, text, offer, default_ratio=ratio)
    except InvalidRequest as error:
        names = {"prompt": param, "stream": "stream"}
        path = names.get(error.param or "", f"image_config.{error.param}")
        raise InvalidRequest(error.message, code=error.code, param=path) from None
    return replace(asked.wish, contents=not asked.as_links)


def _video_wish(
    ctx: PluginContext[Any],
    offer: Offer,
    text: str,
    config: VideoConfig | None,
    *,
    pictures: int,
    param: str,
) -> VideoWish:
    config = config or VideoConfig()
    length = "video_length" if config.seconds is None else "seconds"
    resolution = "resolution" if config.resolution_name is None else "resolution_name"
    options = VideoOptions(
        prompt=text,
        seconds=getattr(config, length),
        size=config.size,
        aspect_ratio=config.aspect_ratio,
        resolution=getattr(config, resolution),
        preset=config.preset,
        references=pictures,
        fields=_paths(param, length, resolution),
    )
    return check_video(options, offer, ctx.shared, default_ratio=_VIDEO_RATIO)


def _paths(param: str, length: str, resolution: str) -> Mapping[str, str]:
    """Return where each option of a video stands in the request."""
    names = {"seconds": length, "resolution": resolution}
    fields = ("seconds", "size", "aspect_ratio", "resolution", "preset")
    paths = {field: f"video_config.{names.get(field, field)}" for field in fields}
    return {"prompt": param, "references": param, **paths}


def _check_number(offer: Offer, pictures: int, param: str) -> None:
    """Refuse pictures for a model that takes none, and an edit without any or with too many."""
    if offer.card.capability == "image":
        if pictures:
            message = "This model makes pictures from text alone; use an edit model to change one."
            _refuse(param, message, "unsupported_value")
        return
    most = offer.limits.get("references")
    if not pictures:
        message = "The user's last message holds no picture to change."
        _refuse(param, message, "missing_required_parameter")
    if isinstance(most, int) and pictures > most:
        message = f"At most {most} pictures can be changed at once."
        _refuse(param, message, "array_above_max_length")


def _text(turn: Conversation) -> str:
    parts = (part for message in turn.messages for part in message.parts)
    return "\n".join(part.text for part in parts if isinstance(part, Text)).strip()


def _pictures(turn: Conversation, param: str) -> tuple[Blob, ...]:
    """Return the pictures of the turn, in order.

    Raises:
        InvalidRequest: Something else is attached (F-VID-04).
    """
    parts = (part for message in turn.messages for part in message.parts)
    attached = [part for part in parts if isinstance(part, Attachment)]
    if any(part.kind != "image" for part in attached):
        message = "Only pictures can be attached for this model."
        _refuse(param, message, "unsupported_file_type")
    return tuple(part.blob for part in attached)


def _refuse(param: str, message: str, code: str) -> NoReturn:
    raise InvalidRequest(message, code=code, param=param)
