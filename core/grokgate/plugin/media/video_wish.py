"""From what a client says of a video to a `VideoWish`: every rule of F-VID-01 to 04. Pure.

1. `check_options` applies what needs no model.
2. `check_video` applies the rest, and makes the wish. Nothing is fetched, leased or paid before.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn, Protocol

from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.plugin.media.ratios import nearest, ratios_of, shape
from grokgate.plugin.media.video_plans import (
    LONGEST_S,
    Length,
    Plan,
    check_length,
    continuation,
    plans,
)
from grokgate.plugin.records import Offer
from grokgate.upstream import Asset, Blob

USUAL_S: Final = 6
"""Length of a video whose request names none."""
_FRAME_S: Final = 1 / 24
_PRESETS: Final = frozenset({"fun", "normal", "spicy", "custom"})
_RESOLUTIONS: Final[Mapping[str, str]] = {
    "SD": "480p",
    "HD": "720p",
    "480p": "480p",
    "720p": "720p",
    "1080p": "1080p",
}
_NUMBER: Final = re.compile(r"-?[0-9]{1,99}\Z", re.ASCII)
_NSFW: Final = "images_nsfw"
"""Switch without which the preset ``spicy`` is refused."""


class VideoOptions(Struct, frozen=True, kw_only=True):
    """A video as a client describes it; None stands for absence."""

    prompt: str
    seconds: int | str | None = None
    size: str | None = None
    """``auto``, ``WxH`` or a ratio."""
    aspect_ratio: str | None = None
    """``auto`` or a ratio; wins over *size*."""
    resolution: str | None = None
    preset: str | None = None
    references: int = 0
    """How many pictures it starts from."""
    start_s: float | None = None
    """Of a continuation: what of the finished video stays; None: all of it."""
    fields: Mapping[str, str] = {}
    """What the client calls fields where its words are others: ``{"seconds": "duration"}``."""

    def param(self, name: str) -> str:
        """Return the path of a field, for error messages."""
        return self.fields.get(name, name)


class Continued(Struct, frozen=True, kw_only=True):
    """The finished video that another one continues; only its account can."""

    asset: Asset
    original: str
    """`Asset.ref` of the first video of the chain."""
    seconds: int


class VideoWish(Struct, frozen=True, kw_only=True):
    """A video as it can be made, all checks done."""

    prompt: str
    plans: tuple[Plan, ...]
    """Ways to make it, best first: one is tried after the other until there is an account."""
    ratio: str | None = None
    preset: str = "custom"
    references: tuple[Blob, ...] = ()
    """Pictures to start from, the first one as the first frame; filled in after the checks."""
    continues: Continued | None = None
    start_s: float | None = None
    """Seconds of that one that stay; None: all."""

    @property
    def before_s(self) -> int:
        """Whole seconds that the video has before anything is made."""
        if self.start_s is not None:
            return round(self.start_s)
        return self.continues.seconds if self.continues else 0


class Shared(Protocol):
    """What the operator says about videos: ``ctx.shared``."""

    @property
    def grok(self) -> Any:
        """Section ``grok``: ``video_extension``."""
        ...

    @property
    def enabled_routes(self) -> frozenset[str]:
        """Ids of the routes that answer now."""
        ...


def check_options(options: VideoOptions) -> None:
    """Check each field by itself.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    _prompt(options)
    _seconds(options)
    for name in ("size", "aspect_ratio"):
        shape(getattr(options, name), param=options.param(name))
    _resolution(options)
    _preset(options)


def check_video(
    options: VideoOptions, offer: Offer, shared: Shared, *, default_ratio: str
) -> VideoWish:
    """Apply every rule, in the light of what the model and the operator offer.

    Args:
        options: Types are checked.
        offer: Of a video model.
        shared: ``ctx.shared``.
        default_ratio: Where the client names none.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    prompt = _prompt(options)
    wanted = Length(
        seconds=_seconds(options),
        resolution=_resolution(options),
        seconds_param=options.param("seconds"),
        resolution_param=options.param("resolution"),
    )
    check_references(options, offer)
    return VideoWish(
        prompt=prompt,
        plans=plans(wanted, offer, rounds=shared.grok.video_extension),
        ratio=_ratio(options, offer) or default_ratio,
        preset=_offered_preset(options, spicy=_NSFW in shared.enabled_routes),
    )


def check_continuation(
    options: VideoOptions, offer: Offer, continues: Continued, *, before: Plan, ratio: str | None
) -> VideoWish:
    """Apply the rules to what is to be added to a finished video.

    Args:
        options: Prompt, seconds, start, ratio and resolution; nothing else of them counts.
        offer: Of a model whose videos may be continued (`may_continue`).
        continues: The finished video.
        before: How that was made.
        ratio: Its ratio, for where none is named.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    prompt, seconds = _prompt(options), _seconds(options)
    if seconds > LONGEST_S:
        message = f"At most {LONGEST_S} seconds can be added at once."
        _refuse(options, "seconds", message, code="integer_above_max_value")
    wanted = Length(
        seconds=seconds,
        resolution=_resolution(options),
        resolution_param=options.param("resolution"),
    )
    return VideoWish(
        prompt=prompt,
        plans=(continuation(wanted, offer, before),),
        ratio=_ratio(options, offer) or ratio,
        continues=continues,
        start_s=_start(options, continues),
    )


def check_references(options: VideoOptions, offer: Offer) -> None:
    """Refuse more pictures than the model starts from.

    Raises:
        InvalidRequest: ``unsupported_value`` where it takes none at all (F-VID-04).
    """
    most = offer.limits.get("references")
    if not isinstance(most, int) or options.references <= most:
        return
    if most == 0:
        _refuse(
            options,
            "references",
            "This model makes videos from text alone.",
            code="unsupported_value",
        )
    _refuse(
        options,
        "references",
        f"A video can start from at most {most} pictures.",
        code="too_many_attachments",
    )


def _prompt(options: VideoOptions) -> str:
    prompt = options.prompt.strip()
    if not prompt:
        _refuse(options, "prompt", "The prompt is empty.")
    return prompt


def _seconds(options: VideoOptions) -> int:
    given = USUAL_S if options.seconds is None else options.seconds
    if isinstance(given, str):
        if not _NUMBER.match(given.strip()):
            _refuse(options, "seconds", f"'{options.param('seconds')}' must be a whole number.")
        given = int(given)
    check_length(given, param=options.param("seconds"))
    return given


def _start(options: VideoOptions, continues: Continued) -> float | None:
    """Return where a continuation begins; the last frame of a video ends a little after it."""
    start_s = options.start_s
    if start_s is None:
        return None
    if not 0 < start_s <= continues.seconds + _FRAME_S:
        name, most = options.param("start_s"), continues.seconds
        _refuse(options, "start_s", f"'{name}' must be above 0 and at most {most} seconds.")
    return min(start_s, float(continues.seconds))


def _resolution(options: VideoOptions) -> str | None:
    if options.resolution is None:
        return None
    known = _RESOLUTIONS.get(options.resolution)
    if known is None:
        name = options.param("resolution")
        _refuse(options, "resolution", f"'{name}' must be one of {', '.join(_RESOLUTIONS)}.")
    return known


def _ratio(options: VideoOptions, offer: Offer) -> str | None:
    """Return the ratio the client means; None: it names none (F-API-07)."""
    name = "size" if options.aspect_ratio is None else "aspect_ratio"
    given = options.size if options.aspect_ratio is None else options.aspect_ratio
    offered = ratios_of(offer)
    wanted = shape(given, param=options.param(name))
    if wanted is None or given in offered:
        return given if wanted is not None else None
    if name == "aspect_ratio" or ":" in str(given):
        _refuse(options, name, f"'{options.param(name)}' must be one of {', '.join(offered)}.")
    return nearest(wanted, offered)


def _preset(options: VideoOptions) -> str:
    preset = "custom" if options.preset is None else options.preset
    if preset not in _PRESETS:
        listed = ", ".join(sorted(_PRESETS))
        _refuse(options, "preset", f"'{options.param('preset')}' must be one of {listed}.")
    return preset


def _offered_preset(options: VideoOptions, *, spicy: bool) -> str:
    preset = _preset(options)
    if preset == "spicy" and not spicy:
        _refuse(
            options,
            "preset",
            "The preset 'spicy' is not available on this gateway.",
            code="unsupported_value",
        )
    return preset


def _refuse(
    options: VideoOptions, name: str, message: str, *, code: str = "invalid_value"
) -> NoReturn:
    raise InvalidRequest(message, code=code, param=options.param(name))
