import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.plugin.media.header import dimensions
from grokgate.testing import picture

WEBP = b"RIFF\0\0\0\0WEBP"
LOSSLESS = (832 - 1) | (1248 - 1) << 14
SEGMENT = b"\xff\xe1" + struct.pack(">H", 2 + 70_000 % 65_000) + bytes(70_000 % 65_000)
FRAME = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 1248, 832)


@pytest.mark.parametrize(
    "head",
    [
        picture(width=832, height=1248),
        b"\xff\xd8" + FRAME,
        b"\xff\xd8" + SEGMENT + SEGMENT + b"\xff\xff\xdb\0\x02" + FRAME,
        b"\xff\xd8\xff\xc4\0\x04ab" + FRAME.replace(b"\xc0", b"\xc2", 1),
        WEBP + b"VP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 832, 1248),
        WEBP + b"VP8L\0\0\0\0\x2f" + struct.pack("<I", LOSSLESS),
        WEBP + b"VP8X\0\0\0\0\0\0\0\0" + struct.pack("<HBHB", 831, 0, 1247, 0),
    ],
    ids=["png", "jpeg", "metadata", "progressive", "lossy", "lossless", "extended"],
)
def test_size_is_read_from_the_header(head: bytes) -> None:
    assert dimensions(head) == (832, 1248)


@pytest.mark.parametrize(
    "head",
    [b"", b"GIF89a\x02\0\x03\0", b"\xff\xd8", b"\xff\xd8\xff\xda\0\x02", picture()[:18], WEBP],
)
def test_size_is_unknown_where_the_header_does_not_tell(head: bytes) -> None:
    assert dimensions(head) == (0, 0)


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8", WEBP, b""]), st.binary(max_size=200))
def test_no_header_is_too_strange(magic: bytes, rest: bytes) -> None:
    width, height = dimensions(magic + rest)

    assert width >= 0
    assert height >= 0
