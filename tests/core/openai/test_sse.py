import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.openai import DONE, encode_text, frame


def test_frame_is_one_data_line_and_a_blank_line() -> None:
    assert frame(b'{"a":1}') == b'data: {"a":1}\n\n'


def test_named_frame_starts_with_its_name() -> None:
    assert frame(b"{}", "error") == b"event: error\ndata: {}\n\n"


def test_done_marker_is_a_frame() -> None:
    assert frame(b"[DONE]") == DONE


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
def test_unicode_line_breaks_are_escaped(char: str) -> None:
    encoded = encode_text(f"a{char}b")

    assert encoded == f'"a\\u{ord(char):04x}b"'.encode()


def test_lone_surrogate_does_not_break_the_frame() -> None:
    assert encode_text("a\ud83d") == b'"a?"'


@given(st.text())
def test_encoded_text_is_one_line_and_reads_back(text: str) -> None:
    encoded = encode_text(text)

    assert msgspec.json.decode(encoded) == text
    assert len(encoded.decode().splitlines()) == 1
