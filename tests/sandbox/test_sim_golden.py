"""The samples of upstream-protocol.md 2.3, 2.6, 2.7 and 2.12 come out of the encoders."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grokgate.sandbox import AccountFixture, AntiBot, Sandbox, SessionEnded
from grokgate.sandbox import encode_gateway as gateway
from grokgate.sandbox.answer import (
    Answer,
    Cite,
    Mark,
    Picture,
    Say,
    Think,
    ToolResult,
    UseTool,
    picture_card,
)
from grokgate.sandbox.encode_http import Frame, encode
from grokgate.sandbox.frames import error_events
from grokgate.sandbox.framing import error_lines
from grokgate.sandbox.inband import InBand
from sandbox.sim_gateway import dial, item

pytestmark = pytest.mark.anyio

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
            Mark(card_id="c1", number=1),
            Say(".", stop=True),
        ]
    )
    lines = list(encode(answer, _frame("9a2d7c10-3333-4e0c-8a77-0c9d1b2e3f30")))

    assert [json.loads(line.data) for line in lines[4:-3]] == _sample("thinking.ndjson")


SESSION = "b4d2c8e0-7777-4f3a-9c22-1d2e3f4a5b60"
RESPONSE = "ae51c9d2-aaaa-4d7c-9f10-8b7a6c5d4e30"
BOOKKEEPING = {
    "response.output_item.added",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.title.updated",
}


def test_gateway_sample() -> None:
    found = {
        "url": "https://example.org/optics",
        "title": "Optics",
        "preview": "Short waves scatter more.",
    }
    answer = Answer(
        steps=[
            Think(text="Recalling optics", tag="header"),
            UseTool(card_id="t1", tool="webSearch", args={"query": "rayleigh scattering"}),
            ToolResult(card_id="t1", results=(found,)),
            Say("Short wavelengths scatter more."),
            Cite(card_id="k1", url="https://example.org/optics"),
            Mark(card_id="k1", number=1),
        ]
    )
    frame = msgspec.structs.replace(_frame(RESPONSE), conversation_id=SESSION)
    sent = [json.loads(line.data) for line in gateway.encode(answer, frame)]

    assert [known for known in sent if known["event"]["type"] not in BOOKKEEPING] == _sample(
        "gateway_answer.ndjson"
    )[3:]


def test_usage_limit_sample_of_the_gateway() -> None:
    error = InBand(form="usage_limit", code=8, place="start")
    sent = error_events(error, gateway.Envelope(SESSION, RESPONSE))

    assert [json.loads(frame) for frame in sent] == _sample("gateway_failures.ndjson")[:2]


async def test_opening_sample() -> None:
    """The client of the sample is understood, and answered as in the sample."""
    sandbox = _sandbox()
    create, message, respond, ping = _sample("gateway_client.ndjson")
    async with dial(sandbox) as line:
        await line.say_text(json.dumps(create))
        await line.until(lambda: "conversation.attached" in line.kinds)
        session = json.loads(line.frames[0])["session_id"]
        for known in (message, respond, ping):
            await line.say_text(json.dumps({**known, "session_id": session}))
        await line.until(lambda: {"response.done", "pong"} <= {*line.kinds})
    opening = [_named(frame, session) for frame in line.frames[:2]]

    assert opening == _sample("gateway_answer.ndjson")[:2]
    assert line.of("conversation.item.added")["item"]["role"] == "user"


@pytest.mark.parametrize(
    ("action", "kind", "row"),
    [(AntiBot(place="ws_error"), "error", 3), (SessionEnded(), "session.ended", 4)],
)
async def test_failure_samples(action: Any, kind: str, row: int) -> None:
    sandbox = _sandbox()
    sandbox.rules.add(action)
    async with dial(sandbox) as line:
        await line.open()
        await line.ask("Why is the sky blue?", end=kind)

    assert line.of(kind) == _sample("gateway_failures.ndjson")[row]["event"]


async def test_wrong_order_sample() -> None:
    async with dial(_sandbox()) as line:
        await line.say(item("Hi"))
        await line.until(lambda: "error" in line.kinds)

    assert json.loads(line.frames[0]) == _sample("gateway_failures.ndjson")[2]


def test_card_sample() -> None:
    sample = json.loads((GOLDEN / "card.json").read_text())
    chunk = sample["image_chunk"]
    card = picture_card(
        Picture(id=chunk["imageUuid"], url=chunk["imageUrl"], index=0, prompt="a red kite")
    )

    # Cards of generated pictures have no found one; the sample shows the keys of both.
    assert card["image_chunk"].keys() == chunk.keys()
    assert card.keys() == sample.keys() - {"image"}


@pytest.mark.parametrize(
    ("error", "sample"),
    [
        (
            InBand(form="object", code=7, place="start"),
            '{"error":{"code":7,"message":"Request rejected by anti-bot rules.","details":[]}}',
        ),
        (
            InBand(form="object", code=8, place="start"),
            '{"error":{"code":8,"message":"Too many requests","details":[]}}',
        ),
        (
            InBand(form="usage_limit", code=8, place="start"),
            """{"result":{"response":{"error":{"message":
            "You've reached your usage limit for this model."}}}}""",
        ),
    ],
)
def test_error_line_samples(error: InBand, sample: str) -> None:
    assert [json.loads(line) for line in error_lines(error)] == [json.loads(sample)]


def _sandbox() -> Sandbox:
    return Sandbox([AccountFixture(token="t")], protocol="2026-08")


def _named(frame: str | bytes, session: str) -> Any:
    """Put the sample's session id in the place of the real one."""
    return json.loads(str(frame).replace(session, SESSION))
