"""Requests → what the upstream is asked (`openai-contract.md` 10.1). Pure.

1. `grokgate_messages.wanted` reads tools, form and limits.
2. `to_drafts` reads the blocks: texts, and sources where attachments are to stand.
3. The core decodes, fetches or opens what `sources` lists.
4. `to_conversation` puts the resulting blobs in their places.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Literal, NoReturn, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.openai import (
    Source,
    View,
    calls_text,
    effective_effort,
    result_text,
    without_data,
)
from grokgate.upstream import Attachment, Blob, Conversation, Effort, Message, Role, Text
from grokgate_messages.blocks import (
    AttachedSource,
    Base64Source,
    Block,
    ContentSource,
    DocumentBlock,
    FileIdSource,
    ImageBlock,
    SearchResultBlock,
    TextBlock,
    TextSource,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
    read_blocks,
)
from grokgate_messages.schema import CountRequest, Turn

Piece: TypeAlias = Text | Source
_BILLING = "x-anthropic-billing-header:"
"""Claude Code begins the system prompt with a block of this kind that differs in every request: no
word to the model, and later turns would not be known as those of the same conversation."""


class Draft(Struct, frozen=True, kw_only=True):
    """One turn, with sources where attachments are to stand."""

    role: Role
    parts: tuple[Piece, ...]


class ViewOptions(Protocol):
    """What is read of the core's section ``grok``."""

    thinking_summary: bool
    show_search_sources: bool


def model_for(model: str, names: Mapping[str, str]) -> str:
    """Return the model that answers for *model*; the first pattern of *names* that fits counts."""
    return next((to for pattern, to in names.items() if fnmatchcase(model, pattern)), model)


def to_view(request: CountRequest, options: ViewOptions) -> View:
    """Decide what to show. Unasked there is no reasoning: clients take the first block as text."""
    thinking = request.thinking
    return View(
        reasoning=thinking is not None
        and thinking.type != "disabled"
        and thinking.display != "omitted",
        summary=options.thinking_summary,
        list_sources=options.show_search_sources,
    )


def to_drafts(request: CountRequest) -> tuple[Draft, ...]:
    """Read the turns.

    Raises:
        InvalidRequest: A block does not have its form, a result answers no call, or there is
            nothing in the messages.
    """
    reader = _Reader()
    drafts = [
        draft
        for place, turn in enumerate(request.messages)
        for draft in reader.drafts(turn, f"messages[{place}].content")
    ]
    if not drafts:
        _refuse("messages", "The messages hold neither text nor an attachment.")
    system = tuple(_system(request))
    return (Draft(role="system", parts=system), *drafts) if system else tuple(drafts)


def sources(drafts: Iterable[Draft]) -> list[Source]:
    """List the attachments, in the order of the request."""
    return [part for draft in drafts for part in draft.parts if isinstance(part, Source)]


def to_conversation(
    request: CountRequest, drafts: Iterable[Draft], blobs: Iterable[Blob], *, search: bool = True
) -> Conversation:
    """Build the conversation; *blobs* are those of the attachments, in order."""
    waiting = iter(blobs)
    messages = tuple(
        Message(role=draft.role, parts=tuple(_part(part, waiting) for part in draft.parts))
        for draft in drafts
    )
    return without_data(Conversation(messages=messages, effort=_effort(request), search=search))


class _Reader:
    """Reads the turns of one request, oldest first."""

    def __init__(self) -> None:
        self._called: dict[str, str] = {}
        """Names of tools by the ids of their calls."""

    def drafts(self, turn: Turn, path: str) -> Iterator[Draft]:
        """Yield *turn*; the results of tools in it are turns of their own."""
        parts: list[Piece] = []
        calls: list[tuple[str, str]] = []
        for place, block in read_blocks(turn.content, path):
            if isinstance(block, ToolUseBlock):
                self._called[block.id] = block.name
                calls.append((block.name, msgspec.json.encode(block.input).decode()))
            elif isinstance(block, ToolResultBlock):
                if parts:
                    yield Draft(role=turn.role, parts=tuple(parts))
                    parts.clear()
                yield self._result(block, place)
            else:
                parts.extend(_pieces(block, place))
        if calls:
            parts.append(Text(text=calls_text(calls)))
        if parts:
            yield Draft(role=turn.role, parts=tuple(parts))

    def _result(self, block: ToolResultBlock, path: str) -> Draft:
        name = self._called.get(block.tool_use_id)
        if name is None:
            _refuse(f"{path}.tool_use_id", "A tool_result must answer a tool_use before it.")
        pieces = list(_all_pieces(read_blocks(block.content, f"{path}.content")))
        said = "\n".join(piece.text for piece in pieces if isinstance(piece, Text))
        if block.is_error:
            said = f"The call failed.\n{said}"
        attached = [piece for piece in pieces if isinstance(piece, Source)]
        return Draft(role="tool", parts=(Text(text=result_text(name, said)), *attached))


def _system(request: CountRequest) -> Iterator[Piece]:
    for _, block in read_blocks(request.system, "system"):
        if isinstance(block, TextBlock) and not block.text.startswith(_BILLING):
            yield from _text(block.text)


def _all_pieces(blocks: Iterable[tuple[str, Block]]) -> Iterator[Piece]:
    for path, block in blocks:
        yield from _pieces(block, path)


def _pieces(block: Block, path: str) -> Iterator[Piece]:
    match block:
        case TextBlock():
            yield from _text(block.text)
        case ImageBlock():
            yield _image(block.source, path)
        case DocumentBlock():
            yield from _document(block, path)
        case SearchResultBlock():
            found = [part.text for part in block.content]
            yield Text(text="\n".join((f"[{block.title}]({block.source})", *found)))
        case _:
            pass


def _text(text: str) -> Iterator[Text]:
    if text.strip():
        yield Text(text=text)


def _image(source: AttachedSource, path: str) -> Source:
    return _attached(source, f"{path}.source", is_image=True, name=None)


def _document(block: DocumentBlock, path: str) -> Iterator[Piece]:
    about = [f"[document {block.title}]"] if block.title else []
    about += [block.context] if block.context else []
    match block.source:
        case TextSource():
            yield from _text("\n".join((*about, block.source.data)))
        case ContentSource():
            yield from _text("\n".join(about))
            yield from _all_pieces(read_blocks(block.source.content, f"{path}.source.content"))
        case _:
            yield from _text(block.context or "")
            yield _attached(block.source, f"{path}.source", is_image=False, name=block.title)


def _attached(source: AttachedSource, path: str, *, is_image: bool, name: str | None) -> Source:
    kind: Literal["image", "file"] = "image" if is_image else "file"
    match source:
        case Base64Source():
            text = f"data:{source.media_type};base64,{source.data}"
            return Source(text=text, param=f"{path}.data", kind=kind, filename=name)
        case UrlSource():
            return Source(text=source.url, param=f"{path}.url", kind=kind, filename=name)
        case FileIdSource():
            return Source(file_id=source.file_id, param=f"{path}.file_id", kind=kind, filename=name)


def _part(piece: Piece, blobs: Iterator[Blob]) -> Text | Attachment:
    if isinstance(piece, Text):
        return piece
    return Attachment(blob=next(blobs), kind=piece.kind)


def _effort(request: CountRequest) -> Effort | None:
    asked = request.output_config.effort if request.output_config is not None else None
    is_off = request.thinking is not None and request.thinking.type == "disabled"
    return effective_effort(asked, "disabled" if is_off else None)


def _refuse(param: str, message: str) -> NoReturn:
    raise InvalidRequest(message, param=param)
