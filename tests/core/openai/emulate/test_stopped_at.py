"""Which stop sequence an answer came to."""

import pytest

from grokgate.openai.emulate import Turn, Wanted
from grokgate.openai.emulate.cut import StoppedAt
from grokgate.upstream import Finished, TextDelta, Usage


def closing(text: str, *stop: str, most: int | None = None, native: str = "") -> Finished:
    wanted = Wanted(stop=stop, most=most)
    turn = Turn(wanted, frozenset({native}), most=most, id_prefix="call_")
    for character in text:
        turn.feed(TextDelta(text=character))
        if turn.cut:
            break
    turn.end()
    return turn.closing(None)


@pytest.mark.parametrize(
    ("text", "stop", "sequence"),
    [
        ("One. Two. Three.", ("Three", "Two"), "Two"),
        ("One. Two.", ("wo", "Two", "o"), "Two"),
        ("aab", ("ab", "aab"), "aab"),
    ],
    ids=["first", "longest", "overlapping"],
)
def test_sequence_is_named(text: str, stop: tuple[str, ...], sequence: str) -> None:
    assert closing(text, *stop) == StoppedAt(sequence=sequence)


@pytest.mark.parametrize(
    ("text", "end"),
    [("One.", Finished()), ("word " * 9 + "Two", Finished(reason="length"))],
    ids=["not come", "too long"],
)
def test_no_sequence_is_named_where_none_ended_the_answer(text: str, end: Finished) -> None:
    assert closing(text, "Two", most=5) == end


def test_sequence_that_the_upstream_keeps_is_not_known() -> None:
    assert closing("One. Two.", "Two", native="stop") == Finished()


def test_end_keeps_what_the_upstream_counted() -> None:
    usage = Usage(input=3, output=5)
    turn = Turn(Wanted(stop=("x",)), frozenset(), most=None, id_prefix="call_")
    turn.feed(Finished(usage=usage))
    turn.feed(TextDelta(text="x"))

    assert turn.closing(None) == StoppedAt(sequence="x", usage=usage)
