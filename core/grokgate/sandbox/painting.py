"""Harmless pictures: one solid colour with a text label, painted in squares of eight pixels.

The squares make real JPEG and PNG files easy to write: in a JPEG every block of eight pixels has
one colour, so only its mean is encoded, and equal rows of squares are encoded once.
"""

import colorsys
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

Color: TypeAlias = tuple[int, int, int]
"""Red, green, blue, each 0 to 255."""

SQUARE = 8
"""Pixels."""


class Painting(Struct, frozen=True, kw_only=True):
    """A picture of two colours, by squares."""

    width: int
    """Pixels."""
    height: int
    ground: Color
    ink: Color
    rows: tuple[tuple[bool, ...], ...]
    """Squares from the top, each row from the left; True: ink. The last may stick out."""


@lru_cache(maxsize=32)
def paint(label: str, *, width: int, height: int, tint: str = "") -> Painting:
    """Paint *label* in white, or as much of it as fits, on a solid colour.

    Args:
        label: Lines of letters, digits and spaces; other characters stay blank.
        width: Pixels.
        height: Pixels.
        tint: Decides the colour.
    """
    columns, lines = -(-width // SQUARE), -(-height // SQUARE)
    lettered = [_letter_rows(line) for line in label.upper().split("\n")]
    widest = max(len(rows[0]) for rows in lettered)
    scale = max(1, min(columns * 3 // 4 // max(widest, 1), lines * 3 // 4 // (6 * len(lettered))))
    inked = [
        _fitted([ink for ink in row for _ in range(scale)], columns)
        for rows in lettered
        for row in (*rows, ())
        for _ in range(scale)
    ][:lines]
    above = (lines - len(inked)) // 2
    blank = (False,) * columns
    rows = (blank,) * above + tuple(inked)
    return Painting(
        width=width,
        height=height,
        ground=_ground(tint),
        ink=(255, 255, 255),
        rows=rows + (blank,) * (lines - len(rows)),
    )


def _letter_rows(line: str) -> list[tuple[bool, ...]]:
    """Spell a line in letters of three by five squares."""
    glyphs = [_GLYPHS.get(letter, 0) for letter in line]
    return [tuple(ink for glyph in glyphs for ink in _bits(glyph, row)) for row in range(5)]


def _bits(glyph: int, row: int) -> Iterator[bool]:
    """Read a row of a letter, and the gap behind it."""
    squares = glyph >> 3 * (4 - row)
    yield from (bool(squares >> column & 1) for column in (2, 1, 0))
    yield False


def _fitted(row: list[bool], columns: int) -> tuple[bool, ...]:
    """Center a row, or cut it off at the right."""
    row = row[:columns]
    before = (columns - len(row)) // 2
    return (*[False] * before, *row, *[False] * (columns - len(row) - before))


def _ground(tint: str) -> Color:
    """Choose one of half a million colours on which white can be read."""
    rest, hue = divmod(zlib.crc32(tint.encode()), 360)
    rest, lightness = divmod(rest, 41)
    saturation = rest % 41
    red, green, blue = colorsys.hls_to_rgb(hue / 360, 0.3 + lightness / 200, 0.4 + saturation / 200)
    return round(red * 255), round(green * 255), round(blue * 255)


# One octal digit per row of three squares, top row first.
_GLYPHS = {
    "0": 0o75557, "1": 0o26227, "2": 0o71747, "3": 0o71717, "4": 0o55711,
    "5": 0o74717, "6": 0o74757, "7": 0o71111, "8": 0o75757, "9": 0o75717,
    "A": 0o75755, "B": 0o65656, "C": 0o74447, "D": 0o65556, "E": 0o74647,
    "F": 0o74644, "G": 0o74557, "H": 0o55755, "I": 0o72227, "J": 0o11157,
    "K": 0o55655, "L": 0o44447, "M": 0o57755, "N": 0o65555, "O": 0o75557,
    "P": 0o75744, "Q": 0o75571, "R": 0o75655, "S": 0o74717, "T": 0o72222,
    "U": 0o55557, "V": 0o55552, "W": 0o55775, "X": 0o55255, "Y": 0o55222,
    "Z": 0o71247,
}  # fmt: skip
