"""The scenarios of upstream-protocol.md 10.4: prompt and options in, a neutral answer out.

Pure functions; randomness is handed in, so an answer depends on seed, account and its count of
calls alone.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from random import Random
from typing import TypeAlias

from msgspec import Struct

from grokgate.sandbox.answer import (
    Answer,
    Cite,
    Mark,
    Say,
    Snapshot,
    Step,
    Think,
    ToolResult,
    UseTool,
)
from grokgate.sandbox.catalogue import Style
from grokgate.sandbox.directive import Options, ScenarioName
from grokgate.sandbox.drawing import Shoot, draw, film, subject_of
from grokgate.sandbox.faults import Action
from grokgate.sandbox.studio import Studio
from grokgate.sandbox.tool_block import tool_block


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
    studio: Studio
    """Keeps what is drawn or filmed."""
    actions: tuple[Action, ...] = ()
    """May withhold pictures."""


def build_answer(prompt: Prompt, random: Random) -> Answer:
    """Make the answer of the asked scenario, or the one the model gives by itself.

    Raises:
        DirectiveError: The arguments of the tool call do not decode.
    """
    drawn = subject_of(prompt.text) is not None
    scenario = prompt.options.scenario or ("image" if drawn else _OF_STYLE[prompt.style])
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
        yield Mark(card_id=f"c{number}", number=number)
        if number == 1 and options.duplicate:
            yield Mark(card_id="c1", number=1)
        yield Say(". ")
    if options.twin and results:
        yield Cite(card_id="t1", url=results[0]["url"])
        yield Say("The first says it again")
        yield Mark(card_id="t1", number=len(results) + 1)
        yield Say(".")


def _markup(prompt: Prompt, random: Random) -> Answer:
    url = "https://example.org/markup"
    text = (
        'Before <xaiartifact artifact_id="a1" title="Note">the document</xaiartifact>, between '
        "<xai:tool_usage_card><xai:tool_name>web_search</xai:tool_name><xai:tool_args>"
        '<![CDATA[{"query":"sandbox"}]]></xai:tool_args></xai:tool_usage_card>'
        "and after"
    )
    end = " < done."
    if prompt.options.unterminated:
        end += ' <xaiartifact artifact_id="a2">never closed'
    return Answer(
        steps=[
            Cite(card_id="m1", url=url),
            *(Say(token) for token in split_tokens(text, random)),
            Mark(card_id="m1", number=1, split=_LONGEST),
            *(Say(token) for token in split_tokens(end, random)),
        ]
    )


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
    text = f"I look that up.\n\n{tool_block(prompt.options, prompt.text)}"
    return Answer(steps=[Say(token) for token in split_tokens(text, random)])


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


def _image(prompt: Prompt, _random: Random) -> Answer:
    subject = subject_of(prompt.text) or last_block(prompt.text)
    return draw(prompt.studio, subject, count=prompt.options.image, actions=prompt.actions)


def _video(prompt: Prompt, _random: Random) -> Answer:
    return film(prompt.studio, Shoot(prompt=last_block(prompt.text)), prompt.actions)


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
    "image": _image,
    "video": _video,
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
