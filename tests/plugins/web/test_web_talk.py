"""Conversations over the gateway socket, against a scripted upstream."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from grokgate.upstream import (
    Account,
    Conversation,
    Event,
    Finished,
    Kind,
    Secret,
    Stage,
    Started,
    TextDelta,
)
from plugins.web.driver_world import swift
from plugins.web.talk_world import ANSWER, ASK, DONE, UID, WHO, answer, text, whole

pytestmark = pytest.mark.anyio

Script = Callable[[Any], Awaitable[None]]


@pytest.fixture
def account() -> Account:
    return Account(id="a1", pool="ssoBasic", credential=Secret("secret-a"), kept={"user_id": UID})


async def test_conversation(server: Any, account: Any, attempt: Any, talk: Any) -> None:
    events: list[dict[str, Any]] = []

    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        events.append(await peer.open_session())
        events.append(await peer.event())
        events.append(await peer.event())
        await peer.tell("response.chunk", **text("Be"))
        await peer.tell("response.done", **DONE)
        assert (await peer.read())[0] == 8

    server.script = script
    found, _ = await talk(account, attempt)

    assert found == [Started(), TextDelta(text="Be"), Finished()]
    assert [event["event"]["type"] for event in events] == [
        "session.create", "conversation.item.create", "response.create",
    ]  # fmt: skip
    assert [event.get("session_id") for event in events] == [None, "s1", "s1"]
    item = events[1]["event"]["item"]
    assert item["x_grok"]["input_chunks"] == [{"text": {"text": "Why?"}}]
    assert attempt.sent_count == 1


async def test_upgrade_looks_like_the_page(
    server: Any, account: Any, attempt: Any, talk: Any
) -> None:
    server.script = whole
    await talk(account, attempt, cf_cookies="x-userid=other; __cf_bm=b")

    [visit] = server.visits
    assert visit.path == f"/ws/mgw/?uid={UID}"
    assert visit.headers["cookie"] == f"sso=secret-a; sso-rw=secret-a; __cf_bm=b; x-userid={UID}"
    assert visit.headers["origin"] == server.base
    assert "Chrome/136.0.0.0" in visit.headers["user-agent"]
    assert not {"sec-ch-ua", "x-statsig-id", "sec-websocket-protocol"} & set(visit.headers)


@pytest.mark.parametrize("search", [True, False])
async def test_settings_reach_the_session(
    server: Any, account: Any, attempt: Any, talk: Any, *, search: bool
) -> None:
    asked: list[dict[str, Any]] = []

    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        asked.append(await peer.open_session())
        await answer(peer)
        await peer.gone()

    server.script = script
    request = Conversation(messages=ASK.messages, search=search)
    await talk(account, attempt, request, temporary=False, disable_memory=False)

    session = asked[0]["event"]["session"]
    grok = session["x_grok"]
    assert (session["model"], grok["is_temporary"], grok["disable_memory"]) == (
        "fast", False, False,
    )  # fmt: skip
    assert ("disable_web_search" in grok) == ("disable_x_search" in grok) == (not search)


@pytest.mark.parametrize(
    ("status", "body", "kind", "stage"),
    [
        (400, b'{"error":{"code":3}}', Kind.BAD_REQUEST, Stage.REFUSED),
        (401, b'{"error":{"code":16,"message":"invalid-credentials"}}', Kind.AUTH_DEAD,
         Stage.REFUSED),
        (401, b'{"error":{"code":16}}', Kind.AUTH_FAIL, Stage.REFUSED),
        (403, b"<html>Just a moment...", Kind.CHALLENGE, Stage.REFUSED),
        (403, b"", Kind.CHALLENGE, Stage.REFUSED),
        (403, b'{"code":7,"message":"Request rejected by anti-bot rules."}', Kind.ANTI_BOT,
         Stage.REFUSED),
        (403, b'{"code":7,"message":"not available for your plan"}', Kind.PLAN, Stage.REFUSED),
        (403, b'{"code":7,"message":"no"}', Kind.FORBIDDEN, Stage.REFUSED),
        (404, b'{"code":5}', Kind.BAD_REQUEST, Stage.REFUSED),
        (429, b'{"error":{"code":8},"waitTimeSeconds":7}', Kind.QUOTA, Stage.REFUSED),
        (500, b"oops", Kind.TRANSIENT, Stage.UNSENT),
        (200, b"hello", Kind.TRANSIENT, Stage.UNSENT),
    ],
)  # fmt: skip
async def test_refused_upgrade(
    server: Any, account: Any, attempt: Any, talk: Any,
    *, status: int, body: bytes, kind: Kind, stage: Stage,
) -> None:  # fmt: skip
    async def script(visit: Any) -> None:
        if "upgrade" in visit.headers:
            await visit.reply(body, status)
        await visit.reply(WHO)

    server.script = script
    _, observed = await talk(account, attempt)

    assert (observed.kind, observed.stage, observed.status) == (kind, stage, status)
    assert attempt.sent_count == 0


async def test_slow_reader_is_not_the_upstreams_silence(
    server: Any, account: Any, open_session: Any, hasty: Any
) -> None:
    server.script = whole
    found = []
    async with (
        open_session(server, account, hasty, protocol="2026-08") as session,
        aclosing(session.converse(ASK)) as events,
    ):
        async for event in events:
            found.append(event)
            if isinstance(event, TextDelta) and event.text == "Be":
                await anyio.sleep(hasty.idle_s * 1.5)  # the reader's own time, which is measured

    assert found == ANSWER


async def test_refused_account_that_turns_out_dead(
    server: Any, account: Any, attempt: Any, talk: Any
) -> None:
    async def script(visit: Any) -> None:
        if "upgrade" in visit.headers:
            await visit.reply(b"no", 401)
        await visit.reply(b'{"status":"unauthenticated"}')

    server.script = script
    _, observed = await talk(account, attempt)

    assert observed.kind is Kind.AUTH_DEAD


async def test_no_connection(server: Any, account: Any, attempt: Any, talk: Any) -> None:
    server.base = "http://127.0.0.1:1"
    _, observed = await talk(account, attempt)

    assert (observed.kind, observed.stage) == (Kind.CONNECT, Stage.UNSENT)
    assert attempt.sent_count == 0


async def silent(_: Any) -> None:
    """Say nothing."""


async def foreign_event(peer: Any) -> None:
    await peer.event()
    await peer.tell("session.created", client_event_id="evt_init_other")
    await peer.tell("conversation.attached", conversation={"id": "s1"})


async def foreign_conversation(peer: Any) -> None:
    asked = await peer.event()
    await peer.tell("session.created", client_event_id=asked["event"]["event_id"])
    await peer.tell("conversation.attached", conversation={"id": "other"})


async def only_pongs(peer: Any) -> None:
    while True:
        await peer.tell("pong")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("stall", [silent, foreign_event, foreign_conversation, only_pongs])
async def test_session_that_never_opens(
    server: Any, account: Any, hasty: Any, talk: Any, stall: Script
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        await stall(peer)
        await peer.gone()

    server.script = script
    _, observed = await talk(account, hasty)

    assert (observed.kind, observed.stage) == (Kind.TIMEOUT, Stage.UNSENT)
    assert observed.first_byte_timeout
    assert hasty.sent_count == 0


async def ended(peer: Any) -> None:
    await peer.tell("session.ended", reason="idle")


async def closed(peer: Any) -> None:
    await peer.send(b"\x03\xe8", first=0x88)


async def cut(peer: Any) -> None:
    peer.writer.close()


async def refused(peer: Any) -> None:
    await peer.tell("error", "", error={"code": "anti_bot", "message": "no"})


async def unenveloped(peer: Any) -> None:
    await peer.tell("error", "", error={"code": "invalid_envelope", "message": "no"})


async def out_of_quota(peer: Any) -> None:
    error = {"kind": "usage_limit_reached", "message": "You have reached it.", "code": 8}
    await peer.tell("response.grok.output", output={"stream_error": error})


async def failed(peer: Any) -> None:
    await peer.tell("response.done", response={"status": "failed"})


async def oversized(peer: Any) -> None:
    await peer.send(b'"' + b"x" * (17 << 20) + b'"')


FAILURES: list[tuple[Script, Kind]] = [
    (ended, Kind.TRANSIENT), (closed, Kind.TRANSIENT), (cut, Kind.TRANSIENT),
    (refused, Kind.ANTI_BOT), (unenveloped, Kind.BAD_REQUEST), (out_of_quota, Kind.QUOTA),
    (failed, Kind.TRANSIENT), (oversized, Kind.MALFORMED),
]  # fmt: skip


@pytest.mark.parametrize(("fail", "kind"), FAILURES)
async def test_failure_before_the_call_went_out(
    server: Any, account: Any, attempt: Any, talk: Any, *, fail: Script, kind: Kind
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        await peer.event()
        await fail(peer)
        await peer.gone()

    server.script = script
    found, observed = await talk(account, attempt)

    assert (found, observed.kind, observed.stage) == ([], kind, Stage.UNSENT)
    assert attempt.sent_count == 0


@pytest.mark.parametrize(("fail", "kind"), FAILURES)
@pytest.mark.parametrize("begun", [False, True])
async def test_failure_afterwards(
    server: Any, account: Any, attempt: Any, talk: Any,
    *, fail: Script, kind: Kind, begun: bool,
) -> None:  # fmt: skip
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        await peer.open_session()
        await peer.event()
        await peer.event()
        if begun:
            await peer.tell("response.chunk", **text("Be"))
        await fail(peer)
        await peer.gone()

    server.script = script
    _, observed = await talk(account, attempt)

    lost = fail in (ended, closed, cut)
    assert observed.kind == (Kind.TRUNCATED if begun and lost else kind)
    assert observed.stage is (Stage.CONTENT if begun else Stage.SENT)


@pytest.mark.parametrize("begun", [False, True])
async def test_silence_afterwards(
    server: Any, account: Any, hasty: Any, talk: Any, *, begun: bool
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        await peer.open_session()
        if begun:
            await peer.tell("response.chunk", **text("Be"))
        await only_pongs(peer)

    server.script = script
    _, observed = await talk(account, hasty)

    stage = Stage.CONTENT if begun else Stage.SENT
    assert (observed.kind, observed.stage) == (Kind.TIMEOUT, stage)
    assert observed.first_byte_timeout is not begun


async def test_answer_without_text_is_empty(
    server: Any, account: Any, attempt: Any, talk: Any
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        await peer.open_session()
        await peer.tell("response.done", **DONE)
        await peer.gone()

    server.script = script
    _, observed = await talk(account, attempt)

    assert (observed.kind, observed.stage) == (Kind.EMPTY, Stage.SENT)


async def test_what_belongs_to_others_is_passed_over(
    server: Any, account: Any, attempt: Any, talk: Any
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        asked = await peer.event()
        await peer.send(b"\0\1", first=0x82)
        await peer.tell("conversation.attached", conversation={"id": "s1"})
        await peer.tell("news", session="s0")
        await peer.tell("session.created", client_event_id=asked["event"]["event_id"])
        await peer.tell("response.chunk", session="other", **text("not ours"))
        await answer(peer)
        await peer.tell("session.ended")
        await peer.gone()

    server.script = script
    found, _ = await talk(account, attempt)

    assert found == ANSWER
    assert attempt.drift == [("converse", "event.type"), ("converse", "frame")]


async def test_end_delays_nobody(
    server: Any, account: Any, attempt: Any, talk: Any, settled: Any
) -> None:
    server.script = whole
    found, _ = await swift(lambda: talk(account, attempt), within_s=0.8)

    assert found == ANSWER
    await settled(lambda: server.open == 0, 0.5)


async def test_closing_the_generator_aborts_at_once(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        await peer.open_session()
        await peer.tell("response.chunk", **text("Be"))
        await peer.gone()

    server.script = script
    async with open_session(server, account, attempt, protocol="2026-08") as session:
        events: AsyncGenerator[Event, None] = session.converse(ASK)
        assert [await anext(events), await anext(events)] == ANSWER[:2]
        await events.aclose()

        await settled(lambda: server.open == 0, 0.5)


async def test_cancel_while_the_session_opens_aborts_at_once(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        await peer.gone()

    server.script = script
    async with open_session(server, account, attempt, protocol="2026-08") as session:
        waiting = asyncio.ensure_future(anext(session.converse(ASK)))
        await settled(lambda: bool(server.visits))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        await settled(lambda: server.open == 0, 0.5)


@pytest.mark.parametrize("asked", [False, True])
async def test_close_code_is_observed(
    server: Any, account: Any, attempt: Any, talk: Any, *, asked: bool
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        if asked:
            await peer.open_session()
        await peer.send(b"\x03\xf0", first=0x88)
        await peer.gone()

    server.script = script
    _, observed = await talk(account, attempt)

    assert (observed.kind, observed.status) == (Kind.TRANSIENT, 1008)
