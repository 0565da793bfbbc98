"""The driver against a scripted upstream."""

import asyncio
from typing import Any

import msgspec
import pytest

from grokgate.upstream import (
    Account,
    Conversation,
    Finished,
    Kind,
    Secret,
    Stage,
    Started,
    TextDelta,
    UpstreamContext,
    UpstreamFailure,
    Wire,
)
from grokgate_web.driver import open_driver
from grokgate_web.settings import WebSettings
from plugins.web.driver_world import ANSWER, ASK, events, failed, line

pytestmark = pytest.mark.anyio


async def test_conversation(server: Any, account: Any, attempt: Any, open_session: Any) -> None:
    server.script = lambda visit: visit.reply(ANSWER)
    async with open_session(server, account, attempt) as session:
        found = await events(session.converse(ASK))

    assert found == [
        Started(), TextDelta(text="Be"), TextDelta(text="cause."), Finished()
    ]  # fmt: skip
    [visit] = server.visits
    assert visit.path == "/rest/app-chat/conversations/new"
    assert msgspec.json.decode(visit.body)["message"] == "Why?"
    assert attempt.sent_count == 1


async def test_call_looks_like_one_browser(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    server.script = lambda visit: visit.reply(ANSWER)
    async with open_session(server, account, attempt, cf_clearance="c") as session:
        await events(session.converse(ASK))

    headers = server.visits[0].headers
    assert headers["origin"] == server.base
    assert headers["referer"] == f"{server.base}/"
    assert headers["cookie"] == "sso=secret-a; sso-rw=secret-a; cf_clearance=c"
    assert "Chrome/136.0.0.0" in headers["user-agent"]
    assert '"Chromium";v="136"' in headers["sec-ch-ua"]
    assert "sec-fetch-user" not in headers
    assert "expect" not in headers


async def test_accounts_share_neither_cookies_nor_connections(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    server.script = lambda visit: visit.reply(ANSWER, 200, "Set-Cookie: sso=leak")
    other = Account(id="b1", pool="ssoBasic", credential=Secret("secret-b"))
    settings = WebSettings(web_base=server.base, protocol="2026-04")
    context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)
    wire = Wire(name="fast", buckets=("fast",))
    async with open_driver(context) as driver:
        for one in (account, other, account):
            async with driver.session(one, wire, attempt) as session:
                await events(session.converse(ASK))

    cookies = [visit.headers["cookie"] for visit in server.visits]
    ports = [visit.port for visit in server.visits]
    assert cookies == [f"sso=secret-{x}; sso-rw=secret-{x}" for x in "aba"]
    assert ports[0] == ports[2] != ports[1]


async def test_connections_of_an_egress_can_be_shared(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    server.script = lambda visit: visit.reply(ANSWER)
    other = Account(id="b1", pool="ssoBasic", credential=Secret("secret-b"))
    settings = WebSettings(web_base=server.base, protocol="2026-04", connection_sharing="egress")
    context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)
    wire = Wire(name="fast", buckets=("fast",))
    async with open_driver(context) as driver:
        for one in (account, other):
            async with driver.session(one, wire, attempt) as session:
                await events(session.converse(ASK))

    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "stage"),
    [
        (401, b'{"error":{"code":16,"message":"invalid-credentials"}}', Kind.AUTH_DEAD,
         Stage.REFUSED),
        (403, b"<html>Just a moment...", Kind.CHALLENGE, Stage.REFUSED),
        (429, b'{"error":{"code":8},"waitTimeSeconds":7}', Kind.QUOTA, Stage.REFUSED),
        (500, b"oops", Kind.TRANSIENT, Stage.SENT),
    ],
)  # fmt: skip
async def test_refusal(
    server: Any, account: Any, attempt: Any, open_session: Any,
    *, status: int, body: bytes, kind: Kind, stage: Stage,
) -> None:  # fmt: skip
    server.script = lambda visit: visit.reply(body, status)
    async with open_session(server, account, attempt) as session:
        observation = await failed(session.converse(ASK))

    assert (observation.kind, observation.stage, observation.status) == (kind, stage, status)


async def test_refusal_drops_the_connection(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    server.script = lambda visit: visit.reply(b"no", 403)
    async with open_session(server, account, attempt) as session:
        await failed(session.converse(ASK))
        await failed(session.converse(ASK))

    assert server.connections == 2


async def test_long_refusal_is_cut(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def endless(visit: Any) -> None:
        await visit.head(500)
        while True:
            await visit.send(b"x" * 65_536)

    server.script = endless
    async with open_session(server, account, attempt) as session:
        assert (await failed(session.converse(ASK))).kind is Kind.TRANSIENT
        await settled(lambda: server.open == 0, 0.5)


async def test_no_connection(server: Any, account: Any, attempt: Any, open_session: Any) -> None:
    server.base = "http://127.0.0.1:1"
    async with open_session(server, account, attempt) as session:
        observation = await failed(session.converse(ASK))

    assert (observation.kind, observation.stage) == (Kind.CONNECT, Stage.UNSENT)
    assert attempt.sent_count == 0


async def test_events_at_hand_come_without_suspending(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    server.script = lambda visit: visit.reply(line(token="x") * 500 + line(finalMetadata={}))
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(count)

    async with open_session(server, account, attempt) as session:
        generator = session.converse(ASK)
        await anext(generator)
        count()
        rest = await events(generator)

    assert len(rest) == 501
    assert turns < 100


async def test_other_mode_after_a_refused_one(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async def only_auto(visit: Any) -> None:
        mode = msgspec.json.decode(visit.body)["modelMode"]
        await (visit.reply(ANSWER) if mode == "AUTO" else visit.reply(b"{}", 404))

    server.script = only_auto
    params: dict[str, Any] = {"mode": "X", "fallbacks": ("Y", "AUTO", "Z")}
    wire = Wire(name="grok-4", buckets=("default",), params=params)
    async with open_session(server, account, attempt, wire, protocol="2026-02") as session:
        assert (await events(session.converse(ASK)))[-1] == Finished()

    assert (len(server.visits), attempt.sent_count) == (3, 1)


async def test_mode_is_not_blamed_for_a_dead_account(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    server.script = lambda visit: visit.reply(b"bad-credentials", 400)
    wire = Wire(name="grok-4", buckets=(), params={"mode": "X", "fallbacks": ("Y",)})
    async with open_session(server, account, attempt, wire) as session:
        assert (await failed(session.converse(ASK))).kind is Kind.AUTH_DEAD

    assert len(server.visits) == 1


async def test_nothing_to_say_is_a_bad_request(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async with open_session(server, account, attempt) as session:
        observation = await failed(session.converse(Conversation.of_text(" ")))

    assert (observation.kind, observation.stage) == (Kind.BAD_REQUEST, Stage.UNSENT)


async def test_drift_is_reported(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    server.script = lambda visit: visit.reply(line(token=7) + b"junk\n" + ANSWER)
    async with open_session(server, account, attempt) as session:
        await events(session.converse(ASK))

    assert attempt.drift == [("converse", "line"), ("converse", "result.response.token")]


async def test_operations_not_offered_are_refused(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async with open_session(server, account, attempt) as session:
        with pytest.raises(UpstreamFailure) as raised:
            await session.special("nothing", {})

    observation = raised.value.observation
    assert (observation.kind, observation.stage) == (Kind.BAD_REQUEST, Stage.UNSENT)


async def test_account_leaves_a_proxy_that_fails(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    server.script = lambda visit: visit.reply(ANSWER)
    pool = ("http://127.0.0.1:1", server.base)
    kinds: list[object] = []
    async with open_session(server, account, attempt, proxy_pool=pool) as session:
        for _ in range(4):
            try:
                kinds.append((await events(session.converse(ASK)))[-1])
            except UpstreamFailure as failure:
                kinds.append(failure.observation.kind)

    assert kinds in ([Kind.CONNECT] * 3 + [Finished()], [Finished()] * 4)


@pytest.mark.parametrize(("statuses", "struck"), [((403, 403, 403), 1), ((403, 403, 429, 403), 0)])
async def test_any_other_answer_shows_that_the_way_out_works(
    server: Any, account: Any, attempt: Any, open_session: Any, log: Any,
    *, statuses: tuple[int, ...], struck: int,
) -> None:  # fmt: skip
    left = list(statuses)
    server.script = lambda visit: visit.reply(b"<html>", left.pop(0))
    async with open_session(server, account, attempt) as session:
        for _ in statuses:
            await failed(session.converse(ASK))

    assert [event for event, _ in log.lines].count("egress_struck") == struck


async def test_log_holds_no_secret(
    server: Any, account: Any, attempt: Any, open_session: Any, log: Any
) -> None:
    server.script = lambda visit: visit.reply(b'{"message":"secret-a Why?"}', 403)
    async with open_session(server, account, attempt, impersonate="chrome141") as session:
        await failed(session.converse(ASK))

    assert [event for event, _ in log.lines] == ["identity_odd", "upstream_refused"]
    assert "secret-a" not in repr(log.lines)
    assert "Why?" not in repr(log.lines)


async def test_refusal_is_logged_without_its_text(
    server: Any, account: Any, attempt: Any, open_session: Any, log: Any
) -> None:
    body = b'{"code":7,"message":"Why? is blocked [WKE=unauthorized:blocked-user]","details":[]}'
    server.script = lambda visit: visit.reply(body, 403)
    async with open_session(server, account, attempt) as session:
        await failed(session.converse(ASK))

    [(event, fields)] = log.lines
    assert (event, fields["reason"]) == ("upstream_refused", "unauthorized:blocked-user")
    assert (fields["account"], fields["status"], fields["codes"]) == ("a1", 403, (7,))
    assert "Why?" not in repr(log.lines)


async def test_new_settings_hold_for_the_next_session(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    server.script = lambda visit: visit.reply(ANSWER)
    current = WebSettings(web_base=server.base, protocol="2026-04")
    context = UpstreamContext(settings=lambda: current, log=log, clock=clock)
    wire = Wire(name="fast", buckets=())
    async with open_driver(context) as driver:
        for impersonate in ("chrome136", "chrome142"):
            current = WebSettings(web_base=server.base, protocol="2026-04", impersonate=impersonate)
            async with driver.session(account, wire, attempt) as session:
                await events(session.converse(ASK))

    agents = [visit.headers["user-agent"] for visit in server.visits]
    assert ["Chrome/136" in agents[0], "Chrome/142" in agents[1]] == [True, True]
