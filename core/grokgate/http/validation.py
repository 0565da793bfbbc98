"""Turns what msgspec says about a body into an error of the contract (`openai-contract.md` 0).

msgspec names the first fault in a sentence that ends with its place::

    Expected `int` <= 4 - at `$.n`
    Object missing required field `content` - at `$.messages[0]`
"""

import re

import msgspec

from grokgate.errors import InvalidRequest

_PLACE = re.compile(r"^(?P<text>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]*)`$")
MESSAGE_CHARS = 300
_PARAM_CHARS = 200

_CODES = (
    (re.compile(r"^Expected `int` >=? -?\d"), "integer_below_min_value"),
    (re.compile(r"^Expected `int` <=? -?\d"), "integer_above_max_value"),
    (re.compile(r"^Expected `float` >=? -?\d"), "decimal_below_min_value"),
    (re.compile(r"^Expected `float` <=? -?\d"), "decimal_above_max_value"),
    (re.compile(r"^Expected `array` of (?:at least )?length >= "), "empty_array"),
    (re.compile(r"^Expected `array` of length <= "), "array_above_max_length"),
    (re.compile(r"^Expected `str` of length <= "), "string_above_max_length"),
    (re.compile(r"^Expected `[^`]*`(?:, got `[^`]*`)?$"), "invalid_type"),
)
"""The first pattern that fits; everything else (enumerations, formats) is ``invalid_value``."""


def invalid_request(error: msgspec.DecodeError) -> InvalidRequest:
    """Describe the first fault msgspec found, with its code and its place as ``param``."""
    if not isinstance(error, msgspec.ValidationError):
        return invalid_json("The request body is not valid JSON.")
    place = _PLACE.match(str(error))
    text, path = (place["text"], place["path"]) if place else (str(error), None)
    if path is None and text.startswith("Expected `object`"):
        return invalid_json("The request body must be a JSON object.")
    return invalid_value(text, (path or "").removeprefix("."))


def invalid_value(text: str, param: str) -> InvalidRequest:
    """Describe a value that does not fit: *text* is msgspec's sentence, *param* its place."""
    param = param.replace("[...]", "")
    if missing := _MISSING.match(text):
        param = f"{param}.{missing['field']}".removeprefix(".")
        shown = printable(param, _PARAM_CHARS)
        message = f"Missing required parameter: '{shown}'."
        return InvalidRequest(message, code="missing_required_parameter", param=shown)
    shown = printable(param, _PARAM_CHARS)
    message = f"Invalid value for '{shown or 'request'}': {printable(text)}."
    code = next((code for pattern, code in _CODES if pattern.match(text)), "invalid_value")
    return InvalidRequest(message, code=code, param=shown or None)


def invalid_json(message: str) -> InvalidRequest:
    """Refuse a body as a whole."""
    return InvalidRequest(message, code="invalid_json")


def printable(text: str, limit: int = MESSAGE_CHARS) -> str:
    """Return text fit for a message: the sentence may quote the client's own words."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown if len(shown) <= limit else shown[:limit] + "…"
