"""The scenarios of upstream-protocol.md 10.4: prompt and options in, a neutral answer out.

Pure functions; randomness is handed in, so an answer depends on seed, account and its count of
calls alone.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from random import Random
from typing import TypeAlias

from msgspec import Struct

from grokgate.sandbox.answer import (
    Answer,
    Cite,
    Say,
    Snapshot,
    Step,
    Think,
    ToolResult,
    UseTool,
    render_mark,
)
from grokgate.sandbox.catalogue import Style
from grokgate.sandbox.directive import DirectiveError, Options, ScenarioName


class Prompt(Struct, frozen=True, kw_only=True):
    """What an answer is made from."""

    text: str
    """The flattened prompt without directive lines."""
    options: Options
    style: Style
    greets: bool = False
    """A short text is answered with a greeting around it, for those who meet the sandbox first."""
    attachments: tuple[str, ...] = ()
    """One description each, such as ``image.png, image/png, 68 bytes``."""


def build_answer(prompt: Prompt, random: Random) -> Answer:
    """Make the answer of the asked scenario, or the one the model gives by itself.

    Raises:
        DirectiveError: The arguments of the tool call do not decode.
    """
    scenario = prompt.options.scenario or _OF_STYLE[prompt.style]
    return _SCENARIOS[scenario](prompt, random)


def split_tokens(text: str, random: Random) -> Iterator[str]:
    """Cut *text* into pieces of 3 to 8 characters; a shorter text is one piece."""
    start, end = 0, len(text)
    while end - start > _LONGEST:
        size = min(random.choice(_SIZES), end - start - _SHORTEST)
        yield text[start : start + size]
        start += size
    if start < end:
        yield text[start:]


def last_block(text: str) -> str:
    """Return the last paragraph block: what the user said last in a flattened prompt."""
    blocks = [block.strip() for block in text.split("\n\n")]
    return next((block for block in reversed(blocks) if block), "")


def _echo(prompt: Prompt, random: Random) -> Answer:
    return Answer(steps=_spoken(prompt, random), follow_ups=("Say something else",))


def _thinking(prompt: Prompt, random: Random) -> Answer:
    words = len(last_block(prompt.text).split())
    trace = [
        Think(text="Reading the question", tag="header", agent="Grok"),
        Think(text=f"- The user wrote {words} word{'' if words == 1 else 's'}.\n", agent="Grok"),
        Think(text="Composing the answer", tag="header", step=1, agent="Grok"),
        Think(text="- I repeat them as they are.\n", step=1, agent="Grok"),
    ]
    first, *rest = _spoken(prompt, random)
    late = [Think(text=f"late {number}\n", step=2) for number in range(1, prompt.options.late + 1)]
    return Answer(steps=[*trace, first, *late, *rest], effort="HIGH")


def _search(prompt: Prompt, random: Random) -> Answer:
    options = prompt.options
    card_id = _identifier(random)
    query = last_block(prompt.text) or "sandbox"
    results = tuple(_result(number) for number in range(1, options.search + 1))
    return Answer(
        steps=[
            Think(text="Checking sources", tag="header", agent="Grok"),
            Think(text="- The user wants to know more.\n", agent="Grok"),
            UseTool(
                card_id=card_id,
                tool="webSearch",
                args={"query": query},
                extra_args={"num_results": 10},
                agent="Grok",
            ),
            ToolResult(card_id=card_id, results=results),
            *_cited(results, options),
        ],
        effort="HIGH",
    )


def _cited(results: tuple[Mapping[str, str], ...], options: Options) -> Iterator[Step]:
    for number, result in enumerate(results, start=1):
        yield Cite(card_id=f"c{number}", url=result["url"])
        yield Say(f"Source {number} says so")
        yield Say(render_mark(f"c{number}", number))
        if number == 1 and options.duplicate:
            yield Say(render_mark("c1", 1))
        yield Say(". ")
    if options.twin and results:
        yield Cite(card_id="t1", url=results[0]["url"])
        yield Say("The first says it again")
        yield Say(render_mark("t1", len(results) + 1))
        yield Say(".")


def _markup(prompt: Prompt, random: Random) -> Answer:
    url = "https://example.org/markup"
    text = (
        'Before <xaiartifact artifact_id="a1" title="Note">the document</xaiartifact>, between '
        "<xai:tool_usage_card><xai:tool_name>web_search</xai:tool_name><xai:tool_args>"
        '<![CDATA[{"query":"sandbox"}]]></xai:tool_args></xai:tool_usage_card>'
        f"and after{render_mark('m1', 1)} < done."
    )
    if prompt.options.unterminated:
        text += ' <xaiartifact artifact_id="a2">never closed'
    said = (Say(token) for token in split_tokens(text, random))
    return Answer(steps=[Cite(card_id="m1", url=url), *said])


def _agents(prompt: Prompt, random: Random) -> Answer:
    steps: list[Step] = [Think(text="Assembling the team", tag="header", agent="Grok")]
    for number in range(1, prompt.options.agents + 1):
        agent = f"Agent {number}"
        steps += [
            Think(text=f"- {agent} reads the question.\n", step=number, agent=agent),
            UseTool(
                card_id=_identifier(random),
                tool="chatroomSend",
                args={"message": f"{agent} has an answer.", "to": "Grok"},
                step=number,
                agent=agent,
            ),
        ]
    steps.append(Think(text="- The team agrees.\n", step=prompt.options.agents + 1, agent="Grok"))
    return Answer(steps=[*steps, *_spoken(prompt, random)], effort="HIGH")


def _tools(prompt: Prompt, random: Random) -> Answer:
    options = prompt.options
    broken = _call("broken", options.name, _arguments(options))
    style = options.style
    if style == "broken" and options.repair and broken in prompt.text:
        style = "valid"
    call = _call(style, options.name, _arguments(options))
    block = "\n".join(["<tool_calls>", *[call] * options.calls, "</tool_calls>"])
    if style == "fenced":
        block = f"```xml\n{block}\n```\nThat is what a call looks like."
    text = f"I look that up.\n\n{block}"
    return Answer(steps=[Say(token) for token in split_tokens(text, random)])


def _call(style: str, name: str, arguments: str) -> str:
    match style:
        case "broken":
            return f'<tool_call name="{name}">{arguments.rstrip("}")},,</tool_call>'
        case "nested":
            return (
                f"<tool_call><tool_name>{name}</tool_name>"
                f"<parameters>{arguments}</parameters></tool_call>"
            )
        case "undeclared":
            return f'<tool_call name="undeclared_tool">{arguments}</tool_call>'
        case _:
            return f'<tool_call name="{name}">{arguments}</tool_call>'


def _arguments(options: Options) -> str:
    if not options.args:
        return '{"city":"Lisbon"}'
    padded = options.args + "=" * (-len(options.args) % 4)
    try:
        return base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise DirectiveError("@sim: args is no base64url of UTF-8") from error


def _long(prompt: Prompt, _random: Random) -> Answer:
    return Answer(steps=_filler(prompt.options.tokens or _LONG_TOKENS))


def _unicode(_prompt: Prompt, random: Random) -> Answer:
    text = "Grüße aus Łódź, 世界! Smileys 🙂👩\u200d👧, accents e\u0301, العربية, and \u2028 too."
    return Answer(steps=[Say(token) for token in split_tokens(text, random)], chunk_bytes=7)


def _empty(prompt: Prompt, _random: Random) -> Answer:
    message = "Only the final message says this." if prompt.options.message else ""
    return Answer(steps=(), message=message, ends=False)


def _intermediate(prompt: Prompt, random: Random) -> Answer:
    said = list(_spoken(prompt, random))
    middle = (len(said) + 1) // 2
    snapshot = Snapshot(partial=prompt.options.partial)
    return Answer(steps=[*said[:middle], snapshot, *said[middle:]])


def _spoken(prompt: Prompt, random: Random) -> Iterator[Say]:
    """Say filler of the asked length, or what the user said, and name the attachments."""
    if prompt.options.tokens:
        return _filler(prompt.options.tokens)
    count = len(prompt.attachments)
    named = f"{count} attachment{'' if count == 1 else 's'}: {'; '.join(prompt.attachments)}"
    said = last_block(prompt.text)
    text = "\n\n".join(part for part in (said, named if count else "") if part)
    if prompt.greets and len(text) <= _SHORT:
        text = _GREETING.format(text)
    return (Say(token) for token in split_tokens(text or "Hello from the sandbox.", random))


def _filler(count: int) -> Iterator[Say]:
    return islice(cycle([Say(word) for word in _FILLER]), count)


def _result(number: int) -> dict[str, str]:
    return {
        "url": f"https://example.org/source-{number}",
        "title": f"Source {number}",
        "preview": f"What source {number} has to say.",
        "siteName": "example.org",
    }


def _identifier(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"


_Build: TypeAlias = Callable[[Prompt, Random], Answer]

_SCENARIOS: Mapping[ScenarioName, _Build] = {
    "echo": _echo,
    "thinking": _thinking,
    "search": _search,
    "markup": _markup,
    "agents": _agents,
    "tools": _tools,
    "long": _long,
    "unicode": _unicode,
    "empty": _empty,
    "intermediate": _intermediate,
}
_OF_STYLE: Mapping[Style, ScenarioName] = {
    "plain": "echo",
    "thinking": "thinking",
    "agents": "agents",
}
_SHORTEST, _LONGEST = 3, 8
_SIZES = range(_SHORTEST, _LONGEST + 1)
_LONG_TOKENS = 2_000
_SHORT = 500
"""Characters up to which a text is greeted; longer ones come from programs."""
_GREETING = (
    "Hello from the sandbox! This is what you said:\n\n"
    "{}\n\n"
    "No model was asked anything. The gateway, the made-up account and this stream all work; add "
    "an account of your own, and a real model answers in this place."
)
_FILLER = ("Tokens ", "flow ", "down ", "the ", "wire ", "one ", "by ", "one. ")
