"""Content blocks of requests: known ones are read strictly, all others are left out.

Clients send back what earlier answers held, and what newer forms of the API know. Reasoning is left
out too: the upstream takes none (`openai-contract.md` 10.1).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from grokgate.errors import InvalidRequest

Content: TypeAlias = str | Sequence[dict[str, Any]]
"""A text, or blocks."""
MimeType = Annotated[str, Meta(pattern=r"^[\w.+-]+/[\w.+-]+(?![\s\S])", max_length=100)]


class Base64Source(Struct, frozen=True, kw_only=True, tag_field="type", tag="base64"):
    """Content that stands in the request."""

    media_type: MimeType
    data: str


class UrlSource(Struct, frozen=True, kw_only=True, tag_field="type", tag="url"):
    """Content to be fetched."""

    url: str


class FileIdSource(Struct, frozen=True, kw_only=True, tag_field="type", tag="file"):
    """Content that was uploaded before."""

    file_id: str


class TextSource(Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Plain text."""

    data: str


class ContentSource(Struct, frozen=True, kw_only=True, tag_field="type", tag="content"):
    """Further blocks."""

    content: Content


AttachedSource: TypeAlias = Base64Source | UrlSource | FileIdSource


class TextBlock(Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """A text."""

    text: str


class ImageBlock(Struct, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """A picture."""

    source: AttachedSource


class DocumentBlock(Struct, frozen=True, kw_only=True, tag_field="type", tag="document"):
    """A document."""

    source: AttachedSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    """What is to be known of it."""


class SearchResultBlock(Struct, frozen=True, kw_only=True, tag_field="type", tag="search_result"):
    """What a search of the client found."""

    source: str
    title: str
    content: Sequence[TextBlock]


class ToolUseBlock(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_use"):
    """An earlier call."""

    id: str
    name: str
    input: dict[str, Any]


class ToolResultBlock(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_result"):
    """What an earlier call returned."""

    tool_use_id: str
    content: Content | None = None
    is_error: bool | None = None


Block: TypeAlias = (
    TextBlock | ImageBlock | DocumentBlock | SearchResultBlock | ToolUseBlock | ToolResultBlock
)
_KNOWN = frozenset({"text", "image", "document", "search_result", "tool_use", "tool_result"})


def read_blocks(content: Content | None, path: str) -> Iterator[tuple[str, Block]]:
    """Yield the known blocks of *content*, which stands at *path*, each with its own path.

    Raises:
        InvalidRequest: A known block does not have its form; names the place.
    """
    if isinstance(content, str):
        yield path, TextBlock(text=content)
        return
    for place, block in enumerate(content or ()):
        if _kind(block, f"{path}[{place}].type") in _KNOWN:
            yield f"{path}[{place}]", _read(block, f"{path}[{place}]")


def _kind(block: Mapping[str, Any], path: str) -> str:
    kind = block.get("type")
    if kind is None:
        raise InvalidRequest.missing(path)
    if not isinstance(kind, str):
        raise InvalidRequest("Expected `str`.", code="invalid_type", param=path)
    return kind


def _read(block: Mapping[str, Any], path: str) -> Block:
    try:
        known: Block = msgspec.convert(block, Block)
        return known
    except msgspec.ValidationError as error:
        raise _misfit(str(error), path) from None


def _misfit(said: str, path: str) -> InvalidRequest:
    """Describe what msgspec says of the block at *path*."""
    text, _, place = said.partition(" - at `$")
    path += place.removesuffix("`")
    missing = text.partition("missing required field `")[2].removesuffix("`")
    if missing:
        return InvalidRequest.missing(f"{path}.{missing}")
    return InvalidRequest(f"Invalid value for '{path}': {text}.", param=path)
