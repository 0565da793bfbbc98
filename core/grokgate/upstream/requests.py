"""What is wanted from an upstream, without any model name: the session knows its `Wire`."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Blob(Struct, frozen=True, kw_only=True):
    """A file of the client, readable any number of times (each attempt uploads it anew)."""

    name: str
    """Base name only, without path separators."""
    mime: str
    size: int
    """Bytes."""
    open: Callable[[], AsyncGenerator[bytes, None]]
    """Yields the content in pieces of at most 1 MiB; may be called again."""

    @classmethod
    def of_bytes(cls, data: bytes, *, mime: str, name: str) -> "Blob":
        """Wrap *data*, which stays in memory."""

        async def read() -> AsyncGenerator[bytes, None]:
            for start in range(0, len(data), 1 << 20):
                yield data[start : start + (1 << 20)]

        return cls(name=name, mime=mime, size=len(data), open=read)


class Text(Struct, frozen=True, kw_only=True, tag=True):
    """A piece of text."""

    text: str


class Attachment(Struct, frozen=True, kw_only=True, tag=True):
    """A file that the driver uploads before it sends the prompt."""

    blob: Blob
    kind: Literal["image", "file", "audio"] = "file"


Part: TypeAlias = Text | Attachment


class Message(Struct, frozen=True, kw_only=True):
    """One turn of a conversation. Tool calls and results arrive here already as text."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


class Conversation(Struct, frozen=True, kw_only=True):
    """A whole conversation, of which the answer to its end is wanted.

    Fields that the session's `native` set does not name are emulated in front of the session and
    may be ignored by it.
    """

    messages: tuple[Message, ...]
    """Oldest first; system messages come first in the prompt wherever they stand."""
    effort: Effort | None = None
    """None: the model's usual reasoning."""
    search: bool = True
    """False: the upstream's own web search is switched off."""
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: Mapping[str, Any] | str | None = None
    stop: tuple[str, ...] = ()
    max_output: int | None = None
    format: Mapping[str, Any] | None = None
    sampling: Mapping[str, float] = {}

    @classmethod
    def of_text(cls, text: str) -> "Conversation":
        """Make a conversation of a single user message."""
        return cls(messages=(Message(role="user", parts=(Text(text=text),)),))


class ImageRequest(Struct, frozen=True, kw_only=True):
    """Pictures from a prompt; with ``references`` an edit of them."""

    prompt: str
    count: int = 1
    ratio: str | None = None
    references: tuple[Blob, ...] = ()
    previews: bool = False
    nsfw: bool = False
    method: Literal["chat", "socket", "edit"] = "chat"
    """``chat``: a conversation draws, with the references attached to it. ``socket``: from the
    prompt alone. ``edit``: the upstream's own call that changes the references."""
    quality: str | None = None


class VideoRequest(Struct, frozen=True, kw_only=True):
    """A video from a prompt, optionally from pictures or as the continuation of another."""

    prompt: str
    seconds: int
    ratio: str | None = None
    resolution: str | None = None
    preset: str | None = None
    references: tuple[Blob, ...] = ()
    extends: str | None = None
    """`Asset.ref` of the video that this one continues; ``seconds`` are then those of the
    continuation, and the answer is both together."""
    original: str | None = None
    """`Asset.ref` of the first video of a longer chain; None: ``extends``."""
    start_s: float = 0.0
    """How long the video that is continued is, in seconds."""
    upscale: bool = False
    """Have it made sharper in the end; it stays as it is where that fails."""
