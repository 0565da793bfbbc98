import json
from typing import Any

import pytest

from grokgate.sandbox import (
    AccountFixture,
    AccountState,
    Action,
    AntiBot,
    CfChallenge,
    Cut,
    ErrorAfter200,
    Framing,
    HttpStatus,
    Malformed,
    Nested,
    Oversize,
    Pace,
    RateLimit,
    Sandbox,
    SessionEnded,
    WsDrop,
    WsHandshake,
    WsOrder,
    WsSilence,
)
from grokgate.upstream import Kind, Stage
from sandbox.sim_client import ask, headers
from sandbox.sim_gateway import PING, RESPOND, Line, dial, item, session, talk_over

pytestmark = pytest.mark.anyio
TEXT = "A sentence that is long enough for several tokens."
ECHO = f"@sim scenario=echo\n{TEXT}"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox([AccountFixture(token="t", tier="heavy")], protocol="2026-08")


async def _talk(sandbox: Sandbox, text: str = ECHO, *, end: str = "response.done") -> Line:
    """Ask one question and wait for the end of its answer."""
    async with dial(sandbox) as line:
        await line.open()
        await line.ask(text, end=end)
        return line


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (HttpStatus(code=502), 502),
        (AccountState(), 401),
        (AccountState(state="blocked"), 403),
        (CfChallenge(), 403),
        (AntiBot(), 403),
        (RateLimit(), 429),
        (WsHandshake(form="401"), 401),
        (WsHandshake(form="403_html"), 403),
        (WsHandshake(form="403_empty"), 403),
        (WsHandshake(form="403_json"), 403),
        (WsHandshake(form="404"), 404),
        (WsHandshake(form="429"), 429),
        (WsHandshake(form="500"), 500),
    ],
    ids=str,
)
async def test_handshake_is_refused(sandbox: Sandbox, action: Action, status: int) -> None:
    sandbox.rules.add(action)
    async with dial(sandbox) as line:
        pass

    assert (line.accepted, line.status) == (False, status)
    assert Stage.UNSENT in action.over_socket.stages


async def test_session_probe_shows_what_a_handshake_hid(sandbox: Sandbox) -> None:
    sandbox.rules.add(CfChallenge(), times=1)
    async with dial(sandbox):
        pass
    probes = [await ask(sandbox.app, "GET", "/api/auth/session", sent=headers()) for _ in range(2)]

    assert [probe.status for probe in probes] == [403, 200]
    assert b"Just a moment" in probes[0].body


@pytest.mark.parametrize(("method", "call"), [("PUT", "rules"), ("POST", "reset")])
async def test_new_rules_drop_what_a_handshake_hid(
    sandbox: Sandbox, method: str, call: str
) -> None:
    sandbox.rules.add(WsHandshake(form="403_json"))
    async with dial(sandbox):
        pass
    await ask(sandbox.app, method, f"/__sim/{call}", [], sent={})
    probe = await ask(sandbox.app, "GET", "/api/auth/session", sent=headers())

    assert (probe.status, probe.json["status"]) == (200, "authenticated")


async def test_slow_handshake_does_no_harm(sandbox: Sandbox) -> None:
    sandbox.rules.add(WsHandshake(form="slow", delay_ms=5))

    assert (await talk_over(sandbox, ECHO)).said() == TEXT


@pytest.mark.parametrize("action", [WsHandshake(), WsDrop(), WsSilence(), SessionEnded()], ids=str)
async def test_knobs_of_sockets_spare_calls(action: Action) -> None:
    sandbox = Sandbox([AccountFixture(token="t")], protocol="2026-04")
    sandbox.rules.add(action, endpoint=None)
    answer = await ask(sandbox.app, "GET", "/api/auth/session", sent=headers())

    assert (answer.status, action.expected.kind) == (200, Kind.OK)


@pytest.mark.parametrize(
    ("action", "code", "message"),
    [
        (AntiBot(place="ws_error"), "anti_bot", "Request rejected by anti-bot rules."),
        (AntiBot(place="in_band"), 7, "Request rejected by anti-bot rules."),
        (RateLimit(place="in_band"), 8, "Too many requests"),
        (ErrorAfter200(), 13, "Internal error"),
    ],
    ids=str,
)
async def test_error_event(sandbox: Sandbox, action: Action, code: Any, message: str) -> None:
    sandbox.rules.add(action)
    line = await _talk(sandbox)

    assert line.of("error")["error"] == {"code": code, "message": message}
    assert sandbox.accounts["t"].units_taken == 0


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (RateLimit(place="text"), "usage_limit_reached"),
        (RateLimit(place="stream_error"), "stream_error"),
        (RateLimit(place="late"), "stream_error"),
        (ErrorAfter200(form="stream_errors", place="end"), "stream_error"),
    ],
    ids=str,
)
async def test_stream_error_and_failed_end(sandbox: Sandbox, action: Action, kind: str) -> None:
    sandbox.rules.add(action)
    line = await _talk(sandbox)

    assert line.of("response.grok.output")["output"]["stream_error"]["kind"] == kind
    assert line.of("response.done")["response"]["status"] == "failed"


async def test_failed_end_alone(sandbox: Sandbox) -> None:
    sandbox.rules.add(ErrorAfter200(form="model_response", place="middle"))
    line = await _talk(sandbox)

    assert line.said()
    assert line.of("response.done")["response"]["status_details"] == {"reason": "Internal error"}


async def test_limit_inside_a_card(sandbox: Sandbox) -> None:
    sandbox.rules.add(RateLimit(place="card"))
    line = await _talk(sandbox)
    card = json.loads(line.of("response.grok.output")["output"]["card_attachment"]["json_data"])

    assert card["image_chunk"]["systemErrCode"] == "rate_limit"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (WsDrop(), 1006),
        (WsDrop(code=1000), 1000),
        (WsDrop(code=1011), 1011),
        (Cut(mode="clean"), 1000),
        (Cut(mode="reset"), 1006),
    ],
    ids=str,
)
async def test_socket_ends_in_mid_answer(sandbox: Sandbox, action: Action, code: int) -> None:
    sandbox.rules.add(action)
    line = await _talk(sandbox)
    (exchange,) = sandbox.journal

    assert (len(line.answer), line.code, exchange.close_code) == (5, code, code)
    assert exchange.outcome == ("cut" if code == 1006 else "answered")
    assert action.over_socket.kind is Kind.TRUNCATED


@pytest.mark.parametrize("action", [WsDrop(frames=4), WsDrop(frames=0), Cut(lines=4)], ids=str)
def test_socket_that_ends_before_output_is_a_passing_fault(action: Action) -> None:
    assert (action.over_socket.kind, action.over_socket.stage) == (Kind.TRANSIENT, Stage.SENT)


@pytest.mark.parametrize("action", [WsSilence(), AntiBot(place="silent")], ids=str)
async def test_silent_socket(sandbox: Sandbox, action: Action) -> None:
    sandbox.rules.add(action)
    async with dial(sandbox) as line:
        await line.say(session())
        await line.say(PING)
    (exchange,) = sandbox.journal

    assert (line.accepted, line.frames, len(exchange.events("client"))) == (True, [], 2)
    assert action.over_socket.kind is Kind.TIMEOUT


async def test_silent_socket_may_answer_pings(sandbox: Sandbox) -> None:
    sandbox.rules.add(WsSilence(pings=True))
    async with dial(sandbox) as line:
        await line.say(session())
        await line.say(PING)
        await line.until(lambda: "pong" in line.kinds)

    assert line.kinds == ["pong"]


@pytest.mark.parametrize(
    ("form", "kinds"),
    [
        ("attached_first", ["conversation.attached", "session.created"]),
        ("unknown_event", ["session.weather", "session.created", "conversation.attached"]),
    ],
)
async def test_odd_opening_that_does_no_harm(sandbox: Sandbox, form: Any, kinds: list[str]) -> None:
    sandbox.rules.add(WsOrder(form=form))
    line = await talk_over(sandbox, ECHO)

    assert line.kinds[: len(kinds)] == kinds
    assert (line.said(), WsOrder(form=form).over_socket.kind) == (TEXT, Kind.OK)


async def test_session_of_someone_else(sandbox: Sandbox) -> None:
    sandbox.rules.add(WsOrder(form="foreign_event"))
    async with dial(sandbox) as line:
        await line.say({**session(), "event_id": "mine"})
        await line.until(lambda: "conversation.attached" in line.kinds)

    assert line.of("session.created")["client_event_id"] != "mine"


async def test_conversation_of_someone_else(sandbox: Sandbox) -> None:
    sandbox.rules.add(WsOrder(form="other_conversation"))
    async with dial(sandbox) as line:
        await line.open()

    assert line.of("conversation.attached")["conversation"]["id"] != line.session_id


async def test_binary_frame(sandbox: Sandbox) -> None:
    sandbox.rules.add(WsOrder(form="binary"))
    async with dial(sandbox) as line:
        await line.say(session())
        await line.until(lambda: "conversation.attached" in line.kinds)

    assert isinstance(line.frames[0], bytes)


@pytest.mark.parametrize(("when", "said"), [("before", False), ("during", True), ("after", True)])
async def test_session_ends(sandbox: Sandbox, when: Any, said: Any) -> None:
    sandbox.rules.add(SessionEnded(when=when))
    line = await _talk(sandbox, end="session.ended")
    await line.until(lambda: line.ended)

    assert (bool(line.said()), line.code) == (said, 1000)
    assert ("response.done" in line.kinds) == (when == "after")


@pytest.mark.parametrize("form", ["junk", "truncated", "utf8", "types", "duplicate_keys"])
async def test_odd_frames_stand_between_good_ones(sandbox: Sandbox, form: Any) -> None:
    sandbox.rules.add(Malformed(form=form, at=5))
    plain = await talk_over(sandbox, ECHO)
    sandbox.rules.clear()

    assert plain.said() == TEXT
    assert len(plain.frames) > len((await talk_over(sandbox, ECHO)).frames)


async def test_oversize_frame(sandbox: Sandbox) -> None:
    sandbox.rules.add(Oversize(mib=1, at=5))
    line = await talk_over(sandbox, ECHO)

    assert max(len(frame) for frame in line.frames) > 1024 * 1024
    assert line.said() == TEXT


@pytest.mark.parametrize("action", [Framing(form="glued", encoding="gzip"), Nested()], ids=str)
async def test_wrapping_of_lines_is_nothing_to_frames(sandbox: Sandbox, action: Action) -> None:
    sandbox.rules.add(action)

    assert (await talk_over(sandbox, ECHO)).said() == TEXT


async def test_answer_never_begins(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(stall="headers"))
    async with dial(sandbox) as line:
        await line.open()
        await line.say(item("Hi"))
        await line.say(RESPOND)
        await line.say(PING)
        await line.until(lambda: "pong" in line.kinds)

    assert "response.created" not in line.kinds


async def test_rule_about_a_prompt_acts_once_the_prompt_is_known(sandbox: Sandbox) -> None:
    sandbox.rules.add(AccountState(), prompt="dead")
    line = await _talk(sandbox, "I am dead")

    assert (line.accepted, line.of("error")["error"]["message"]) == (True, "Bad credentials")


async def test_rule_acts_on_the_nth_socket(sandbox: Sandbox) -> None:
    sandbox.rules.add(RateLimit(place="in_band"), nth=2)
    lines = [await _talk(sandbox) for _ in range(3)]

    assert ["error" in line.kinds for line in lines] == [False, True, False]


async def test_directive_may_ask_for_a_fault(sandbox: Sandbox) -> None:
    line = await _talk(sandbox, "@sim fault=ws_drop frames=6 code=1011\nHello world, and more")

    assert (len(line.answer), line.code) == (6, 1011)


async def test_directive_may_ask_for_a_status(sandbox: Sandbox) -> None:
    line = await _talk(sandbox, "@sim fault=http_status code=429 message=slow")

    assert line.of("error")["error"] == {"code": 8, "message": "slow"}


@pytest.mark.parametrize("code", [1001, 1006])
async def test_control_plane_closes_sockets(sandbox: Sandbox, code: int) -> None:
    async with dial(sandbox) as line:
        await line.open()
        call = {"code": code, "account": "t"}
        answer = await ask(sandbox.app, "POST", "/__sim/sockets/close", call, sent={})
        await line.until(lambda: line.ended)
        state = (await ask(sandbox.app, "GET", "/__sim/state", sent={})).json

    assert (answer.json, line.code, state["sockets"]) == ({"closed": 1}, code, 0)


async def test_control_plane_spares_sockets_of_others(sandbox: Sandbox) -> None:
    async with dial(sandbox) as line:
        call = {"account": "other"}
        answer = await ask(sandbox.app, "POST", "/__sim/sockets/close", call, sent={})
        await line.open()

    assert answer.json == {"closed": 0}
