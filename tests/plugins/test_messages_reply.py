"""Answers, whole and streamed, without a gateway."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.messages import Told, read
from grokgate.errors import (
    ContentRefused,
    GatewayError,
    InternalError,
    Overloaded,
    UpstreamTimeout,
)
from grokgate.openai import View
from grokgate.openai.emulate.cut import StoppedAt
from grokgate.upstream import (
    Citation,
    Event,
    Finished,
    Source,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    Usage,
)
from grokgate_messages.complete import complete
from grokgate_messages.reply import Head
from grokgate_messages.stream import StreamWriter

pytestmark = pytest.mark.anyio

HEAD = Head(id="msg_" + "0" * 32, model="claude-x", input_units=7)
SHOWN = View(reasoning=True)
LOOK = ToolCall(id="toolu_" + "1" * 32, name="look", arguments='{"city": "Lisbon"}')
NOTE = ToolCall(id="toolu_" + "2" * 32, name="note", arguments="{}")
HM, HELLO, WORLD = ThinkingDelta(text="Hm"), TextDelta(text="Hello"), TextDelta(text=" world")


class Fake:
    """A reading whose events are written down here."""

    def __init__(
        self,
        events: Iterable[Event],
        finished: Finished | None = None,
        *,
        error: GatewayError | None = None,
        further_input: int = 0,
    ) -> None:
        self.events = list(events)
        self.finished: Finished | None = finished or Finished()
        self.further_input = further_input
        self.error = error

    async def __aiter__(self) -> AsyncIterator[Event]:
        for event in self.events:
            yield event
        if self.error is not None:
            raise self.error


def streamed(reading: Fake, view: View = SHOWN) -> Told:
    writer = StreamWriter(reading, HEAD, view)
    frames = [frame for event in reading.events for frame in writer.frames(event)]
    ends = writer.finish() if reading.error is None else writer.failure(reading.error)
    return read(b"".join([*frames, *ends]).decode())


async def whole(reading: Fake, view: View = SHOWN) -> Any:
    return json.loads(msgspec.json.encode(await complete(reading, HEAD, view)))


async def test_whole_answer() -> None:
    reply = await whole(Fake([HM, HELLO, WORLD, LOOK]))

    assert reply == {
        "id": "msg_" + "0" * 32,
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "Z3Jva2dhdGU="},
            {"type": "text", "text": "Hello world"},
            {"type": "tool_use", "id": LOOK.id, "name": "look", "input": {"city": "Lisbon"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 7,
            "output_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def test_streamed_answer() -> None:
    told = streamed(Fake([HM, HELLO, WORLD, LOOK, NOTE]))

    assert [one["type"] for one in told.blocks] == ["thinking", "text", "tool_use", "tool_use"]
    assert (told.text, told.blocks[0]["thinking"]) == ("Hello world", "Hm")
    assert told.calls == [("look", {"city": "Lisbon"}), ("note", {})]
    assert told.stop_reason == "tool_use"


TEXTS = st.text(min_size=1, max_size=5)
SPOKEN = st.one_of(
    st.builds(TextDelta, text=TEXTS),
    st.builds(ThinkingDelta, text=TEXTS, summary=st.booleans()),
    st.builds(Source, url=TEXTS, title=TEXTS),
)
ENDS = st.one_of(
    st.builds(Finished, reason=st.sampled_from(["stop", "length", "refused"])),
    st.builds(StoppedAt, sequence=TEXTS),
    st.just(Finished(usage=Usage(input=3, output=5))),
)
VIEWS = st.builds(View, reasoning=st.booleans(), summary=st.booleans(), list_sources=st.booleans())


@given(st.lists(SPOKEN), st.sampled_from([(), (LOOK,), (LOOK, NOTE)]), ENDS, VIEWS)
async def test_stream_tells_what_the_whole_answer_holds(
    spoken: list[Event], calls: tuple[Event, ...], end: Finished, view: View
) -> None:
    events = [*spoken, *calls]

    reply, told = await whole(Fake(events, end), view), streamed(Fake(events, end), view)

    assert told.blocks == reply["content"]
    assert (told.stop_reason, told.stop_sequence) == (reply["stop_reason"], reply["stop_sequence"])
    assert told.usage == reply["usage"]


REASONS: list[tuple[Sequence[Event], Finished, tuple[str, str | None]]] = [
    ([HELLO], Finished(), ("end_turn", None)),
    ([HELLO], Finished(reason="length"), ("max_tokens", None)),
    ([HELLO], Finished(reason="refused"), ("refusal", None)),
    ([HELLO], StoppedAt(sequence="\n"), ("stop_sequence", "\n")),
    ([LOOK], Finished(), ("tool_use", None)),
    ([LOOK], StoppedAt(sequence="x"), ("tool_use", None)),
]


@pytest.mark.parametrize(
    ("events", "end", "reason"),
    REASONS,
    ids=["stop", "length", "refused", "sequence", "call", "sequence after a call"],
)
async def test_reason(
    events: Sequence[Event], end: Finished, reason: tuple[str, str | None]
) -> None:
    reply = await whole(Fake(events, end))

    assert (reply["stop_reason"], reply["stop_sequence"]) == reason


async def test_moderation_after_output_is_a_refusal() -> None:
    reading = Fake([HELLO], error=ContentRefused())

    assert (await whole(reading))["stop_reason"] == "refusal"
    assert streamed(reading).stop_reason == "refusal"


async def test_moderation_before_output_is_an_error() -> None:
    reading = Fake([HM], error=ContentRefused())
    hidden = View(reasoning=False)

    with pytest.raises(ContentRefused):
        await whole(reading, hidden)
    told = streamed(reading, hidden)
    assert told.error is not None
    assert told.error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UpstreamTimeout(), "timeout_error"),
        (Overloaded(), "overloaded_error"),
        (InternalError(), "api_error"),
    ],
    ids=["timeout", "overloaded", "defect"],
)
def test_broken_stream_ends_with_the_error(error: GatewayError, kind: str) -> None:
    told = streamed(Fake([HELLO], error=error))

    assert told.error == {"type": kind, "message": error.told}
    assert told.stop_reason is None


def test_error_may_be_all_there_is() -> None:
    assert streamed(Fake([], error=UpstreamTimeout())).error is not None


def test_sources_are_listed_after_the_text() -> None:
    view = View(reasoning=False, list_sources=True)
    found = Source(url="https://a.example/", title="A")

    told = streamed(Fake([found, HELLO, Citation(number=1, url="u", start=0, end=1)]), view)

    assert told.text == "Hello\n\n## Sources\n- [A](https://a.example/)"


def test_units_of_the_upstream_replace_the_estimate() -> None:
    end = Finished(usage=Usage(input=70, output=20, reasoning=5))

    told = streamed(Fake([HELLO], end))

    assert (told.usage["input_tokens"], told.usage["output_tokens"]) == (70, 20)


def test_further_calls_count() -> None:
    assert streamed(Fake([HELLO], further_input=10)).usage["input_tokens"] == 17


async def test_input_is_passed_on_as_the_model_wrote_it() -> None:
    odd = msgspec.structs.replace(LOOK, arguments='{"a": "\\ud800", "b": 12345678901234567890123}')

    reply = await complete(Fake([odd]), HEAD, SHOWN)

    assert b'"input":' + odd.arguments.encode() in msgspec.json.encode(reply)
