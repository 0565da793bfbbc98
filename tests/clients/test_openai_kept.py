"""Stored, chained and background responses by the OpenAI Python SDK in strict validation."""

import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from clients.asking import CITY, ECHO, MODEL, RESULT, SLOW, TOOLS

DEADLINE_S = 20
LOOK: Any = {"type": "function", "name": "lookup_city", "parameters": CITY, "strict": True}


def ended(client: OpenAI, response_id: str) -> Any:
    """Poll, as clients do, until a background response has ended."""
    deadline = time.monotonic() + DEADLINE_S
    while (now := client.responses.retrieve(response_id)).status in ("queued", "in_progress"):
        assert time.monotonic() < deadline, now.status
        time.sleep(0.02)  # the pace of the client: the API announces nothing to those who poll
    return now


def assert_reads_more(client: OpenAI, answer: Any, *, than: str) -> None:
    """Check that an answer read more than its last message: the sandbox repeats only that."""
    alone = client.responses.input_tokens.count(model=MODEL, input=than)
    assert answer.usage.input_tokens > alone.input_tokens


def test_stored_response_is_retrieved(client: OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="Remember me")

    assert client.responses.retrieve(made.id).to_dict() == made.to_dict()


def test_unstored_response_is_not_found(client: OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="Forget me", store=False)

    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.retrieve(made.id)
    assert (made.to_dict()["store"], caught.value.code) == (False, "response_not_found")


def test_deleted_response_is_not_found(client: OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="Delete me")
    client.responses.delete(made.id)

    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.retrieve(made.id)
    assert caught.value.code == "response_not_found"


def test_input_items_are_listed_in_pages(client: OpenAI) -> None:
    made = client.responses.create(
        model=MODEL, input=[{"role": "user", "content": f"Part {number}"} for number in range(5)]
    )
    found: Any = client.responses.input_items.list(made.id, limit=2, order="asc")

    texts = [item.content[0].text for item in found]
    assert texts == [f"Part {number}" for number in range(5)]


def test_a_conversation_goes_on(client: OpenAI) -> None:
    first = client.responses.create(model=MODEL, input=TOOLS, tools=[LOOK])
    call = next(item for item in first.output if item.type == "function_call")
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
    second = client.responses.create(
        model=MODEL, previous_response_id=first.id, input=[result], tools=[LOOK]
    )
    third = client.responses.create(
        model=MODEL, previous_response_id=second.id, input=f"Thanks{ECHO}"
    )

    assert "sunny" in second.output_text
    assert (second.previous_response_id, third.previous_response_id) == (first.id, second.id)
    assert "Thanks" in third.output_text


def test_earlier_turns_count_as_input(client: OpenAI) -> None:
    first = client.responses.create(model=MODEL, input=f"A tale {'of old ' * 50}{ECHO}")
    second = client.responses.create(
        model=MODEL, previous_response_id=first.id, input=f"Go on{ECHO}"
    )

    assert first.usage
    assert second.usage
    assert second.usage.input_tokens > first.usage.input_tokens


def test_unknown_previous_response_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model=MODEL, input="hi", previous_response_id="resp_unknown")

    assert (caught.value.code, caught.value.param) == (
        "previous_response_not_found",
        "previous_response_id",
    )


def test_background_response_ends(client: OpenAI) -> None:
    begun = client.responses.create(model=MODEL, input=f"Take time{ECHO}", background=True)
    done = ended(client, begun.id)

    assert (begun.status, begun.background) == ("queued", True)
    assert done.status == "completed"
    assert "Take time" in done.output_text


def test_background_response_is_cancelled(client: OpenAI) -> None:
    begun = client.responses.create(model=MODEL, input=SLOW, background=True)
    cancelled = client.responses.cancel(begun.id)
    again = client.responses.cancel(begun.id)

    assert (cancelled.status, again.status) == ("cancelled", "cancelled")
    assert client.responses.retrieve(begun.id).status == "cancelled"


def test_background_stream_is_taken_up_again(client: OpenAI) -> None:
    stream = client.responses.create(
        model=MODEL, input=f"Stream this{ECHO}", background=True, stream=True
    )
    events = list(stream)
    response_id = events[0].response.id  # type: ignore[union-attr]
    rest = list(client.responses.retrieve(response_id, stream=True, starting_after=3))

    assert [event.to_dict() for event in rest] == [event.to_dict() for event in events[4:]]
    assert events[1].type == "response.queued"


def test_only_background_responses_are_cancelled(client: OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="Done already")

    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.cancel(made.id)
    assert caught.value.code == "invalid_value"


def test_input_is_counted(client: OpenAI) -> None:
    count = client.responses.input_tokens.count(model=MODEL, input="How long is this?")
    made = client.responses.create(model=MODEL, input="How long is this?")

    assert made.usage
    assert count.input_tokens == made.usage.input_tokens > 0


def test_compacted_conversation_goes_on(client: OpenAI) -> None:
    compacted = client.responses.compact(model=MODEL, input=f"A long story{ECHO}")
    kept: Any = [item.to_dict() for item in compacted.output]
    following: Any = {"role": "user", "content": f"And then?{ECHO}"}
    answer = client.responses.create(model=MODEL, input=[*kept, following])

    assert [item.type for item in compacted.output].count("compaction") == 1
    assert "And then?" in answer.output_text
    assert_reads_more(client, answer, than=f"And then?{ECHO}")


def test_a_whole_item_may_be_named_by_its_id(client: OpenAI) -> None:
    first = client.responses.create(model=MODEL, input="Say a name")
    message = next(item for item in first.output if item.type == "message")
    answer = client.responses.create(
        model=MODEL,
        input=[
            {"type": "item_reference", "id": message.id},
            {"role": "user", "content": f"Again{ECHO}"},
        ],
    )

    assert "Again" in answer.output_text
    assert_reads_more(client, answer, than=f"Again{ECHO}")


def test_websocket_connection_takes_several_turns(client: OpenAI) -> None:
    with client.responses.connect() as connection:
        texts = []
        for prompt in ("First", "Second"):
            connection.response.create(model=MODEL, input=f"{prompt}{ECHO}")
            for event in connection:
                if event.type == "response.completed":
                    texts.append(event.response.output_text)
                    break

    assert [text.split()[-1] for text in texts] == ["First", "Second"]
