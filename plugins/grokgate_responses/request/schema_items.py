"""Wire types of input items (`openai-contract.md` 4.2), and the ways in which ``input`` holds them.

| Kind | What becomes of it |
| :-- | :-- |
| ``message``; also without ``type``, a bare part, a bare text | a message |
| ``function_call``, ``custom_tool_call`` and their ``…_output`` | an earlier call, its result |
| ``image_generation_call`` | an attached picture |
| ``computer_call_output`` | a result with an attached picture |
| ``compaction`` | the text that is sealed in it |
| ``item_reference`` | the stored item |
| other calls and outputs (`CALLS`, `RESULTS`) | labelled text |
| ``reasoning`` | kept, but not sent |
| lists of tools, approvals and the like (`UNUSED`) | dropped |
| anything else | dropped and named |
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from msgspec import Meta, Struct

from grokgate.openai import (
    AudioPart,
    FilePart,
    ImagePart,
    InputFilePart,
    InputImagePart,
    InputTextPart,
    OutputTextPart,
    RefusalPart,
    TextPart,
)
from grokgate_responses.request.reading import fault, repeatable, typed


class PictureInput(InputImagePart, frozen=True, kw_only=True, tag="input_image"):
    """A picture, with what this API adds to it."""

    url: str | None = None
    """Another name of ``image_url``."""
    detail: str | None = None


class SummaryTextPart(TextPart, frozen=True, kw_only=True, tag="summary_text"):
    """A piece of shown reasoning."""


class VideoPart(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_video"):
    """A video, which no upstream takes."""


ContentPart: TypeAlias = (
    TextPart
    | InputTextPart
    | OutputTextPart
    | SummaryTextPart
    | RefusalPart
    | ImagePart
    | PictureInput
    | FilePart
    | InputFilePart
    | AudioPart
    | VideoPart
)
PARTS: Final = frozenset(part.__struct_config__.tag for part in get_args(ContentPart))
"""Types of the parts."""


class _Input(Struct, frozen=True, kw_only=True):
    """Base of all items."""

    id: str | None = None
    status: str | None = None


class MessageInput(_Input, frozen=True, kw_only=True):
    """What somebody else than the model said."""

    role: Literal["user", "system", "developer"]
    content: str | Annotated[Sequence[ContentPart], Meta(min_length=1)]


class AnswerInput(_Input, frozen=True, kw_only=True):
    """What the model said."""

    role: Literal["assistant"]
    content: str | Sequence[ContentPart]
    phase: Literal["commentary", "final_answer"] | None = None


class FunctionCallInput(_Input, frozen=True, kw_only=True):
    """An earlier call of a function."""

    call_id: str
    name: str
    arguments: str
    """JSON as text, as the model wrote it; need not be valid."""
    namespace: str | None = None


class CustomCallInput(_Input, frozen=True, kw_only=True):
    """An earlier call of a free-text tool."""

    call_id: str
    name: str
    input: str
    namespace: str | None = None


class ResultInput(_Input, frozen=True, kw_only=True):
    """What a called tool returned."""

    call_id: str
    output: str | Sequence[ContentPart]
    name: str | None = None


class Summary(Struct, frozen=True, kw_only=True):
    """A piece of shown reasoning."""

    text: str


class ReasoningInput(_Input, frozen=True, kw_only=True):
    """What the model thought."""

    summary: Sequence[Summary] | None = None
    content: Sequence[Any] | None = None
    encrypted_content: str | None = None


class CompactionInput(_Input, frozen=True, kw_only=True):
    """A sealed summary of an earlier conversation."""

    encrypted_content: str


class ReferenceInput(Struct, frozen=True, kw_only=True):
    """A stored item."""

    id: str


class PictureCallInput(_Input, frozen=True, kw_only=True):
    """A picture the model made."""

    result: str | None = None
    """In base64; None: there is none."""
    revised_prompt: str | None = None


class Screenshot(Struct, frozen=True, kw_only=True):
    """A picture of a screen."""

    image_url: str | None = None
    file_id: str | None = None


class ScreenshotInput(_Input, frozen=True, kw_only=True):
    """What a computer showed."""

    call_id: str
    output: Screenshot


class OtherInput(_Input, frozen=True, kw_only=True):
    """A call or result of a tool that is not the client's function; its own fields are free."""

    call_id: str | None = None


class UnusedInput(_Input, frozen=True, kw_only=True):
    """An item without effect."""


CALLS: Final = frozenset(
    {
        "apply_patch_call",
        "code_interpreter_call",
        "computer_call",
        "file_search_call",
        "local_shell_call",
        "mcp_call",
        "program",
        "shell_call",
        "tool_search_call",
        "web_search_call",
    }
)
RESULTS: Final = frozenset(
    {
        "apply_patch_call_output",
        "local_shell_call_output",
        "program_output",
        "shell_call_output",
        "tool_search_output",
    }
)
UNUSED: Final = frozenset(
    {
        "additional_tools",
        "compaction_trigger",
        "configuration_update",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_list_tools",
    }
)
ItemInput: TypeAlias = (
    MessageInput
    | AnswerInput
    | FunctionCallInput
    | CustomCallInput
    | ResultInput
    | ReasoningInput
    | CompactionInput
    | ReferenceInput
    | PictureCallInput
    | ScreenshotInput
    | OtherInput
    | UnusedInput
)
_TYPES: Final[dict[str, type[ItemInput]]] = {
    "compaction": CompactionInput,
    "computer_call_output": ScreenshotInput,
    "custom_tool_call": CustomCallInput,
    "custom_tool_call_output": ResultInput,
    "function_call": FunctionCallInput,
    "function_call_output": ResultInput,
    "image_generation_call": PictureCallInput,
    "item_reference": ReferenceInput,
    "message": MessageInput,
    "reasoning": ReasoningInput,
    **dict.fromkeys(CALLS | RESULTS, OtherInput),
    **dict.fromkeys(UNUSED, UnusedInput),
}


class Entry(Struct, frozen=True, kw_only=True):
    """One thing that stands in ``input``."""

    path: str
    kind: str = ""
    """Of an item."""
    given: Mapping[str, Any] = {}
    """As the client wrote it."""
    content: ItemInput | ContentPart | str | None
    """An item, a bare part, or a bare text; None: of an unknown kind."""


def read_input(given: str | dict[str, Any] | list[Any] | None) -> list[Entry]:
    """List what stands in ``input``, typed.

    Raises:
        msgspec.ValidationError: Something has a wrong type or lacks a field.
    """
    if given is None:
        return []
    if isinstance(given, list):
        return [_entry(value, f"input[{place}]") for place, value in enumerate(given)]
    return [_entry(given, "input")]


def _entry(value: object, path: str) -> Entry:
    if isinstance(value, str):
        return Entry(path=path, content=value)
    given = value if isinstance(value, dict) else typed(value, dict[str, Any], path)
    kind = _kind(given, path)
    if kind in PARTS:
        return Entry(path=path, content=typed(value, ContentPart, path))
    shape: Any = _TYPES.get(kind)
    if kind == "message" and given.get("role") == "assistant":
        shape = AnswerInput
    content = typed(value, shape, path) if shape is not None else None
    if shape is OtherInput:
        repeatable(given, path)
    return Entry(path=path, kind=kind, given=given, content=content)


def _kind(value: dict[str, Any], path: str) -> str:
    """Name the kind of an item or part; null equals absence."""
    kind = value.get("type")
    if kind is not None:
        return kind if isinstance(kind, str) else str(typed(kind, str, f"{path}.type"))
    if value.get("role") is not None:
        return "message"
    if value.keys() <= {"id", "type"} and "id" in value:
        return "item_reference"
    raise fault("Object missing required field `type`", path)
