from collections.abc import AsyncIterator
from typing import Any

import pytest

from grokgate.testing import RunningGateway
from grokgate.upstream import (
    Event,
    Kind,
    TextDelta,
)
from plugins.chat_world import ask, says, slowly, stream

pytestmark = pytest.mark.anyio


async def test_choices_are_calls_of_one_request(running: RunningGateway) -> None:
    reply = await ask(running, says("a"), says("b"), says("c"), n=3)

    contents = [(each["index"], each["message"]["content"]) for each in reply["choices"]]
    assert [index for index, _ in contents] == [0, 1, 2]
    assert {content for _, content in contents} == {"a", "b", "c"}
    assert len({record.request_id for record in running.records}) == 1


async def test_choices_of_a_stream_keep_their_order(running: RunningGateway) -> None:
    chunks = await stream(
        running,
        slowly("first"),
        slowly("second"),
        n=2,
        stream_options={"include_usage": True},
    )

    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    for index in (0, 1):
        own = [choice for choice in choices if choice["index"] == index]
        assert own[0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
        assert [choice["finish_reason"] for choice in own] == [None] * (len(own) - 1) + ["stop"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 4
    assert running.pool.open_leases == 0


async def test_choices_are_all_or_none(running: RunningGateway) -> None:
    reply = await ask(running, says("a"), Kind.BAD_REQUEST, n=2)

    assert "error" in reply
    assert running.pool.open_leases == 0


async def test_a_choice_that_fails_ends_the_stream(running: RunningGateway) -> None:
    async def failing(_request: Any) -> AsyncIterator[Event]:
        yield TextDelta(text="half")
        raise RuntimeError

    chunks = await stream(running, slowly("whole " * 50), failing, n=2)

    assert "error" in chunks[-1]
    assert running.pool.open_leases == 0
