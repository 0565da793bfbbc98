import json
from typing import Any

import pytest

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
from grokgate_web.decode.chat import ChatDecoder
from grokgate_web.profile_files import load_profile

TAGS = ("xaiartifact", "xai:tool_usage_card", "grok:render")
STREAM = load_profile("2026-04").stream
END: dict[str, Any] = {"finalMetadata": {}}


def decoder() -> ChatDecoder:
    return ChatDecoder(STREAM, filter_tags=TAGS)


def lines(*replies: dict[str, Any]) -> bytes:
    return b"".join(
        json.dumps({"result": {"response": reply}}).encode() + b"\n" for reply in replies
    )


def events(*replies: dict[str, Any]) -> list[Event]:
    one = decoder()
    return one.feed(lines(*replies)) + one.finish()


def text(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


def card(card_id: str, url: str) -> dict[str, Any]:
    content = {"id": card_id, "type": "render_inline_citation", "url": url}
    return {"cardAttachment": {"jsonData": json.dumps(content)}}


def mark(card_id: str) -> dict[str, Any]:
    return {
        "token": f'<grok:render card_id="{card_id}" type="x"><argument>1</argument></grok:render>'
    }


def test_plain_answer() -> None:
    found = events(
        {"userResponse": {"responseId": "r"}, "isThinking": False, "isSoftStop": False},
        {"uiLayout": {"effort": "LOW"}},
        {"llmInfo": {"modelHash": "mh_1"}},
        {"token": "Air ", "isThinking": False, "messageTag": "final"},
        {"token": "scatters.", "isThinking": False, "messageTag": "final"},
        {"token": "", "isSoftStop": True},
        END,
        {"modelResponse": {"message": "Air scatters.", "partial": False, "streamErrors": []}},
    )

    assert found == [
        Started(fingerprint="mh_1"),
        TextDelta(text="Air "),
        TextDelta(text="scatters."),
        Finished(),
    ]


@pytest.mark.parametrize(
    ("replies", "settled"),
    [
        ([{"token": "ab"}, {"modelResponse": {"message": "ab"}}], False),
        ([{"token": "ab"}, END], False),
        ([END], False),
        ([{"token": "a"}, END, {"modelResponse": {"message": "ab"}}], False),
        ([{"token": "ab"}, {"modelResponse": {"message": "ab"}}, END], True),
        ([{"token": "ab", "isSoftStop": True}, {"modelResponse": {"message": "ab"}}], True),
    ],
    ids=["no mark", "no message", "nothing yet", "message says more", "mark last", "message last"],
)
def test_answer_is_settled_by_an_end_mark_and_the_same_message(
    replies: list[dict[str, Any]], *, settled: bool
) -> None:
    one = decoder()
    one.feed(lines(*replies))

    assert one.settled is settled


def test_thinking_answer_with_search() -> None:
    tool_card = "5f0d6c1e"
    xml = (
        f"<xai:tool_usage_card><xai:tool_usage_card_id>{tool_card}</xai:tool_usage_card_id>"
        "<xai:tool_name>web_search</xai:tool_name><xai:tool_args>"
        '<![CDATA[{"query":"launch date"}]]></xai:tool_args></xai:tool_usage_card>'
    )
    found = events(
        {"token": "Checking sources", "isThinking": True, "messageTag": "header", "rolloutId": "G"},
        {"token": "- The user.\n", "isThinking": True, "messageTag": "summary", "rolloutId": "G"},
        {
            "token": xml,
            "isThinking": True,
            "messageTag": "tool_usage_card",
            "rolloutId": "G",
            "toolUsageCard": {
                "toolUsageCardId": tool_card,
                "webSearch": {"args": {"query": "launch date"}},
            },
        },
        {
            "token": "raw",
            "isThinking": True,
            "messageTag": "raw_function_result",
            "webSearchResults": {
                "results": [{"url": "https://e.org/l", "title": "Calendar", "preview": "May."}]
            },
        },
        card("c1", "https://e.org/l"),
        {"token": "In May", "messageTag": "final"},
        mark("c1"),
        {"token": ".", "messageTag": "final", "isSoftStop": True},
    )

    assert found == [
        Started(),
        ThinkingDelta(text="Checking sources\n", summary=True, agent="G"),
        ThinkingDelta(text="- The user.\n", agent="G"),
        Activity(tool="web_search", text="launch date", agent="G"),
        Source(url="https://e.org/l", title="Calendar", snippet="May."),
        TextDelta(text="In May"),
        TextDelta(text="[[1]](https://e.org/l)"),
        Citation(number=1, url="https://e.org/l", start=6, end=28, title="Calendar"),
        TextDelta(text="."),
        Finished(),
    ]


def test_citations_are_numbered_by_address() -> None:
    found = events(
        card("c1", "u1"),
        card("c2", "u2"),
        card("c3", "u1"),
        {"token": "A"},
        mark("c1"),
        mark("c3"),
        {"token": "B"},
        mark("c2"),
        {"token": "C"},
        mark("c1"),
        END,
    )

    assert text(found) == "A[[1]](u1)B[[2]](u2)C[[1]](u1)"


def test_citation_offsets_count_unicode_characters() -> None:
    found = events(card("c", "https://e.org"), {"token": "😀é"}, mark("c"), END)

    [citation] = [event for event in found if isinstance(event, Citation)]
    assert text(found)[citation.start : citation.end] == "[[1]](https://e.org)"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", ""])
def test_address_that_is_no_page_is_not_cited(url: str) -> None:
    assert text(events(card("c", url), {"token": "A"}, mark("c"), END)) == "A"


def test_address_cannot_break_out_of_markdown() -> None:
    found = events(card("c", "https://e.org/a)b [x](y"), {"token": "A"}, mark("c"), END)

    assert text(found) == "A[[1]](https://e.org/a%29b%20%5Bx%5D%28y)"


def test_found_picture_becomes_markdown() -> None:
    content = {
        "id": "p",
        "type": "render_searched_image",
        "image": {"thumbnail": "https://e.org/t.jpg", "title": "A", "link": "https://e.org/a"},
    }
    found = events({"cardAttachments": [{"jsonData": content}]}, mark("p"), END)

    assert text(found) == "[![A](https://e.org/t.jpg)](https://e.org/a)"


def test_late_reasoning_is_dropped() -> None:
    found = events(
        {"token": "hm", "isThinking": True}, {"token": "A"}, {"token": "x", "isThinking": True}, END
    )

    assert [type(event) for event in found] == [Started, ThinkingDelta, TextDelta, Finished]


def test_final_tag_wins_over_the_thinking_flag() -> None:
    assert text(events({"token": "A", "isThinking": True, "messageTag": "final"}, END)) == "A"


def test_tool_markup_split_over_tokens_is_shown_once() -> None:
    xml = (
        "<xai:tool_usage_card><xai:tool_usage_card_id>1</xai:tool_usage_card_id>"
        "<xai:tool_name>browse_page</xai:tool_name>"
        '<xai:tool_args><![CDATA[{"url":"https://e.org"}]]></xai:tool_args></xai:tool_usage_card>'
    )
    parts = [xml[start : start + 7] for start in range(0, len(xml), 7)]
    found = events(*({"token": part, "isThinking": True} for part in parts), {"token": "A"}, END)

    assert found[1:3] == [Activity(tool="browse_page", text="https://e.org"), TextDelta(text="A")]


def test_unknown_tool_is_named_by_its_key() -> None:
    found = events({"toolUsageCard": {"readMail": {"args": {}}}}, {"token": "A"}, END)

    assert found[1] == Activity(tool="read_mail")


def test_posts_are_sources() -> None:
    post = {"username": "u", "name": "U", "text": "hello", "postId": "7"}
    found = events({"xSearchResults": {"results": [post, post, "x"]}}, {"token": "A"}, END)

    sources = [event for event in found if isinstance(event, Source)]
    assert sources == [Source(url="https://x.com/u/status/7", title="U", snippet="hello")]


@pytest.mark.parametrize(
    ("tokens", "message", "whole"),
    [
        (["A", "B"], "AB", "AB"),
        (["A"], "AB", "AB"),
        ([], "AB", "AB"),
        (["A"], "other", "A"),
        (["AB"], "A", "AB"),
    ],
)
def test_final_message_only_extends(tokens: list[str], message: str, whole: str) -> None:
    replies = [{"token": token} for token in tokens]

    assert text(events(*replies, {"modelResponse": {"message": message}})) == whole


def test_intermediate_message_does_not_double_the_text() -> None:
    early = {"modelResponse": {"message": "AB", "partial": True}}

    assert text(events(early, {"token": "A"}, {"token": "B"}, END)) == "AB"


def test_answer_without_response_wrapper_is_read() -> None:
    one = decoder()
    one.feed(b'{"result":{"token":"A"}}\n{"result":{"isSoftStop":true}}\n')

    assert one.complete
    assert one.answered


@pytest.mark.parametrize(
    "line",
    [
        b'{"error":{"code":8,"message":"Too many requests","details":[]}}\n',
        b'{"result":{"response":{"error":{"message":"usage limit"}}}}\n',
        b'{"result":{"response":{"error":"usage limit"}}}\n',
        b'{"result":{"response":{"streamErrors":["bad"]}}}\n',
        b'{"result":{"response":{"modelResponse":{"streamErrors":[{"error":{"code":8}}]}}}}\n',
        b'{"result":{"response":{"modelResponse":{"error":"bad"}}}}\n',
    ],
)
def test_error_ends_the_answer(line: bytes) -> None:
    one = decoder()

    assert text(one.feed(lines({"token": "A"}) + line + lines({"token": "B"}))) == "A"
    assert one.error
    assert one.done
    assert Finished() not in one.finish()


def test_closed_stream_is_no_end() -> None:
    one = decoder()
    one.feed(lines({"token": "A"}))

    assert Finished() not in one.finish()
    assert not one.complete


def test_answer_without_text_is_not_finished() -> None:
    assert events({"token": "hm", "isThinking": True}, END)[-1] == ThinkingDelta(text="hm")


def test_wrong_types_are_survived() -> None:
    one = decoder()
    found = one.feed(
        lines(
            {"token": ["x"], "isThinking": "no"},
            {"token": "A", "llmInfo": 3, "cardAttachment": 5, "webSearchResults": "x"},
            {"modelResponse": [1], "toolUsageCard": "x"},
        )
    )

    assert text(found) == "A"
    assert "result.response.token" in one.drift


def test_markup_without_end_is_dropped() -> None:
    assert text(events({"token": "A<xaiartifact id='1'>doc"}, END)) == "A"


def test_text_held_back_comes_at_the_end() -> None:
    assert text(events({"token": "a <"}, END)) == "a <"


def test_done_mark_completes() -> None:
    one = decoder()
    one.feed(lines({"token": "A"}) + b"data: [DONE]\n")

    assert one.done
    assert one.finish()[-1] == Finished()
