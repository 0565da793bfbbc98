"""From a request for pictures to a `Wish`: every rule of `openai-contract.md` 5 and 6. Pure.

1. `check` applies what needs no model: prompt and sizes.
2. `ask` applies the rules between fields, in the light of the model's offer, and makes the wish.
"""

from typing import Protocol

from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.plugin.media.ratios import nearest, ratios_of, shape
from grokgate.plugin.media.records import Wish
from grokgate.plugin.media.wire import PictureOptions
from grokgate.plugin.records import Offer

MOST_STREAMED = 2
"""Pictures of one stream."""


class Formats(Protocol):
    """What the operator says about the form of answers."""

    image_format: str
    """``url`` or ``base64``, where the request does not say (``app``)."""


class Asked(Struct, frozen=True, kw_only=True):
    """A checked request."""

    wish: Wish
    streamed: bool
    as_links: bool
    """The answer names links; else it holds the pictures."""


def check(options: PictureOptions, prompt: str) -> None:
    """Check the prompt and the form of the sizes.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    if not prompt.strip():
        raise InvalidRequest("The prompt is empty.", param="prompt")
    shape(options.size, param="size")
    shape(options.aspect_ratio, param="aspect_ratio")


def ask(
    options: PictureOptions,
    prompt: str,
    offer: Offer,
    *,
    default_ratio: str | None,
    formats: Formats,
    has_base: bool,
    keeps_base64: bool,
) -> Asked:
    """Apply the rules between fields and make the wish.

    Args:
        options: Checked by `check`.
        prompt: The same.
        offer: Of the model.
        default_ratio: Where none is named; None: the upstream's own choice.
        formats: Section ``app``.
        has_base: Links would have a host (F-IMG-06).
        keeps_base64: Pictures are kept beside an answer that holds them (F-FILE-08).

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    refuse_other_kinds(options)
    streamed, count = bool(options.stream), options.n or 1
    if streamed and count > MOST_STREAMED:
        raise InvalidRequest(
            f"At most {MOST_STREAMED} pictures can be streamed; use a smaller 'n'.", param="stream"
        )
    form = options.response_format or (formats.image_format if has_base else "b64_json")
    as_links = form == "url"
    param = "size" if options.aspect_ratio is None else "aspect_ratio"
    wanted = shape(
        options.size if options.aspect_ratio is None else options.aspect_ratio, param=param
    )
    wish = Wish(
        prompt=prompt.strip(),
        count=count,
        ratio=default_ratio if wanted is None else nearest(wanted, ratios_of(offer)),
        size_named=wanted is not None,
        previews=(options.partial_images or 0) if streamed else 0,
        concurrency=options.concurrency or 1,
        links=as_links or keeps_base64,
        contents=streamed or not as_links,
    )
    return Asked(wish=wish, streamed=streamed, as_links=as_links)


def refuse_other_kinds(options: PictureOptions) -> None:
    """Refuse what asks for a result of another kind than an opaque still picture.

    Raises:
        InvalidRequest: ``unsupported_parameter`` or ``unsupported_value``.
    """
    for field in ("svg", "frame_count", "frame_duration_ms"):
        if getattr(options, field) is not None:
            raise InvalidRequest(
                f"Unsupported parameter: '{field}' is not supported with this endpoint.",
                code="unsupported_parameter",
                param=field,
            )
    others = {"background": ("transparent",), "output_format": ("svg", "gif")}
    for field, values in others.items():
        if getattr(options, field) in values:
            raise InvalidRequest(
                f"Unsupported value: '{field}' cannot be '{getattr(options, field)}'.",
                code="unsupported_value",
                param=field,
            )
