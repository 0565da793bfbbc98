"""The block in which a model writes its tool calls (`openai-contract.md` 3.4).

```text
<tool_calls>
<tool_call name="lookup_city">{"city": "Lisbon"}</tool_call>
<tool_call><tool_name>note</tool_name><parameters>free text</parameters></tool_call>
</tool_calls>
```

The arguments of a function are read as JSON to their own end, so that a closing tag inside a string
does no harm; the input of a free-text tool ends at the next closing tag.
"""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any, NoReturn

from msgspec import Struct

from grokgate.openai.emulate.jsontext import as_json, read_json

OPEN = "<tool_calls>"
CLOSE = "</tool_calls>"

_CALL = re.compile(
    r"""<tool_call(?P<attributes>(?:\s+[\w.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*>""", re.ASCII
)
_CALL_BEGUN = re.compile(
    r"""<tool_call(?:\s+[\w.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*"""
    r"""(?:\s+(?:[\w.-]+\s*(?:=\s*(?:"[^"]*|'[^']*)?)?)?)?""",
    re.ASCII,
)
_CALL_START = "<tool_call"
_MOST_TAG = 1024
"""Characters of a call's opening tags."""
_NAME = re.compile(r"""(?<![\w.-])name\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.ASCII)
_NESTED = re.compile(r"\s*<tool_name>\s*(?P<name>[^<]*?)\s*</tool_name>\s*<parameters>")
_CALL_END = "</tool_call>"
_FLAT_END = re.compile(r"\s*</tool_call>")
_NESTED_END = re.compile(r"\s*</parameters>\s*</tool_call>")
_NESTED_CLOSING = "</parameters></tool_call>"
_SPACE = re.compile(r"\s*")


class RawCall(Struct, frozen=True, kw_only=True):
    """One call as the model wrote it."""

    name: str
    arguments: str
    """JSON text of an object, or the input of a free-text tool."""
    value: Mapping[str, Any] | None = None
    """The arguments, decoded; None for a free-text tool and for a call with a problem."""
    problem: str = ""
    """Why it cannot be used; empty: it can, as far as its form goes."""


class Block(Struct, frozen=True, kw_only=True):
    """A whole block."""

    calls: tuple[RawCall, ...]
    end: int
    """Index of the first character after it."""


class NotABlock(Exception):
    """The text only looked like the beginning of a block."""


class _Incomplete(Exception):
    """More text is needed to tell."""


def read_block(text: str, customs: Mapping[str, bool], *, final: bool) -> Block | None:
    """Read the block at the beginning of *text*; None: it is not complete.

    Args:
        text: Begins with `OPEN`.
        customs: Declared tools; true: takes free text.
        final: No more text will come: a last call or closing tag may be missing.

    Raises:
        NotABlock: No call follows the opening tag.
    """
    place = _skip(text, len(OPEN))
    calls: list[RawCall] = []
    while True:
        rest = text[place : place + len(CLOSE)]
        if rest == CLOSE and calls:
            return Block(calls=tuple(calls), end=place + len(CLOSE))
        try:
            call, place = _call(text, place, customs)
        except _Incomplete:
            if not final:
                return None
            return _cut_off(text, place, calls)
        except NotABlock:
            if not calls:
                raise
            return _mended(text, place, calls, final=final)
        calls.append(call)
        place = _skip(text, place)


def _cut_off(text: str, place: int, calls: list[RawCall]) -> Block:
    """End a block whose text has ended: complete calls count, a begun one has a problem."""
    rest = text[place:]
    if rest and not CLOSE.startswith(rest):
        calls.append(RawCall(name=_name_of(rest), arguments=rest, problem="The call is cut off."))
    if not calls:
        raise NotABlock
    return Block(calls=tuple(calls), end=len(text))


def _mended(text: str, place: int, calls: list[RawCall], *, final: bool) -> Block | None:
    """Skip what is no call up to the end of the block; the calls before it need a repair."""
    end = text.find(CLOSE, place)
    if end < 0 and not final:
        return None
    problem = "There is text between the calls of the block."
    calls.append(RawCall(name="", arguments="", problem=problem))
    return Block(calls=tuple(calls), end=len(text) if end < 0 else end + len(CLOSE))


def _call(text: str, place: int, customs: Mapping[str, bool]) -> tuple[RawCall, int]:
    match = _CALL.match(text, place)
    if match is None:
        _fail_start(text, place)
    start = match.end()
    if start - place > _MOST_TAG:
        raise NotABlock
    name = _named(match["attributes"])
    nested = None
    if name is None:
        nested = _NESTED.match(text, start)
        if nested is None:
            _fail_nested(text, start)
        if nested.end() - start > _MOST_TAG:
            raise NotABlock
        name, start = unescape(nested["name"]), nested.end()
    if customs.get(name):
        return _free_text(text, start, name, nested=nested is not None)
    return _function(text, start, name, nested=nested is not None)


def _fail_start(text: str, place: int) -> NoReturn:
    """Tell a tag that is still being written from something that is none."""
    rest = text[place : place + len(CLOSE)]
    if _CALL_START.startswith(rest) or CLOSE.startswith(rest):
        raise _Incomplete
    begun = _CALL_BEGUN.match(text, place)
    if begun is not None and begun.end() == len(text) and len(text) - place <= _MOST_TAG:
        raise _Incomplete
    raise NotABlock


def _fail_nested(text: str, start: int) -> NoReturn:
    rest = text[start:]
    if _CALL_END in rest or len(rest) > _MOST_TAG:
        raise NotABlock
    raise _Incomplete


def _free_text(text: str, start: int, name: str, *, nested: bool) -> tuple[RawCall, int]:
    end = text.find(_CALL_END, start)
    if end < 0:
        raise _Incomplete
    said = text[start:end].strip()
    if nested:
        said = said.removesuffix("</parameters>").rstrip()
    return RawCall(name=name, arguments=said), end + len(_CALL_END)


def _function(text: str, start: int, name: str, *, nested: bool) -> tuple[RawCall, int]:
    start = _skip(text, start)
    closing = _NESTED_END if nested else _FLAT_END
    if empty := closing.match(text, start):
        return RawCall(name=name, arguments="{}", value={}), empty.end()
    try:
        value, end = read_json(text, start)
    except json.JSONDecodeError as error:
        return _broken(text, start, name, f"The arguments are not valid JSON: {error.msg}.")
    except (ValueError, RecursionError):
        return _broken(text, start, name, "The arguments are not valid JSON.")
    match = closing.match(text, end)
    if match is None:
        rest = "".join(text[end:].split())
        if _NESTED_CLOSING.startswith(rest) if nested else _CALL_END.startswith(rest):
            raise _Incomplete
        return _broken(text, start, name, "There is text after the arguments.")
    said = as_json(text[start:end], value)
    if not isinstance(value, dict):
        problem = "The arguments are not a JSON object."
        return RawCall(name=name, arguments=said, problem=problem), match.end()
    return RawCall(name=name, arguments=said, value=value), match.end()


def _broken(text: str, start: int, name: str, problem: str) -> tuple[RawCall, int]:
    """Go on after the closing tag; without one the JSON may only be incomplete."""
    end = text.find(_CALL_END, start)
    if end < 0 or _inside_string(text, start, end):
        raise _Incomplete
    call = RawCall(name=name, arguments=text[start:end].strip(), problem=problem)
    return call, end + len(_CALL_END)


def _inside_string(text: str, start: int, end: int) -> bool:
    """Tell whether the JSON text from *start* has an open string at *end*."""
    quotes: list[str] = re.findall(r'\\.|"', text[start:end])
    return sum(quote == '"' for quote in quotes) % 2 == 1


def _named(attributes: str) -> str | None:
    match = _NAME.search(attributes)
    return None if match is None else unescape(match[1] if match[1] is not None else match[2])


def _name_of(rest: str) -> str:
    match = _CALL.match(rest)
    return (_named(match["attributes"]) or "") if match else ""


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place
