"""What a reader of old files has to say about one place in them."""

from msgspec import Struct


class Remark(Struct, frozen=True, kw_only=True):
    """A place in an imported text and a sentence about it; never a secret."""

    position: str
    """``line 12``, ``ssoBasic[3]``; empty: the whole text."""
    reason: str
