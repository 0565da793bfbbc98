"""Numbers on the command line, checked while it is parsed; a wrong one ends with exit code 2."""

import argparse
import time
from datetime import UTC, datetime

_LONGEST_MS = 600_000
_DAY_MS = 86_400_000
_MOST_DAYS = 36_500


def port(text: str) -> int:
    """Parse a port; 0 is any."""
    return _number(text, 65535)


def count(text: str) -> int:
    """Parse how many there shall be, at most 1000."""
    return _number(text, 1000)


def whole(text: str) -> int:
    """Parse a whole number."""
    return _number(text, 1 << 53)


def moment(text: str) -> int:
    """Parse days from now, such as ``30d``, or a date, by UTC; return Unix milliseconds."""
    if text.endswith("d"):
        return int(time.time() * 1000) + _number(text[:-1], _MOST_DAYS) * _DAY_MS
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be days such as 30d, or a date") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def seeds(text: str) -> range:
    """Parse one number, or two with a dash between."""
    first, _, last = text.partition("-")
    found = range(whole(first), whole(last or first) + 1)
    if not found:
        raise argparse.ArgumentTypeError("must not end before it begins")
    return found


def positive(text: str) -> float:
    """Parse a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be a number above 0")
    return value


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    if text.strip("0.") == "":
        return 0.0
    value = positive(text)
    if value > 1:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return value


def milliseconds(text: str) -> float:
    """Parse a duration from 0 to ten minutes."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _LONGEST_MS:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {_LONGEST_MS}")
    return value


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {most}")
    return int(text)
