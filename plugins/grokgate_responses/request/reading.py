"""Converts decoded JSON to typed parts, with faults named like those of the body's decoder.

What can only be told apart by its own words (items, tools) is decoded as it is and converted here.
A fault is msgspec's own, with the whole path, so that it reaches the client like any other fault of
the body::

    Expected `str`, got `int` - at `$.input[2].content[0].image_url`
"""

from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from grokgate.errors import InvalidRequest

_AT = " - at "


def typed(value: object, kind: Any, path: str) -> Any:
    """Convert *value*, which stands at *path*, to the type *kind*.

    Raises:
        msgspec.ValidationError: It does not fit.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise fault(str(error), path) from None


def repeatable(given: Mapping[str, Any], path: str) -> None:
    """Refuse what can be read at *path*, but not be written again: whole numbers without end.

    Raises:
        msgspec.ValidationError: There is such a number.
    """
    try:
        msgspec.msgpack.encode(given)
    except OverflowError:
        raise fault("Integer value out of range", path) from None


def fault(text: str, path: str) -> msgspec.ValidationError:
    """Describe a fault below *path*; *text* is msgspec's sentence, with a place or without."""
    said, _, place = text.rpartition(_AT)
    if not said or not place.endswith("`"):
        said, place = text, "`$`"
    return msgspec.ValidationError(f"{said}{_AT}{place.replace('`$', f'`$.{path}', 1)}")


def refuse(param: str, message: str, code: str | None = None) -> NoReturn:
    """Refuse the field *param*.

    Raises:
        InvalidRequest: Always.
    """
    raise InvalidRequest(message, code=code, param=param)


def miss(param: str) -> NoReturn:
    """Refuse a request without *param*.

    Raises:
        InvalidRequest: Always.
    """
    raise InvalidRequest.missing(param)
