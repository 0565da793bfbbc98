import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.openai.emulate.cut import Cutter
from grokgate.openai.emulate.stops import Stops
from grokgate.openai.usage import estimate

TEXTS = st.text("ab", max_size=30)


def until(pieces: list[str], *stop: str) -> tuple[str, bool]:
    stops, out = Stops(stop), ""
    for piece in pieces:
        certain, stopped = stops.feed(piece)
        out += certain
        if stopped:
            return out, True
    return out + stops.end(), False


@given(TEXTS, st.lists(st.text("ab", min_size=1, max_size=5), max_size=4), st.integers(1, 7))
def test_pieces_have_no_influence(text: str, stop: list[str], size: int) -> None:
    pieces = [text[start : start + size] for start in range(0, len(text), size)]

    shown, stopped = until(pieces, *stop)

    ends = [(text.find(each) + len(each), -len(each)) for each in stop if each in text]
    end, length = min(ends, default=(len(text), 0))
    assert (shown, stopped) == (text[: end + length], bool(ends))


def test_only_what_may_begin_a_stop_sequence_is_held_back() -> None:
    stops = Stops(["END"])

    assert [stops.feed(piece) for piece in ("one", " E", "N", "X EN", "D")] == [
        ("one", False),
        (" ", False),
        ("", False),
        ("ENX ", False),
        ("", True),
    ]


def test_a_long_stop_sequence_takes_linear_time() -> None:
    began = time.process_time()

    until(["aaaa"] * 50_000, "a" * 20_000 + "b", "a" * 10_000 + "c")

    assert time.process_time() - began < 1


@given(st.lists(st.text(), max_size=9), st.integers(1, 30))
def test_length_is_kept_and_used(pieces: list[str], most: int) -> None:
    cutter = Cutter((), most)
    text = "".join(pieces)

    shown = "".join([*map(cutter.feed, pieces), cutter.end()])

    assert text.startswith(shown)
    assert estimate(shown) <= most
    if cutter.ended == "length":
        assert estimate(text[: len(shown) + 1]) > most
    else:
        assert shown == text


@pytest.mark.parametrize(("most", "left"), [(None, None), (10, 5)])
def test_reasoning_counts(most: int | None, left: int | None) -> None:
    cutter = Cutter((), most)

    cutter.think("t" * 10)
    cutter.feed("a" * 5)

    assert cutter.left == left


def test_the_stop_sequence_is_not_counted() -> None:
    cutter = Cutter(["END"], 1)

    assert cutter.feed("aEND") == "a"
    assert cutter.ended == "stop"
