"""What a chat request wants of its answer besides text (`openai-contract.md` 3.1, 3.4, 3.5)."""

from collections.abc import Sequence
from typing import NoReturn

from grokgate.errors import InvalidRequest
from grokgate.openai.emulate import (
    Choice,
    Declared,
    Format,
    Tool,
    Wanted,
    declare,
    declared_format,
)
from grokgate_chat.schema import ChatRequest, NamedTool, ToolChoice, ToolDeclaration


def to_wanted(request: ChatRequest) -> Wanted:
    """Read tools, form and limits; the schemas in them are compiled.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    tools = declare(
        _entry(declaration, f"tools[{place}]")
        for place, declaration in enumerate(request.tools or ())
    )
    return Wanted(
        tools=tools,
        choice=_choice(request, tools),
        format=_format(request),
        stop=_stop(request.stop),
        most=request.max_completion_tokens or request.max_tokens,
    )


def may_search(request: ChatRequest, wanted: Wanted) -> bool:
    """Tell whether the upstream's own search is allowed."""
    asked = request.web_search_options is not None
    return asked or not (wanted.tools or wanted.format is not None)


def _stop(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    texts = (stop,) if isinstance(stop, str) else tuple(stop or ())
    return tuple(text for text in texts if text)


def _entry(declaration: ToolDeclaration, path: str) -> Declared:
    match declaration.type:
        case "function":
            function = declaration.function
            if function is None:
                raise InvalidRequest.missing(f"{path}.function")
            return Declared(
                name=function.name,
                description=function.description,
                parameters=function.parameters,
                strict=function.strict,
                param=f"{path}.function",
            )
        case "custom":
            custom = declaration.custom
            if custom is None:
                raise InvalidRequest.missing(f"{path}.custom")
            return Declared(
                name=custom.name,
                description=custom.description,
                custom=True,
                param=f"{path}.custom",
            )
        case _:
            raise InvalidRequest(
                "Only tools of the types 'function' and 'custom' are supported.",
                code="unsupported_value",
                param=f"{path}.type",
            )


def _choice(request: ChatRequest, tools: tuple[Tool, ...]) -> Choice:
    parallel = request.parallel_tool_calls is not False
    asked = request.tool_choice
    if asked is None or isinstance(asked, str):
        if asked == "required" and not tools:
            _refuse("tool_choice", "'tool_choice' is 'required', but no tools are declared.")
        return Choice(mode=asked or "auto", parallel=parallel)
    if asked.type == "allowed_tools":
        if asked.allowed_tools is None:
            raise InvalidRequest.missing("tool_choice.allowed_tools")
        path = "tool_choice.allowed_tools.tools"
        names = frozenset(
            _declared(entry, f"{path}[{place}]", tools)
            for place, entry in enumerate(asked.allowed_tools.tools)
        )
        return Choice(mode=asked.allowed_tools.mode, allowed=names, parallel=parallel)
    name = _declared(asked, "tool_choice", tools)
    return Choice(mode="required", allowed=frozenset({name}), parallel=parallel)


def _declared(entry: NamedTool | ToolChoice, path: str, tools: tuple[Tool, ...]) -> str:
    """Return the name in *entry*, which must be that of a declared tool of its type."""
    named = entry.custom if entry.type == "custom" else entry.function
    if named is None:
        raise InvalidRequest.missing(f"{path}.{entry.type}")
    is_custom = entry.type == "custom"
    if not any(tool.name == named.name and tool.custom == is_custom for tool in tools):
        _refuse(f"{path}.{entry.type}.name", "No tool of this name and type is declared.")
    return named.name


def _format(request: ChatRequest) -> Format | None:
    asked = request.response_format
    if asked is None or asked.type == "text":
        return None
    if asked.type == "json_object":
        return declared_format(None)
    if asked.json_schema is None:
        raise InvalidRequest.missing("response_format.json_schema")
    form = asked.json_schema
    return declared_format(
        form.schema,
        name=form.name,
        description=form.description,
        strict=form.strict,
        param="response_format.json_schema.schema",
    )


def _refuse(param: str, message: str) -> NoReturn:
    raise InvalidRequest(message, param=param)
