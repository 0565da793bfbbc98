"""What an operator may say about images (F-CFG-140, F-CFG-144, contract 6)."""

from typing import Annotated, Literal

from msgspec import Meta

from grokgate.errors import InvalidRequest
from grokgate.plugin import Settings
from grokgate.plugin.media import shape


def _check_size(text: str) -> None:
    """Check a size as requests have it."""
    try:
        shape(text, param="size")
    except InvalidRequest:
        raise ValueError("must be auto, a size such as 1024x1536, or a ratio such as 2:3") from None


class ImagesSettings(Settings, frozen=True, kw_only=True):
    """The plugin's settings."""

    edit_event_names: Annotated[
        bool,
        Meta(
            description="Name the events of streamed edits image_edit.*; off: image_generation.*,"
            " as older front ends know them.",
            extra={
                "key": "grok.edit_event_names",
                "zh": "流式编辑的事件名用 image_edit.*；关闭则用旧前端认识的 image_generation.*。",
            },
        ),
    ] = True
    variations: Annotated[
        bool,
        Meta(
            description="Offer POST /v1/images/variations, as an edit with a prompt of its own.",
            extra={
                "key": "images.variations",
                "zh": "提供 POST /v1/images/variations（以固定提示词进行编辑）。",
            },
        ),
    ] = False
    fast_n: Annotated[
        int,
        Meta(
            ge=1,
            le=10,
            description="Pictures per request to grok-imagine-1.0-fast, whatever the request says.",
            extra={
                "key": "imagine_fast.n",
                "zh": "grok-imagine-1.0-fast 每次请求的图片数，忽略请求中的值。",
            },
        ),
    ] = 1
    fast_size: Annotated[
        str,
        Meta(
            description="Size of pictures of grok-imagine-1.0-fast, whatever the request says.",
            extra={
                "key": "imagine_fast.size",
                "zh": "grok-imagine-1.0-fast 的图片尺寸，忽略请求中的值。",
                "check": _check_size,
            },
        ),
    ] = "1024x1024"
    fast_response_format: Annotated[
        Literal["url", "b64_json"],
        Meta(
            description="How grok-imagine-1.0-fast returns pictures, whatever the request says.",
            extra={
                "key": "imagine_fast.response_format",
                "zh": "grok-imagine-1.0-fast 的图片返回方式，忽略请求中的值。",
                "synonyms": {"base64": "b64_json"},
            },
        ),
    ] = "url"
