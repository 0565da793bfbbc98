"""Pictures, videos and the content preference as data of a profile (`upstream-protocol.md` 6 to 8).

Where generations differ in shape, a table holds the body of each shape by its name and ``shape``
chooses: tables merge, so a body of an older profile could not be taken away otherwise.
"""

from typing import Any, Literal

from msgspec import Struct


class ImagineSocket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The socket that makes pictures from a prompt alone (6.2 to 6.4); all times are seconds."""

    path: str
    reset: bool
    """A message that resets the socket goes before the prompt."""
    item: str
    """Type of the piece that holds the prompt."""
    properties: dict[str, Any]
    """Template of how the pictures shall be."""
    ratio: str
    """Where none was asked for."""
    round: int
    """Pictures of a request that does not say how many."""
    pro_round: int
    """The same, of the better model."""
    final_suffixes: tuple[str, ...]
    final_over: int
    """Characters in base64 that a final picture has more than, where no status is told."""
    first_s: float
    """To the first frame."""
    blocked_s: float
    """From a picture beyond the preview to a final one; later, moderation stopped it."""
    grace_s: float
    """Of silence, once there is more than previews."""
    straggler_s: float
    """For a final picture that is still missing when all are told to be complete."""
    total_s: float
    medium_over: int
    """Characters in base64 of a picture that is more than a preview."""
    ping_s: float
    """Between signs of life."""


class Images(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pictures from a prompt."""

    prefix: str
    """Put before a prompt that a conversation shall draw (6.1)."""
    edit_prefix: str
    """The same, where pictures are attached."""
    socket: ImagineSocket


class Edit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that changes pictures (6.5, 6.6)."""

    shape: Literal["references", "assets"]
    """Names a body: pictures are named by their addresses and a post, or by ids of uploads."""
    path: str
    referer: str
    bodies: dict[str, dict[str, Any]]
    second: dict[str, str] = {}
    """Other ``model`` and ``mode`` to say once more what was refused; empty: nothing is."""


class Post(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that makes a media post (7.1)."""

    path: str
    referer: str


class Upscale(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that makes a video sharper (7.4)."""

    path: str
    referer: str
    within_s: float


class Video(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that makes a video (7.2, 7.5)."""

    shape: Literal["post", "text"]
    """Names a body. ``post``: a media post first; pictures, continuations and upscaling are
    offered. ``text``: one call, from a prompt alone."""
    path: str
    referer: str
    bodies: dict[str, dict[str, Any]]
    config: dict[str, Any] = {}
    """Template of ``{config}`` in a body."""
    several: dict[str, Any] = {}
    """Added to it for more than one picture."""
    extension: dict[str, Any] = {}
    """Added to it for the continuation of a video."""
    extension_referer: str = ""
    """With ``{id}`` of the video that is continued."""
    ratio: str
    """Where none was asked for."""
    resolution: str
    """The same."""
    resolutions: dict[str, str]
    """Our name → the upstream's."""
    presets: dict[str, str]
    preset: str
    """Of any other name, and of none."""
    upscale: Upscale | None = None


class Preference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that switches an account's own content preference (8)."""

    path: str
    referer: str
    on: bytes
    """The whole body with its frame, in base64."""
    off: bytes
