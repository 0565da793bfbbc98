"""What is wanted of pictures, and what comes of it."""

from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from grokgate.plugin.context import MediaRef
from grokgate.plugin.records import Daily
from grokgate.upstream import Blob

Method: TypeAlias = Literal["chat", "socket", "edit"]
"""How an upstream is asked; the words of `grokgate.upstream.ImageRequest`."""


class Wish(Struct, frozen=True, kw_only=True):
    """Pictures as a client wants them, all checks done."""

    prompt: str
    count: int = 1
    ratio: str | None = None
    """One that the offer has, such as ``2:3``; None: the upstream's own choice."""
    size_named: bool = False
    """The client named a size: it is put in words where the upstream cannot be told a ratio."""
    references: tuple[Blob, ...] = ()
    """Pictures to change; none: made from the prompt alone."""
    previews: int = 0
    """The most unfinished pictures to be shown of each."""
    nsfw: bool = False
    concurrency: int = 1
    """Sockets that may be open at once."""
    quality: str | None = None
    links: bool = True
    """Pictures are kept, and have a link."""
    contents: bool = False
    """Pictures are handed out with their bytes."""
    anew: int = 0
    """Pictures that moderation stopped may be made again by so many further calls."""


class Rotation(Struct, frozen=True, kw_only=True):
    """Which accounts make pictures, and how often."""

    prefer_tags: tuple[str, ...] = ()
    """`Call.prefer_tags`."""
    daily: Daily | None = None
    """`Call.daily`."""
    most_attempts: int | None = None
    """Of each call; None: as many as ``grok.max_retry`` allows."""


class Picture(Struct, frozen=True, kw_only=True):
    """A finished picture."""

    slot: int
    """0 to `Wish.count` − 1."""
    data: bytes | None
    """None unless `Wish.contents`."""
    ref: MediaRef | None
    """None unless `Wish.links`."""
    mime: str
    width: int
    """Pixels; 0: its header does not say, and so does the height."""
    height: int
    account: str = ""
    """Short id of the account that made it."""
    revised_prompt: str | None = None
    """What the upstream made of the prompt, where it says so."""


class Preview(Struct, frozen=True, kw_only=True):
    """An unfinished picture."""

    slot: int
    index: int
    """Counts the previews of its slot, from 0."""
    data: bytes
    mime: str
    width: int
    height: int


class Made(Struct, frozen=True, kw_only=True):
    """A picture is finished."""

    picture: Picture


class PictureProgress(Struct, frozen=True, kw_only=True):
    """How far a picture is; never falls."""

    slot: int
    percent: int


PictureEvent: TypeAlias = Preview | Made | PictureProgress


class PictureUsage(Struct, frozen=True, kw_only=True):
    """Estimated units of text and pictures (`openai-contract.md` 13)."""

    text: int
    """Of the prompt."""
    references: int
    """Of the pictures that came with it."""
    output: int
    """Of the pictures made."""
    each: int
    """Of one picture."""

    def of_one(self) -> "PictureUsage":
        """Return the same for a single picture."""
        return replace(self, output=self.each)
