"""What an operator may say about adult pictures (F-CFG-50 to F-CFG-53, F-MIG-09)."""

from typing import Annotated

from msgspec import Meta

from grokgate.plugin import Settings


class NsfwSettings(Settings, frozen=True, kw_only=True):
    """The plugin's settings."""

    default_count: Annotated[
        int,
        Meta(
            ge=1,
            le=4,
            description="Pictures of a request to the NSFW endpoint that does not say.",
            extra={
                "key": "grok.imagine_default_image_count",
                "zh": "NSFW 接口请求未指明时的图片数。",
            },
        ),
    ] = 4
    daily_limit: Annotated[
        int,
        Meta(
            ge=0,
            description="NSFW calls per account and day; 0: any number.",
            extra={
                "key": "grok.imagine_sso_daily_limit",
                "zh": "每个账号每天的 NSFW 调用上限，0 表示不限。",
            },
        ),
    ] = 10
    blocked_retry: Annotated[
        int,
        Meta(
            ge=0,
            le=10,
            description="How often pictures that were blocked are made again, each charged.",
            extra={
                "key": "grok.imagine_blocked_retry",
                "zh": "被拦截的图片最多重新生成的次数，每次都计费。",
            },
        ),
    ] = 3
    max_attempts: Annotated[
        int,
        Meta(
            ge=1,
            le=10,
            description="Attempts of one NSFW call, never more than 1 + grok.max_retry.",
            extra={
                "key": "grok.imagine_max_retries",
                "zh": "单次 NSFW 调用的尝试次数，不超过 1 + grok.max_retry。",
            },
        ),
    ] = 5
    flag: Annotated[
        bool,
        Meta(
            description="Ask for adult content; off: the route makes ordinary pictures.",
            extra={
                "key": "plugins.images_nsfw.nsfw",
                "zh": "请求成人内容；关闭后该接口只生成普通图片。",
                "file_only": True,
            },
        ),
    ] = True
