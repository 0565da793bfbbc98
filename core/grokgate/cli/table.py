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
    table = [[name.removesuffix("_at_ms").replace("_", " ") for name in names]]
    table += [[_text(name, row.get(name)) for name in names] for row in rows]
    widths = [max(_width(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        cells = [text + " " * (widths[i] - _width(text)) for i, text in enumerate(line)]
        print("  ".join(cells).rstrip())


def when(at_ms: int) -> str:
    """Return Unix milliseconds as a minute in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"


def _text(name: str, value: Any) -> str:
    shown = _plain(name, value)
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)


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
