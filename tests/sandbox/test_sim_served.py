"""What the ASGI server makes of the sandbox's sockets on a real connection."""

import asyncio
import json
from typing import Any

import pytest

from grokgate.sandbox import Action, HttpStatus, Sandbox, WsDrop
from grokgate.testing import running_sandbox
from sandbox.sim_gateway import PATH, RESPOND, item, session
from sandbox.sim_raw import CLOSE, RawSocket, connected

pytestmark = pytest.mark.anyio


async def _frames(action: Action | None, *, leave: bool = False) -> list[tuple[int, bytes]]:
    """Ask a question; returns what came over the socket."""
    async with running_sandbox(protocol="2026-08") as (sandbox, base), asyncio.timeout(10):
        if action is not None:
            sandbox.rules.add(action)
        async with connected(base) as socket:
            await socket.shake(*_head(sandbox, base))
            if socket.status != 101:
                return []
            return await _answer(socket, leave=leave)


def _head(sandbox: Sandbox, base: str) -> tuple[str, dict[str, str]]:
    account = next(iter(sandbox.accounts))
    cookies = f"sso={account.token}; sso-rw={account.token}; x-userid={account.user_id}"
    return f"{PATH}?uid={account.user_id}", {
        "Host": base.removeprefix("http://"),
        "Origin": base,
        "User-Agent": "Mozilla/5.0",
        "Accept-Language": "en",
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Cookie": cookies,
    }


async def _answer(socket: RawSocket, *, leave: bool) -> list[tuple[int, bytes]]:
    socket.say({"event": {**session(), "event_id": "e1"}})
    created = await socket.hear()
    assert created is not None
    envelope = {"session_id": json.loads(created[1])["session_id"]}
    socket.say({**envelope, "event": {**item("Hello there, you"), "event_id": "e2"}})
    socket.say({**envelope, "event": {**RESPOND, "event_id": "e3"}})
    if not leave:
        return [created, *await socket.hear_all()]
    frames = [created]
    while (frame := await socket.hear()) is not None and b"response.done" not in frame[1]:
        frames.append(frame)
    return [*frames, frame or created]


async def test_answer_arrives() -> None:
    frames = await _frames(None, leave=True)

    assert json.loads(frames[-1][1])["event"]["response"]["status"] == "completed"


async def test_dropped_connection_has_no_close_frame() -> None:
    frames = await _frames(WsDrop(frames=6))

    assert len(frames) == 3 + 6
    assert CLOSE not in {opcode for opcode, _ in frames}


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011])
async def test_close_frame_carries_its_code(code: Any) -> None:
    opcode, content = (await _frames(WsDrop(frames=6, code=code)))[-1]

    assert (opcode, int.from_bytes(content[:2])) == (CLOSE, code)


async def test_refused_handshake_has_status_and_body() -> None:
    async with running_sandbox(protocol="2026-08") as (sandbox, base), connected(base) as socket:
        sandbox.rules.add(HttpStatus(code=429, message="slow down"))
        await socket.shake(*_head(sandbox, base))

    assert socket.status == 429
