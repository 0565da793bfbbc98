"""Events of a streamed turn; the checker of `tests/grammar` reads every stream."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from grammar.played import asked, checked, kinds, output, play, reply_to, stream, types
from grammar.responses import Event
from grokgate.errors import ContentRefused, GatewayError, NoTokenAvailable, UpstreamTimeout
from grokgate.openai import View
from grokgate.upstream import (
    Activity,
    Citation,
    Finished,
    Source,
    TextDelta,
    ThinkingDelta,
    ToolCall,
)
from grokgate_responses.answer.objects import OutputItem, ResponseObject
from grokgate_responses.answer.pictures import Picture
from grokgate_responses.request.tools import Tools

CALL = ToolCall(id="call_1", name="look", arguments='{"a":"\u2028"}')
NOTE = ToolCall(id="call_2", name="note", arguments="free text", custom=True)
SEARCH = Activity(tool="web_search", text="capital")
PAGE = Source(url="https://a.example", title="A")
LINK = Citation(number=1, url="https://a.example", start=0, end=3)
SEARCHING = Tools(declares_search=True, search=True)
DRAWING = Tools(images={"partial_images": 1, "size": "1024x1024"})


def text(events: list[Event]) -> str:
    (message,) = (item for item in output(events) if item["type"] == "message")
    (part,) = message["content"]
    return str(part["text"])


def test_text_with_reasoning_is_the_stream_of_the_contract() -> None:
    events = stream([ThinkingDelta(text="Capital question."), TextDelta(text="Lisbon.")])

    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_reasoning_ends_where_the_answer_begins() -> None:
    events = stream([ThinkingDelta(text="a"), TextDelta(text="b"), ThinkingDelta(text="late")])

    assert types(events) == ["reasoning", "message"]
    assert output(events)[0]["summary"] == [{"type": "summary_text", "text": "a"}]


def test_calls_come_last_whatever_comes_after_them() -> None:
    events = stream([CALL, NOTE, TextDelta(text="So")])

    message, call, note = output(events)
    assert message["type"] == "message"
    assert (call["name"], call["arguments"]) == ("look", CALL.arguments)
    assert (note["name"], note["input"]) == ("note", "free text")


def test_call_of_a_namespace_has_the_declared_name() -> None:
    tools = Tools(namespaces={"maps__look": "maps"}, names={"maps__look": "look"})
    call = ToolCall(id="call_1", name="maps__look", arguments="{}")

    (item,) = output(stream([call], request=asked(tools=tools)))

    assert (item["name"], item["namespace"]) == ("look", "maps")


def test_searches_stay_unmentioned_unless_declared() -> None:
    events = stream([SEARCH, PAGE, TextDelta(text="Lisbon."), LINK])

    assert types(events) == ["reasoning", "message"]
    assert output(events)[1]["content"][0]["annotations"][0]["url"] == "https://a.example"


def test_declared_searches_are_one_item_before_the_message() -> None:
    second = Activity(tool="x_search", text="lisbon")
    script = [SEARCH, PAGE, ThinkingDelta(text="Hm"), second, TextDelta(text="Lisbon."), LINK]
    events = stream(script, request=asked(tools=SEARCHING))

    _, search, message = output(events)
    assert search["action"] == {
        "type": "search",
        "query": "capital",
        "queries": ["capital", "lisbon"],
    }
    assert [link["title"] for link in message["content"][0]["annotations"]] == ["A"]


def test_declared_search_without_a_search_is_no_item() -> None:
    assert types(stream([TextDelta(text="a")], request=asked(tools=SEARCHING))) == ["message"]


def test_searches_come_before_calls_too() -> None:
    events = stream([SEARCH, CALL], request=asked(tools=SEARCHING, view=View(reasoning=False)))

    assert types(events) == ["web_search_call", "function_call"]


def test_annotations_stand_before_the_end_of_the_text() -> None:
    events = kinds(stream([TextDelta(text="Lis"), LINK, TextDelta(text="bon.")]))

    place = events.index("output_text.annotation.added")
    assert events[place - 1 : place + 2] == [
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
    ]


@pytest.mark.parametrize("tools", [Tools(), SEARCHING], ids=["alone", "after_a_search"])
def test_reasoning_may_stand_in_the_text(tools: Tools) -> None:
    view = View(reasoning=True, thinking_format="think_tag")
    script = [ThinkingDelta(text="Hm"), TextDelta(text="Lis"), TextDelta(text="bon."), LINK]
    events = stream(script, request=asked(view=view, tools=tools))

    assert text(events) == "<think>\nHm\n</think>\nLisbon."
    (link,) = output(events)[0]["content"][0]["annotations"]
    assert text(events)[link["start_index"] : link["end_index"]] == "Lis"


def test_reasoning_in_the_text_does_not_wait_where_it_need_not() -> None:
    reply = reply_to(asked(view=View(reasoning=True, thinking_format="think_tag")))
    reply.begin()

    assert "response.output_text.delta" in [
        event.name for event in reply.feed(ThinkingDelta(text="Hm"))
    ]


def test_reasoning_may_stand_in_both_places() -> None:
    view = View(reasoning=True, thinking_format="both")
    events = stream([ThinkingDelta(text="Hm"), TextDelta(text="Lis")], request=asked(view=view))

    assert types(events) == ["reasoning", "message"]
    assert text(events) == "<think>\nHm\n</think>\nLis"


def test_reasoning_alone_is_kept_in_both_places() -> None:
    view = View(reasoning=True, thinking_format="both")
    events = stream([ThinkingDelta(text="Hm")], request=asked(view=view))

    assert text(events) == "<think>\nHm\n</think>\n"


def test_reasoning_in_both_places_waits_for_an_open_picture() -> None:
    view = View(reasoning=True, thinking_format="both")
    drawn = Picture(slot=0, data="YQ==", preview=True)
    script = [drawn, ThinkingDelta(text="H"), ThinkingDelta(text="m")]
    events = stream(script, request=asked(view=view, tools=DRAWING))

    assert types(events) == ["image_generation_call", "reasoning", "message"]
    assert text(events) == "<think>\nHm\n</think>\n"


@pytest.mark.parametrize(
    ("finished", "reason"), [("length", "max_output_tokens"), ("refused", "content_filter")]
)
def test_answer_cut_short_ends_with_its_open_item(finished: Any, reason: str) -> None:
    script = [ThinkingDelta(text="Hm"), TextDelta(text="Lis"), SEARCH]
    events = stream(script, Finished(reason=finished), request=asked(tools=SEARCHING))

    assert kinds(events)[-1] == "incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": reason}
    assert [item["status"] for item in output(events)] == ["completed", "incomplete"]


def test_reasoning_cut_short_is_incomplete() -> None:
    (item,) = output(stream([ThinkingDelta(text="Hm")], Finished(reason="length")))

    assert (item["type"], item["status"]) == ("reasoning", "incomplete")


def test_answer_that_calls_is_whole_however_its_text_ended() -> None:
    events = stream([TextDelta(text="So"), CALL], Finished(reason="length"))

    assert kinds(events)[-1] == "completed"
    assert types(events) == ["message", "function_call"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamTimeout(), "server_error"),
        (NoTokenAvailable(), "rate_limit_exceeded"),
        (ContentRefused(), "invalid_prompt"),
    ],
)
def test_failure_is_told_in_both_forms(error: GatewayError, code: str) -> None:
    events = stream([ThinkingDelta(text="Hm"), TextDelta(text="Half")], error)

    assert kinds(events)[-2:] == ["error", "failed"]
    assert (events[-2]["code"], events[-2]["error"]["code"]) == (error.code, error.code)
    assert events[-1]["response"]["error"]["code"] == code
    assert [item["status"] for item in output(events)] == ["completed", "incomplete"]


def test_turn_in_the_background_is_queued_first() -> None:
    events = checked(play(reply_to(background=True), [TextDelta(text="a")], queued=True))

    assert kinds(events)[:3] == ["created", "queued", "in_progress"]


def test_turn_that_fails_in_the_queue_is_in_progress_before() -> None:
    reply = reply_to(background=True)
    events = checked(reply.begin(queued=True) + reply.fail(UpstreamTimeout()))

    assert kinds(events) == ["created", "queued", "in_progress", "error", "failed"]


def test_line_separators_are_escaped_everywhere() -> None:
    script = [ThinkingDelta(text="\u2028"), TextDelta(text="\u2029\u0085"), CALL]

    assert text(stream(script)) == "\u2029\u0085"


def test_lone_surrogates_are_the_same_in_deltas_and_at_the_end() -> None:
    assert text(stream([TextDelta(text="a\ud83d"), TextDelta(text="\ude00b")])) == "a??b"


TEXTS = st.text(min_size=1, max_size=8)
SCRIPTS = st.lists(
    st.builds(TextDelta, text=TEXTS)
    | st.builds(ThinkingDelta, text=TEXTS, summary=st.booleans())
    | st.builds(
        ToolCall,
        id=TEXTS,
        name=TEXTS,
        arguments=TEXTS,
        custom=st.booleans(),
    )
    | st.builds(Activity, tool=st.just("web_search"), text=TEXTS)
    | st.builds(Source, url=TEXTS, title=TEXTS)
    | st.builds(
        Picture,
        slot=st.integers(0, 2),
        data=st.just("YQ==") | st.none(),
        preview=st.booleans(),
    ),
    max_size=12,
)
VIEWS = st.builds(
    View,
    reasoning=st.booleans(),
    thinking_format=st.sampled_from(["reasoning_content", "think_tag", "both"]),
    summary=st.booleans(),
    list_sources=st.booleans(),
)
ENDS = st.sampled_from(
    [Finished(), Finished(reason="length"), Finished(reason="refused"), UpstreamTimeout()]
)
DECLARED = st.sampled_from(
    [DRAWING, Tools(images={}, declares_search=True, search=True)],
)


@given(script=SCRIPTS, view=VIEWS, end=ENDS, tools=DECLARED)
def test_every_stream_keeps_to_the_grammar(
    script: list[Any], view: View, end: Finished | GatewayError, tools: Tools
) -> None:
    events = stream(script, end, request=asked(view=view, tools=tools))

    assert kinds(events)[0] == "created"


@given(script=SCRIPTS, view=VIEWS, end=ENDS, tools=DECLARED)
def test_silent_reply_ends_with_the_same_response(
    script: list[Any], view: View, end: Finished | GatewayError, tools: Tools
) -> None:
    request = asked(view=view, tools=tools)
    spoken, silent = reply_to(request), reply_to(request, silent=True)
    play(spoken, script, end)

    assert play(silent, script, end) == []
    assert _plain(silent.response()) == _plain(spoken.response())
    assert silent.response().usage == spoken.response().usage


def _plain(response: ResponseObject) -> list[OutputItem]:
    return [structs.replace(item, id="") for item in response.output]
