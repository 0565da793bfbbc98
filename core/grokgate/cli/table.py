"""Prints rows for people and for programs."""

import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

_WIDE = frozenset("WF")
_GAP = "  "


def print_json(value: Any) -> None:
    """Print *value* as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def print_table(
    rows: Sequence[Mapping[str, Any]],
    *,
    empty: str,
    spare: Sequence[str] = (),
    width: int | None = None,
) -> bool:
    """Print *rows* (all with the same keys) as aligned columns, or *empty* when there are none.

    Args:
        rows: The lines.
        empty: A sentence.
        spare: Columns to leave out, first ones first, as long as lines are too long.
        width: Characters of the longest line; what is still too long is cut. None: any.

    Returns:
        Whether something was left out or cut.
    """
    if not rows:
        print(empty)
        return False
    columns = {
        name: [_label(name), *(_text(name, row.get(name)) for row in rows)] for name in rows[0]
    }
    widths = {name: max(map(_width, column)) for name, column in columns.items()}
    shown = dict(widths)
    for name in spare:
        if not _is_over(shown, width):
            break
        del shown[name]
    for line in zip(*(columns[name] for name in shown), strict=True):
        cells = map(_padded, line, shown.values())
        print(_cut(_GAP.join(cells).rstrip(), width))
    return len(shown) < len(widths) or _is_over(shown, width)


def terminal_width() -> int | None:
    """Return the characters of a line of the terminal; None: standard output is none."""
    return shutil.get_terminal_size((0, 0)).columns or None


def print_pairs(values: Mapping[str, Any]) -> None:
    """Print *values* one a line, their names as a column."""
    width = max(len(_label(name)) for name in values)
    for name, value in values.items():
        print(f"{_label(name).ljust(width)}  {_text(name, value)}")


def printable(text: str) -> str:
    """Keep control characters of names and reasons off the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def counted(count: int, thing: str) -> str:
    """Return ``1 unit``, ``2 units``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def ago(at_ms: int | None) -> str:
    """Return how long ago Unix milliseconds were, such as ``5 min ago``; None is never."""
    if at_ms is None:
        return "never"
    age_s = max(0, int(datetime.now(UTC).timestamp() - at_ms / 1000))
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if age_s >= 2 * unit_s:
            return f"{age_s // unit_s} {unit} ago"
    return f"{age_s} s ago"


def when(at_ms: int) -> str:
    """Return Unix milliseconds as a minute in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"


def _is_over(widths: Mapping[str, int], width: int | None) -> bool:
    longest = sum(widths.values()) + len(_GAP) * (len(widths) - 1)
    return width is not None and longest > width


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _cut(line: str, width: int | None) -> str:
    if width is None or _width(line) <= width:
        return line
    while _width(line) > width - 1:
        line = line[:-1]
    return f"{line}…"


def _label(name: str) -> str:
    return name.removesuffix("_at_ms").replace("_", " ")


def _text(name: str, value: Any) -> str:
    return printable(_plain(name, value))


def _plain(name: str, value: Any) -> str:
    if value is None or value == "":
        return "-"
    if name.endswith("_at_ms"):
        return when(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={inner}" for key, inner in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "-"
    return str(value)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in _WIDE else 1 for char in text)
