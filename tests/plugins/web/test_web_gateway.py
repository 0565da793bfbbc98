"""The gateway's frames, against every sample of `upstream-protocol.md` 2.12."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.upstream import (
    Activity,
    Citation,
    Event,
    Finished,
    Source,
    Started,
    TextDelta,
    ThinkingDelta,
)
from grokgate_web.decode.gateway import GatewayDecoder
from grokgate_web.profile_files import load_profile

PROFILE = load_profile("2026-08")
TAGS = ("xaiartifact", "xai:tool_usage_card", "grok:render")
SESSION = "b4d2c8e0-7777-4f3a-9c22-1d2e3f4a5b60"
OPENING = "evt_init_3a1c5e70-6666-4b1d-8f00-9e8d7c6b5a40"
CREATED: dict[str, Any] = {
    "type": "session.created",
    "event_id": "se_1",
    "client_event_id": OPENING,
}
ATTACHED: dict[str, Any] = {
    "type": "conversation.attached",
    "conversation": {"id": SESSION, "object": "realtime.conversation"},
    "mode": "new",
}
RESPONSE = {"id": "ae51c9d2-aaaa-4d7c-9f10-8b7a6c5d4e30", "status": "in_progress"}
DONE: dict[str, Any] = {
    "type": "response.done",
    "response": {**RESPONSE, "status": "completed", "usage": {}},
}


def chunk(**content: Any) -> dict[str, Any]:
    return {"type": "response.chunk", "chunk": content}


def said(text: str, channel: str = "CHANNEL_ASSISTANT_RESPONSE") -> dict[str, Any]:
    return chunk(text={"text": text, "channel": channel})


def decoder() -> GatewayDecoder:
    assert PROFILE.gateway is not None
    channels = PROFILE.gateway.channels
    return GatewayDecoder(PROFILE.stream, channels, opening=OPENING, filter_tags=TAGS)


def frame(event: dict[str, Any], session: str = SESSION) -> bytes:
    return json.dumps({"session_id": session, "event": event}).encode()


def fed(*events: dict[str, Any]) -> tuple[GatewayDecoder, list[Event]]:
    one = decoder()
    found = [event for sent in (CREATED, ATTACHED, *events) for event in one.feed(frame(sent))]
    return one, found + one.finish()


def text(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


def test_sample_stream() -> None:
    one, found = fed(
        {"type": "conversation.item.added", "item": {"id": "d1", "role": "user"}},
        {"type": "response.created", "response": RESPONSE},
        chunk(ui_layout={"reasoning_ui_layout": "SPLIT", "effort": "LOW"}),
        said("Recalling optics", "CHANNEL_ASSISTANT_NOTETAKER_HEADER"),
        chunk(
            tool_usage_card={
                "tool_usage_card_id": "t1",
                "web_search": {"args": {"query": "rayleigh scattering"}},
            }
        ),
        chunk(
            tool_result={
                "tool_call_id": "t1",
                "web_search": {
                    "webpages": [
                        {
                            "url": "https://example.org/optics",
                            "title": "Optics",
                            "snippet": "Short waves scatter more.",
                        }
                    ]
                },
            }
        ),
        said("Short wavelengths scatter more."),
        chunk(
            render_citation={
                "id": "k1",
                "kind": "CITATION_KIND_WEB_PAGE",
                "url": "https://example.org/optics",
                "citation_id": "1",
            }
        ),
        DONE,
        {"type": "response.persisted", "status": "ok"},
    )

    assert found == [
        Started(),
        ThinkingDelta(text="Recalling optics\n", summary=True),
        Activity(tool="web_search", text="rayleigh scattering"),
        Source(
            url="https://example.org/optics", title="Optics", snippet="Short waves scatter more."
        ),
        TextDelta(text="Short wavelengths scatter more."),
        TextDelta(text="[[1]](https://example.org/optics)"),
        Citation(number=1, url="https://example.org/optics", start=31, end=64, title="Optics"),
        Finished(),
    ]
    assert one.drift == set()


STREAM_ERROR = {
    "kind": "usage_limit_reached",
    "message": "You have reached your usage limit.",
    "severity": "error",
    "details": {"reason": "quota"},
    "code": 8,
}


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"type": "response.grok.output", "output": {"stream_error": STREAM_ERROR}}, STREAM_ERROR),
        (
            {
                "type": "response.done",
                "response": {"status": "failed", "status_details": {"reason": "stream_error"}},
            },
            {"status": "failed", "reason": "stream_error"},
        ),
        (
            {"type": "response.done", "response": {"status": "incomplete"}},
            {"status": "incomplete", "reason": None},
        ),
        ({"type": "error", "error": {"code": "anti_bot"}}, {"code": "anti_bot"}),
        ({"type": "error"}, {"code": None}),
    ],
    ids=["stream error", "failed", "incomplete", "error", "bare"],
)
def test_sample_failure(event: dict[str, Any], error: object) -> None:
    one, found = fed(said("Be"), event, said("cause."), DONE)

    assert (one.error, one.done, one.complete) == (error, True, False)
    assert found == [Started(), TextDelta(text="Be")]


def test_error_before_the_session() -> None:
    one = decoder()
    one.feed(frame({"type": "error", "error": {"code": "invalid_envelope"}}, session=""))

    assert one.error == {"code": "invalid_envelope"}


@pytest.mark.parametrize("events", [(CREATED, ATTACHED), (ATTACHED, CREATED)])
def test_session_is_ready_in_either_order(events: tuple[dict[str, Any], ...]) -> None:
    one = decoder()
    one.feed(frame(events[0]))
    assert not one.ready

    one.feed(frame(events[1]))
    assert (one.ready, one.session, one.seen) == (True, SESSION, False)


@pytest.mark.parametrize(
    "events",
    [
        ({**CREATED, "client_event_id": "evt_init_other"}, ATTACHED),
        (CREATED, {**ATTACHED, "conversation": {"id": "other"}}),
        (CREATED, {**ATTACHED, "conversation": None}),
    ],
    ids=["client event", "conversation", "no conversation"],
)
def test_foreign_session_is_not_ours(events: tuple[dict[str, Any], ...]) -> None:
    one = decoder()
    for event in events:
        one.feed(frame(event))

    assert not one.ready


def test_session_need_not_repeat_our_event() -> None:
    one = decoder()
    one.feed(frame({"type": "session.created"}))

    assert one.session == SESSION


def test_other_sessions_and_responses_are_passed_over() -> None:
    one = decoder()
    for event in (CREATED, ATTACHED, {"type": "response.created", "response": RESPONSE}):
        one.feed(frame(event))
    one.feed(frame(said("x"), session="other"))
    one.feed(frame({**said("x"), "response_id": "other"}))
    one.feed(frame({"type": "response.done", "response": {"id": "other", "status": "failed"}}))

    assert (one.done, one.finish()) == (False, [])


def test_end_of_the_session_is_no_end_of_the_answer() -> None:
    one, found = fed(said("Be"), {"type": "session.ended", "reason": "idle"})

    assert (one.done, one.complete, one.error) == (True, False, None)
    assert Finished() not in found


@pytest.mark.parametrize(
    ("channel", "kind"),
    [
        ("", TextDelta), ("CHANNEL_ASSISTANT_RESPONSE", TextDelta),
        ("CHANNEL_ASSISTANT_ANALYSIS", ThinkingDelta), ("CHANNEL_REASONING_2", ThinkingDelta),
        ("CHANNEL_ASSISTANT_NOTETAKER_HEADER", ThinkingDelta),
    ],
)  # fmt: skip
def test_channel(channel: str, kind: type[Event]) -> None:
    _, found = fed(said("x", channel))

    assert [type(event) for event in found] == [Started, kind]


def test_unknown_channel_is_passed_over_and_counted() -> None:
    one, found = fed(said("x", "CHANNEL_WHISPER"), said("y"), DONE)

    assert text(found) == "y"
    assert one.drift == {"event.chunk.text.channel"}


def test_late_reasoning_is_dropped() -> None:
    _, found = fed(said("y"), said("x", "CHANNEL_ASSISTANT_ANALYSIS"), DONE)

    assert found == [Started(), TextDelta(text="y"), Finished()]


def delta(piece: object, **grok: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": piece, "x_grok": grok}


def test_answer_without_chunks() -> None:
    whole = {"type": "response.output_text.done", "text": "Because."}
    _, found = fed(delta("Hm", is_thinking=True), delta("Be"), delta("cause."), whole, DONE)

    assert found == [
        Started(), ThinkingDelta(text="Hm"), TextDelta(text="Be"), TextDelta(text="cause."),
        Finished(),
    ]  # fmt: skip


def test_whole_text_fills_in_where_there_were_no_pieces() -> None:
    _, found = fed({"type": "response.output_text.done", "text": "Because."}, DONE)

    assert text(found) == "Because."


@pytest.mark.parametrize(
    "result",
    [
        {"url": "https://e.org/", "title": "E"},
        {"search_type": "web", "web_results": [{"url": "https://e.org/", "title": "E"}]},
    ],
)
def test_search_result_in_either_form(result: dict[str, Any]) -> None:
    _, found = fed({"type": "response.search.result", "result": result})

    assert found == [Started(), Source(url="https://e.org/", title="E")]


def test_posts_are_sources() -> None:
    post = {"userhandle": "ann", "name": "Ann", "text": "hi", "post_id": "7"}
    _, found = fed(chunk(tool_result={"x_post": {"posts": [post]}}))

    assert found[1:] == [Source(url="https://x.com/ann/status/7", title="Ann", snippet="hi")]


def cited(url: str) -> dict[str, Any]:
    return chunk(render_citation={"url": url})


def test_citations_are_numbered() -> None:
    u1, u2 = "https://a.org/1", "https://a.org/2"
    _, found = fed(
        said("A"), cited(u1), cited(u1), said("B <"), cited(u2), said("i> C"), cited(u1), DONE
    )

    assert text(found) == f"A[[1]]({u1})B <[[2]]({u2})i> C[[1]]({u1})"


@pytest.mark.parametrize("name", ["json_data", "jsonData"])
def test_found_picture_is_rendered(name: str) -> None:
    card = {
        "id": "c1",
        "type": "render_searched_image",
        "image": {"thumbnail": "https://e.org/t.jpg", "title": "T"},
    }
    attached = {
        "type": "response.grok.output",
        "output": {"card_attachment": {name: json.dumps(card)}},
    }
    _, found = fed(attached, said('<grok:render card_id="c1"/>!'), DONE)

    assert text(found) == "![T](https://e.org/t.jpg)!"


def test_markup_across_pieces_is_removed() -> None:
    pieces = (
        "Hi <grok", ':render card_id="x">', '<argument name="citation_id">1</argu',
        "ment></grok:render> there <b>",
    )  # fmt: skip
    _, found = fed(*(said(piece) for piece in pieces), DONE)

    assert text(found) == "Hi  there <b>"


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({"type": "response.brand_new"}, "event.type"),
        (chunk(hologram={"secret": "s"}), "event.chunk.hologram"),
        (chunk(**{"not a name": 1}), "event.chunk.*"),
        ({"type": "response.grok.output", "output": {"novel": 1}}, "event.output.novel"),
        (said([]), "event.chunk.text"),  # type: ignore[arg-type]  # as an upstream may
        (delta([]), "event.delta"),
        ({"no": "type"}, "event.type"),
        ({"type": "response.chunk", "chunk": {}, "novel": 1}, "event.novel"),
        (chunk(text={"text": "", "novel": 1}), "event.chunk.text.novel"),
        (chunk(render_citation={"novel": 1}), "event.chunk.render_citation.novel"),
        ({"type": "response.created", "response": {}, "novel": 1}, "event.novel"),
    ],
)
def test_what_is_new_is_counted_by_path(event: dict[str, Any], path: str) -> None:
    one, found = fed(event, said("y"), DONE)

    assert one.drift == {path}
    assert text(found) == "y"


def test_pong_is_no_sign_of_an_answer() -> None:
    one = decoder()
    for event in (CREATED, ATTACHED):
        one.feed(frame(event))
    heard = one.heard
    one.feed(frame({"type": "pong"}))

    assert (one.heard, one.seen) == (heard, False)


@pytest.mark.parametrize("data", [b"", b"null", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_unreadable_frame_is_passed_over(data: bytes) -> None:
    one = decoder()

    assert one.feed(data) == []
    assert (one.drift, one.done) == ({"frame"}, False)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("text", "channel", "web_search", "args", "url", "id", "status", "x")),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
KINDS = (
    "session.created", "conversation.attached", "response.created", "response.chunk",
    "response.output_text.delta", "response.output_text.done", "response.search.result",
    "response.grok.output", "response.done", "error", "session.ended", "x",
)  # fmt: skip
KEYS = (
    "chunk", "text", "tool_usage_card", "tool_result", "render_citation", "output", "result",
    "response", "conversation", "delta", "x_grok", "error", "card_attachment", "stream_error",
)  # fmt: skip


@given(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(KEYS), ANY_JSON | st.dictionaries(st.sampled_from(KEYS), ANY_JSON)
    ),
)
def test_no_event_breaks_the_decoder(kind: str, fields: dict[str, Any]) -> None:
    fed({**fields, "type": kind}, said("y"), DONE)
