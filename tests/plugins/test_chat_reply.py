from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.errors import ContentRefused, GatewayError, UpstreamTimeout
from grokgate.openai import View
from grokgate.upstream import (
    Activity,
    Citation,
    Event,
    Finished,
    Source,
    TextDelta,
    ThinkingDelta,
    ToolCall,
)
from grokgate_chat.complete import complete
from grokgate_chat.interleave import Item
from grokgate_chat.reply import Head
from grokgate_chat.schema import ChatChunk
from grokgate_chat.stream import StreamWriter

pytestmark = pytest.mark.anyio

HEAD = Head(
    id="chatcmpl-1",
    created=1795291000,
    model="grok-4",
    fingerprint=None,
    input_units=5,
)
SHOWN = View(reasoning=True)
CALL = ToolCall(id="call_1", name="look", arguments='{"a":"\u2028"}')
NOTE = ToolCall(id="call_2", name="note", arguments="free text", custom=True)


class Played:
    """An exchange that plays what the test wrote down; an error is raised in its place."""

    further_input = 0

    def __init__(self, *events: Event, error: GatewayError | None = None) -> None:
        self._events = events
        self._error = error
        self.finished: Finished | None = None

    async def __aiter__(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event
        if self._error is not None:
            raise self._error
        self.finished = Finished()


def stream(
    events: Sequence[Event],
    *,
    head: Head = HEAD,
    view: View = SHOWN,
    finished: Finished | GatewayError | None = None,
    include_usage: bool = False,
) -> list[bytes]:
    exchange = Played()
    writer = StreamWriter([exchange], head, view, include_usage=include_usage)
    frames = [frame for event in events for frame in writer.frames(event)]
    if isinstance(finished, GatewayError):
        return [*frames, *writer.failure(finished)]
    exchange.finished = finished or Finished()
    return [*frames, *writer.finish()]


def bodies(frames: Iterable[bytes]) -> list[dict[str, Any]]:
    for frame in frames:
        assert frame.startswith(b"data: ")
        assert frame.endswith(b"\n\n")
        assert len(frame.decode()[:-2].splitlines()) == 1
    return [msgspec.json.decode(frame[6:]) for frame in frames]


def deltas(frames: Iterable[bytes]) -> list[dict[str, Any]]:
    return [body["choices"][0]["delta"] for body in bodies(frames)]


def joined(frames: Iterable[bytes], field: str) -> str:
    return "".join(
        choice["delta"].get(field) or "" for body in bodies(frames) for choice in body["choices"]
    )


def test_stream_is_the_one_of_the_contract() -> None:
    frames = stream([TextDelta(text="Lis")], include_usage=True)

    common = (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795291000,'
        b'"model":"grok-4","system_fingerprint":null,"service_tier":"default","choices":'
    )
    piece = b'"logprobs":null,"finish_reason":'
    assert frames == [
        common + b'[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},'
        + piece + b'null}],"usage":null}\n\n',
        common + b'[{"index":0,"delta":{"content":"Lis"},' + piece + b'null}],"usage":null}\n\n',
        common + b'[{"index":0,"delta":{},' + piece + b'"stop"}],"usage":null}\n\n',
        common + b'[],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6,'
        b'"prompt_tokens_details":{"cached_tokens":0},'
        b'"completion_tokens_details":{"reasoning_tokens":0},"grokgate":{"estimated":true}}}\n\n',
    ]  # fmt: skip


@pytest.mark.parametrize("include_usage", [False, True])
def test_frames_are_as_documented(*, include_usage: bool) -> None:
    events = (
        ThinkingDelta(text="Hm"),
        TextDelta(text="Lis"),
        Citation(url="https://a.example", title="A", number=1, start=0, end=3),
        Source(url="https://a.example", title="A"),
        CALL,
        NOTE,
    )
    for frame in stream(events, include_usage=include_usage):
        chunk = msgspec.json.decode(frame[6:], type=ChatChunk)
        assert msgspec.to_builtins(chunk) == msgspec.json.decode(frame[6:])


def test_frames_have_no_usage_unless_asked_for() -> None:
    frames = stream([TextDelta(text="Lis")])

    assert all("usage" not in body for body in bodies(frames))


def test_role_comes_once_and_with_the_first_event() -> None:
    frames = stream([ThinkingDelta(text="Hm"), TextDelta(text="a"), TextDelta(text="b")])

    assert deltas(frames) == [
        {"role": "assistant", "content": "", "refusal": None},
        {"reasoning_content": "Hm"},
        {"content": "a"},
        {"content": "b"},
        {},
    ]


def test_citations_and_sources_come_with_the_last_delta() -> None:
    frames = stream(
        [
            Source(url="https://a", title="A"),
            TextDelta(text="See 1."),
            Citation(number=1, url="https://a", start=4, end=5),
        ]
    )

    place = {"start_index": 4, "end_index": 5, "title": "A", "url": "https://a"}
    assert deltas(frames)[-1] == {
        "annotations": [{"type": "url_citation", "url_citation": place}],
        "search_sources": [{"title": "A", "url": "https://a"}],
    }


@pytest.mark.parametrize(
    ("finished", "reason"),
    [
        (Finished(), "stop"),
        (Finished(reason="length"), "length"),
        (Finished(reason="refused"), "content_filter"),
        (ContentRefused(), "content_filter"),
    ],
    ids=["stop", "length", "refused", "error"],
)
def test_last_chunk_tells_the_reason(finished: Finished | GatewayError, reason: str) -> None:
    frames = stream([TextDelta(text="a")], finished=finished)

    reasons = [body["choices"][0]["finish_reason"] for body in bodies(frames)]
    assert reasons == [None, None, reason]


def test_broken_stream_ends_with_the_error_and_no_finish() -> None:
    frames = stream([TextDelta(text="a")], finished=UpstreamTimeout())

    *before, last = bodies(frames)
    assert last["error"]["code"] == "upstream_timeout"
    assert all(body["choices"][0]["finish_reason"] is None for body in before)


def test_refusal_before_anything_shown_is_an_error() -> None:
    frames = stream([], finished=ContentRefused())

    assert bodies(frames)[-1]["error"]["code"] == "content_policy_violation"


async def test_unary_reply_is_the_one_of_the_contract() -> None:
    head = msgspec.structs.replace(HEAD, fingerprint="mh_1", model="alias")
    exchange = Played(ThinkingDelta(text="Hm"), TextDelta(text="Lis"), TextDelta(text="bon."))

    completion = await complete([exchange], head, SHOWN)

    assert msgspec.to_builtins(completion) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1795291000,
        "model": "alias",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Lisbon.",
                    "refusal": None,
                    "annotations": [],
                    "reasoning_content": "Hm",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 3,
            "total_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 1},
            "grokgate": {"estimated": True},
        },
        "service_tier": "default",
        "system_fingerprint": "mh_1",
    }


async def test_unary_reply_carries_sources_and_citations() -> None:
    exchange = Played(
        Source(url="https://a", title="A"),
        TextDelta(text="1"),
        Citation(number=1, url="https://a", start=0, end=1),
    )

    message = (await complete([exchange], HEAD, SHOWN)).choices[0].message

    assert [each.url_citation.url for each in message.annotations] == ["https://a"]
    assert msgspec.to_builtins(message.search_sources) == [{"title": "A", "url": "https://a"}]


async def test_moderation_in_mid_answer_keeps_what_was_said() -> None:
    completion = await complete(
        [Played(TextDelta(text="Half"), error=ContentRefused())], HEAD, SHOWN
    )

    (choice,) = completion.choices
    assert (choice.message.content, choice.finish_reason) == ("Half", "content_filter")


@pytest.mark.parametrize(
    "exchange",
    [
        Played(TextDelta(text="Half"), error=UpstreamTimeout()),
        Played(error=ContentRefused()),
    ],
    ids=["failure", "refusal_before_output"],
)
async def test_failure_is_no_completion(exchange: Played) -> None:
    with pytest.raises(GatewayError):
        await complete([exchange], HEAD, SHOWN)


def test_each_call_is_one_delta() -> None:
    frames = stream([TextDelta(text="So"), CALL, NOTE])

    assert deltas(frames)[2:] == [
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"a":"\u2028"}'},
                }
            ]
        },
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "call_2",
                    "type": "custom",
                    "custom": {"name": "note", "input": "free text"},
                }
            ]
        },
        {},
    ]
    assert bodies(frames)[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("events", "content"), [((CALL,), None), ((TextDelta(text="So"), CALL), "So")]
)
async def test_content_is_null_beside_calls_only(
    events: tuple[Event, ...], content: str | None
) -> None:
    (choice,) = (await complete([Played(*events)], HEAD, SHOWN)).choices

    assert (choice.message.content, choice.finish_reason) == (content, "tool_calls")
    assert msgspec.to_builtins(choice.message.tool_calls) == [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "look", "arguments": CALL.arguments},
        }
    ]


async def test_alternatives_have_their_own_index_and_one_usage() -> None:
    one, two = Played(TextDelta(text="a" * 10)), Played(TextDelta(text="b" * 10))

    completion = await complete([one, two], HEAD, SHOWN)

    assert [(each.index, each.message.content) for each in completion.choices] == [
        (0, "a" * 10),
        (1, "b" * 10),
    ]
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (5, 6)


async def test_a_failed_alternative_fails_the_reply() -> None:
    failing = Played(TextDelta(text="a"), error=UpstreamTimeout())

    with pytest.raises(UpstreamTimeout):
        await complete([Played(TextDelta(text="b")), failing], HEAD, SHOWN)


def test_alternatives_of_a_stream_end_one_by_one() -> None:
    writer = StreamWriter([Played(), Played()], HEAD, SHOWN, include_usage=False)
    items: list[Item] = [
        (0, TextDelta(text="a")),
        (1, TextDelta(text="b")),
        (1, ContentRefused()),
        (0, Finished()),
    ]

    frames = [frame for item in items for frame in writer.frames_of(item)]

    assert [
        (choice["index"], choice["delta"].get("content"), choice["finish_reason"])
        for body in bodies([*frames, *writer.finish()])
        for choice in body["choices"]
    ] == [
        (0, "", None),
        (0, "a", None),
        (1, "", None),
        (1, "b", None),
        (1, None, "content_filter"),
        (0, None, "stop"),
    ]


def test_a_failed_alternative_ends_the_stream_with_its_error() -> None:
    writer = StreamWriter([Played(), Played()], HEAD, SHOWN, include_usage=False)

    with pytest.raises(UpstreamTimeout):
        writer.frames_of((1, UpstreamTimeout()))


async def test_further_calls_count_as_input() -> None:
    played = Played(TextDelta(text="a"))
    played.further_input = 7

    completion = await complete([played], HEAD, SHOWN)

    assert completion.usage.prompt_tokens == 12


VIEWS = st.builds(
    View,
    reasoning=st.booleans(),
    thinking_format=st.sampled_from(["reasoning_content", "think_tag", "both"]),
    summary=st.booleans(),
    list_sources=st.booleans(),
)
TEXTS = st.text(min_size=1)
EVENTS = st.lists(
    st.builds(TextDelta, text=TEXTS)
    | st.builds(ThinkingDelta, text=TEXTS, summary=st.booleans())
    | st.builds(ToolCall, id=TEXTS, name=TEXTS, arguments=TEXTS, custom=st.booleans())
    | st.builds(Activity, tool=TEXTS, text=TEXTS)
    | st.builds(Source, url=TEXTS, title=TEXTS)
    | st.builds(Citation, number=st.just(1), url=TEXTS, start=st.just(0), end=st.just(1))
)


@given(view=VIEWS, events=EVENTS)
async def test_stream_says_the_same_as_the_unary_reply(view: View, events: list[Event]) -> None:
    frames = stream(events, view=view, include_usage=True)
    unary = await complete([Played(*events)], HEAD, view)

    message = msgspec.to_builtins(unary.choices[0].message)
    last = bodies(frames)[-2]["choices"][0]["delta"]
    assert joined(frames, "content") == (message["content"] or "")
    assert joined(frames, "reasoning_content") == message.get("reasoning_content", "")
    assert last.get("annotations", []) == message["annotations"]
    assert last.get("search_sources") == message.get("search_sources")
    assert bodies(frames)[-1]["usage"] == msgspec.to_builtins(unary.usage)


@given(view=VIEWS, events=EVENTS, model=st.text())
def test_every_frame_has_the_same_head_and_no_empty_text(
    view: View, events: list[Event], model: str
) -> None:
    frames = stream(events, view=view, head=msgspec.structs.replace(HEAD, model=model))

    assert {(body["id"], body["created"], body["model"]) for body in bodies(frames)} == {
        ("chatcmpl-1", 1795291000, model)
    }
    fields = ("content", "reasoning_content")
    assert all(delta.get(field) != "" for delta in deltas(frames)[1:] for field in fields)


@given(events=EVENTS, more=TEXTS)
def test_longer_answer_never_counts_less(events: list[Event], more: str) -> None:
    def total(events: list[Event]) -> int:
        usage = bodies(stream(events, include_usage=True))[-1]["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        return int(usage["completion_tokens"])

    assert total([*events, TextDelta(text=more)]) >= max(total(events), 1)
