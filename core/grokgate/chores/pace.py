"""How many accounts a chore works on at once (F-JOB-07), by the section ``performance``."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from grokgate.settings.performance import PerformanceSettings

Work: TypeAlias = Literal["usage", "nsfw", "assets"]
MOST_AT_ONCE: Final = 100
"""Of what a request may ask for instead."""


class Pace(Struct, frozen=True, kw_only=True):
    """What bounds a chore."""

    at_once: int
    """Accounts worked on side by side."""
    step: int
    """Accounts of a step; the next one begins when all of them have ended."""
    most: int
    """Accounts that a predecessor's request may name (F-JOB-05)."""


WHOLE: Final = Pace(at_once=1, step=1, most=1)
"""Of work that is not done account by account."""


def pace_of(work: Work, performance: PerformanceSettings) -> Pace:
    """Read the pace of *work*.

    Of assets all accounts of a step are worked on at once: what is bounded there are the calls.
    """
    match work:
        case "usage":
            return Pace(
                at_once=performance.usage_max_concurrent,
                step=performance.usage_batch_size,
                most=performance.usage_max_tokens,
            )
        case "nsfw":
            return Pace(
                at_once=performance.nsfw_max_concurrent,
                step=performance.nsfw_batch_size,
                most=performance.nsfw_max_tokens,
            )
        case "assets":
            step = performance.assets_batch_size
            return Pace(at_once=step, step=step, most=performance.assets_max_tokens)
