"""Prints rows for people and for programs."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

_WIDE = frozenset("WF")


def print_json(value: Any) -> None:
    """Print *value* as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def print_table(rows: Sequence[Mapping[str, Any]], *, empty: str) -> None:
    """Print *rows* (all with the same keys) as aligned columns, or *empty* when there are none."""
    if not rows:
        print(empty)
        return
    names = list(rows[0])
    table = [[_label(name) for name in names]]
    table += [[_text(name, row.get(name)) for name in names] for row in rows]
    widths = [max(_width(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        cells = [text + " " * (widths[i] - _width(text)) for i, text in enumerate(line)]
        print("  ".join(cells).rstrip())


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
