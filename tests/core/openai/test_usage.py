import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.openai import Estimate, estimate, estimate_prompt
from grokgate.upstream import Attachment, Blob, Conversation, Message, Text


@pytest.mark.parametrize(
    ("text", "units"),
    [("", 0), ("a", 1), ("a" * 100, 27), ("a" * 101, 28), ("é", 1), ("你好" * 50, 75), ("aé", 2)],
)
def test_narrow_characters_count_027_and_others_075(text: str, units: int) -> None:
    assert estimate(text) == units


@given(st.text())
def test_estimate_is_the_rounded_sum(text: str) -> None:
    narrow = sum(ord(char) < 128 for char in text)

    assert estimate(text) == math.ceil((27 * narrow + 75 * (len(text) - narrow)) / 100)


@given(st.lists(st.text()))
def test_text_counts_the_same_in_pieces(pieces: list[str]) -> None:
    count = Estimate()
    for piece in pieces:
        count.add(piece)

    assert count.total == estimate("".join(pieces))


@given(st.text(), st.text(min_size=1))
def test_longer_text_never_counts_less(text: str, more: str) -> None:
    assert estimate(text + more) >= max(estimate(text), 1)


def test_prompt_counts_messages_and_attachments() -> None:
    picture = Attachment(blob=Blob.of_bytes(b"x", mime="image/png", name="x.png"), kind="image")
    conversation = Conversation(
        messages=(
            Message(role="system", parts=(Text(text="a" * 50),)),
            Message(role="user", parts=(Text(text="a" * 50), picture)),
        )
    )

    assert estimate_prompt(conversation) == 2 * 4 + 512 + 27
