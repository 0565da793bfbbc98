"""The server's frames on the Imagine socket, picture by picture (upstream-protocol.md 6.4)."""

import base64
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from typing import Any, TypeAlias

from msgspec import Struct

from grokgate.sandbox.fate import Fate
from grokgate.sandbox.pictures import to_png
from grokgate.sandbox.studio import Studio, numbered, size_of

Frame: TypeAlias = dict[str, Any]
Sizes: TypeAlias = tuple[int, int, int]
"""Base64 characters of preview, medium picture and final picture; multiples of 4."""


class Slot(Struct, frozen=True, kw_only=True):
    """A picture that was asked for."""

    order: int
    picture_id: str
    request_id: str
    ratio: str
    fate: Fate


def sequential(slots: Iterable[Slot], **how: Any) -> Iterator[Frame]:
    """Send one picture after the other; keyword arguments as in `frames_of`."""
    return chain.from_iterable(frames_of(slot, **how) for slot in slots)


def interleaved(slots: Iterable[Slot], **how: Any) -> Iterator[Frame]:
    """Send the first frame of every picture, then the second, and so on."""
    steps = zip_longest(*(frames_of(slot, **how) for slot in slots))
    return (frame for step in steps for frame in step if frame is not None)


def frames_of(
    slot: Slot, *, sizes: Sizes, with_status: bool, origin: str, studio: Studio
) -> Iterator[Frame]:
    """Write the frames of a picture, up to where its fate lets it come.

    Args:
        slot: The picture.
        sizes: Of its three stages.
        with_status: Status frames stand around the pictures.
        origin: Where the public host is played.
        studio: Keeps the finished picture.
    """
    fate = slot.fate
    if fate == "silent":
        return
    preview, medium, final = sizes
    if with_status:
        yield _status(slot, "start_stage")
    if fate != "refusal_text":
        yield _small(slot, preview, 35, origin)
    if fate in ("final", "medium_no_final"):
        yield _small(slot, medium, 70, origin)
    if fate == "final":
        yield _final(slot, final, origin, studio)
    if with_status and fate != "medium_no_final":
        yield _status(slot, "completed", moderated=fate != "final")


def _status(slot: Slot, status: str, *, moderated: bool = False) -> Frame:
    width, height = size_of(slot.ratio)
    return {
        "type": "json",
        "request_id": slot.request_id,
        "current_status": status,
        "image_id": slot.picture_id,
        "order": slot.order,
        "width": width,
        "height": height,
        "moderated": moderated,
        "r_rated": False,
    }


def _small(slot: Slot, chars: int, progress: int, origin: str) -> Frame:
    painting = numbered(slot.order, ratio=slot.ratio, tint=slot.picture_id, scale=2)
    content = to_png(painting, size=chars // 4 * 3)
    size = painting.width, painting.height
    return _image(slot, content, progress, origin, suffix="png", size=size)


def _final(slot: Slot, chars: int, origin: str, studio: Studio) -> Frame:
    painting = numbered(slot.order, ratio=slot.ratio, tint=slot.picture_id)
    file = studio.picture(slot.picture_id, painting, size=chars // 4 * 3)
    file.public = True
    size = painting.width, painting.height
    return _image(slot, file.content, 100, origin, suffix="jpg", size=size)


def _image(
    slot: Slot, content: bytes, progress: int, origin: str, *, suffix: str, size: tuple[int, int]
) -> Frame:
    return {
        "type": "image",
        "request_id": slot.request_id,
        "id": slot.picture_id,
        "url": f"{origin}/__public/imagine-public/images/{slot.picture_id}.{suffix}",
        "blob": base64.b64encode(content).decode(),
        "percentage_complete": progress,
        "order": slot.order,
        "width": size[0],
        "height": size[1],
    }
