"""Pictures and videos for every endpoint: opened, read, kept, rendered in one way."""

from grokgate.plugin.media.answering import Answering, PictureText
from grokgate.plugin.media.asking import MOST_STREAMED, Asked, check
from grokgate.plugin.media.configs import Configs, ImageConfig, VideoConfig
from grokgate.plugin.media.conversing import UNREAD, MediaWish, check_turn, last_turn, open_turn
from grokgate.plugin.media.fast import FAST, FastSettings, fixed
from grokgate.plugin.media.incoming import Incoming
from grokgate.plugin.media.inline import Illustrated
from grokgate.plugin.media.markdown import picture_line, poster_link, video_tag
from grokgate.plugin.media.pictures import METHOD_NAMES, Pictures, open_pictures
from grokgate.plugin.media.ratios import RATIOS, nearest, ratios_of, shape
from grokgate.plugin.media.records import (
    Made,
    Method,
    Picture,
    PictureEvent,
    PictureProgress,
    PictureUsage,
    Preview,
    Rotation,
    Wish,
)
from grokgate.plugin.media.reply import answer_pictures, asked_for
from grokgate.plugin.media.segments import video_cost_rules
from grokgate.plugin.media.video_plans import Plan, may_continue
from grokgate.plugin.media.video_wish import (
    Continued,
    VideoOptions,
    VideoWish,
    check_continuation,
    check_options,
    check_video,
)
from grokgate.plugin.media.videos import (
    Film,
    Video,
    VideoEvent,
    VideoMade,
    VideoProgress,
    open_video,
)
from grokgate.plugin.media.wire import CompletedImage, ImagesReply, PictureOptions, PromptedRequest

__all__ = [
    "FAST",
    "METHOD_NAMES",
    "MOST_STREAMED",
    "RATIOS",
    "UNREAD",
    "Answering",
    "Asked",
    "CompletedImage",
    "Configs",
    "Continued",
    "FastSettings",
    "Film",
    "Illustrated",
    "ImageConfig",
    "ImagesReply",
    "Incoming",
    "Made",
    "MediaWish",
    "Method",
    "Picture",
    "PictureEvent",
    "PictureOptions",
    "PictureProgress",
    "PictureText",
    "PictureUsage",
    "Pictures",
    "Plan",
    "Preview",
    "PromptedRequest",
    "Rotation",
    "Video",
    "VideoConfig",
    "VideoEvent",
    "VideoMade",
    "VideoOptions",
    "VideoProgress",
    "VideoWish",
    "Wish",
    "answer_pictures",
    "asked_for",
    "check",
    "check_continuation",
    "check_options",
    "check_turn",
    "check_video",
    "fixed",
    "last_turn",
    "may_continue",
    "nearest",
    "open_pictures",
    "open_turn",
    "open_video",
    "picture_line",
    "poster_link",
    "ratios_of",
    "shape",
    "video_cost_rules",
    "video_tag",
]
