"""What a reply says of its turn, and that the official types read it."""

import functools
from typing import Any, get_args

import msgspec
import openai.types.responses
import pydantic
import pytest
from msgspec import UNSET

from grammar.played import ENDED, asked, checked, play, reply_to
from grammar.responses import Event
from grokgate.errors import UpstreamTimeout
from grokgate.upstream import (
    Activity,
    Citation,
    Finished,
    Source,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    Usage,
)
from grokgate_responses.answer.encode import Emitted, encoded
from grokgate_responses.answer.events import ResponseEvent
from grokgate_responses.answer.objects import ReasoningItem
from grokgate_responses.answer.pictures import Picture
from grokgate_responses.answer.reply import Reply
from grokgate_responses.request.tools import Tools

SEALED = ["reasoning.encrypted_content"]
PAGES = ["web_search_call.action.sources"]
LOOK = {"type": "function", "name": "look", "description": None, "parameters": None, "strict": True}
EVERYTHING = asked(
    tools=Tools(declares_search=True, search=True, images={"partial_images": 1}, echo=[LOOK]),
    include=[*SEALED, *PAGES],
    metadata={"a": "b"},
    text={"format": {"type": "json_object"}},
)
SCRIPT = (
    ThinkingDelta(text="Hm"),
    Activity(tool="web_search", text="capital"),
    Source(url="https://a.example", title="A"),
    Picture(slot=0, data="YQ==", preview=True),
    Picture(slot=0, data="YQ=="),
    TextDelta(text="Lisbon."),
    Citation(number=1, url="https://a.example", start=0, end=3),
    ToolCall(id="call_1", name="look", arguments="{}"),
    ToolCall(id="call_2", name="note", arguments="x", custom=True),
)
PLAIN = (
    ThinkingDelta(text="Hm"),
    TextDelta(text="Lisbon."),
    Citation(number=1, url="https://a.example", start=0, end=3),
    ToolCall(id="call_1", name="look", arguments="{}"),
)


def ended(*script: Any, end: Finished | None = None, **options: Any) -> Reply:
    reply = reply_to(**options)
    play(reply, script, end)
    return reply


def test_whole_answer_is_completed() -> None:
    response = ended(TextDelta(text="a")).response()

    assert (response.status, response.completed_at) == ("completed", ENDED)


def test_output_grows_while_the_turn_goes_on() -> None:
    reply = reply_to()
    reply.begin()
    reply.feed(ThinkingDelta(text="Hm"))
    before = len(reply.response().output)
    reply.feed(TextDelta(text="a"))

    assert (before, len(reply.response().output)) == (0, 1)


def test_usage_is_estimated_where_the_upstream_tells_none() -> None:
    usage = ended(ThinkingDelta(text="Hm"), TextDelta(text="Lisbon.")).response().usage

    assert msgspec.to_builtins(usage) == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 8,
        "grokgate": {"estimated": True},
    }


def test_usage_of_the_upstream_wins() -> None:
    end = Finished(usage=Usage(input=10, output=20, reasoning=15))
    usage = ended(TextDelta(text="a"), end=end).response().usage

    assert usage is not None
    assert (usage.total_tokens, usage.grokgate.estimated) == (30, False)


def test_reasoning_is_sealed_only_where_that_is_asked_for() -> None:
    def seal(text: bytes) -> str:
        return f"sealed:{text.decode()}"

    (plain,) = ended(ThinkingDelta(text="Hm"), seal=seal).response().output
    wanted = asked(include=SEALED)
    (sealed,) = ended(ThinkingDelta(text="Hm"), seal=seal, request=wanted).response().output

    assert isinstance(plain, ReasoningItem)
    assert isinstance(sealed, ReasoningItem)
    assert (plain.encrypted_content, sealed.encrypted_content) == (UNSET, "sealed:Hm")


def test_turn_that_could_not_be_stored_says_so_in_its_last_event() -> None:
    reply = reply_to()
    emitted = play(reply, [TextDelta(text="a")])
    emitted[-1] = reply.unstored()

    events = checked(emitted)

    assert [events[0]["response"]["store"], events[-1]["response"]["store"]] == [True, False]


def test_shown_tells_whether_anything_was_seen() -> None:
    reply = reply_to()
    reply.begin()
    before = reply.shown
    reply.feed(ThinkingDelta(text="Hm"))

    assert (before, reply.shown) == (False, True)


def test_piece_of_text_is_encoded_as_the_event_would_be() -> None:
    (first, *_), (delta,) = _deltas("Lis\u2028", "bon\u0085")
    event = msgspec.json.decode(delta.body, type=ResponseEvent)

    assert first.name == "response.output_item.added"
    assert encoded(event) == delta


def _deltas(*texts: str) -> list[list[Emitted]]:
    reply = reply_to()
    reply.begin()
    return [reply.feed(TextDelta(text=text)) for text in texts]


@functools.cache
def official() -> dict[str, type[pydantic.BaseModel]]:
    """Return the SDK's models by the type of event."""
    union = get_args(openai.types.responses.ResponseStreamEvent)[0]
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(union)}


@pytest.mark.parametrize("end", [None, Finished(reason="length"), UpstreamTimeout()], ids=str)
def test_official_types_read_every_event(end: Any) -> None:
    reply = reply_to(EVERYTHING, seal=lambda text: text.decode())
    for event in checked(play(reply, SCRIPT, end)):
        body = msgspec.json.encode(event)
        official()[event["type"]].model_validate_json(body, strict=True)


@pytest.mark.parametrize("end", [None, Finished(reason="length"), UpstreamTimeout()], ids=str)
def test_types_of_open_responses_read_every_event(end: Any) -> None:
    """Of what that specification knows: it has no items for searches, pictures and custom tools."""
    open_responses = pytest.importorskip("openresponses_types.types")
    request = asked(tools=Tools(echo=[LOOK]), metadata={"a": "b"})
    models = _models(open_responses)

    events = checked(play(reply_to(request), PLAIN, end))

    for event in events:
        models[event["type"]].model_validate_json(msgspec.json.encode(event))


def _models(module: Any) -> dict[str, type[pydantic.BaseModel]]:
    """Return that specification's models by the type of event."""
    models = [model for name, model in vars(module).items() if name.endswith("StreamingEvent")]
    return {next(iter(model.model_fields["type"].annotation)).value: model for model in models}


def test_events_read_are_all_of_them() -> None:
    events: list[Event] = checked(play(reply_to(EVERYTHING), SCRIPT))

    assert len({event["type"] for event in events}) > 20
