"""What is shown in place of a secret (S14)."""

from typing import Final

from grokgate.upstream import Secret

MARK: Final = "…"
_SHOWN: Final = 6
_SHORTEST_SHOWN: Final = 24
"""Of a shorter secret nothing is shown."""


def masked(secret: Secret) -> str:
    """Return the mask of *secret*: at most its last six characters."""
    return MARK + tail(secret)


def tail(secret: Secret) -> str:
    """Return what a mask shows of *secret*; empty for a short one."""
    text = secret.reveal()
    return text[-_SHOWN:] if len(text) >= _SHORTEST_SHOWN else ""


def is_mask(text: str) -> bool:
    """Tell whether *text* is a mask, which stands for a secret and is none."""
    return text.lstrip().startswith(MARK)
