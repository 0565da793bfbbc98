"""What a request wants of an answer beyond its text, and how an upstream is asked for it."""

from typing import Any

from msgspec import Struct, structs

from grokgate.openai.emulate.structured import Format
from grokgate.openai.emulate.tools import Choice, Tool, instructions
from grokgate.openai.schema import schema_text
from grokgate.openai.usage import Estimate
from grokgate.upstream import Conversation, Message, Text


class Wanted(Struct, frozen=True, kw_only=True):
    """Tools, form and limits of an answer."""

    tools: tuple[Tool, ...] = ()
    choice: Choice = Choice()
    format: Format | None = None
    stop: tuple[str, ...] = ()
    most: int | None = None
    """Units of output, reasoning included; None: no limit."""

    @property
    def is_plain(self) -> bool:
        """Nothing is wanted that an upstream might not do."""
        return not (self.tools or self.format or self.stop or self.most)

    @property
    def units(self) -> int:
        """What the declared tools add to the input (`openai-contract.md` 13)."""
        count = Estimate()
        for tool in self.tools:
            count.add(schema_text(tool.declaration))
        return count.total


def to_upstream(prompt: Conversation, wanted: Wanted, native: frozenset[str]) -> Conversation:
    """Ask for *wanted*: with fields for what the session does itself, else with words.

    Args:
        prompt: The conversation of the client.
        wanted: What is asked for besides.
        native: `UpstreamSession.native`.
    """
    parts = []
    if "tools" not in native:
        parts.append(instructions(wanted.tools, wanted.choice))
    if "schema" not in native and wanted.format is not None:
        parts.append(wanted.format.instructions())
    return structs.replace(
        _instructed(prompt, "\n\n".join(filter(None, parts))),
        tools=tuple(tool.declaration for tool in wanted.tools),
        tool_choice=wanted.choice.declaration(wanted.tools) if wanted.tools else None,
        stop=wanted.stop,
        max_output=wanted.most,
        format=_declared_format(wanted.format),
    )


def corrected(prompt: Conversation, answer: str, correction: str) -> Conversation:
    """Continue *prompt* with an answer that could not be used, and what is wrong with it."""
    turns = (
        Message(role="assistant", parts=(Text(text=answer),)),
        Message(role="user", parts=(Text(text=correction),)),
    )
    return structs.replace(prompt, messages=prompt.messages + (turns if answer else turns[1:]))


def _instructed(prompt: Conversation, text: str) -> Conversation:
    """Add *text* after the system messages at the beginning."""
    if not text:
        return prompt
    place = next(
        (place for place, turn in enumerate(prompt.messages) if turn.role != "system"),
        len(prompt.messages),
    )
    added = Message(role="system", parts=(Text(text=text),))
    messages = (*prompt.messages[:place], added, *prompt.messages[place:])
    return structs.replace(prompt, messages=messages)


def _declared_format(form: Format | None) -> dict[str, Any] | None:
    if form is None:
        return None
    if form.schema is None:
        return {"type": "json_object"}
    fields = {"name": form.name, "schema": form.schema, "strict": form.strict}
    if form.description:
        fields["description"] = form.description
    return {"type": "json_schema", "json_schema": fields}
