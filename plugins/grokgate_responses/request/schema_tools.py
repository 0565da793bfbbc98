"""Wire types of tools and of the choice between them (`openai-contract.md` 4.1, 4.3)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from grokgate_responses.request.reading import repeatable, typed

ToolName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+(?![\s\S])", max_length=64)]
"""Not with ``$``, which lets a line break pass at the end."""


class FunctionTool(Struct, frozen=True, kw_only=True):
    """A function the model may call with a JSON object."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """JSON Schema of the object."""
    strict: bool | None = None


class CustomFormat(Struct, frozen=True, kw_only=True):
    """What the input of a free-text tool must look like."""

    type: Literal["text", "grammar"]
    syntax: str | None = None
    """``lark`` or ``regex``."""
    definition: str | None = None


class CustomTool(Struct, frozen=True, kw_only=True):
    """A tool the model may call with free text."""

    name: ToolName
    description: str | None = None
    format: CustomFormat | None = None


class NamespaceTool(Struct, frozen=True, kw_only=True):
    """Functions and free-text tools that belong together."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    tools: Sequence[dict[str, Any]]
    description: str | None = None


class SearchTool(Struct, frozen=True, kw_only=True):
    """The upstream's own search."""

    external_web_access: bool | None = None
    """False switches search off."""


class PictureTool(Struct, frozen=True, kw_only=True):
    """Pictures in the answer."""

    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None


class OtherTool(Struct, frozen=True, kw_only=True):
    """A tool without effect."""


ToolInput: TypeAlias = (
    FunctionTool | CustomTool | NamespaceTool | SearchTool | PictureTool | OtherTool
)
_TYPES: Final[dict[str, type[ToolInput]]] = {
    "custom": CustomTool,
    "function": FunctionTool,
    "image_generation": PictureTool,
    "namespace": NamespaceTool,
    "web_search": SearchTool,
    "web_search_2025_08_26": SearchTool,
}
_PREVIEW = "web_search_preview"


class ToolEntry(Struct, frozen=True, kw_only=True):
    """One tool as declared."""

    path: str
    kind: str
    given: Mapping[str, Any]
    """As the client wrote it."""
    tool: ToolInput
    inner: "tuple[ToolEntry, ...]" = ()
    """Of a namespace."""


class ChosenTool(Struct, frozen=True, kw_only=True):
    """One of the tools that may be called."""

    type: str
    name: str | None = None
    namespace: str | None = None


class ChoiceInput(ChosenTool, frozen=True, kw_only=True):
    """The tool that must be called, or the tools that may be."""

    mode: Literal["auto", "required"] | None = None
    tools: Annotated[Sequence[ChosenTool], Meta(min_length=1)] | None = None


def read_tools(given: Sequence[Mapping[str, Any]], path: str = "tools") -> tuple[ToolEntry, ...]:
    """List the tools that are declared at *path*, typed.

    Raises:
        msgspec.ValidationError: Something has a wrong type or lacks a field.
    """
    return tuple(_entry(tool, f"{path}[{place}]") for place, tool in enumerate(given))


def read_choice(given: str | Mapping[str, Any] | None) -> ChoiceInput | str | None:
    """Return ``tool_choice``, typed; None: there is none.

    Raises:
        msgspec.ValidationError: Something has a wrong type or lacks a field.
    """
    if given is None or isinstance(given, str):
        return given
    choice: ChoiceInput = typed(given, ChoiceInput, "tool_choice")
    repeatable(given, "tool_choice")
    return choice


def is_search(kind: str) -> bool:
    """Tell whether a tool of this kind is the upstream's own search."""
    return _TYPES.get(kind) is SearchTool or kind.startswith(_PREVIEW)


def _entry(given: Mapping[str, Any], path: str, *, nested: bool = False) -> ToolEntry:
    kind = typed(given, _Kind, path).type
    shape = SearchTool if is_search(kind) else _TYPES.get(kind, OtherTool)
    if nested and shape is NamespaceTool:
        shape = OtherTool
    tool: ToolInput = typed(given, shape, path)
    if not nested:
        repeatable(given, path)
    inner: tuple[ToolEntry, ...] = ()
    if isinstance(tool, NamespaceTool):
        inner = tuple(
            _entry(each, f"{path}.tools[{place}]", nested=True)
            for place, each in enumerate(tool.tools)
        )
    return ToolEntry(path=path, kind=kind, given=given, tool=tool, inner=inner)


class _Kind(Struct, frozen=True):
    type: str
