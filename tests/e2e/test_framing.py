"""Event streams byte for byte, as they leave the socket (openai-contract.md 1.2, 1.3, 3.6)."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from e2e.conftest import BOTH
from e2e.probe import KEY, QUOTA, Probe, body
from e2e.wire import Connection, connect

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, BOTH]

LARGEST_WRITE = 16 * 1024
OFFERS = {"authorization": f"Bearer {KEY}", "accept-encoding": "gzip, deflate, br, zstd"}
STRANGE = "one\u2028two\u2029three\u0085four"


class Reply:
    """A streamed reply as it came: its head, and each write of the server."""

    def __init__(self, head: dict[str, str], writes: list[bytes]) -> None:
        self.head = head
        self.writes = writes
        self.frames = b"".join(writes).decode().split("\n\n")

    @property
    def chunks(self) -> list[dict[str, object]]:
        return [json.loads(frame.removeprefix("data: ")) for frame in self.frames[:-2]]


async def fetch(gateway: Probe, prompt: str, **more: object) -> Reply:
    asked = json.dumps(body(prompt, stream=True, **more)).encode()
    async with opened(gateway) as connection:
        await connection.send("POST", "/v1/chat/completions", OFFERS, asked)
        status, head = await connection.head()
        assert status == 200
        return Reply(head, [write async for write in connection.chunks()])


@asynccontextmanager
async def opened(gateway: Probe) -> AsyncIterator[Connection]:
    await gateway.fill(QUOTA)
    async with connect(gateway.service.base) as connection:
        yield connection


async def test_head_of_a_stream(gateway: Probe) -> None:
    head = (await fetch(gateway, "hi")).head

    assert head["content-type"] == "text/event-stream; charset=utf-8"
    assert head["cache-control"] == "no-cache, no-transform"
    assert head["x-accel-buffering"] == "no"
    assert head["openai-version"] == "2020-10-01"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", head["x-request-id"])
    assert head["openai-processing-ms"].isdigit()
    assert "content-length" not in head


async def test_stream_is_never_compressed(gateway: Probe) -> None:
    reply = await fetch(gateway, "@sim tokens=300")

    assert "content-encoding" not in reply.head
    assert reply.writes[0].startswith(b"data: {")


async def test_frame_is_one_data_line_and_a_blank_line(gateway: Probe) -> None:
    reply = await fetch(gateway, "@sim tokens=40")

    *frames, rest = reply.frames
    assert rest == ""
    assert [frame for frame in frames if not re.fullmatch(r"data: [^\r\n]+", frame)] == []


async def test_end_mark_is_the_last_frame(gateway: Probe) -> None:
    reply = await fetch(gateway, "hi")

    assert b"".join(reply.writes).endswith(b"\n\ndata: [DONE]\n\n")
    assert reply.frames.count("data: [DONE]") == 1


async def test_write_holds_whole_frames(gateway: Probe) -> None:
    reply = await fetch(gateway, "@sim tokens=3000")

    assert len(reply.writes) > 1
    assert all(write.endswith(b"\n\n") for write in reply.writes)
    assert max(map(len, reply.writes)) <= LARGEST_WRITE


async def test_slow_answer_leaves_piece_by_piece(gateway: Probe) -> None:
    reply = await fetch(gateway, "@sim tokens=20 delay_ms=10")

    assert len(reply.writes) >= 15


async def test_line_separators_are_escaped(gateway: Probe) -> None:
    reply = await fetch(gateway, STRANGE)

    raw = b"".join(reply.writes).decode()
    assert not {"\u2028", "\u2029", "\u0085"} & set(raw)
    assert {r"\u2028", r"\u2029", r"\u0085"} <= set(re.findall(r"\\u[0-9a-f]{4}", raw))
    texts = [chunk["choices"][0]["delta"].get("content") or "" for chunk in reply.chunks]  # type: ignore[index]
    assert STRANGE in "".join(texts)


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


async def test_frames_of_a_stream_share_their_head(gateway: Probe) -> None:
    reply = await fetch(gateway, "hi")

    heads = {(chunk["id"], chunk["created"], chunk["model"]) for chunk in reply.chunks}
    assert len(heads) == 1
    assert {chunk["object"] for chunk in reply.chunks} == {"chat.completion.chunk"}


async def test_request_id_of_the_client_is_kept(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    headers = {"x-request-id": "my.own-id_7"}

    async with gateway.http.stream(
        "POST", "/v1/chat/completions", json=body(stream=True), headers=headers
    ) as response:
        assert response.headers["x-request-id"] == "my.own-id_7"
