"""Reads JSON that a model wrote: strictly, but for line breaks inside strings."""

import json
from typing import Any, NoReturn


def read_json(text: str, start: int) -> tuple[Any, int]:
    """Read the value that begins at *start*; return it and the place after it.

    Raises:
        json.JSONDecodeError: It is no JSON, or not complete.
        ValueError: It holds NaN, an infinity, or a number that is too long.
        RecursionError: It is nested too deeply.
    """
    return _DECODER.raw_decode(text, start)


def as_json(said: str, value: object) -> str:
    """Return what the model wrote, in proper form where it broke lines inside a string."""
    try:
        json.loads(said)
    except json.JSONDecodeError:
        return json.dumps(value, ensure_ascii=False)
    return said


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant, strict=False)
