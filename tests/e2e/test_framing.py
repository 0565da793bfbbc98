"""Event streams byte for byte, as they leave the socket (openai-contract.md 1.2, 1.3, 3.6)."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from e2e.conftest import BOTH, EACH
from e2e.endpoints import CHAT, MESSAGES, STREAM_TYPE, Endpoint, Heard
from e2e.probe import AUTH, QUOTA, Probe
from e2e.wire import Connection, connect

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

OFFERS = {**AUTH, "accept-encoding": "gzip, deflate, br, zstd"}
STRANGE = "one\u2028two\u2029three\u0085four"
FRAMES = {
    True: r"data: [^\r\n]+",
    False: r"event: [a-z_.]+\ndata: [^\r\n]+|data: \[DONE\]",
}
"""Of chat, whose events have no names, and of the others."""


class Reply:
    """A streamed reply as it came: its head, and each write of the server."""

    def __init__(self, head: dict[str, str], writes: list[bytes]) -> None:
        self.head = head
        self.writes = writes
        self.raw = b"".join(writes).decode()
        self.frames = self.raw.split("\n\n")

    @property
    def chunks(self) -> list[dict[str, object]]:
        return [json.loads(frame.removeprefix("data: ")) for frame in self.frames[:-2]]

    def heard(self, endpoint: Endpoint) -> Heard:
        return endpoint.hear(*self.writes)


async def fetch(gateway: Probe, prompt: str, *, to: Endpoint = CHAT, **more: object) -> Reply:
    asked = json.dumps(to.body(prompt, stream=True, **more)).encode()
    async with opened(gateway) as connection:
        await connection.send("POST", to.path, OFFERS, asked)
        status, head = await connection.head()
        assert status == 200
        return Reply(head, [write async for write in connection.chunks()])


@asynccontextmanager
async def opened(gateway: Probe) -> AsyncIterator[Connection]:
    await gateway.fill(QUOTA)
    async with connect(gateway.service.base) as connection:
        yield connection


@EACH
async def test_head_of_a_stream(gateway: Probe, endpoint: Endpoint) -> None:
    head = (await fetch(gateway, "hi", to=endpoint)).head

    assert head["content-type"] == STREAM_TYPE
    assert head["cache-control"] == "no-cache, no-transform"
    assert head["x-accel-buffering"] == "no"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", head["x-request-id"])
    assert head["openai-processing-ms"].isdigit()
    assert "content-length" not in head
    if endpoint is MESSAGES:
        assert head["request-id"] == head["x-request-id"]
    else:
        assert head["openai-version"] == "2020-10-01"


@EACH
async def test_stream_is_never_compressed(gateway: Probe, endpoint: Endpoint) -> None:
    reply = await fetch(gateway, "@sim tokens=300", to=endpoint)

    assert "content-encoding" not in reply.head
    assert reply.writes[0].startswith((b"data: {", b"event: "))


@EACH
async def test_frame_is_a_name_one_line_of_data_and_a_blank_line(
    gateway: Probe, endpoint: Endpoint
) -> None:
    reply = await fetch(gateway, "@sim tokens=40", to=endpoint)

    *frames, rest = reply.frames
    assert rest == ""
    form = FRAMES[endpoint is CHAT]
    assert [frame for frame in frames if not re.fullmatch(form, frame)] == []


@EACH
async def test_end_mark_is_the_last_frame(gateway: Probe, endpoint: Endpoint) -> None:
    reply = await fetch(gateway, "hi", to=endpoint)

    marks = reply.frames.count("data: [DONE]")
    assert (marks, reply.raw.endswith("\n\ndata: [DONE]\n\n")) == (
        (0, False) if endpoint is MESSAGES else (1, True)
    )


@EACH
async def test_write_holds_whole_frames(gateway: Probe, endpoint: Endpoint) -> None:
    """What that means is said, and checked, in `e2e.endpoints`."""
    reply = await fetch(gateway, "@sim tokens=3000", to=endpoint)

    heard = reply.heard(endpoint)
    assert len(reply.writes) > 1
    assert (heard.error, heard.ended) == (None, True)
    assert heard.text.count(" ") >= 2999


@EACH
async def test_slow_answer_leaves_piece_by_piece(gateway: Probe, endpoint: Endpoint) -> None:
    reply = await fetch(gateway, "@sim tokens=20 delay_ms=10", to=endpoint)

    assert len(reply.writes) >= 15


@EACH
async def test_line_separators_are_escaped(gateway: Probe, endpoint: Endpoint) -> None:
    reply = await fetch(gateway, STRANGE, to=endpoint)

    assert not {"\u2028", "\u2029", "\u0085"} & set(reply.raw)
    assert {r"\u2028", r"\u2029", r"\u0085"} <= set(re.findall(r"\\u[0-9a-f]{4}", reply.raw))
    assert STRANGE in reply.heard(endpoint).text


@BOTH
async def test_frames_come_in_the_order_of_the_contract(gateway: Probe) -> None:
    reply = await fetch(gateway, "@sim scenario=thinking", stream_options={"include_usage": True})

    first, *middle, last, usage = reply.chunks
    kinds = [next(iter(chunk["choices"][0]["delta"])) for chunk in middle]  # type: ignore[index]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}  # type: ignore[index]
    assert kinds == sorted(kinds, key=["reasoning_content", "content"].index)
    assert set(kinds) == {"reasoning_content", "content"}
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")  # type: ignore[index]
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0  # type: ignore[index]


@BOTH
async def test_frames_of_a_stream_share_their_head(gateway: Probe) -> None:
    reply = await fetch(gateway, "hi")

    heads = {(chunk["id"], chunk["created"], chunk["model"]) for chunk in reply.chunks}
    assert len(heads) == 1
    assert {chunk["object"] for chunk in reply.chunks} == {"chat.completion.chunk"}


@EACH
async def test_request_id_of_the_client_is_kept(gateway: Probe, endpoint: Endpoint) -> None:
    await gateway.fill(QUOTA)
    headers = {"x-request-id": "my.own-id_7"}

    async with gateway.http.stream(
        "POST", endpoint.path, json=endpoint.body(stream=True), headers=headers
    ) as response:
        assert response.headers["x-request-id"] == "my.own-id_7"
