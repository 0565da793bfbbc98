"""What a token has left, in the three numbers of an overview (F-UI-20)."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from grokgate.tokens.record import Bucket

_HEAVY: Final = "heavy"
_IMAGE: Final = "image"
_OTHER: Final = ("image", "video", "nsfw")
"""How the names of windows begin from which no conversation draws."""


class QuotaLeft(Struct, frozen=True, kw_only=True, gc=False):
    """Units by kind; −1: unknown."""

    chat: int
    image: int
    """Half of the conversations where pictures have no windows of their own."""
    heavy: int


def quota_left(buckets: Mapping[str, Bucket]) -> QuotaLeft:
    """Add up the windows of each kind."""
    images = _sum(bucket for name, bucket in buckets.items() if name.startswith(_IMAGE))
    chat = _sum(
        bucket for name, bucket in buckets.items() if name != _HEAVY and not name.startswith(_OTHER)
    )
    heavy = buckets.get(_HEAVY)
    return QuotaLeft(
        chat=chat,
        image=images if images >= 0 or chat < 0 else chat // 2,
        heavy=heavy.remaining if heavy else -1,
    )


def _sum(buckets: Iterable[Bucket]) -> int:
    """Return what is left in all that are known; −1: none is."""
    known = [bucket.remaining for bucket in buckets if bucket.remaining >= 0]
    return sum(known) if known else -1
