import pytest

from grokgate.openai import affinity
from grokgate.upstream import Attachment, Blob, Conversation, Message, Part, Role, Text


def conversation(*parts: str | Blob) -> Conversation:
    """A conversation in which user and assistant take turns."""
    roles: tuple[Role, Role] = ("user", "assistant")
    turns: list[Message] = []
    for place, said in enumerate(parts):
        part: Part = Text(text=said) if isinstance(said, str) else Attachment(blob=said)
        turns.append(Message(role=roles[place % 2], parts=(part,)))
    return Conversation(messages=tuple(turns))


def test_first_turn_begins_and_later_ones_follow() -> None:
    first = affinity(conversation("Hi"), "key")
    second = affinity(conversation("Hi", "Hello", "How?"), "key")

    assert (first.name, first.begins) == (second.name, True)
    assert not second.begins
    assert affinity(conversation("Hi", "Hello", "How?", "So.", "Why?"), "key") == second


@pytest.mark.parametrize(
    ("opening", "key"),
    [("Ho", "key"), ("Hi", "other"), (Blob.of_bytes(b"Hi", mime="text/plain", name="Hi"), "key")],
    ids=["text", "key", "file"],
)
def test_another_opening_or_key_is_another_affinity(opening: str | Blob, key: str) -> None:
    known = affinity(conversation("Hi", "Hello", "How?"), "key")

    assert affinity(conversation(opening, "Hello", "How?"), key) != known
