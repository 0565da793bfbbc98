"""From a size as clients write it to a ratio that an upstream offers (F-API-07). Pure."""

import math
import re
from collections.abc import Iterable
from typing import Final

from grokgate.errors import InvalidRequest
from grokgate.plugin.records import Offer

RATIOS: Final = ("16:9", "9:16", "1:1", "2:3", "3:2")
"""What every profile offers."""
_SIZE: Final = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})\Z")
_RATIO: Final = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?):([0-9]{1,5}(?:\.[0-9]{1,3})?)\Z")
_AUTO: Final = "auto"


def shape(size: str | None, *, param: str) -> float | None:
    """Return width divided by height of ``WxH`` or ``W:H``; None: absent or ``auto``.

    Args:
        size: As the client wrote it.
        param: Field it stood in.

    Raises:
        InvalidRequest: It has another form.
    """
    if size is None or size == _AUTO:
        return None
    found = _SIZE.match(size) or _RATIO.match(size)
    width, height = map(float, found.groups()) if found else (0.0, 0.0)
    if not (width and height):
        raise InvalidRequest(
            f"Invalid value for '{param}': use 'auto', a size such as '1024x1536', or a ratio "
            "such as '2:3'.",
            param=param,
        )
    return width / height


def ratios_of(offer: Offer) -> tuple[str, ...]:
    """Return the ratios that a model offers."""
    named = offer.limits.get("ratios")
    return named if isinstance(named, tuple) else RATIOS


def nearest(wanted: float, offered: Iterable[str]) -> str:
    """Return the offered ratio that distorts the least; of equal ones the first."""
    return min(offered, key=lambda ratio: abs(math.log(wanted / _value(ratio))))


def _value(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return float(width) / float(height)
