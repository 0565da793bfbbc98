"""Wire types of the gallery's socket (F-IMS-01)."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

MOST_PROMPT = 32_000


class Start(Struct, frozen=True, kw_only=True, tag_field="type", tag="start"):
    """Begin a run."""

    prompt: Annotated[str, Meta(max_length=MOST_PROMPT)] = ""
    aspect_ratio: str | None = None
    nsfw: bool | None = None
    count: Annotated[int, Meta(ge=1, le=6)] | None = None
    """Pictures of the run; null: until it is stopped."""
    quality: Literal["speed", "quality"] | None = None


class Stop(Struct, frozen=True, kw_only=True, tag_field="type", tag="stop"):
    """End the run."""


class Ping(Struct, frozen=True, kw_only=True, tag_field="type", tag="ping"):
    """Ask for a sign of life."""


Command: TypeAlias = Start | Stop | Ping


class GalleryStatus(Struct, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """What became of a run."""

    status: Literal["running", "stopped", "completed"]
    run_id: str


class GalleryImage(Struct, frozen=True, kw_only=True, tag_field="type", tag="image"):
    """One picture."""

    sequence: int
    """Counts the pictures of the run, from 1."""
    created_at: int
    """Unix milliseconds."""
    elapsed_ms: int
    """Since its batch began."""
    aspect_ratio: str
    run_id: str
    url: str


class GalleryError(Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """What went wrong; a run goes on unless it cannot."""

    message: str
    code: str


class Pong(Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The sign of life."""


Told: TypeAlias = GalleryStatus | GalleryImage | GalleryError | Pong
