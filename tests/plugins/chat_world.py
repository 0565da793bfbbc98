"""Chat with tools against an upstream that is written down, for tests."""

import json
from collections.abc import Iterable
from typing import Any

import grokgate_chat
from grokgate.plugin import Settings, hookimpl
from grokgate.testing import RunningGateway
from grokgate.upstream import (
    Conversation,
    Event,
    Text,
    TextDelta,
)

PATH = "/v1/chat/completions"


CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


LOOK = {"type": "function", "function": {"name": "look", "parameters": CITY}}


LISBON = '{"city":"Lisbon"}'


def call(arguments: str = LISBON, name: str = "look") -> str:
    return f'<tool_call name="{name}">{arguments}</tool_call>'


def block(*calls: str) -> str:
    return "\n".join(("<tool_calls>", *(calls or (call(),)), "</tool_calls>"))


GOOD = f"I look.\n\n{block()}"


BROKEN = f"I look.\n\n{block(call('{'))}"


class Chat:
    """The plugin without its cards, so that the stock model is offered."""

    @hookimpl
    def grokgate_settings(self) -> type[Settings]:
        return grokgate_chat.grokgate_settings()

    @hookimpl
    def grokgate_routes(self) -> Iterable[Any]:
        return grokgate_chat.grokgate_routes()


def says(*texts: str) -> list[Event]:
    return [TextDelta(text=text) for text in texts]


def slowly(text: str) -> list[Event]:
    return says(*text)


async def ask(running: RunningGateway, *answers: Any, **fields: Any) -> Any:
    running.fake.add(*answers)
    body = {"model": "grok-4", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return (await running.client.post(PATH, json=body)).json()


async def stream(running: RunningGateway, *answers: Any, **fields: Any) -> list[Any]:
    running.fake.add(*answers)
    body = {
        "model": "grok-4",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        **fields,
    }
    reply = await running.client.post(PATH, json=body)
    frames = reply.text.removesuffix("\n\n").split("\n\n")
    assert frames[-1] == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-1]]


def choice_of(reply: Any) -> tuple[str | None, list[tuple[str, str]], str]:
    (choice,) = reply["choices"]
    message = choice["message"]
    calls = [
        (one["function"]["name"], one["function"]["arguments"])
        for one in message.get("tool_calls", [])
    ]
    return message["content"], calls, choice["finish_reason"]


def joined(chunks: list[Any]) -> tuple[str, list[tuple[str, str]], str]:
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    content = "".join(choice["delta"].get("content") or "" for choice in choices)
    calls = [
        (one["function"]["name"], one["function"]["arguments"])
        for choice in choices
        for one in choice["delta"].get("tool_calls", [])
    ]
    return content, calls, choices[-1]["finish_reason"]


def asked(running: RunningGateway, place: int) -> str:
    request = running.fake.asked[place].request
    assert isinstance(request, Conversation)
    return "\n".join(
        f"{message.role}: {part.text}"
        for message in request.messages
        for part in message.parts
        if isinstance(part, Text)
    )
