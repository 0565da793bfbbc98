"""The line in a prompt by which a test asks for a scenario or a fault, without a control call.

```text
@sim scenario=thinking tokens=40 delay_ms=5 late=3
@sim fault=cut lines=6 mode=reset
```

It may stand in any line of the flattened prompt, behind a role too (``user: @sim …``); the last
one counts. Keys that the fault has are its parameters, the others are options of the scenario.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct

from grokgate.sandbox.faults import Action, Count, Millis

ScenarioName: TypeAlias = Literal[
    "echo",
    "thinking",
    "search",
    "markup",
    "agents",
    "tools",
    "long",
    "unicode",
    "empty",
    "intermediate",
    "image",
    "video",
]
Chars: TypeAlias = Annotated[int, Meta(ge=8_000, le=8_000_000, multiple_of=4)]
Small: TypeAlias = Annotated[int, Meta(ge=0, le=100)]


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a directive may say about the answer; each scenario reads what concerns it."""

    scenario: ScenarioName | None = None
    """None: echo, or what the model does by itself."""
    tokens: Count = 0
    """Length of the answer in tokens of filler text; 0: the scenario's own text."""
    delay_ms: Millis | None = None
    """Between lines; None: as the sandbox was set up."""
    late: Small = 0
    """Thinking tokens after the answer has started."""
    search: Small = 2
    """Search results, each cited once."""
    duplicate: bool = False
    """Repeats the first citation at once."""
    twin: bool = False
    """Cites the first address again, through another card."""
    unterminated: bool = False
    """Ends inside of markup."""
    agents: Annotated[int, Meta(ge=1, le=16)] = 2
    """Agents besides the leader."""
    name: str = "lookup_city"
    """Tool to call."""
    args: str = ""
    """Its arguments as base64url of JSON; empty: one object with a city."""
    calls: Annotated[int, Meta(ge=1, le=16)] = 1
    """How often the tool is called."""
    style: Literal["valid", "broken", "nested", "fenced", "undeclared"] = "valid"
    """How the call is written."""
    repair: bool = False
    """Answers validly once the prompt quotes the broken call."""
    message: bool = False
    """An empty answer still has its final message."""
    partial: bool = True
    """Marks the intermediate message as partial."""
    image: Annotated[int, Meta(ge=1, le=16)] = 2
    """Pictures of a chat answer."""
    interleave: bool = True
    """The Imagine socket sends its pictures side by side, not one after the other."""
    preview_chars: Chars = 8_000
    """Base64 characters of a picture on the Imagine socket, by stage; multiples of 4."""
    medium_chars: Chars = 40_000
    final_chars: Annotated[int, Meta(ge=24_000, le=8_000_000, multiple_of=4)] = 120_000


class Directive(Struct, frozen=True, kw_only=True):
    """A prompt, taken apart."""

    options: Options
    actions: tuple[Action, ...]
    text: str
    """The prompt without directive lines."""
    given: bool = False
    """False: the prompt holds no directive line, so nothing was asked of the sandbox."""


class DirectiveError(ValueError):
    """A directive that says something unknown; the message is fit for the answer."""


def parse_prompt(message: str) -> Directive:
    """Find the directive of a flattened prompt.

    Raises:
        DirectiveError: It has an unknown key or a value out of range.
    """
    if "@sim" not in message:
        return Directive(options=_DEFAULTS, actions=(), text=message)
    found = _LINE.findall(message)
    options, actions = _read(found[-1]) if found else (_DEFAULTS, ())
    return Directive(
        options=options, actions=actions, text=_LINE.sub("", message), given=bool(found)
    )


def _read(line: str) -> tuple[Options, tuple[Action, ...]]:
    pairs = dict(_pair(word) for word in line.split())
    knob = pairs.pop("fault", None)
    own = _PARAMETERS.get(knob or "", ())
    parameters = {key: value for key, value in pairs.items() if key in own}
    chosen = {key: value for key, value in pairs.items() if key not in own}
    if unknown := chosen.keys() - set(Options.__struct_fields__):
        raise DirectiveError(f"@sim: unknown option {min(unknown)!r}")
    try:
        options = msgspec.convert(chosen, Options, strict=False)
        if knob is None:
            return options, ()
        return options, (msgspec.convert({"knob": knob, **parameters}, Action, strict=False),)
    except msgspec.ValidationError as error:
        raise DirectiveError(f"@sim: {error}") from error


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals:
        raise DirectiveError(f"@sim: {word!r} is no key=value")
    return key, value


_LINE = re.compile(r"^[ \t]*(?:\w+: )?@sim\b[ \t]*(.*)$", re.MULTILINE)
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    known.__struct_config__.tag: known.__struct_fields__ for known in get_args(Action)
}
"""Fields of the knobs, by name."""
_DEFAULTS = Options()
