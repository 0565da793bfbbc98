"""Ranges and names of files as HTTP has them (F-FILE-03)."""

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest

from grokgate.errors import StoreUnavailable
from grokgate.plugin.delivery import FileReply, InvalidRange, disposition, parse_range
from grokgate.plugin.stream import OpenStreams


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 5)),
        ("bytes=5-", (5, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes= 2-4", (2, 5)),
        ("lines=1-2", None),
        ("", None),
    ],
)
def test_a_range_is_read(text: str, wanted: tuple[int, int] | None) -> None:
    assert parse_range(text, 10) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("bytes=10-", "bytes=-0", "bytes=5-4", "bytes=0-1,3-4", "bytes=", "bytes=-"),
        *("bytes=a-b", "bytes=--1", "bytes=1", "bytes=1-2-3", f"bytes={'9' * 30}-", "bytes=١-٢"),
    ],
)
def test_a_range_that_cannot_be_served_tells_the_size(text: str) -> None:
    with pytest.raises(InvalidRange) as refused:
        parse_range(text, 10)

    assert refused.value.headers == {"content-range": "bytes */10"}


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(InvalidRange):
        parse_range("bytes=0-", 0)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.png", 'inline; filename="a.png"'),
        ('a"b\\.png', "inline; filename=\"a_b_.png\"; filename*=UTF-8''a%22b%5C.png"),
        ("é\r\n.png", "inline; filename=\"___.png\"; filename*=UTF-8''%C3%A9%0D%0A.png"),
    ],
)
def test_any_name_makes_one_plain_header(name: str, header: str) -> None:
    assert disposition("inline", name).isascii()
    assert "\r" not in disposition("inline", name)
    assert disposition("inline", name) == header


@pytest.mark.anyio
async def test_a_file_that_cannot_be_read_on_breaks_off() -> None:
    """The announced length tells the client; it is no defect."""

    async def failing() -> AsyncGenerator[bytes, None]:
        yield b"half"
        raise StoreUnavailable

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    scope: Any = {"state": {"streams": OpenStreams()}}
    reply = FileReply(200, {"content-length": "999"}, failing())
    await reply.to_asgi_response()(scope, anyio.sleep_forever, send)

    assert [message.get("more_body") for message in sent] == [None, True]
    assert scope["state"]["error_code"] == "storage_unavailable"


@pytest.mark.anyio
async def test_a_file_is_closed_when_the_client_is_gone_before_the_first_byte() -> None:
    async def piece() -> AsyncGenerator[bytes, None]:
        try:
            yield b"half"
        finally:
            closed.append(True)

    async def send(_: Any) -> None:
        raise ConnectionError

    closed: list[bool] = []
    body = piece()
    await anext(body)
    scope: Any = {"state": {"streams": OpenStreams()}}
    with pytest.raises(ConnectionError):
        await FileReply(200, {}, body).to_asgi_response()(scope, anyio.sleep_forever, send)

    assert closed == [True]
    assert len(scope["state"]["streams"]) == 0
