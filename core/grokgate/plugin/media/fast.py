"""The model whose parameters are the operator's, whoever asks for its pictures (F-IMG-13)."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Protocol

from msgspec import Meta
from msgspec.structs import replace

from grokgate.errors import InvalidRequest
from grokgate.plugin.media.asking import MOST_STREAMED
from grokgate.plugin.media.ratios import shape
from grokgate.plugin.media.wire import PictureOptions
from grokgate.plugin.records import Offer, Settings

FAST: Final = "grok-imagine-1.0-fast"


def _check_size(text: str) -> None:
    """Check a size as requests have it."""
    try:
        shape(text, param="size")
    except InvalidRequest:
        raise ValueError("must be auto, a size such as 1024x1536, or a ratio such as 2:3") from None


class FastSettings(Settings, frozen=True, kw_only=True):
    """What stands in place of a client's parameters (F-CFG-144).

    The plugin that has the model's card declares them, as a part of its own section.
    """

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


class Sections(Protocol):
    """All settings of a moment (`grokgate.plugin.context.SharedSettings`)."""

    @property
    def sections(self) -> Mapping[type[Settings], Settings]:
        """Those of every plugin too."""
        ...


def fixed(options: PictureOptions, offer: Offer, shared: Sections) -> PictureOptions:
    """Return *options*, for the fast model with the operator's parameters.

    Args:
        options: Of the client.
        offer: Of any image model.
        shared: ``ctx.shared``.
    """
    if offer.card.id != FAST:
        return options
    sections = shared.sections.values()
    declared = (section for section in sections if isinstance(section, FastSettings))
    settings = next(declared, FastSettings())
    count = min(settings.fast_n, MOST_STREAMED) if options.stream else settings.fast_n
    return replace(
        options,
        n=count,
        size=settings.fast_size,
        aspect_ratio=None,
        response_format=settings.fast_response_format,
    )
