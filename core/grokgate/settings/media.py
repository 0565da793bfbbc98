"""The core's sections about stored pictures, videos and files, and when a day begins."""

from typing import Annotated, Final

from grokgate.plugin.records import Settings
from grokgate.settings.fields import Declaration, Switch, described
from grokgate.settings.startup import OWNER


class CacheSettings(Settings, frozen=True, kw_only=True):
    """Section ``cache``: how much the stored pictures and videos may take."""

    enable_auto_clean: Annotated[
        bool,
        described(
            "Remove the longest unused pictures and videos when a limit is passed.",
            "超过上限时自动删除最久未使用的图片和视频。",
        ),
    ] = True
    limit_mb: Annotated[
        int,
        described("Most that both may take together, MB.", "图片和视频的总上限（MB）。", ge=1),
    ] = 1024
    image_max_mb: Annotated[
        int,
        described(
            "Most that pictures may take, MB; 0: no limit of their own.",
            "图片的单独上限（MB），0 表示无单独上限。",
            ge=0,
        ),
    ] = 0
    video_max_mb: Annotated[
        int,
        described(
            "Most that videos may take, MB; 0: no limit of their own.",
            "视频的单独上限（MB），0 表示无单独上限。",
            ge=0,
        ),
    ] = 0
    keep_base64_cache: Annotated[
        bool,
        described(
            "Keep pictures that were returned as base64, too.", "以 base64 返回的图片也保留文件。"
        ),
    ] = True
    daily_reset: Annotated[
        bool,
        described(
            "Remove all pictures and videos of earlier days at midnight, uploads included.",
            "每天零点删除之前的全部图片和视频，包括上传的图片。",
        ),
    ] = False


class FilesSettings(Settings, frozen=True, kw_only=True):
    """Section ``files``: links, and the files of clients."""

    link_hours: Annotated[
        float,
        described(
            "Hours a link to a picture or video holds.",
            "图片和视频链接的有效小时数。",
            gt=0,
            le=87_600,
        ),
    ] = 24
    require_auth: Annotated[
        bool,
        described(
            "Ask for the API key as well when a link is opened.", "打开链接时还需要 API 密钥。"
        ),
    ] = False
    max_mb: Annotated[
        float,
        described(
            "Most that the files of one key in /v1/files may take, MB.",
            "每个密钥在 /v1/files 中的文件总上限（MB）。",
            gt=0,
        ),
    ] = 1024


class QuotaSettings(Settings, frozen=True, kw_only=True):
    """Section ``quota``."""

    tz_offset_minutes: Annotated[
        int,
        described(
            "When a day begins: minutes east of UTC.",
            "一天从何时开始：与 UTC 的时差（分钟，东为正）。",
            ge=-720,
            le=840,
            clamp=True,
        ),
    ] = 480


MEDIA: Final = (
    Declaration(OWNER, CacheSettings, "cache"),
    Declaration(OWNER, FilesSettings, "files"),
    Declaration(OWNER, QuotaSettings, "quota"),
)
SWITCHES: Final = (Switch("files", OWNER), Switch("uploads", OWNER))
"""Switches of the core's own routes (F-CFG-115, F-CFG-118)."""
