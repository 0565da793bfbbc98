"""Typed pieces of an upstream answer, the same for every upstream and protocol profile."""

from typing import Literal, TypeAlias

from msgspec import Struct


class Asset(Struct, frozen=True, kw_only=True):
    """Something the upstream made for one account; only that account can fetch it."""

    ref: str
    """The driver's own reference; opaque to everybody else."""
    account: str
    """Short id of the account that owns it."""
    mime: str | None = None
    size: int | None = None
    """Bytes, where the upstream says so."""
    content: bytes | None = None
    """The file itself, where it came with its message; `UpstreamSession.fetch` hands it out."""

    def __repr__(self) -> str:
        """Leave the content out: it may be megabytes, and is for no log."""
        told = f"ref={self.ref!r}, account={self.account!r}, mime={self.mime!r}, size={self.size!r}"
        return f"Asset({told})"


class RemoteFile(Struct, frozen=True, kw_only=True):
    """One row of an account's file list."""

    id: str
    ref: str = ""
    """For `UpstreamSession.fetch`; empty: cannot be fetched."""
    name: str
    mime: str
    size: int
    created_at: float | None = None


class Usage(Struct, frozen=True, kw_only=True):
    """Text units as counted by the upstream."""

    input: int
    output: int
    reasoning: int = 0


class Started(Struct, frozen=True, kw_only=True, tag=True):
    """The upstream accepted the call. Not output: a retry is still invisible."""

    fingerprint: str | None = None
    """Hash of the model that answers, where known; rendered as ``system_fingerprint``."""


class TextDelta(Struct, frozen=True, kw_only=True, tag=True):
    """The next piece of the visible answer; never empty."""

    text: str


class ThinkingDelta(Struct, frozen=True, kw_only=True, tag=True):
    """The next piece of the reasoning; never empty."""

    text: str
    summary: bool = False
    """A short step title rather than the reasoning itself."""
    agent: str | None = None
    """Which of several agents thinks, where the upstream says so."""


class ToolCall(Struct, frozen=True, kw_only=True, tag=True):
    """One complete call of a tool that the request declared."""

    id: str
    name: str
    arguments: str
    """JSON text of an object; for a free-text tool the text itself."""
    custom: bool = False


class Activity(Struct, frozen=True, kw_only=True, tag=True):
    """The upstream's own tool at work, such as a web search."""

    tool: str
    text: str = ""
    agent: str | None = None


class Source(Struct, frozen=True, kw_only=True, tag=True):
    """One search result the upstream looked at."""

    url: str
    title: str = ""
    snippet: str = ""


class Citation(Struct, frozen=True, kw_only=True, tag=True):
    """A numbered link. ``start`` and ``end`` count Unicode characters of the visible text."""

    number: int
    url: str
    start: int
    end: int
    title: str = ""


class Progress(Struct, frozen=True, kw_only=True, tag=True):
    """Percent done of one output slot; never falls."""

    slot: int
    percent: int


class ImagePreview(Struct, frozen=True, kw_only=True, tag=True):
    """An unfinished picture of one slot."""

    slot: int
    asset: Asset


class ImageReady(Struct, frozen=True, kw_only=True, tag=True):
    """A finished picture; counted as one output."""

    slot: int
    asset: Asset


class ImageRefused(Struct, frozen=True, kw_only=True, tag=True):
    """Moderation withheld the picture of one slot."""

    slot: int
    blocked: bool = False


class VideoReady(Struct, frozen=True, kw_only=True, tag=True):
    """A finished video; counted as one output."""

    asset: Asset
    poster: Asset | None = None


class Finished(Struct, frozen=True, kw_only=True, tag=True):
    """The upstream's own end marker was seen. Every complete answer ends with exactly one."""

    reason: Literal["stop", "length", "refused"] = "stop"
    usage: Usage | None = None


Event: TypeAlias = (
    Started
    | TextDelta
    | ThinkingDelta
    | ToolCall
    | Activity
    | Source
    | Citation
    | Progress
    | ImagePreview
    | ImageReady
    | ImageRefused
    | VideoReady
    | Finished
)


def is_output(event: Event) -> bool:
    """Tell whether *event* is output: after the first one no other account may be tried."""
    return not isinstance(event, Started | Finished)
