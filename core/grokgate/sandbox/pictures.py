"""Paintings as JPEG and PNG files, padded to an exact size where one is asked for.

Written out by hand, since a library for pictures would be a dependency for tests' sake. The JPEG
is baseline: its restart interval is a row of blocks, so equal rows share their bytes.
"""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

from grokgate.sandbox.painting import SQUARE, Color, Painting


def to_jpeg(painting: Painting, *, size: int | None = None) -> bytes:
    """Write a JPEG file of *size* bytes; None: as small as it gets.

    Raises:
        ValueError: *size* is too small for the picture.
    """
    head, tail = _jpeg(painting)
    padding = b"".join(_comments(_missing(len(head) + len(tail), size, least=4)))
    return head + padding + tail


def to_png(painting: Painting, *, size: int | None = None) -> bytes:
    """Write a PNG file of *size* bytes; None: as small as it gets.

    Raises:
        ValueError: *size* is too small for the picture.
    """
    head = _png(painting)
    end = _chunk(b"IEND", b"")
    missing = _missing(len(head) + len(end), size, least=12)
    return head + (_chunk(b"paDd", bytes(missing - 12)) if missing else b"") + end


def _missing(length: int, size: int | None, *, least: int) -> int:
    missing = 0 if size is None else size - length
    if missing and missing < least:
        raise ValueError(f"a picture of {length} bytes cannot have {size}")
    return missing


def _comments(length: int) -> Iterator[bytes]:
    """Fill *length* bytes with comment segments; none takes fewer than 4."""
    while length:
        taken = length if length <= _COMMENT else min(_COMMENT, length - 4)
        yield _segment(0xFE, bytes(taken - 4))
        length -= taken


@lru_cache(maxsize=32)
def _jpeg(painting: Painting) -> tuple[bytes, bytes]:
    """Write the file up to its tables, and the rest of it."""
    columns, rows = len(painting.rows[0]), len(painting.rows)
    size = painting.height.to_bytes(2) + painting.width.to_bytes(2)
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    head = b"\xff\xd8" + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    tail = (
        _segment(0xDB, b"\0" + bytes([_QUANTUM] * 64))
        + _segment(0xC0, b"\x08" + size + b"\x03" + components)
        + _segment(0xC4, b"\x00" + _counts({1: 1, 5: 11}) + bytes(range(12)))
        + _segment(0xC4, b"\x10" + _counts({1: 1}) + b"\0")
        + _segment(0xDD, columns.to_bytes(2))
        + _segment(0xDA, b"\x03\x01\0\x02\0\x03\0\0\x3f\0")
    )
    encoded = {row: _jpeg_row(painting, row) for row in set(painting.rows)}
    scan = b"".join(
        encoded[row] + (bytes((0xFF, 0xD0 + index % 8)) if index < rows - 1 else b"")
        for index, row in enumerate(painting.rows)
    )
    return head, tail + scan + b"\xff\xd9"


def _jpeg_row(painting: Painting, row: tuple[bool, ...]) -> bytes:
    """Encode a row of blocks: of each colour component its change, and no detail."""
    bits: list[str] = []
    known = (0, 0, 0)
    for inked, run in groupby(row):
        means = _means(painting.ink if inked else painting.ground)
        bits += [_change(mean - before) for mean, before in zip(means, known, strict=True)]
        bits.append(_change(0) * 3 * (len(list(run)) - 1))
        known = means
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\0")


def _means(color: Color) -> tuple[int, int, int]:
    """Return luminance and the two chrominances around 0, in units of the quantum."""
    red, green, blue = color
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return round(light) - 128, round((blue - light) * 0.564), round((red - light) * 0.713)


def _change(difference: int) -> str:
    """Write a difference as the bits of its class, the bits within the class, and end of block."""
    width = abs(difference).bit_length()
    if not width:
        return "00"
    within = difference if difference > 0 else difference + (1 << width) - 1
    return f"1{width - 1:04b}{within:0{width}b}0"


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def _counts(codes: dict[int, int]) -> bytes:
    """Write how many codes there are of each length from 1 to 16 bits."""
    return bytes(codes.get(length, 0) for length in range(1, 17))


@lru_cache(maxsize=32)
def _png(painting: Painting) -> bytes:
    """Write the file but for its end."""
    size = painting.width.to_bytes(4) + painting.height.to_bytes(4)
    lines = b"".join(_png_lines(row, painting.width) for row in painting.rows)
    picture = lines[: (painting.width + 1) * painting.height]
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", size + b"\x08\x03\0\0\0")
        + _chunk(b"PLTE", bytes(painting.ground) + bytes(painting.ink))
        + _chunk(b"IDAT", zlib.compress(picture))
    )


def _png_lines(row: tuple[bool, ...], width: int) -> bytes:
    pixels = b"".join(bytes([inked] * SQUARE) for inked in row)
    return (b"\0" + pixels[:width]) * SQUARE


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return len(content).to_bytes(4) + checked + zlib.crc32(checked).to_bytes(4)


_QUANTUM = 8
"""A block's mean is eight times its level: with this divisor, levels are encoded as they are."""
_COMMENT = 65_537
"""Bytes of the longest comment segment, its marker included."""
