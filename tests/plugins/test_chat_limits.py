from typing import Any

import pytest

from grokgate.testing import RunningGateway
from grokgate.upstream import (
    Citation,
    TextDelta,
    ThinkingDelta,
)
from plugins.chat_world import LOOK, ask, choice_of, joined, says, slowly, stream

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("most", [1, 5, 40])
async def test_length_limit(running: RunningGateway, field: str, most: int) -> None:
    text = "Grüße aus Łódź. " * 20

    unary = await ask(running, slowly(text), **{field: most})
    chunks = await stream(running, slowly(text), **{field: most})

    content, _, reason = choice_of(unary)
    assert content
    assert text.startswith(content)
    assert (reason, unary["usage"]["completion_tokens"]) == ("length", most)
    assert joined(chunks)[::2] == (content, "length")
    assert running.fake.closed == 2


async def test_reasoning_is_part_of_the_length(running: RunningGateway) -> None:
    events = [ThinkingDelta(text="t" * 100), TextDelta(text="a" * 100)]

    reply = await ask(running, events, max_tokens=20)

    (choice,) = reply["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")
    assert reply["usage"]["completion_tokens"] <= 20


@pytest.mark.parametrize(
    ("stop", "content"),
    [
        ("END", "one two "),
        (["END", "two"], "one "),
        (["three", "ND"], "one two E"),
        ("never", "one two END three"),
        (["one two END three"], ""),
        ("", "one two END three"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3, 100])
async def test_stop(running: RunningGateway, stop: Any, content: str, pieces: int) -> None:
    text = "one two END three"
    answer = says(*(text[start : start + pieces] for start in range(0, len(text), pieces)))

    unary = await ask(running, answer, stop=stop)
    streamed = await stream(running, answer, stop=stop)

    assert choice_of(unary) == (content, [], "stop")
    assert joined(streamed) == (content, [], "stop")


async def test_citations_follow_the_text(running: RunningGateway) -> None:
    answer = [
        *says("\n\nSee ", "[[1]](https://a)"),
        Citation(number=1, url="https://a", start=6, end=22),
        Citation(number=2, url="https://b", start=24, end=28),
        *says(". More"),
    ]

    reply = await ask(running, answer, tools=[LOOK], stop="More", web_search_options={})

    message = reply["choices"][0]["message"]
    (cited,) = [each["url_citation"] for each in message["annotations"]]
    assert message["content"][cited["start_index"] : cited["end_index"]] == "[[1]](https://a)"
