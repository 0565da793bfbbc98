"""Quota answers → facts about an account (`upstream-protocol.md` 4)."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from grokgate.upstream import Tier, Window
from grokgate_web.profile import Quota

_ASSUMED_WINDOW_S = 7200
_MOST = 1_000_000_000
"""Units and seconds beyond this are no numbers to count with."""
_TIERS: tuple[Tier, ...] = ("basic", "super", "heavy")


class _Answer(Struct, rename="camel", kw_only=True):
    remaining_tokens: int | None = None
    total_tokens: int | None = None
    remaining_queries: int | None = None
    total_queries: int | None = None
    window_size_seconds: int | None = None
    wait_time_seconds: float | None = None


def parse_window(body: bytes, quota: Quota) -> Window | None:
    """Read one quota answer; None: the account is not offered this window.

    Raises:
        ValueError: Not a quota answer; never repeats its text.
    """
    try:
        answer = msgspec.json.decode(_bare(body), type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("the quota answer is unreadable") from None
    remaining, total = _counters(answer, quota)
    if remaining is None or (quota.shape == "queries" and total is None):
        raise ValueError("the quota answer has no counters")
    if total == 0:
        return None
    window_s = answer.window_size_seconds or _ASSUMED_WINDOW_S
    if max(remaining, total or 0, window_s, answer.wait_time_seconds or 0) > _MOST:
        raise ValueError("the quota answer has impossible numbers")
    return Window(
        remaining=max(0, remaining),
        total=total,
        window_s=window_s,
        reset_in_s=None if remaining > 0 else answer.wait_time_seconds,
    )


def infer_tier(windows: Mapping[str, Window], quota: Quota) -> Tier | None:
    """Guess the subscription from totals; the lower tier where they contradict each other."""
    heavy = windows.get("heavy")
    if quota.tiers and heavy is not None and heavy.total:
        return "heavy"
    said = [
        tier
        for bucket, totals in quota.tiers.items()
        if bucket in windows and (tier := totals.get(str(windows[bucket].total)))
    ]
    if said:
        return min(said, key=_TIERS.index)
    window = windows.get("default")
    if quota.long_window_s is None or window is None or window.window_s is None:
        return None
    return "basic" if window.window_s >= quota.long_window_s else "super"


def _counters(answer: _Answer, quota: Quota) -> tuple[int | None, int | None]:
    if quota.shape == "units" and answer.remaining_tokens is not None:
        return answer.remaining_tokens, answer.total_tokens
    return answer.remaining_queries, answer.total_queries


def _bare(body: bytes) -> bytes:
    """Strip what is put before JSON to keep it from being run as a script."""
    bare = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith(b")]}'"):
        bare = bare.partition(b"\n")[2]
    return bare.removeprefix(b"for (;;);")
