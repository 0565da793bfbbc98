"""Responses against an upstream that is written down, for tests."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import msgspec
from anyio.lowlevel import checkpoint

from grokgate.testing import RunningGateway, SocketTalk, talking
from grokgate.upstream import Event, Finished, Message, Text, TextDelta
from grokgate_responses.answer.objects import ResponseObject

PATH = "/v1/responses"
MODEL = "grok-4"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
    "RU5ErkJggg=="
)

SAMPLE: dict[str, Any] = {
    "id": "resp_1", "object": "response", "created_at": 1, "completed_at": 2,
    "status": "completed", "background": False, "error": None, "incomplete_details": None,
    "instructions": None, "max_output_tokens": None, "max_tool_calls": None, "model": MODEL,
    "output": [], "parallel_tool_calls": True, "previous_response_id": None,
    "prompt_cache_key": None, "safety_identifier": None,
    "reasoning": {"effort": None, "summary": None}, "service_tier": "default", "store": True,
    "temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"}, "tool_choice": "auto",
    "tools": [], "top_logprobs": 0, "truncation": "disabled", "usage": None, "metadata": {},
}  # fmt: skip


def response(response_id: str = "resp_1", **fields: Any) -> ResponseObject:
    """A response object, complete unless told otherwise."""
    return msgspec.convert({**SAMPLE, "id": response_id, **fields}, ResponseObject)


def says(*texts: str) -> list[Event]:
    return [TextDelta(text=text) for text in texts]


class Held:
    """An answer that says "One" and then waits until it is let go, to say "two"."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def __call__(self, _: Any) -> AsyncGenerator[Event, None]:
        yield TextDelta(text="One")
        await self.released.wait()
        yield TextDelta(text=" two")
        yield Finished()


async def ask(running: RunningGateway, *answers: Any, **fields: Any) -> Any:
    """Post a request, for which the upstream has *answers*; return the object."""
    running.fake.add(*answers)
    reply = await running.client.post(PATH, json={"model": MODEL, "input": "Hi", **fields})
    return reply.json()


def heard(running: RunningGateway, asked: int = -1) -> list[tuple[str, str]]:
    """Roles and texts of what the upstream was asked."""
    messages: tuple[Message, ...] = running.fake.asked[asked].request.messages  # type: ignore[union-attr]
    return [
        (message.role, "".join(part.text for part in message.parts if isinstance(part, Text)))
        for message in messages
    ]


async def until(test: Callable[[], bool]) -> None:
    """Wait for a state."""
    with anyio.fail_after(5):
        while not test():
            await checkpoint()


async def settled(running: RunningGateway, response_id: str) -> Any:
    """Wait until a response is no longer under way; return it."""
    with anyio.fail_after(5):
        while True:
            response = (await running.client.get(f"{PATH}/{response_id}")).json()
            if response["status"] not in ("queued", "in_progress"):
                return response


def opened(running: RunningGateway) -> AbstractAsyncContextManager[SocketTalk]:
    """Open a WebSocket with the first key."""
    return talking(running.app, PATH, authorization=f"Bearer {running.key}")


def create(text: str = "Hi", **fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "model": MODEL, "input": text, **fields}


async def turn(talk: SocketTalk) -> list[Any]:
    """Return the messages of one turn, up to its terminal one."""
    messages = [await talk.hear()]
    ends = {"response.completed", "response.incomplete", "response.failed"}
    while messages[-1]["type"] not in ends:
        messages.append(await talk.hear())
    return messages
