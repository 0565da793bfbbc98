"""What the upstream knows: the true quota of every account, against which overselling is measured.

The ledger only believes. It *must* be right about a bucket as long as that bucket is vouched for:
its numbers came from an honest survey, and nothing has happened since that the program cannot know,
such as an owner who uses the account elsewhere.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from grokgate.upstream import Window

_ROUNDING_S = 0.002
"""Stored times are whole milliseconds."""


class Quota:
    """One quota window of one account. Times are monotonic seconds."""

    __slots__ = ("remaining", "reset_at", "total", "window_s")

    def __init__(self, total: int, window_s: float, reset_at: float) -> None:
        self.remaining = total
        self.total = total
        self.window_s = window_s
        self.reset_at = reset_at


class TrueAccount:
    """One account at the upstream."""

    __slots__ = ("dead", "disturbed", "early", "id", "offered", "quotas", "vouched", "wasted")

    def __init__(self, token: str, quotas: Mapping[str, Quota]) -> None:
        self.id = token
        self.quotas = dict(quotas)
        self.dead = False
        self.disturbed = 0
        """How often its owner has used it elsewhere."""
        self.vouched: set[str] = set()
        """Buckets of which the ledger must not believe more than is true."""
        self.early: Counter[str] = Counter()
        """Units charged already for attempts that have not ended."""
        self.offered = 0
        """Units of the windows that have ended."""
        self.wasted = 0
        """Units that were left when a window ended."""

    def lacks(self, buckets: Iterable[str]) -> str | None:
        """Return the first of *buckets* that is not part of the account's plan."""
        return next((name for name in buckets if name not in self.quotas), None)

    def empty(self, buckets: Iterable[str], now: float) -> str | None:
        """Return the first of *buckets* with nothing left."""
        return next((name for name in buckets if not self.left(name, now)), None)

    def left(self, bucket: str, now: float) -> int:
        """Return the units left in *bucket*; windows that have ended are filled again."""
        quota = self.quotas.get(bucket)
        if quota is None:
            return 0
        if now >= quota.reset_at - _ROUNDING_S:
            unseen = max(0, int((now - quota.reset_at) // quota.window_s))
            self.wasted += quota.remaining + unseen * quota.total
            self.offered += (1 + unseen) * quota.total
            quota.reset_at += (1 + unseen) * quota.window_s
            quota.remaining = quota.total
        return quota.remaining

    def take(self, parts: Mapping[str, int], now: float) -> dict[str, int]:
        """Charge a call, at most what is left (F-TOK-30); return what was charged."""
        taken = {}
        for name, units in parts.items():
            taken[name] = self.spend(name, units, now)
        self.early.update(taken)
        return taken

    def disturb(self, now: float) -> None:
        """Have its owner use it elsewhere."""
        self.vouched.clear()
        self.disturbed += 1
        for name in self.quotas:
            self.spend(name, 1, now)

    def spend(self, bucket: str, units: int, now: float) -> int:
        """Charge one bucket; return what was charged."""
        spent = min(units, self.left(bucket, now))
        if bucket in self.quotas:
            self.quotas[bucket].remaining -= spent
        return spent

    def windows(self, now: float, buckets: Iterable[str]) -> dict[str, Window]:
        """Say what is left, as a survey does."""
        return {
            name: Window(
                remaining=self.left(name, now),
                total=quota.total,
                window_s=int(quota.window_s),
                reset_in_s=quota.reset_at - now,
            )
            for name in sorted(buckets)
            if (quota := self.quotas.get(name)) is not None
        }
