"""What was not understood in one answer, as paths of fields: first signs of another protocol (F12).

Values never get into a path. Neither do names that might be values, such as ids used as keys: they
become ``*``.
"""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

import msgspec

MOST_PATHS = 32
"""Kept per answer; what is more says nothing new."""

_MOST_BYTES = 256 * 1024
_MOST_ITEMS = 50
"""Of a list that are looked at."""
_NAME = re.compile(r"(?=.{1,40}$)[A-Za-z_$]+(?:\d{1,4}[A-Za-z_$]*)?")


class Paths(set[str]):
    """Paths of fields that are unknown, missing or of another type; bounded in number."""

    def add(self, path: str) -> None:
        """Note *path*, whose segments are names of ours or went through `compare`."""
        if len(self) < MOST_PATHS:
            super().add(path)

    def compare(self, names: Iterable[str], known: Container[str], where: str = "") -> None:
        """Note the *names* of fields that are not *known*.

        Args:
            names: Of the fields in one object.
            known: Those that need no notice.
            where: Path of the object, with a dot at its end; empty: the answer itself.
        """
        for name in names:
            if len(self) >= MOST_PATHS:
                return
            if name not in known:
                self.add(where + (name if _NAME.fullmatch(name) else "*"))


def news(answer: bytes, known: Mapping[str, Container[str]]) -> Paths:
    """Compare an answer that was read as a whole; passes over a long one and one that is no JSON.

    Args:
        answer: JSON text.
        known: Where an object stands → its fields: ``""`` for the answer itself, ``"user."`` for
            an object in it, ``"assets[]."`` for those in a list. Others are not looked into.
    """
    paths = Paths()
    if len(answer) > _MOST_BYTES:
        return paths
    try:
        content = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return paths
    _compare(content, known, "", paths)
    return paths


def _compare(value: Any, known: Mapping[str, Container[str]], where: str, paths: Paths) -> None:
    if not isinstance(value, dict) or where not in known:
        return
    paths.compare(value, known[where], where)
    for name, inner in value.items():
        if isinstance(inner, list):
            for item in inner[:_MOST_ITEMS]:
                _compare(item, known, f"{where}{name}[].", paths)
        else:
            _compare(inner, known, f"{where}{name}.", paths)
