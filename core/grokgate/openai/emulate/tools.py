"""Tools a request declares, which of them may be called, and how the model is told."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from grokgate.openai.schema import JsonSchema

_HOW = """\
You can call tools. To call, end your answer with exactly one block of this form and write nothing \
after it:
<tool_calls>
<tool_call name="NAME">ARGUMENTS</tool_call>
</tool_calls>
Write one <tool_call> line per call. ARGUMENTS of a function are one JSON object that is valid \
against its parameters; the input of a free-text tool is plain text. Never wrap the block in a \
code fence, never invent a tool, and never write the result of a call yourself: it is given to you \
later. If no tool is needed, answer without a block."""
_ONE = "Call at most one tool."
_MUST = "You must call a tool now: an answer without the block is not accepted."
_MUST_THIS = "You must call the tool {name} now: an answer without that call is not accepted."
_ONLY = "In this turn call only: {names}."


class Tool(Struct, frozen=True, kw_only=True):
    """A tool of the client."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    """JSON Schema of the arguments; None: any object."""
    checked: JsonSchema | None = None
    """*parameters*, compiled."""
    custom: bool = False
    """Takes free text instead of a JSON object."""
    strict: bool | None = None

    @property
    def declaration(self) -> Mapping[str, Any]:
        """The tool as `openai-contract.md` 3.4 writes it, for upstreams that take it so."""
        fields: dict[str, Any] = {"name": self.name}
        if self.description:
            fields["description"] = self.description
        if self.custom:
            return {"type": "custom", "custom": fields}
        if self.parameters is not None:
            fields["parameters"] = self.parameters
        if self.strict is not None:
            fields["strict"] = self.strict
        return {"type": "function", "function": fields}


class Choice(Struct, frozen=True, kw_only=True):
    """Which tools may be called in this turn."""

    mode: Literal["none", "auto", "required"] = "auto"
    allowed: frozenset[str] | None = None
    """Names; None: every declared tool."""
    parallel: bool = True
    """False: only the first call is returned."""

    def permits(self, name: str) -> bool:
        """Tell whether a call of *name* may be returned."""
        return self.mode != "none" and (self.allowed is None or name in self.allowed)

    def declaration(self, tools: Sequence[Tool]) -> Mapping[str, Any] | str:
        """The choice as `openai-contract.md` 3.4 writes it, for upstreams that take it so."""
        if self.allowed is None:
            return self.mode
        named = [
            {"type": kind, kind: {"name": tool.name}}
            for tool in tools
            if tool.name in self.allowed
            for kind in ("custom" if tool.custom else "function",)
        ]
        if self.mode == "required" and len(named) == 1:
            return named[0]
        return {"type": "allowed_tools", "allowed_tools": {"mode": self.mode, "tools": named}}


def instructions(tools: Sequence[Tool], choice: Choice) -> str:
    """Write the part of the prompt that declares *tools*; empty where none may be called."""
    if not tools or choice.mode == "none":
        return ""
    parts = [_HOW, "Tools:", *map(_declaration, tools)]
    if choice.allowed is not None and not (choice.mode == "required" and len(choice.allowed) == 1):
        parts.append(_ONLY.format(names=", ".join(sorted(choice.allowed))))
    if not choice.parallel:
        parts.append(_ONE)
    if choice.mode == "required":
        parts.append(demand(choice))
    return "\n".join(parts)


def correction(problems: Iterable[str]) -> str:
    """Write what a model is told whose calls could not be accepted."""
    listed = "\n".join(f"- {problem}" for problem in problems)
    return (
        "Your tool calls could not be accepted:\n"
        f"{listed}\n"
        "Write the whole corrected <tool_calls> block again, and nothing else."
    )


def demand(choice: Choice) -> str:
    """Write what a model is told that answered, or may answer, without the call it must make."""
    if choice.allowed is not None and len(choice.allowed) == 1:
        return _MUST_THIS.format(name=next(iter(choice.allowed)))
    return _MUST


def _declaration(tool: Tool) -> str:
    fields: dict[str, Any] = {"name": tool.name}
    if tool.description:
        fields["description"] = tool.description
    if tool.custom:
        fields["input"] = "free text"
    elif tool.parameters is not None:
        fields["parameters"] = tool.parameters
    return msgspec.json.encode(fields).decode()
