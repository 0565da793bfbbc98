"""Model answers of every kind, fed whole, cut in two at every place, and character by character."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from grokgate.openai.emulate import Choice, Tool
from grokgate.openai.emulate.calls import judge
from grokgate.openai.emulate.sieve import Sieve
from grokgate.openai.schema import JsonSchema

ANSWERS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).with_name("corpus") / "answers.toml").read_text("utf-8")
)["answer"]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {
    "lookup_city": Tool(name="lookup_city", parameters=CITY, checked=JsonSchema(CITY)),
    "now": Tool(name="now"),
    "run_note": Tool(name="run_note", custom=True),
}
CUSTOMS = {tool.name: tool.custom for tool in TOOLS.values()}

Outcome = tuple[str, list[list[str]], bool]


def sift(pieces: Iterable[str]) -> Outcome:
    sieve = Sieve(CUSTOMS)
    content = "".join([*map(sieve.feed, pieces), sieve.end()])
    judged = judge(sieve.block.calls if sieve.block else (), TOOLS, Choice())
    if judged.problems:
        return content, [], True
    return content, [[call.name, call.arguments] for call in judged.accepted], False


def expected(answer: dict[str, Any]) -> Outcome:
    return answer.get("content", ""), answer.get("calls", []), answer.get("repair", False)


@pytest.mark.parametrize("answer", ANSWERS, ids=[answer["name"] for answer in ANSWERS])
def test_whole_answer(answer: dict[str, Any]) -> None:
    assert sift([answer["text"]]) == expected(answer)


@pytest.mark.parametrize("answer", ANSWERS, ids=[answer["name"] for answer in ANSWERS])
def test_pieces_have_no_influence(answer: dict[str, Any]) -> None:
    text, outcome = answer["text"], expected(answer)

    for place in range(1, len(text)):
        assert sift([text[:place], text[place:]]) == outcome, place
    for size in (1, 2, 3, 7):
        assert sift(text[start : start + size] for start in range(0, len(text), size)) == outcome


@pytest.mark.parametrize("answer", ANSWERS, ids=[answer["name"] for answer in ANSWERS])
def test_no_part_of_a_block_is_ever_given_out(answer: dict[str, Any]) -> None:
    content, calls, repair = expected(answer)
    sieve = Sieve(CUSTOMS)
    given = ""

    for character in answer["text"]:
        given += sieve.feed(character)
        assert content.startswith(given)
    assert (sieve.block is None or not sieve.end()) or not (calls or repair)


def test_there_are_enough_answers() -> None:
    assert len(ANSWERS) >= 60
    assert len({answer["name"] for answer in ANSWERS}) == len(ANSWERS)
