"""WebSocket framing, against the examples of RFC 6455, 5.7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate_web.transport.frames import (
    Frame,
    FrameError,
    FrameReader,
    MessageTooLong,
    Opcode,
    encode,
)


def read(data: bytes, *, max_message: int = 1 << 20) -> list[Frame]:
    return list(FrameReader(max_message=max_message).feed(data))


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (b"\x81\x05Hello", [Frame(Opcode.TEXT, b"Hello")]),
        (b"\x01\x03Hel\x80\x02lo", [Frame(Opcode.TEXT, b"Hello")]),
        (b"\x89\x05Hello", [Frame(Opcode.PING, b"Hello")]),
        (b"\x01\x01a\x89\x01p\x80\x01b", [Frame(Opcode.PING, b"p"), Frame(Opcode.TEXT, b"ab")]),
        (b"\x82\x7e\x01\x00" + bytes(256), [Frame(Opcode.BINARY, bytes(256))]),
        (b"\x82\x7f" + (65_536).to_bytes(8, "big") + bytes(65_536),
         [Frame(Opcode.BINARY, bytes(65_536))]),
        (b"\x88\x00", [Frame(Opcode.CLOSE, b"")]),
        (b"\x81\x00\x81\x01a", [Frame(Opcode.TEXT, b""), Frame(Opcode.TEXT, b"a")]),
        (b"\x81\x05Hell", []),
    ],
    ids=["text", "split", "ping", "ping inside", "16 bits", "64 bits", "close", "two", "part"],
)  # fmt: skip
def test_frames_are_read(data: bytes, frames: list[Frame]) -> None:
    assert read(data) == frames


def test_masked_frame_is_written_as_in_the_rfc() -> None:
    mask = bytes.fromhex("37fa213d")

    assert encode(Opcode.TEXT, b"Hello", mask=mask).hex() == "818537fa213d7f9f4d5158"


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_written_length_fits(size: int) -> None:
    data = bytearray(encode(Opcode.TEXT, b"x" * size, mask=bytes(4)))
    data[1] &= 0x7F
    head = len(data) - size - 4
    del data[head : head + 4]

    assert read(bytes(data)) == [Frame(Opcode.TEXT, b"x" * size)]


def test_masks_differ() -> None:
    assert encode(Opcode.TEXT, b"Hello") != encode(Opcode.TEXT, b"Hello")


@pytest.mark.parametrize(
    "data",
    [b"\xc1\x00", b"\x81\x85", b"\x83\x00", b"\x80\x00", b"\x01\x00\x01\x00", b"\x09\x00",
     b"\x89\x7e"],
    ids=["reserved", "masked", "unknown", "end of none", "inside", "split ping", "long ping"],
)  # fmt: skip
def test_wrong_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        read(data)


@pytest.mark.parametrize("data", [b"\x81\x0b", b"\x01\x06abcdef\x80\x05"], ids=["one", "split"])
def test_long_message_is_refused_before_it_arrives(data: bytes) -> None:
    with pytest.raises(MessageTooLong):
        read(data, max_message=10)


@pytest.mark.parametrize(("data", "code"), [(b"\x88\x02\x03\xe8", 1000), (b"\x88\x00", None)])
def test_close_code(data: bytes, code: int | None) -> None:
    [frame] = read(data)

    assert frame.close_code == code


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=20))
def test_result_does_not_depend_on_the_chunks(data: bytes, sizes: list[int]) -> None:
    def found(pieces: list[bytes]) -> list[Frame | str]:
        reader, frames = FrameReader(max_message=100), list[Frame | str]()
        try:
            for piece in pieces:
                frames.extend(reader.feed(piece))
        except FrameError:
            frames.append("refused")
        return frames

    pieces, rest = list[bytes](), data
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]

    assert found([*pieces, rest]) == found([data])


def test_message_in_tiny_frames_is_held_once() -> None:
    reader = FrameReader(max_message=1000)
    for _ in range(1000):
        assert list(reader.feed(b"\x01\x01a" if not reader.held else b"\x00\x01a")) == []

    assert reader.held == 1000
    with pytest.raises(MessageTooLong):
        list(reader.feed(b"\x80\x01a"))
