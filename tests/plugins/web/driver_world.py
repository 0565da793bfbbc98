"""Conversations with a scripted upstream, as the tests of the driver have them."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import anyio
import pytest

from grokgate.upstream import (
    Conversation,
    Event,
    Observation,
    UpstreamFailure,
)

T = TypeVar("T")

_TRIES = 5

ASK = Conversation.of_text("Why?")


def line(**reply: Any) -> bytes:
    return json.dumps({"result": {"response": reply}}).encode() + b"\n"


ANSWER = line(token="Be") + line(token="cause.") + line(finalMetadata={})


async def events(generator: AsyncGenerator[Event, None]) -> list[Event]:
    with anyio.fail_after(10):
        async with aclosing(generator):
            return [event async for event in generator]


async def failed(generator: AsyncGenerator[Event, None]) -> Observation:
    with pytest.raises(UpstreamFailure) as raised:
        await events(generator)
    return raised.value.observation


async def swift(do: Callable[[], Awaitable[T]], *, within_s: float) -> T:
    """Do what must not wait for anything: a busy machine makes it late, but not every time."""
    for _ in range(_TRIES):
        with anyio.move_on_after(within_s):
            return await do()
    raise TimeoutError
