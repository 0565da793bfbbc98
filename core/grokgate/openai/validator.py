"""Checks values against JSON Schemas; apart from `schema`, as its library takes 3 MiB."""

from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema_rs

from grokgate.openai.schema import printable

_MASK = "The value"
_PATTERNS = jsonschema_rs.FancyRegexOptions(
    backtrack_limit=20_000, size_limit=1 << 20, dfa_size_limit=1 << 20
)


class Validator:
    """A compiled schema.

    Raises:
        ValueError: The document is no valid JSON Schema; says what and where.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        try:
            self._inner = jsonschema_rs.validator_for(
                dict(document), offline=True, mask=_MASK, pattern_options=_PATTERNS
            )
        except jsonschema_rs.ValidationError as error:
            raise ValueError(_what_is_wrong(error)) from None
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            raise ValueError(printable(str(error))) from None

    def is_valid(self, value: object) -> bool:
        """Tell whether *value* is valid.

        Raises:
            ValueError: It holds what is no JSON, such as a lone surrogate.
            RecursionError: It is nested too deeply.
        """
        return self._inner.is_valid(value)

    def first_fault(self, value: object) -> str:
        """Say where *value* is not valid, and why; empty: it is valid."""
        try:
            self._inner.validate(value)
        except jsonschema_rs.ValidationError as error:
            return f"At {_place(error.instance_path)}: {printable(error.message)}."
        return ""


def _what_is_wrong(error: jsonschema_rs.ValidationError) -> str:
    if error.instance_path:
        return f"Not a valid JSON Schema at {_place(error.instance_path)}."
    return f"Not a valid JSON Schema: {printable(error.message)}."


def _place(path: Iterable[str | int]) -> str:
    """Render *path* as a JSON pointer."""
    return printable("#" + "".join(f"/{step}" for step in path))
