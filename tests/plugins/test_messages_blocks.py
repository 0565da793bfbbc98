"""Requests and what the upstream is asked, without a gateway."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.errors import InvalidRequest
from grokgate.openai import affinity
from grokgate.upstream import Attachment, Blob, Conversation, Text
from grokgate_messages.schema import MessagesRequest
from grokgate_messages.translate import (
    sources,
    to_conversation,
    to_drafts,
)

CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"city": "Porto"}}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
CALLED = '<tool_calls>\n<tool_call name="look">{"city":"Porto"}</tool_call>\n</tool_calls>'


def request(*messages: Any, **fields: Any) -> MessagesRequest:
    body = {"model": "m", "max_tokens": 10, "messages": messages or [user("Hi")], **fields}
    return msgspec.json.decode(msgspec.json.encode(body), type=MessagesRequest)


def user(*content: Any) -> dict[str, Any]:
    only_text = len(content) == 1 and isinstance(content[0], str)
    return {"role": "user", "content": content[0] if only_text else content}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": blocks}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def result(content: Any = "Sunny.", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **more}


def conversation(asked: MessagesRequest) -> Conversation:
    drafts = to_drafts(asked)
    blobs = [Blob.of_bytes(b"", mime="", name=source.param) for source in sources(drafts)]
    return to_conversation(asked, drafts, blobs)


def told(asked: MessagesRequest) -> list[tuple[str, ...]]:
    """Return the roles with their texts; an attachment is shown by its place in the request."""
    return [
        (
            message.role,
            *(part.text if isinstance(part, Text) else part.blob.name for part in message.parts),
        )
        for message in conversation(asked).messages
    ]


IMAGE_PATH = "messages[0].content[0].source"
BLOCKS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "text": (text("a", cache_control={"type": "ephemeral"}), ("a",)),
    "image as data": ({"type": "image", "source": PNG}, (f"{IMAGE_PATH}.data",)),
    "image by address": (
        {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
        (f"{IMAGE_PATH}.url",),
    ),
    "image by id": (
        {"type": "image", "source": {"type": "file", "file_id": "file-1"}},
        (f"{IMAGE_PATH}.file_id",),
    ),
    "document as data": (
        {"type": "document", "source": PDF, "title": "T", "context": "C"},
        ("C", f"{IMAGE_PATH}.data"),
    ),
    "document as text": (
        {"type": "document", "source": {"type": "text", "data": "D"}, "title": "T", "context": "C"},
        ("[document T]\nC\nD",),
    ),
    "document as blocks": (
        {
            "type": "document",
            "source": {"type": "content", "content": [text("D"), {"type": "image", "source": PNG}]},
            "title": "T",
        },
        ("[document T]", "D", f"{IMAGE_PATH}.content[1].source.data"),
    ),
    "document as content": (
        {"type": "document", "source": {"type": "content", "content": "D"}},
        ("D",),
    ),
    "search result": (
        {"type": "search_result", "source": "s", "title": "T", "content": [text("a"), text("b")]},
        ("[T](s)\na\nb",),
    ),
}


@pytest.mark.parametrize(("block", "parts"), BLOCKS.values(), ids=BLOCKS)
def test_block(block: Any, parts: tuple[str, ...]) -> None:
    assert told(request(user(block))) == [("user", *parts)]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "1", "content": [{"type": "x"}]},
        {"type": "container_upload", "file_id": "f"},
        {"type": "not_known_yet", "text": 3, "source": [], "content": {"a": 1}},
        text("  \n"),
    ],
    ids=lambda block: str(block["type"]),
)
def test_block_is_left_out(block: Any) -> None:
    asked = request(user("a"), assistant(block, text("b")))

    assert told(asked) == [("user", "a"), ("assistant", "b")]


def test_calls_and_results_are_labelled_text() -> None:
    asked = request(user("Weather?"), assistant(text("I look."), CALL), user(result(), text("So?")))

    assert told(asked) == [
        ("user", "Weather?"),
        ("assistant", "I look.", CALLED),
        ("tool", "[result of look]\nSunny."),
        ("user", "So?"),
    ]


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (result([text("a"), text("b")]), ("[result of look]\na\nb",)),
        (result("No.", is_error=True), ("[result of look]\nThe call failed.\nNo.",)),
        (result(None), ("[result of look]\n",)),
        (
            result([{"type": "image", "source": PNG}, text("a")]),
            ("[result of look]\na", "messages[1].content[0].content[0].source.data"),
        ),
        (result([{"type": "tool_reference", "tool_name": "x"}]), ("[result of look]\n",)),
    ],
    ids=["blocks", "error", "nothing", "picture", "unknown"],
)
def test_result(answer: Any, parts: tuple[str, ...]) -> None:
    assert told(request(assistant(CALL), user(answer)))[1:] == [("tool", *parts)]


@pytest.mark.parametrize("system", ["Be brief.", [text("Be brief.", cache_control=None)]])
def test_system_comes_first(system: Any) -> None:
    assert told(request(system=system)) == [("system", "Be brief."), ("user", "Hi")]


def test_system_in_mid_conversation_keeps_its_place() -> None:
    asked = request(user("a"), {"role": "system", "content": "Now in French."}, user("b"))

    assert told(asked) == [("user", "a"), ("system", "Now in French."), ("user", "b")]


def test_later_turns_are_known_though_the_client_counts_its_requests() -> None:
    def turn(count: int, *more: Any) -> object:
        billing = text(f"x-anthropic-billing-header: cc_version=2.1; cch={count};")
        asked = request(user("a"), assistant(text("b")), *more, system=[billing, text("S")])
        return affinity(conversation(asked), "k")

    assert turn(1) == turn(2, user("c"))


def test_data_is_passed_on_with_its_type() -> None:
    (source,) = sources(to_drafts(request(user({"type": "image", "source": PNG}))))

    assert (source.text, source.kind) == ("data:image/png;base64,iVBO", "image")


def test_document_is_named_by_its_title() -> None:
    block = {"type": "document", "source": PDF, "title": "Report"}
    asked = request(user(block))

    (source,) = sources(to_drafts(asked))
    (part,) = conversation(asked).messages[0].parts

    assert (source.kind, source.filename) == ("file", "Report")
    assert isinstance(part, Attachment)


FAULTS: dict[str, tuple[Any, str, str]] = {
    "no type": ({"text": "a"}, "missing_required_parameter", ".type"),
    "type that is no text": ({"type": {}}, "invalid_type", ".type"),
    "no text": ({"type": "text"}, "missing_required_parameter", ".text"),
    "text of another type": ({"type": "text", "text": 1}, "invalid_value", ".text"),
    "no data": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png"}},
        "missing_required_parameter",
        ".source.data",
    ),
    "no media type": (
        {"type": "image", "source": {**PNG, "media_type": "png,x"}},
        "invalid_value",
        ".source.media_type",
    ),
    "unknown source": (
        {"type": "image", "source": {"type": "disk", "path": "/"}},
        "invalid_value",
        ".source.type",
    ),
    "call without input": (
        {"type": "tool_use", "id": "1", "name": "look"},
        "missing_required_parameter",
        ".input",
    ),
    "result of no call": (result(), "invalid_value", ".tool_use_id"),
    "fault in a document": (
        {"type": "document", "source": {"type": "content", "content": [{"type": "text"}]}},
        "missing_required_parameter",
        ".source.content[0].text",
    ),
}


@pytest.mark.parametrize(("block", "code", "place"), FAULTS.values(), ids=FAULTS)
def test_fault_is_named_with_its_place(block: Any, code: str, place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        to_drafts(request(user(text("a"), block)))

    assert (caught.value.code, caught.value.param) == (code, f"messages[0].content[1]{place}")


WORDS = st.sampled_from(
    ["type", "text", "source", "data", "media_type", "url", "content", "title", "id", "input"]
)
KINDS = st.sampled_from(["text", "image", "document", "tool_use", "base64", "content", "url"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | KINDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS, inner, max_size=4).map(lambda block: {"type": "text", **block})
        | st.builds(lambda kind, rest: {**rest, "type": kind}, KINDS, st.dictionaries(WORDS, inner))
    ),
)


@given(st.lists(VALUES.filter(lambda value: isinstance(value, dict)), min_size=1, max_size=3))
def test_any_block_is_read_or_refused(blocks: list[Any]) -> None:
    with suppress(InvalidRequest):
        conversation(request(user(*blocks)))


def test_result_before_its_call_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        to_drafts(request(user(result()), assistant(CALL)))


@pytest.mark.parametrize("message", [user(""), assistant(), user(text(" "))])
def test_nothing_to_answer_is_refused(message: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        to_drafts(request(message, system="Be brief."))

    assert caught.value.param == "messages"
