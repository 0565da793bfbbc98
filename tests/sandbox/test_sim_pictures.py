import struct
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.sandbox.painting import Painting, paint
from grokgate.sandbox.pictures import to_jpeg, to_png
from grokgate.sandbox.studio import numbered, size_of

SMALL = paint("SANDBOX\n1", width=333, height=221)


def _segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk over a JPEG's segments up to its scan."""
    at = 2
    while jpeg[at + 1] != 0xDA:
        size = int.from_bytes(jpeg[at + 2 : at + 4])
        yield jpeg[at + 1], jpeg[at + 4 : at + 2 + size]
        at += 2 + size
    yield 0xDA, jpeg[at:]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        body = png[at + 4 : at + 8 + size]
        assert zlib.crc32(body) == int.from_bytes(png[at + 8 + size : at + 12 + size])
        yield body[:4], body[4:]
        at += 12 + size


def test_jpeg_says_its_size() -> None:
    header = dict(_segments(to_jpeg(SMALL)))[0xC0]

    assert struct.unpack(">BHHB", header[:6]) == (8, 221, 333, 3)


def test_jpeg_has_a_restart_after_every_row_but_the_last() -> None:
    scan = dict(_segments(to_jpeg(SMALL)))[0xDA]
    restarts = [
        marker for marker in range(0xD0, 0xD8) for _ in range(scan.count(bytes((0xFF, marker))))
    ]

    assert len(restarts) == len(SMALL.rows) - 1
    assert scan.endswith(b"\xff\xd9")


def test_png_holds_every_pixel() -> None:
    chunks = dict(_chunks(to_png(SMALL)))
    lines = zlib.decompress(chunks[b"IDAT"])

    assert chunks[b"IHDR"][:8] == struct.pack(">II", 333, 221)
    assert len(lines) == (333 + 1) * 221
    assert set(lines) == {0, 1}


@given(st.one_of(st.integers(12, 300), st.integers(65_500, 65_600), st.integers(131_000, 131_200)))
def test_pictures_take_any_size(more: int) -> None:
    jpeg, png = to_jpeg(SMALL), to_png(SMALL)

    assert len(to_jpeg(SMALL, size=len(jpeg) + more)) == len(jpeg) + more
    assert len(to_png(SMALL, size=len(png) + more)) == len(png) + more


def test_padding_is_a_comment() -> None:
    padded = to_jpeg(SMALL, size=len(to_jpeg(SMALL)) + 100)

    assert (0xFE, bytes(96)) in list(_segments(padded))


@pytest.mark.parametrize("write", [to_jpeg, to_png])
def test_picture_cannot_be_smaller_than_it_is(write: object) -> None:
    assert callable(write)
    with pytest.raises(ValueError, match="cannot have 100"):
        write(SMALL, size=100)


@pytest.mark.parametrize(
    ("ratio", "size"), [("2:3", (832, 1248)), ("1:1", (1024, 1024)), ("19.5:9", (1504, 688))]
)
def test_size_follows_the_ratio(ratio: str, size: tuple[int, int]) -> None:
    assert size_of(ratio) == size


def test_smaller_picture_keeps_its_shape() -> None:
    painting = numbered(0, ratio="2:3", tint="", scale=2)

    assert (painting.width, painting.height) == (416, 624)


@given(
    st.text(max_size=40),
    st.integers(1, 400),
    st.integers(1, 400),
)
def test_any_label_fits(label: str, width: int, height: int) -> None:
    painting: Painting = paint(label, width=width, height=height)

    assert len(painting.rows) == -(-height // 8)
    assert {len(row) for row in painting.rows} == {-(-width // 8)}
