"""What stored pictures and videos are called, and where they lie. Pure but for chance."""

import secrets
from collections.abc import Iterable
from typing import Final

from grokgate.media.content import EXTENSIONS, PICTURES
from grokgate.storage.media import MediaKind, MediaRow

_ID_BYTES: Final = 18
_OTHER: Final = "bin"
"""Extension of what no browser is to show."""
_PREVIEW: Final = "-preview"
"""Stands between the id of a video and the extension of its first picture."""


def new_name(mime: str, *, preview_of: str = "") -> str:
    """Return a name for a file that begins like *mime*: a random id and an extension.

    Args:
        mime: Type of the file.
        preview_of: Name of the video whose first picture it is: then that one's id and a mark.
    """
    file_id = secrets.token_urlsafe(_ID_BYTES)
    if preview_of:
        file_id = preview_of.rpartition(".")[0] + _PREVIEW
    return f"{file_id}.{EXTENSIONS.get(mime, _OTHER)}"


def names_of(file_id: str) -> list[str]:
    """Return what a file with this id may be called."""
    return [f"{file_id}.{extension}" for extension in (*EXTENSIONS.values(), _OTHER)]


def preview_names(rows: Iterable[MediaRow]) -> dict[str, str]:
    """Return the names of videos among *rows* by those that their first pictures may have."""
    return {
        f"{row.name.rpartition('.')[0]}{_PREVIEW}.{EXTENSIONS[mime]}": row.name
        for row in rows
        if row.kind == "video"
        for mime in PICTURES
    }


def key_of(kind: MediaKind, name: str) -> str:
    """Return where a file lies."""
    return f"{folder_of(kind)}/{name}"


def folder_of(kind: MediaKind) -> str:
    """Return the folder of a kind; those of the predecessors are the same (F-CACHE-01)."""
    return f"tmp/{kind}"
