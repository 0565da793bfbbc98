"""Finds the JSON value in an answer of a model that was asked for nothing else."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from grokgate.openai.emulate.jsontext import as_json, read_json
from grokgate.openai.schema import JsonSchema, schema_text

_TRIES = 64
_FENCED = re.compile(r"```[\w-]*[ ]*\n(.*?)\n?[ ]*```", re.DOTALL)
_HOW = "Answer with exactly one JSON object and nothing else: no code fence, no text around it."
_AGAIN = "Your answer could not be accepted: {problem}\nAnswer again. {how}"
_NO_OBJECT = "It holds no JSON object."


class Format(Struct, frozen=True, kw_only=True):
    """The JSON form an answer is wanted in."""

    name: str = ""
    description: str = ""
    schema: Mapping[str, Any] | None = None
    """None: any object."""
    checked: JsonSchema | None = None
    """*schema*, compiled."""
    strict: bool = False
    """An answer that does not fit is an error."""

    def instructions(self) -> str:
        """Write the part of the prompt that asks for it."""
        return "\n".join((_HOW, *self._details()))

    def correction(self, problem: str) -> str:
        """Write what a model is told whose answer does not fit."""
        return _AGAIN.format(problem=problem, how=_HOW)

    def read(self, text: str) -> tuple[str, str]:
        """Return the object in *text*, or empty and what is wrong."""
        found = first_object(text)
        if found is None:
            return "", _NO_OBJECT
        said, value = found
        problem = self.checked.problem(value) if self.checked is not None else ""
        return ("", problem) if problem else (said, "")

    def _details(self) -> Iterator[str]:
        if self.description:
            yield f"What it is for: {self.description}"
        if self.schema is not None:
            yield f"It must be valid against this JSON Schema:\n{schema_text(self.schema)}"


def first_object(text: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return the first JSON object in *text*, as text and decoded; None: there is none.

    A whole answer or a fenced block that is one comes first; else what is around it is dropped.
    """
    for start, candidate in _candidates(text):
        try:
            value, end = read_json(candidate, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return as_json(candidate[start:end], value), value
    return None


def _candidates(text: str) -> Iterator[tuple[int, str]]:
    """Yield places at which an object may begin."""
    stripped = text.strip()
    if stripped:
        yield 0, stripped
    for match in _FENCED.finditer(text):
        yield 0, match[1].strip()
    braces = (match.start() for match in re.finditer(r"\{", text))
    for place, _ in zip(braces, range(_TRIES), strict=False):
        yield place, text
