from collections.abc import AsyncGenerator
from hashlib import sha256
from typing import Any

import pytest

from grokgate.upstream import Attachment, Blob, Message, Text
from grokgate_responses.request.storing import kept, put_apart
from grokgate_responses.request.translate import (
    History,
)
from plugins.asked_world import asked, turn, turns

pytestmark = pytest.mark.anyio

PICTURE = {"type": "input_image", "image_url": "https://example.com/cat.png"}
CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a":1}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
LOOK = {"type": "function", "name": "look"}
BLOCK = '<tool_calls>\n<tool_call name="look">{"a":1}</tool_call>\n</tool_calls>'
CAT = Blob.of_bytes(b"cat", mime="image/png", name="cat.png")
DOG = Blob.of_bytes(b"dog", mime="image/png", name="dog.png")


def test_instructions_come_first_and_old_turns_before_new_ones() -> None:
    history = History(items=asked(input="Earlier").items)
    found = asked(history, instructions="Be brief.", previous_response_id="resp_1")

    assert turns(found, history=history) == [
        turn("system", "Be brief."),
        turn("user", "Earlier"),
        turn("user", "Hi"),
    ]


def test_calls_join_the_answer_before_them() -> None:
    found = asked(input=[{"role": "assistant", "content": "Let me see."}, CALL, RESULT])

    assert turns(found) == [
        turn("assistant", "Let me see.", BLOCK),
        turn("tool", "[result of look]\nsunny"),
    ]


def test_call_of_a_namespace_is_written_as_it_is_offered() -> None:
    spaces = [{"type": "namespace", "name": name, "tools": [LOOK]} for name in ("a", "b")]
    found = asked(input=[{**CALL, "namespace": "b"}, RESULT], tools=spaces)

    assert turns(found) == [
        turn("assistant", BLOCK.replace("look", "b__look")),
        turn("tool", "[result of b__look]\nsunny"),
    ]


def test_result_may_answer_a_call_of_an_earlier_turn() -> None:
    history = History(items=asked(input=[CALL]).items)
    found = asked(history, input=[RESULT], previous_response_id="resp_1")

    assert turns(found, history=history)[-1] == turn("tool", "[result of look]\nsunny")


def test_pictures_of_a_result_are_attached_to_it() -> None:
    output = [{"type": "input_text", "text": "See:"}, PICTURE]
    found = asked(input=[CALL, {**RESULT, "output": output}])

    assert turns(found, CAT)[-1] == turn(
        "tool", "[result of look]\nSee:", Attachment(blob=CAT, kind="image")
    )


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
            turn("assistant", '[shell_call]\n{"action":{"commands":["ls"]}}'),
        ),
        (
            {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a"}]},
            turn("tool", '[result of shell]\n[{"stdout":"a"}]'),
        ),
        (
            {"type": "local_shell_call_output", "id": "c", "output": "a"},
            turn("tool", "[result of local_shell]\na"),
        ),
        (
            {"type": "web_search_call", "action": {"query": "x", "sources": [{"url": "u"}]}},
            turn("assistant", '[web_search_call]\n{"action":{"query":"x"}}'),
        ),
        (
            {"type": "compaction", "encrypted_content": "ok"},
            turn("user", "[summary of the earlier conversation]\ntext"),
        ),
        (
            {"type": "computer_call_output", "call_id": "c", "output": {"file_id": "file-1"}},
            turn("tool", "[result of computer]\n", Attachment(blob=CAT, kind="image")),
        ),
        (
            {"type": "image_generation_call", "result": "AAAA", "revised_prompt": "a cat"},
            turn("assistant", "[generated image]\na cat", Attachment(blob=CAT, kind="image")),
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_other_items_are_labelled_text(item: dict[str, Any], message: Message) -> None:
    assert turns(asked(input=["Hi", item]), CAT)[1:] == [message]


async def test_kept_items_name_their_attachments_by_hash() -> None:
    found = asked(input=[{"role": "user", "content": [PICTURE, PICTURE]}])
    items, blobs = await kept(found, [CAT, DOG])
    digests = [sha256(data).hexdigest() for data in (b"cat", b"dog")]

    assert items[0]["content"][0] == {
        "type": "input_image",
        "detail": "auto",
        "stored": digests[0],
        "mime": "image/png",
        "name": "cat.png",
    }
    assert blobs == dict(zip(digests, (CAT, DOG), strict=True))


async def test_kept_turn_continues_with_its_attachments() -> None:
    found = asked(input=[PICTURE, {"type": "image_generation_call", "result": "AAAA"}])
    items, blobs = await kept(found, [CAT, DOG])
    history = History(items=items, blobs=blobs)
    again = asked(history, previous_response_id="resp_1")

    assert turns(again, history=history)[:2] == turns(found, CAT, DOG)


async def test_hashing_reads_a_blob_once_in_pieces() -> None:
    opened = 0

    async def pieces() -> AsyncGenerator[bytes, None]:
        nonlocal opened
        opened += 1
        yield b"c"
        yield b"at"

    blob = Blob(name="cat", mime="image/png", size=3, open=pieces)
    _, blobs = await kept(asked(input=[PICTURE]), [blob])

    assert list(blobs) == [sha256(b"cat").hexdigest()]
    assert opened == 1


def test_oldest_of_too_many_attachments_are_left_out() -> None:
    part = {"type": "input_image", "stored": "0" * 64}
    old = {"id": "msg_1", "type": "message", "role": "user", "content": [part] * 20}
    history = History(items=(old,), blobs={"0" * 64: DOG})
    found = asked(history, input=[PICTURE], previous_response_id="resp_1")
    first, second = turns(found, CAT, history=history)

    assert first.parts[0] == Text(text="[an attachment that is no longer available]")
    assert first.parts[1:] == (Attachment(blob=DOG, kind="image"),) * 19
    assert second.parts == (Attachment(blob=CAT, kind="image"),)


async def test_picture_of_an_earlier_answer_is_attached() -> None:
    png = "iVBORw0KGgoAAAANSUhEUg=="
    items, blobs = await put_apart([{"type": "image_generation_call", "id": "1", "result": png}])
    history = History(items=items, blobs=blobs)
    label, picture = turns(asked(history), history=history)[0].parts

    assert label == Text(text="[generated image]\n")
    assert isinstance(picture, Attachment)
    assert picture.blob.mime == "image/png"
    assert "result" not in items[0]


async def test_picture_that_cannot_be_read_is_left_out() -> None:
    broken = {"type": "image_generation_call", "id": "ig_1", "result": "?"}
    items, blobs = await put_apart([broken])

    assert turns(asked(History(items=items)), history=History(items=items)) == [turn("user", "Hi")]
    assert blobs == {}
