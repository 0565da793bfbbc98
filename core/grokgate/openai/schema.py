"""JSON Schemas of clients, checked without their leave to fetch anything or to take for ever.

The library checks each pair of a recursive schema and a value once, but unfolds the other
references: their number is bounded here before a schema is used. The time of a check grows with
schema times value, which is bounded too. That holds for plain references alone, so other ways to
refer are refused. Nothing is ever fetched, and no text of a value is repeated in a message.
"""

from collections.abc import Iterator, Mapping
from itertools import count as count_from
from typing import Any, Final
from urllib.parse import unquote

import msgspec

MOST_PARTS: Final = 20_000
"""Parts of a schema once its references are unfolded."""
MOST_WORK: Final = 50_000_000
"""Parts of the schema times parts of the value: less than a second."""
_MOST_DEPTH = 200
_TOO_COMPLEX = "The schema is too complex."
_OTHER_REFERENCES = ("$dynamicRef", "$recursiveRef")
_DEFINITIONS = frozenset({"$defs", "definitions"})
"""What stands in them counts where it is referred to."""
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", *_DEFINITIONS})
_ONLY_POINTERS = "Only references of the forms '#' and '#/…' are supported."


class JsonSchema:
    """A schema that values can be checked against; a pure function of its document.

    Raises:
        ValueError: The document is no valid JSON Schema, refers to something outside of itself,
            or is too complex; says what and where.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.parts, self._recursive = _measure(document)
        """Parts of the document with its references unfolded: what using it costs."""
        # Few requests name a schema, and every process would carry the library.
        from grokgate.openai.validator import Validator  # noqa: PLC0415 - see above

        self._validator = Validator(document)

    def problem(self, value: object) -> str:
        """Say why *value*, decoded JSON, is not valid; empty: it is."""
        if self.parts * _count(value, MOST_WORK // self.parts + 1) > MOST_WORK:
            return "It is too large to be checked against the schema."
        try:
            if self._validator.is_valid(value):
                return ""
            return self._describe(value)
        except (ValueError, RecursionError):
            # A lone surrogate, or nested deeper than the library goes.
            return "It cannot be checked against the schema."

    def _describe(self, value: object) -> str:
        """Name the first fault. For recursive schemas that could take for ever."""
        if self._recursive:
            return "It is not valid against the schema."
        return self._validator.first_fault(value)


def schema_text(document: Mapping[str, Any]) -> str:
    """Return *document* as compact JSON."""
    return msgspec.json.encode(document).decode()


def printable(text: str, limit: int = 200) -> str:
    """Return *text* in one line of at most *limit* characters."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown.rstrip(".") if len(shown) <= limit else shown[:limit] + "…"


def _count(value: object, most: int) -> int:
    """Count the parts of *value*, texts by their length; stops soon after *most*."""
    total, waiting = 0, [value]
    while waiting and total <= most:
        part = waiting.pop()
        total += 1
        if isinstance(part, str):
            total += len(part) // 64
        else:
            waiting.extend(_children(part))
    return total


def _children(part: object) -> Iterator[object]:
    if isinstance(part, Mapping):
        yield from part
        yield from part.values()
    elif isinstance(part, list | tuple):
        yield from part


def _measure(document: Mapping[str, Any]) -> tuple[int, bool]:
    """Count the parts of *document* with its references unfolded, and tell whether any recurs.

    Raises:
        ValueError: There are too many, it is nested too deeply, or refers in another way.
    """
    _check_references(document)
    measure = _Measure(document)
    return measure.parts(document, 0), measure.recursive


def _check_references(document: Mapping[str, Any]) -> None:
    base = "id" if "draft-04" in str(document.get("$schema")) else "$id"
    waiting: list[object] = [document]
    for count in count_from(1):
        if not waiting:
            return
        if count > MOST_PARTS:
            raise ValueError(_TOO_COMPLEX)
        part = waiting.pop()
        if isinstance(part, Mapping):
            named = isinstance(part.get(base), str) and part is not document
            if named or any(isinstance(part.get(word), str) for word in _OTHER_REFERENCES):
                raise ValueError(_ONLY_POINTERS)
        waiting.extend(_children(part))


class _Measure:
    """Walks a document; what a reference leads to counts wherever it stands."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.recursive = False
        self._document = document
        self._known: dict[str, int | None] = {}
        """Parts by reference; None: being counted."""

    def parts(self, part: object, depth: int, *, named: bool = False) -> int:
        """Count *part*; *named*: its keys are names of the client, not words of JSON Schema."""
        if depth > _MOST_DEPTH:
            raise ValueError("The schema is nested too deeply.")
        if isinstance(part, Mapping):
            total = 1 + len(part) + self._fields(part, depth, named=named)
        elif isinstance(part, list):
            total = 1 + sum(self.parts(child, depth + 1) for child in part)
        else:
            total = 1
        if total > MOST_PARTS:
            raise ValueError(_TOO_COMPLEX)
        return total

    def _fields(self, part: Mapping[str, Any], depth: int, *, named: bool) -> int:
        total = 0
        for word, child in part.items():
            if named or word not in _DEFINITIONS:
                total += self.parts(child, depth + 1, named=not named and word in _NAMED)
        reference = part.get("$ref")
        return total + (self._referred(reference, depth) if isinstance(reference, str) else 0)

    def _referred(self, reference: str, depth: int) -> int:
        if reference not in self._known:
            self._known[reference] = None
            self._known[reference] = self.parts(self._target(reference), depth + 1)
        known = self._known[reference]
        if known is None:
            self.recursive = True
        return known or 1

    def _target(self, reference: str) -> object:
        if reference != "#" and not reference.startswith("#/"):
            raise ValueError(_ONLY_POINTERS)
        found: Any = self._document
        for step in reference[2:].split("/") if len(reference) > 1 else ():
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise ValueError(f"The reference '{printable(reference)}' leads nowhere.")
        return found
