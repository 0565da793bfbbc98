"""Declared tools and forms, checked and compiled, whatever words an API family has for them."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.openai.emulate.structured import Format
from grokgate.openai.emulate.tools import Tool
from grokgate.openai.schema import JsonSchema

_MOST_PARTS = 60_000
"""Parts of all tools' schemas together: about 0.1 s of work."""


class Declared(Struct, frozen=True, kw_only=True):
    """A tool as a request declares it."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    """JSON Schema of the arguments; None: any object."""
    custom: bool = False
    """Takes free text instead of a JSON object."""
    strict: bool | None = None
    param: str
    """Path of the object that holds ``name``, for error messages."""
    schema_field: str = "parameters"
    """What the family calls the schema."""


def declare(entries: Iterable[Declared]) -> tuple[Tool, ...]:
    """Compile the tools of one request.

    Raises:
        InvalidRequest: A name twice, a schema that is none, or too much of it; names the field.
    """
    tools: dict[str, Tool] = {}
    parts = 0
    for entry in entries:
        if entry.name in tools:
            _refuse(f"{entry.param}.name", "Each tool needs a name of its own.")
        tool = _tool(entry)
        tools[tool.name] = tool
        parts += tool.checked.parts if tool.checked is not None else 0
        if parts > _MOST_PARTS:
            _refuse("tools", "The parameters of all tools together are too complex.")
    return tuple(tools.values())


def declared_format(
    schema: Mapping[str, Any] | None,
    *,
    name: str = "",
    description: str | None = None,
    strict: bool | None = None,
    param: str = "",
) -> Format:
    """Compile the JSON form an answer is wanted in.

    Args:
        schema: None for any object.
        name: Of the form.
        description: What it is for.
        strict: An answer that does not fit is an error.
        param: Path of the schema, for error messages.

    Raises:
        InvalidRequest: The schema is none.
    """
    return Format(
        name=name,
        description=description or "",
        schema=schema,
        checked=_compiled(schema, param),
        strict=bool(strict),
    )


def _tool(entry: Declared) -> Tool:
    return Tool(
        name=entry.name,
        description=entry.description or "",
        parameters=entry.parameters,
        checked=_compiled(entry.parameters, f"{entry.param}.{entry.schema_field}"),
        custom=entry.custom,
        strict=entry.strict,
    )


def _compiled(schema: Mapping[str, Any] | None, param: str) -> JsonSchema | None:
    if schema is None:
        return None
    try:
        return JsonSchema(schema)
    except ValueError as error:
        _refuse(param, str(error))


def _refuse(param: str, message: str) -> NoReturn:
    raise InvalidRequest(message, param=param)
