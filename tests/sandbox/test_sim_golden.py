"""The samples of upstream-protocol.md 2.3 come out of the encoder."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grokgate.sandbox.answer import Answer, Cite, Say, Think, ToolResult, UseTool, render_mark
from grokgate.sandbox.encode_http import Frame, encode

GOLDEN = Path(__file__).parent / "golden"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-02-10T08:15:{text}").replace(tzinfo=UTC)


def _frame(answer_id: str) -> Frame:
    return Frame(
        conversation_id="1b6f0a52-8f0e-4f0b-9d55-9a1e2f7b1c01",
        question_id="c0a1e6d4-1111-4a5e-8b0a-2d6f4f2b9a10",
        answer_id=answer_id,
        question="Why is the sky blue?",
        model="grok-3",
        model_hash="mh_3f9c2a77",
        temporary=True,
        opened_at=_at("02.113"),
        asked_at=_at("02.131"),
        answered_at=_at("04.402"),
    )


def _sample(name: str) -> list[Any]:
    return [json.loads(line) for line in (GOLDEN / name).read_text().splitlines()]


def test_plain_sample() -> None:
    answer = Answer(
        steps=[Say("Air "), Say("scatters short wavelengths more.")],
        title="Why the sky is blue",
        follow_ups=("Explain Rayleigh scattering",),
    )
    lines = encode(answer, _frame("e7b8f3a0-2222-4c1d-9c33-5b1f0c7d4e20"))

    assert [json.loads(line.data) for line in lines] == _sample("plain.ndjson")


def test_thinking_sample() -> None:
    card = "5f0d6c1e-4444-4d2a-9b11-7a8c9d0e1f40"
    found = {
        "url": "https://example.org/launch",
        "title": "Launch calendar",
        "preview": "The launch is planned for May.",
        "siteName": "example.org",
    }
    answer = Answer(
        steps=[
            Think(text="Checking sources", tag="header", agent="Grok"),
            Think(text="- The user wants the launch date.\n", agent="Grok"),
            UseTool(
                card_id=card,
                tool="webSearch",
                args={"query": "example rocket launch date"},
                extra_args={"num_results": 10},
                agent="Grok",
            ),
            ToolResult(card_id=card, results=(found,)),
            Cite(card_id="c1", url="https://example.org/launch"),
            Say("The launch is planned for May"),
            Say(render_mark("c1", 1)),
            Say(".", stop=True),
        ]
    )
    lines = list(encode(answer, _frame("9a2d7c10-3333-4e0c-8a77-0c9d1b2e3f30")))

    assert [json.loads(line.data) for line in lines[4:-3]] == _sample("thinking.ndjson")
