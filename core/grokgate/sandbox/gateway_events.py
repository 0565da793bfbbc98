"""What clients say on the gateway socket (upstream-protocol.md 2.12)."""

from typing import Any

import msgspec
from msgspec import Struct, field


class SessionFlags(Struct, frozen=True, kw_only=True):
    """``x_grok`` of a session; what the sandbox does not read may hold anything."""

    protocol_capabilities: tuple[str, ...] = ()
    use_chunk: bool = False
    is_temporary: bool = False
    conversation_id: str | None = None


class Session(Struct, frozen=True, kw_only=True):
    """What ``session.create`` asks for."""

    model: str = ""
    x_grok: SessionFlags = field(default_factory=SessionFlags)

    @property
    def is_attached(self) -> bool:
        """The client wants to hear of ``conversation.attached``."""
        return "conversation_attached" in self.x_grok.protocol_capabilities


class Chunk(Struct, frozen=True, kw_only=True):
    """A piece of a message: its text, or the mention of a file."""

    text: dict[str, Any] | None = None
    mention: dict[str, Any] | None = None


class ItemFlags(Struct, frozen=True, kw_only=True):
    """``x_grok`` of a message."""

    client_message_id: str = ""
    input_chunks: tuple[Chunk, ...] = ()


class Item(Struct, frozen=True, kw_only=True):
    """A message of the user."""

    x_grok: ItemFlags = field(default_factory=ItemFlags)
    file_attachment_ids: tuple[str, ...] = ()


class ClientEvent(Struct, frozen=True, kw_only=True):
    """An event of any type."""

    type: str
    event_id: str = ""
    session: Session | None = None
    item: Item | None = None
    parent_response_id: str | None = None
    file_attachment_ids: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The message of an item."""
        chunks = self.item.x_grok.input_chunks if self.item is not None else ()
        texts = [chunk.text.get("text") for chunk in chunks if chunk.text is not None]
        return "".join(text for text in texts if isinstance(text, str))

    @property
    def names_files_alike(self) -> bool:
        """Event, item and mentions name the same files."""
        if self.item is None:
            return True
        mentioned = [_file_id(chunk.mention) for chunk in self.item.x_grok.input_chunks]
        files = list(self.file_attachment_ids)
        return files == list(self.item.file_attachment_ids) == [file for file in mentioned if file]


class ClientMessage(Struct, frozen=True, kw_only=True):
    """A frame's content."""

    event: ClientEvent
    session_id: str | None = None


class WrongEvent(Exception):
    """A message that is out of order or out of shape; its text is fit for the answer."""


def decode(content: str | bytes) -> ClientMessage | WrongEvent:
    """Read a frame."""
    if isinstance(content, bytes):
        return WrongEvent("text frames only")
    try:
        return msgspec.json.decode(content, type=ClientMessage)
    except msgspec.DecodeError as error:
        return WrongEvent(str(error))


def _file_id(mention: dict[str, Any] | None) -> str | None:
    try:
        return str(mention["target"]["file_mention"]["file_id"]) if mention else None
    except (KeyError, TypeError):
        return ""
