"""What the text of a key may look like (F-KEY-03, F-KEY-09, S4)."""

import base64
from collections.abc import Callable
from typing import Final

SHORTEST: Final = 16
_SHORTEST_ON_LOOPBACK: Final = 8
LONGEST: Final = 200
_RANDOM_BYTES: Final = 24
_PREFIX: Final = 6
_PREFIX_OF_SHORT: Final = 2


def generated(random_bytes: Callable[[int], bytes]) -> str:
    """Make the text of a new key."""
    return f"sk-{base64.urlsafe_b64encode(random_bytes(_RANDOM_BYTES)).decode()}"


def shown(key: str) -> str:
    """Return the characters by which a key is recognised."""
    return key[: _PREFIX_OF_SHORT if is_short(key) else _PREFIX]


def is_short(key: str) -> bool:
    """Tell whether a key could be guessed."""
    return len(key) < SHORTEST


def unfit(key: str) -> str | None:
    """Return why no client could send a key, or None."""
    if not key:
        return "has no text"
    if not key.isascii() or not key.isprintable() or " " in key:
        return "is not made of visible ASCII characters"
    if len(key) > LONGEST:
        return f"is longer than {LONGEST} characters"
    return None


def fault(key: str, *, short_will_do: bool) -> str | None:
    """Return what is wrong with a key that an operator chose, or None."""
    if reason := unfit(key):
        return reason
    if len(key) < (_SHORTEST_ON_LOOPBACK if short_will_do else SHORTEST):
        return f"is shorter than {SHORTEST} characters, or {_SHORTEST_ON_LOOPBACK} on loopback"
    return None
