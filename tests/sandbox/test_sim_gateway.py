import asyncio
import json
from typing import Any

import pytest

from grokgate.sandbox import AccountFixture, Pace, Sandbox, WindowFixture
from grokgate.sandbox.accounts import StoredFile
from sandbox.sim_client import CHAT, ORIGIN, Talk, ask, chat, headers, prompt
from sandbox.sim_gateway import (
    PING,
    RESPOND,
    Line,
    dial,
    handshake,
    item,
    session,
    talk_over,
)

pytestmark = pytest.mark.anyio
SCENARIOS = (
    "echo", "thinking", "search", "search duplicate=1 twin=1", "markup", "agents", "tools",
    "long tokens=40", "unicode", "empty message=1", "empty", "intermediate",
)  # fmt: skip


@pytest.fixture
def sandbox() -> Sandbox:
    return _sandbox()


def _sandbox(**fields: Any) -> Sandbox:
    fields = {"tier": "heavy", **fields}
    return Sandbox([AccountFixture(token="t", **fields)], protocol="2026-08")


def _error(line: Line) -> Any:
    return line.of("error")["error"]


async def test_answer_in_chunks(sandbox: Sandbox) -> None:
    line = await talk_over(sandbox, "@sim scenario=echo\nHello there, socket")

    assert line.said() == "Hello there, socket"
    assert line.of("response.done")["response"]["status"] == "completed"
    assert sandbox.accounts["t"].units_taken == 1


async def test_answer_in_deltas(sandbox: Sandbox) -> None:
    line = await talk_over(sandbox, "@sim scenario=thinking\nHello there", chunks=False)
    deltas = [event for event in line.events if event["type"] == "response.output_text.delta"]
    said = [delta["delta"] for delta in deltas if "x_grok" not in delta]

    assert "".join(said) == line.of("response.output_text.done")["text"] == "Hello there"
    assert {"is_thinking": True} in [delta.get("x_grok") for delta in deltas]


async def test_four_events_come_before_the_first_output(sandbox: Sandbox) -> None:
    for chunks in (True, False):
        line = await talk_over(sandbox, "@sim scenario=echo\nHi", chunks=chunks)
        fifth = line.answer[4]

        assert fifth.get("delta") == "Hi" or fifth["chunk"]["text"]["text"] == "Hi"


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_both_encoders_say_the_same(scenario: str) -> None:
    text = f"@sim scenario={scenario}\nOne question for both."
    http = await chat(
        Sandbox([AccountFixture(token="t", tier="heavy")], protocol="2026-04").app, text
    )
    line = await talk_over(_sandbox(), text)

    assert _told_by_socket(line) == _told_by_lines(http)


def _told_by_lines(talk: Talk) -> tuple[str, str, list[str]]:
    """Answer without its marks, reasoning, and cited addresses in order."""
    cards: dict[str, str] = {}
    said, thought = "", ""
    for response in talk.responses:
        if "cardAttachment" in response:
            card = json.loads(response["cardAttachment"]["jsonData"])
            cards[card["id"]] = card["url"]
        if response.get("messageTag") in ("header", "summary"):
            thought += response["token"]
        elif not response.get("isThinking"):
            said += response.get("token", "")
    said = said or next(
        known["modelResponse"]["message"] for known in talk.responses if "modelResponse" in known
    )
    cited: list[str] = []
    while "<grok:render" in said:
        before, _, rest = said.partition("<grok:render")
        mark, _, after = rest.partition("</grok:render>")
        cited.append(cards[mark.partition('card_id="')[2].partition('"')[0]])
        said = before + after
    return said, thought, cited


def _told_by_socket(line: Line) -> tuple[str, str, list[str]]:
    done = [event for event in line.events if event["type"] == "response.output_text.done"]
    said = line.said() or (done[0]["text"] if done else "")
    thought = "".join(
        chunk["text"]["text"]
        for chunk in line.chunks
        if "text" in chunk and chunk["text"]["channel"] != "CHANNEL_ASSISTANT_RESPONSE"
    )
    cited = [chunk["render_citation"]["url"] for chunk in line.chunks if "render_citation" in chunk]
    return said, thought, cited


async def test_pictures_arrive_as_cards(sandbox: Sandbox) -> None:
    line = await talk_over(sandbox, "Drawing: a red kite")
    outputs = [event["output"] for event in line.events if event["type"] == "response.grok.output"]
    cards = [json.loads(output["card_attachment"]["json_data"]) for output in outputs]
    finished = [card["image_chunk"] for card in cards if card["image_chunk"]["progress"] == 100]
    path = f"/__assets/{finished[0]['imageUrl']}"
    picture = await ask(sandbox.app, "GET", path, sent=headers())

    assert len(finished) == 2
    assert picture.body.startswith(b"\xff\xd8")


async def test_attached_file_is_named(sandbox: Sandbox) -> None:
    account = sandbox.accounts["t"]
    account.keep(_file("f1"))
    async with dial(sandbox) as line:
        await line.open()
        await line.ask("See this", files=("f1",))

    assert "note.txt, text/plain, 4 bytes" in line.said()


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (item("Hi", file_attachment_ids=["f1"]), "Attachment is not mentioned"),
        (item("Hi", files=("nope",)), "Attachment not found"),
        (item("  "), "Empty message"),
        (item("x" * 1_000_001), "Prompt is too long"),
        (item("@sim nonsense=1"), "unknown option"),
        (item("@sim scenario=tools args=_w"), "base64url"),
    ],
)
async def test_bad_message(sandbox: Sandbox, event: dict[str, Any], message: str) -> None:
    sandbox.accounts["t"].keep(_file("f1"))
    async with dial(sandbox) as line:
        await line.open()
        await line.say(event)
        await line.say(RESPOND)
        await line.until(lambda: "error" in line.kinds)

    assert _error(line)["code"] == 3
    assert message in _error(line)["message"]


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [("nope", 3, "Model not found"), ("heavy", 7, "Model is not available for your plan")],
)
async def test_refused_model(model: str, code: int, message: str) -> None:
    sandbox = _sandbox(tier="basic")
    line = await talk_over(sandbox, "Hi", model=model)

    assert _error(line) == {"code": code, "message": message}
    assert sandbox.accounts["t"].units_taken == 0


@pytest.mark.parametrize(
    ("exhausted", "kind"), [("http", "error"), ("in_band", "response.grok.output")]
)
async def test_empty_window_is_told(exhausted: Any, kind: str) -> None:
    window = WindowFixture(total=5, window_s=600, remaining=0)
    sandbox = _sandbox(exhausted=exhausted, buckets={"fast": window})
    async with dial(sandbox) as line:
        await line.open()
        await line.ask("Hi", end="response.done")
    told = line.of(kind)

    assert (told.get("error") or told["output"]["stream_error"])["code"] == 8


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([item("Hi")], "session is required"),
        ([RESPOND], "session is required"),
        ([{"type": "session.create"}], "session is required"),
        ([{**session(), "event_id": ""}], "event_id is required"),
    ],
)
async def test_session_comes_first(
    sandbox: Sandbox, events: list[dict[str, Any]], message: str
) -> None:
    async with dial(sandbox) as line:
        for event in events:
            await line.say(event)
        await line.until(lambda: "error" in line.kinds)

    assert json.loads(line.frames[-1])["session_id"] == ""
    assert _error(line) == {"code": "invalid_envelope", "message": message}


@pytest.mark.parametrize(
    ("event", "more", "message"),
    [
        (RESPOND, {}, "nothing to respond to"),
        (item("Hi"), {"session_id": "other"}, "session_id does not match"),
        ({"type": "conversation.item.create"}, {}, "item is required"),
        ({"type": "session.update"}, {}, "unknown event session.update"),
    ],
)
async def test_event_out_of_order(
    sandbox: Sandbox, event: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    async with dial(sandbox) as line:
        await line.open()
        await line.say(event, **more)
        await line.until(lambda: "error" in line.kinds)

    assert _error(line) == {"code": "invalid_envelope", "message": message}


@pytest.mark.parametrize("content", [b'{"event":{"type":"ping"}}', "no JSON", "[]"])
async def test_frame_that_is_no_event(sandbox: Sandbox, content: Any) -> None:
    async with dial(sandbox) as line:
        await line.say_text(content)
        await line.until(lambda: "error" in line.kinds)

    assert _error(line)["code"] == "invalid_envelope"


async def test_ping_is_answered_in_mid_answer(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(stall="line", lines=5))
    async with dial(sandbox) as line:
        await line.open()
        await line.say(item("Hi"))
        await line.say(RESPOND)
        await line.until(lambda: len(line.chunks) == 2)
        await line.say(PING)
        await line.until(lambda: "pong" in line.kinds)

    assert line.kinds[-1] == "pong"


async def test_session_answers_more_than_once(sandbox: Sandbox) -> None:
    async with dial(sandbox) as line:
        await line.open()
        await line.ask("One")
        first = line.of("response.done")["response"]["id"]
        await line.say(item("Two", parent_response_id=first))
        await line.say(RESPOND)
        await line.until(lambda: line.kinds.count("response.done") == 2)

    assert "Two" in line.said()


async def test_conversation_goes_on_over_another_socket(sandbox: Sandbox) -> None:
    before = await talk_over(sandbox, "One")
    known = before.session_id
    async with dial(sandbox) as line:
        await line.say(session(conversation_id=known, load_existing=True), session_id=known)
        await line.until(lambda: "conversation.attached" in line.kinds)

    assert line.of("conversation.attached")["mode"] == "existing"
    assert line.of("conversation.attached")["conversation"]["id"] == known


async def test_unknown_conversation_is_refused(sandbox: Sandbox) -> None:
    async with dial(sandbox) as line:
        await line.say(session(conversation_id="nope"), session_id="nope")
        await line.until(lambda: "error" in line.kinds)

    assert _error(line)["code"] == 5


async def test_client_that_hears_of_no_conversation(sandbox: Sandbox) -> None:
    async with dial(sandbox) as line:
        await line.say(session(protocol_capabilities=[]))
        await line.until(lambda: "session.created" in line.kinds)
        await line.say(PING)
        await line.until(lambda: "pong" in line.kinds)

    assert line.kinds == ["session.created", "pong"]


async def test_handshake_of_another_user_is_refused(sandbox: Sandbox) -> None:
    async with dial(sandbox, uid="1b6f0a52-8f0e-4f0b-9d55-9a1e2f7b1c01") as line:
        pass

    assert (line.accepted, line.status, b"uid" in line.body) == (False, 400, True)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"cookie": "sso=unknown"}, 401),
        ({"cookie": "sso=t"}, 401),
        ({"cookie": "sso=t; sso-rw=t"}, 400),
        ({"origin": "https://elsewhere.example"}, 400),
        ({"pragma": None}, 400),
    ],
)
async def test_incomplete_handshake(sandbox: Sandbox, more: dict[str, Any], status: int) -> None:
    async with dial(sandbox, sent=handshake(sandbox, **more)) as line:
        pass

    assert line.status == status


async def test_handshake_needs_no_second_cookie_unless_strict() -> None:
    sandbox = Sandbox([AccountFixture(token="t")], protocol="2026-08", strict=False)
    async with dial(sandbox, sent={"cookie": "sso=t"}) as line:
        pass

    assert line.accepted


@pytest.mark.parametrize(("status", "code"), [("expired", 401), ("blocked", 403)])
async def test_dead_account_has_no_socket(status: Any, code: int) -> None:
    async with dial(_sandbox(status=status)) as line:
        pass

    assert line.status == code


async def test_clearance_is_asked_for_before_anything_else() -> None:
    sandbox = _sandbox(status="blocked", cf_required=True, cf_value="pass")
    async with dial(sandbox) as line:
        pass

    assert line.status == 403
    assert b"Just a moment" in line.body


async def test_statsig_is_no_matter_of_sockets() -> None:
    async with dial(_sandbox(statsig="any")) as line:
        pass

    assert line.accepted


async def test_older_generation_has_no_socket() -> None:
    async with dial(_sandbox(protocol="2026-04")) as line:
        pass

    assert line.status == 404


async def test_newest_generation_has_no_chat_over_http(sandbox: Sandbox) -> None:
    assert (await chat(sandbox.app, "Hi")).status == 404


async def test_socket_that_nobody_knows(sandbox: Sandbox) -> None:
    async with dial(sandbox, path="/ws/nothing") as line:
        pass

    assert line.status == 404


@pytest.mark.parametrize("protocol", ["2026-02", "2026-04", "2026-08"])
async def test_all_generations_without_strictness(protocol: Any) -> None:
    sandbox = Sandbox(
        [AccountFixture(token="t", tier="heavy")], protocol=protocol, strict_generation=False
    )
    old = {"modelName": "grok-3", "modelMode": "MODEL_MODE_AUTO", "message": "Hi"}

    assert (await ask(sandbox.app, "POST", CHAT, old, sent=headers())).status == 200
    assert (await ask(sandbox.app, "POST", CHAT, prompt("Hi"), sent=headers())).status == 200
    assert "Hi" in (await talk_over(sandbox, "Hi")).said()


async def test_quota_is_that_of_the_socket_too(sandbox: Sandbox) -> None:
    await talk_over(sandbox, "Hi", model="expert")
    limits = await ask(
        sandbox.app, "POST", "/rest/rate-limits", {"modelName": "expert"}, sent=headers()
    )

    assert limits.json["remainingQueries"] == 149


async def test_modes_of_the_newest_generation() -> None:
    sandbox = _sandbox(tier="basic")
    answer = await ask(sandbox.app, "POST", "/rest/modes", {"locale": "en"}, sent=headers())
    offered = [mode["id"] for mode in answer.json["modes"] if "available" in mode["availability"]]

    assert offered == ["fast"]


async def test_user_is_the_sockets_user(sandbox: Sandbox) -> None:
    session_id = (await ask(sandbox.app, "GET", "/api/auth/session", sent=headers())).json
    user = (await ask(sandbox.app, "GET", "/rest/auth/get-user", sent=headers())).json

    assert session_id["session"]["userId"] == user["userId"] == sandbox.accounts["t"].user_id


async def test_journal_keeps_handshake_and_frames(sandbox: Sandbox) -> None:
    await talk_over(sandbox, "Hi")
    (exchange,) = sandbox.journal

    assert (exchange.endpoint, exchange.status, exchange.outcome) == ("chat", 101, "answered")
    assert (exchange.header("origin"), exchange.query["uid"]) == (
        ORIGIN,
        sandbox.accounts["t"].user_id,
    )
    assert [sent["event"]["type"] for sent in exchange.events("client")] == [
        "session.create",
        "conversation.item.create",
        "response.create",
    ]
    assert (exchange.model, exchange.units) == ("fast", 1)


async def test_client_that_leaves_in_mid_answer(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(stall="line", lines=5))
    async with dial(sandbox) as line:
        await line.open()
        await line.say(item("Hi"))
        await line.say(RESPOND)
        await line.until(lambda: len(line.chunks) == 2)
    (exchange,) = sandbox.journal

    assert (exchange.outcome, sandbox.journal.inflight()) == ("abandoned", 0)


async def test_two_hundred_sockets_at_once(sandbox: Sandbox) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        text = "@sim tokens=20 delay_ms=1"
        tasks = [group.create_task(talk_over(sandbox, text)) for _ in range(200)]

    assert {"response.done" in task.result().kinds for task in tasks} == {True}
    assert sandbox.accounts["t"].units_taken == 200


def _file(file_id: str) -> StoredFile:
    return StoredFile(
        id=file_id, name="note.txt", mime="text/plain", content=b"note", created_at=0, used_at=0
    )
