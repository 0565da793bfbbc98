import pytest

from grokgate.openai import without_data
from grokgate.upstream import Conversation, Message, Role, Text

SHOWN = "A kite:\n\n![a](data:image/png;base64,AAAA)\n![b](data:image/png;base64,BBBB)"


def said(role: Role, text: str) -> Conversation:
    return Conversation(messages=(Message(role=role, parts=(Text(text=text),)),))


def test_pictures_in_earlier_answers_lose_their_data() -> None:
    assert without_data(said("assistant", SHOWN)) == said(
        "assistant", "A kite:\n\n![a](shown)\n![b](shown)"
    )


def test_beginnings_without_an_end_take_linear_time() -> None:
    many = said("assistant", "](data:" * 100_000)

    assert without_data(many) == many


@pytest.mark.parametrize(
    "conversation",
    [said("user", SHOWN), said("assistant", "![a](https://example.org/a.png) data:image/png")],
    ids=["user", "link"],
)
def test_all_else_stays_as_it_is(conversation: Conversation) -> None:
    assert without_data(conversation) is conversation
