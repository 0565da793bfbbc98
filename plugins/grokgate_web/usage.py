"""Quota answers → facts about an account (`upstream-protocol.md` 4)."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct

from grokgate.upstream import Tier, Window
from grokgate_web.decode.credits import WeeklyPool
from grokgate_web.profile import Quota

_ASSUMED_WINDOW_S = 7200
_MOST = 1_000_000_000
"""Units and seconds beyond this are no numbers to count with."""
UNKNOWN = -1
"""Units of a window that may hold something."""
_TIERS: tuple[Tier, ...] = ("basic", "super", "heavy")


class _Answer(Struct, rename="camel", kw_only=True):
    remaining_tokens: int | None = None
    total_tokens: int | None = None
    remaining_queries: int | None = None
    total_queries: int | None = None
    window_size_seconds: int | None = None
    wait_time_seconds: float | None = None


class _Product(Struct, rename="camel", kw_only=True):
    available: bool
    remaining_queries: int | None = None
    window_size_seconds: int | None = None
    next_available_at: str | None = None


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


def parse_products(body: bytes, products: Mapping[str, str], now: datetime) -> dict[str, Window]:
    """Read what pictures and videos have left; products that are not offered are left out.

    Args:
        body: The answer.
        products: Bucket → key of the answer.
        now: Aware; the time at which a product comes back counts from here.

    Raises:
        ValueError: Not such an answer; never repeats its text.
    """
    try:
        answer = msgspec.json.decode(_bare(body), type=dict[str, Raw])
        found = {
            bucket: msgspec.json.decode(answer[key], type=_Product | None)
            for bucket, key in products.items()
        }
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        raise ValueError("the quota answer is unreadable") from None
    return {bucket: _window(product, now) for bucket, product in found.items() if product}


def under_pool(
    windows: Mapping[str, Window], pool: WeeklyPool | None, now: datetime
) -> Mapping[str, Window]:
    """Let a weekly pool decide whether *windows* hold anything (4.6).

    A pool that is used up empties all of them until its period ends. With something left in it none
    of them is empty, though nobody knows in which numbers.
    """
    if pool is None:
        return windows
    left = 0 if pool.exhausted else UNKNOWN
    reset_in_s = min(float(_MOST), max(0.0, pool.end_s - now.timestamp()))
    return {
        bucket: msgspec.structs.replace(
            window, remaining=left, reset_in_s=reset_in_s if pool.exhausted else None
        )
        if pool.exhausted or window.remaining == 0
        else window
        for bucket, window in windows.items()
    }


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


def _window(product: _Product, now: datetime) -> Window:
    remaining = product.remaining_queries
    if product.available and (remaining is None or product.window_size_seconds is None):
        raise ValueError("the quota answer has no counters")
    window_s = product.window_size_seconds
    if max(remaining or 0, window_s or 0) > _MOST:
        raise ValueError("the quota answer has impossible numbers")
    left = max(0, remaining or 0) if product.available else 0
    return Window(
        remaining=left,
        window_s=window_s if window_s and window_s > 0 else None,
        reset_in_s=None if left else _until(product.next_available_at, now),
    )


def _until(moment: str | None, now: datetime) -> float | None:
    try:
        at = datetime.fromisoformat(moment or "")
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _bare(body: bytes) -> bytes:
    """Strip what is put before JSON to keep it from being run as a script."""
    bare = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith(b")]}'"):
        bare = bare.partition(b"\n")[2]
    return bare.removeprefix(b"for (;;);")
