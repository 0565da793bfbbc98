"""What a request wants of its answer besides text (`openai-contract.md` 10.1)."""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from grokgate.errors import InvalidRequest
from grokgate.openai.emulate import Choice, Declared, Format, Wanted, declare, declared_format
from grokgate_messages.schema import CountRequest, MessagesRequest, Tool

_SEARCH = "web_search_"
"""Beginning of the types of the search tool; a date follows."""


def to_wanted(request: CountRequest) -> Wanted:
    """Read tools, form and limits; the schemas in them are compiled.

    Server tools are no tools of the answer: the upstream searches by itself, and knows no other.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    entries = request.tools or ()
    tools = declare(_declared(entries))
    own = frozenset(tool.name for tool in tools)
    hosted = frozenset(tool.name for tool in entries if _is_hosted(tool) and tool.name)
    limits = request if isinstance(request, MessagesRequest) else None
    return Wanted(
        tools=tools,
        choice=_choice(request, own, hosted),
        format=_format(request),
        stop=tuple(filter(None, (limits and limits.stop_sequences) or ())),
        most=limits.max_tokens if limits is not None else None,
    )


def may_search(request: CountRequest, wanted: Wanted) -> bool:
    """Tell whether the upstream's own search is allowed."""
    asked = any((tool.type or "").startswith(_SEARCH) for tool in request.tools or ())
    return asked or not (wanted.tools or wanted.format is not None)


def _is_hosted(tool: Tool) -> bool:
    return tool.type not in (None, "custom")


def _declared(entries: Sequence[Tool]) -> Iterator[Declared]:
    for place, tool in enumerate(entries):
        if _is_hosted(tool):
            continue
        path = f"tools[{place}]"
        if tool.name is None:
            raise InvalidRequest.missing(f"{path}.name")
        if tool.input_schema is None:
            raise InvalidRequest.missing(f"{path}.input_schema")
        yield Declared(
            name=tool.name,
            description=tool.description,
            parameters=tool.input_schema,
            strict=tool.strict,
            param=path,
            schema_field="input_schema",
        )


def _choice(request: CountRequest, own: frozenset[str], hosted: frozenset[str]) -> Choice:
    asked = request.tool_choice
    if asked is None:
        return Choice()
    parallel = not asked.disable_parallel_tool_use
    match asked.type:
        case "none":
            return Choice(mode="none", parallel=parallel)
        case "any" if own:
            return Choice(mode="required", parallel=parallel)
        case "tool" if asked.name is None:
            raise InvalidRequest.missing("tool_choice.name")
        case "tool" if asked.name in own:
            return Choice(mode="required", allowed=frozenset({asked.name}), parallel=parallel)
        case "tool" if asked.name not in hosted:
            _refuse("tool_choice.name", "No tool of this name is declared.")
        case "any" if not hosted:
            _refuse("tool_choice", "A tool call is required, but no tools are declared.")
        case _:
            pass
    return Choice(parallel=parallel)


def _format(request: CountRequest) -> Format | None:
    asked = request.output_config.format if request.output_config is not None else None
    if asked is None:
        return None
    return declared_format(
        asked.schema, name="answer", strict=True, param="output_config.format.schema"
    )


def _refuse(param: str, message: str) -> NoReturn:
    raise InvalidRequest(message, param=param)
