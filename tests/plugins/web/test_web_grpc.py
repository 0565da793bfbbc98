"""gRPC-web answers, and the weekly pool in one of them."""

import base64
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate_web.decode.credits import WeeklyPool, weekly_pool
from grokgate_web.decode.grpc import GrpcAnswer, fields, read_answer

SUCCESS = bytes.fromhex("0000000000 8000000010") + b"grpc-status: 0\r\n"
REFUSED = bytes.fromhex("800000002d") + b"grpc-status: 7\r\ngrpc-message: not%20allowed\r\n"
POOL = bytes.fromhex(
    "0a2a0d00004841220c0880eeb4d3061080cab5ee012a0c0880e3d9d3061080cab5ee013a0708041500002041"
)


def config(*, used: bytes = b"", nanos: bytes = b"") -> bytes:
    """Write an answer whose period is one of whole seconds or not."""
    bounds = b"".join(
        bytes((number << 3 | 2, 6 + len(nanos))) + b"\x08" + seconds + nanos
        for number, seconds in ((4, b"\x80\xee\xb4\xd3\x06"), (5, b"\x80\xe3\xd9\xd3\x06"))
    )
    body = used + bounds
    return b"\x0a" + bytes((len(body),)) + body


def test_success() -> None:
    assert read_answer(SUCCESS, {}) == GrpcAnswer(message=b"", status=0, text="")


def test_refusal() -> None:
    assert read_answer(REFUSED, {}) == GrpcAnswer(message=b"", status=7, text="not allowed")


def test_status_in_the_headers_of_http() -> None:
    headers = {"grpc-status": "16", "grpc-message": "gone%21"}

    assert read_answer(b"", headers) == GrpcAnswer(message=b"", status=16, text="gone!")


def test_status_that_is_told_nowhere_is_success() -> None:
    assert read_answer(b"\0\0\0\0\2\x08\1", {}).message == b"\x08\1"


def test_text_form_of_several_pieces() -> None:
    body = base64.b64encode(b"\0\0\0\0\1x") + b"\n" + base64.b64encode(SUCCESS[5:])
    headers = {"content-type": "application/grpc-web-text+proto"}

    assert read_answer(body, headers) == GrpcAnswer(message=b"x", status=0, text="")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (bytes.fromhex("00000000050a"), {}),
        (b"\0\0\0", {}),
        (b"\1\0\0\0\1x", {}),
        (b"\x81\0\0\0\1x", {}),
        (b"", {"grpc-status": "good"}),
        (b"A", {"content-type": "application/grpc-web-text"}),
    ],
    ids=["cut message", "cut head", "compressed", "compressed trailers", "no number", "no base64"],
)
def test_broken_answer(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="answer"):
        read_answer(body, headers)


@pytest.mark.parametrize(
    "message", [b"\x0a\x05x", b"\x08", b"\x0d\0", b"\x0b", b"\x08" + b"\xff" * 11]
)
def test_broken_message(message: bytes) -> None:
    with pytest.raises(ValueError, match="message"):
        list(fields(message))


@given(st.binary(max_size=64))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for read in (lambda: read_answer(data, {}), lambda: weekly_pool(data)):
        with suppress(ValueError):
            read()


def test_pool() -> None:
    assert weekly_pool(POOL) == WeeklyPool(
        used=12.5, start_s=1785542400.5, end_s=1786147200.5, products={4: 10.0}
    )


def test_account_without_a_pool() -> None:
    assert weekly_pool(config()) is None
    assert weekly_pool(b"") is None


def test_share_of_zero_is_not_told() -> None:
    pool = weekly_pool(config(nanos=b"\x10\x80\xca\xb5\xee\x01"))

    assert pool is not None
    assert (pool.used, pool.exhausted) == (0.0, False)


def test_share_in_a_period_of_whole_seconds_counts() -> None:
    pool = weekly_pool(config(used=b"\x0d" + struct.pack("<f", 100.0)))

    assert pool is not None
    assert pool.exhausted


@pytest.mark.parametrize("used", [float("nan"), float("inf")])
def test_share_that_is_no_number(used: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        weekly_pool(config(used=b"\x0d" + struct.pack("<f", used)))
