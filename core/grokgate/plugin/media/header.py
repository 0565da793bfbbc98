"""Width and height of a picture, read from its first bytes."""

import struct
from typing import Final

HEAD_BYTES: Final = 256 * 1024
"""What `dimensions` may have to see: a JPEG tells its size after its metadata."""

_UNKNOWN: Final = (0, 0)
_NO_FRAME: Final = frozenset((0xC4, 0xC8, 0xCC))
"""Markers among those of frames that begin something else."""
_BARE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
"""Markers that nothing belongs to."""


def dimensions(head: bytes) -> tuple[int, int]:
    """Return width and height in pixels; twice 0 when *head* does not tell.

    Args:
        head: Beginning of a PNG, JPEG or WebP file.
    """
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack_from(">II", head, 16)
        if head.startswith(b"\xff\xd8"):
            return _of_jpeg(head)
        if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            return _of_webp(head)
    except (struct.error, IndexError):
        pass
    return _UNKNOWN


def _of_jpeg(head: bytes) -> tuple[int, int]:
    """Walk over the segments to the one that begins a frame."""
    place = 2
    while head[place] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker = head[place + 1]
        if marker == 0xFF or marker in _BARE:  # noqa: PLR2004 - it may be repeated
            place += 1 if marker == 0xFF else 2  # noqa: PLR2004
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:  # noqa: PLR2004
            height, width = struct.unpack_from(">HH", head, place + 5)
            return width, height
        (length,) = struct.unpack_from(">H", head, place + 2)
        place += 2 + length
    return _UNKNOWN


def _of_webp(head: bytes) -> tuple[int, int]:
    match head[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", head, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            low, high, low2, high2 = struct.unpack_from("<HBHB", head, 24)
            return (high << 16 | low) + 1, (high2 << 16 | low2) + 1
        case _:
            return _UNKNOWN
