"""Which bytes of a file that broke off are passed on (F-FILE-06)."""

import random
from collections.abc import Mapping

import pytest

from grokgate_web.received import Changed, Received

FILE = bytes(random.Random(7).randbytes(4096))
STRONG = {"etag": '"e"'}


def answer(received: Received, *, body: bytes, status: int = 200, **headers: str) -> bytes:
    """Take an answer in; return what it adds."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    received.answered(status, named)
    pieces = [body[start : start + 100] for start in range(0, len(body), 100)]
    return b"".join(received.take(piece) for piece in pieces)


def broken_off(at: int, **headers: str) -> Received:
    """A file of which some has come."""
    received = Received()
    assert answer(received, body=FILE[:at], **headers) == FILE[:at]
    return received


@pytest.mark.parametrize("headers", [{}, STRONG, {"etag": 'W/"e"'}, {"content_encoding": "gzip"}])
@pytest.mark.parametrize("seed", range(5))
def test_file_is_whole_wherever_it_breaks_off(headers: Mapping[str, str], seed: int) -> None:
    rng = random.Random(seed)
    received, came = Received(), b""
    for _ in range(4):
        came += answer(received, body=FILE[: rng.randrange(len(FILE))], **headers)
    came += answer(received, body=FILE, **headers)

    assert came == FILE
    assert received.is_whole


@pytest.mark.parametrize("headers", [{}, {"etag": 'W/"e"'}, {**STRONG, "content_encoding": "br"}])
def test_without_a_strong_validator_all_of_it_is_asked_for(headers: Mapping[str, str]) -> None:
    assert broken_off(1000, **headers).wish() == ()


def test_one_byte_that_differs_is_another_file() -> None:
    received = broken_off(1000)
    other = FILE[:500] + bytes([FILE[500] ^ 1]) + FILE[501:]

    with pytest.raises(Changed):
        answer(received, body=other)


def test_nothing_new_is_passed_on_before_all_that_had_come_is_compared() -> None:
    received = broken_off(1000)

    assert answer(received, body=FILE[:999]) == b""
    assert not received.is_whole


def test_file_of_another_length_is_another_file() -> None:
    received = broken_off(1000, content_length="4096")

    with pytest.raises(Changed):
        answer(received, body=FILE, content_length="4095")


@pytest.mark.parametrize(("end", "whole"), [(4096, True), (4000, False)])
def test_rest_of_a_file_says_how_long_it_is(end: int, *, whole: bool) -> None:
    received = broken_off(1000, **STRONG)
    part = f"bytes 1000-{end - 1}/4096"

    assert received.wish() == (("Range", "bytes=1000-"), ("If-Range", '"e"'))
    rest = answer(received, body=FILE[1000:end], status=206, content_range=part, **STRONG)

    assert rest == FILE[1000:end]
    assert received.is_whole is whole


def test_part_of_a_file_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(Changed):
        answer(Received(), body=FILE[:9], status=206, content_range="bytes 0-8/4096", **STRONG)


def test_file_that_is_shorter_than_it_says_is_not_whole() -> None:
    assert not broken_off(1000, content_length="4096").is_whole
