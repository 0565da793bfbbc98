import json
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.openai.emulate.sieve import MOST_HELD, Sieve

CUSTOMS = {"write": False, "note": True}
LONG = "<p>&lt;</tool_call> </tool_calls> it's \\\" ```\\n" * 5000
PARTS = [
    "<tool_calls>",
    "</tool_calls>",
    '<tool_call name="write">',
    '<tool_call name="note">',
    "<tool_call>",
    "</tool_call>",
    "<tool_name>write</tool_name>",
    "<parameters>",
    "</parameters>",
    '{"a": "b"}',
    '{"a": "',
    "```",
    "~~~",
    "\n",
    "   ",
    "<",
    "text",
]


def sift(pieces: Iterable[str]) -> tuple[str, list[str] | None, str]:
    sieve = Sieve(CUSTOMS)
    shown = "".join([*map(sieve.feed, pieces), sieve.end()])
    block = sieve.block
    return shown, None if block is None else [call.arguments for call in block.calls], sieve.raw


def cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join), st.integers(1, 9))
def test_pieces_have_no_influence(text: str, size: int) -> None:
    whole, pieces = sift([text]), sift(cut(text, size))

    assert pieces[:2] == whole[:2]
    assert whole[1] is None or pieces[2] == whole[2]


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
def test_text_without_a_block_is_not_lost(text: str) -> None:
    shown, calls, raw = sift([text])

    if calls is None:
        assert shown == text.lstrip()
    else:
        assert text.lstrip().startswith((shown + raw).lstrip())


HUGE = {
    "block": f'<tool_calls><tool_call name="write">{{"t": "{LONG}"}}</tool_call></tool_calls>',
    "open block": f'<tool_calls><tool_call name="write">{{"t": "{LONG}',
    "blanks": "a" + " " * MOST_HELD + "b",
    "marks": "<" * MOST_HELD,
    "open tags": "<tool_calls>" * 20_000,
    "fences": "```\n" * 60_000,
    "fence line": "```" + "x" * MOST_HELD,
    "calls": "<tool_calls>" + '<tool_call name="write">{}</tool_call>' * 6000 + "</tool_calls>",
    "blanks in tag": "<tool_calls><tool_call" + " " * MOST_HELD,
    "names": "<tool_calls><tool_call>" + "<tool_name>" * 20_000,
    "text": "word " * 50_000,
}


@pytest.mark.parametrize("size", [4, 1 << 20])
@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_a_huge_answer_takes_less_than_a_second(text: str, size: int) -> None:
    began = time.process_time()

    shown, calls, _ = sift(cut(text, size))

    assert time.process_time() - began < 1
    assert calls is not None or shown == text.lstrip()


def test_a_large_call_arrives_whole() -> None:
    _, calls, _ = sift(cut(HUGE["block"], 4))

    assert calls is not None
    assert json.loads(calls[0])["t"].startswith("<p>&lt;</tool_call>")


def test_a_block_that_is_too_long_is_text() -> None:
    text = f'<tool_calls><tool_call name="note">{"x" * MOST_HELD}</tool_call></tool_calls>'

    assert sift([text])[:2] == (text, None)
    assert sift(cut(text, 1000))[:2] == (text, None)


def test_calls_are_known_before_the_answer_ends() -> None:
    sieve = Sieve(CUSTOMS)

    sieve.feed('<tool_calls>\n<tool_call name="write">{}</tool_call>\n</tool_calls>')

    assert sieve.block is not None


def test_what_is_certainly_text_comes_at_once() -> None:
    sieve = Sieve(CUSTOMS)

    assert [sieve.feed(piece) for piece in ("Well", ", a ", "< b", " <tool")] == [
        "Well",
        ", a",
        " < b",
        "",
    ]
