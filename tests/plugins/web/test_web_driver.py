"""The driver against a scripted upstream."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import msgspec
import pytest

from grokgate.upstream import (
    Account,
    Attachment,
    Blob,
    Conversation,
    Event,
    Finished,
    Kind,
    Message,
    Observation,
    Part,
    Secret,
    Stage,
    Started,
    Text,
    TextDelta,
    UpstreamContext,
    UpstreamFailure,
    Window,
    Wire,
)
from grokgate_web.driver import open_driver
from grokgate_web.settings import WebSettings

pytestmark = pytest.mark.anyio

ASK = Conversation.of_text("Why?")


def line(**reply: Any) -> bytes:
    return json.dumps({"result": {"response": reply}}).encode() + b"\n"


ANSWER = line(token="Be") + line(token="cause.") + line(finalMetadata={})


async def events(generator: AsyncGenerator[Event, None]) -> list[Event]:
    with anyio.fail_after(10):
        async with aclosing(generator):
            return [event async for event in generator]


async def failed(generator: AsyncGenerator[Event, None]) -> Observation:
    with pytest.raises(UpstreamFailure) as raised:
        await events(generator)
    return raised.value.observation


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


@pytest.mark.parametrize("headed", [False, True], ids=["no headers", "headers only"])
async def test_first_line_limit(
    server: Any, account: Any, hasty: Any, open_session: Any, *, headed: bool
) -> None:
    async def silent(visit: Any) -> None:
        if headed:
            await visit.head()
            await visit.send(b'{"result"')
        await visit.gone()

    server.script = silent
    async with open_session(server, account, hasty) as session:
        observation = await failed(session.converse(ASK))

    assert (observation.kind, observation.stage) == (Kind.TIMEOUT, Stage.SENT)
    assert observation.first_byte_timeout


async def test_idle_limit(server: Any, account: Any, hasty: Any, open_session: Any) -> None:
    async def stall(visit: Any) -> None:
        await visit.head()
        await visit.send(line(token="Be"))
        await visit.gone()

    server.script = stall
    async with open_session(server, account, hasty) as session:
        observation = await failed(session.converse(ASK))

    assert (observation.kind, observation.stage) == (Kind.TIMEOUT, Stage.CONTENT)
    assert not observation.first_byte_timeout


async def test_end_mark_is_enough(
    server: Any, account: Any, hasty: Any, open_session: Any, settled: Any
) -> None:
    async def hang(visit: Any) -> None:
        await visit.head()
        await visit.send(ANSWER)
        await visit.gone()

    server.script = hang
    async with open_session(server, account, hasty) as session:
        assert (await events(session.converse(ASK)))[-1] == Finished()
        await settled(lambda: server.open == 0, 3)


WHOLE = ANSWER + line(modelResponse={"message": "Because."})


async def test_upstream_that_closes_a_little_late_keeps_its_connection(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async def late(visit: Any) -> None:
        await visit.head()
        await visit.send(WHOLE)
        await visit.send(line(title={"newTitle": "Reasons"}))
        await visit.end()

    server.script = late
    async with open_session(server, account, attempt) as session:
        await events(session.converse(ASK))
        await events(session.converse(ASK))

    assert server.connections == 1


async def test_upstream_that_does_not_close_delays_nobody(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def open_ended(visit: Any) -> None:
        await visit.head()
        await visit.send(WHOLE)
        await visit.gone()

    server.script = open_ended
    async with open_session(server, account, attempt) as session:
        with anyio.fail_after(0.8):
            found = await events(session.converse(ASK))

    assert found[-1] == Finished()
    await settled(lambda: server.open == 0, 0.5)


async def test_final_message_that_says_more_is_waited_for(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    go = asyncio.Event()

    async def late(visit: Any) -> None:
        await visit.head()
        await visit.send(line(token="Be") + line(token="", isSoftStop=True))
        await go.wait()
        await visit.send(line(modelResponse={"message": "Because."}))
        await visit.gone()

    server.script = late
    async with open_session(server, account, attempt) as session:
        generator = session.converse(ASK)
        begun = [await anext(generator), await anext(generator)]
        go.set()
        rest = await events(generator)

    assert begun[1] == TextDelta(text="Be")
    assert rest == [TextDelta(text="cause."), Finished()]


@pytest.mark.parametrize(
    ("lines", "clean", "kind", "stage"),
    [
        (line(token="Be"), True, Kind.TRUNCATED, Stage.CONTENT),
        (line(token="Be"), False, Kind.TRUNCATED, Stage.CONTENT),
        (line(uiLayout={}), True, Kind.TRANSIENT, Stage.SENT),
        (line(uiLayout={}), False, Kind.TRANSIENT, Stage.SENT),
        (b"", True, Kind.EMPTY, Stage.SENT),
        (line(finalMetadata={}), True, Kind.EMPTY, Stage.SENT),
        (b'{"error":{"code":8}}\n', True, Kind.QUOTA, Stage.SENT),
        (line(token="Be") + b'{"error":{"code":8}}\n', True, Kind.QUOTA, Stage.CONTENT),
        (line(error="usage limit"), True, Kind.QUOTA, Stage.SENT),
    ],
)
async def test_answer_that_is_none(
    server: Any, account: Any, attempt: Any, open_session: Any,
    *, lines: bytes, clean: bool, kind: Kind, stage: Stage,
) -> None:  # fmt: skip
    async def send(visit: Any) -> None:
        await visit.head()
        if lines:
            await visit.send(lines)
        if clean:
            await visit.end()
        visit.writer.close()

    server.script = send
    async with open_session(server, account, attempt) as session:
        observation = await failed(session.converse(ASK))

    assert (observation.kind, observation.stage) == (kind, stage)


async def test_endless_line_is_cut(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def endless(visit: Any) -> None:
        await visit.head()
        while True:
            await visit.send(b"x" * 65_536)

    server.script = endless
    async with open_session(server, account, attempt) as session:
        assert (await failed(session.converse(ASK))).kind is Kind.MALFORMED
        await settled(lambda: server.open == 0, 0.5)


async def test_closing_the_generator_aborts_at_once(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def stall(visit: Any) -> None:
        await visit.head()
        await visit.send(line(token="Be"))
        await visit.gone()

    server.script = stall
    async with open_session(server, account, attempt) as session:
        generator = session.converse(ASK)
        async for _ in generator:
            break
        await generator.aclose()

        await settled(lambda: server.open == 0, 0.5)


async def test_cancelling_aborts_at_once(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    server.script = lambda visit: visit.gone()
    async with open_session(server, account, attempt) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(events, session.converse(ASK))
            await settled(lambda: bool(server.visits), 2)
            group.cancel_scope.cancel()

        await settled(lambda: server.open == 0, 0.5)


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


def with_files(count: int, text: str = "see") -> Conversation:
    files = tuple(
        Attachment(blob=Blob.of_bytes(b"%d" % n, mime="image/png", name=f"{n}.png"), kind="image")
        for n in range(count)
    )
    parts: tuple[Part, ...] = (Text(text=text), *files) if text else files
    return Conversation(messages=(Message(role="user", parts=parts),))


async def test_attachments_are_uploaded_five_at_once_and_kept_in_order(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    busy = most = 0
    full = anyio.Event()

    async def script(visit: Any) -> None:
        nonlocal busy, most
        if visit.path.endswith("/new"):
            await visit.reply(ANSWER)
            return
        busy += 1
        most = max(most, busy)
        if busy == 5:
            full.set()
        with anyio.fail_after(5):
            await full.wait()
        busy -= 1
        name = msgspec.json.decode(visit.body)["fileName"]
        await visit.reply(json.dumps({"fileMetadataId": f"id-{name}"}).encode())

    server.script = script
    async with open_session(server, account, attempt) as session:
        await events(session.converse(with_files(7)))

    body = msgspec.json.decode(server.visits[-1].body)
    assert body["fileAttachments"] == [f"id-{n}.png" for n in range(7)]
    assert most == 5


async def test_files_without_text_get_a_neutral_sentence(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async def script(visit: Any) -> None:
        await visit.reply(ANSWER if visit.path.endswith("/new") else b'{"fileId":"f"}')

    server.script = script
    async with open_session(server, account, attempt) as session:
        await events(session.converse(with_files(1, text="")))

    body = msgspec.json.decode(server.visits[-1].body)
    assert body["message"] == "Refer to the following content:"
    assert body["fileAttachments"] == ["f"]


@pytest.mark.parametrize(
    ("status", "body", "kind", "stage"),
    [
        (200, b"{}", Kind.MALFORMED, Stage.UNSENT),
        (413, b"", Kind.BAD_REQUEST, Stage.REFUSED),
        (500, b"", Kind.TRANSIENT, Stage.UNSENT),
        (200, b"x" * 2_000_000, Kind.MALFORMED, Stage.UNSENT),
    ],
)
async def test_failed_upload_sends_no_prompt(
    server: Any, account: Any, attempt: Any, open_session: Any,
    *, status: int, body: bytes, kind: Kind, stage: Stage,
) -> None:  # fmt: skip
    server.script = lambda visit: visit.reply(body, status)
    async with open_session(server, account, attempt) as session:
        observation = await failed(session.converse(with_files(1)))

    assert (observation.operation, observation.kind) == ("upload", kind)
    assert (observation.stage, attempt.sent_count) == (stage, 0)


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


async def test_file_that_cannot_be_read_fails_as_what_it_is(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"x"
        raise ZeroDivisionError

    blob = Blob(name="a.png", mime="image/png", size=9, open=broken)
    message = Message(role="user", parts=(Attachment(blob=blob, kind="image"),))
    async with open_session(server, account, attempt) as session:
        with pytest.raises(ZeroDivisionError):
            await events(session.converse(Conversation(messages=(message,))))


async def survey(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any, *buckets: str, **settings: Any
) -> Any:
    now = WebSettings(web_base=server.base, **settings)
    context = UpstreamContext(settings=lambda: now, log=log, clock=clock)
    async with open_driver(context) as driver:
        return await driver.survey(account, attempt, buckets=frozenset(buckets))


async def test_survey_of_modes(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    async def script(visit: Any) -> None:
        name = msgspec.json.decode(visit.body)["modelName"]
        if name == "fast":
            await visit.reply(
                b'{"windowSizeSeconds":86400,"remainingQueries":29,"totalQueries":30}'
            )
        elif name == "auto":
            await visit.reply(b'{"remainingQueries":0,"totalQueries":0}')
        else:
            await visit.reply(b"{}", 404)

    server.script = script
    facts = await survey(server, account, attempt, log, clock, "fast", "auto", "heavy", "other")

    assert facts.windows == {"fast": Window(remaining=29, total=30, window_s=86_400)}
    assert facts.tier == "basic"
    assert len(server.visits) == 3


async def test_survey_of_units_with_its_own_fingerprint(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    server.script = lambda visit: visit.reply(
        b')]}\'\n{"windowSizeSeconds":72000,"remainingTokens":80,"totalTokens":80}'
    )
    settings = {"protocol": "2026-02", "impersonate_usage": "firefox135"}
    facts = await survey(server, account, attempt, log, clock, "default", **settings)

    assert facts.windows["default"].remaining == 80
    assert (facts.tier, server.visits[0].path) == ("basic", "/rest/rate-limits")
    assert "Firefox/135.0" in server.visits[0].headers["user-agent"]
    assert "sec-ch-ua" not in server.visits[0].headers


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", Kind.MALFORMED),
        (401, b"token revoked", Kind.AUTH_DEAD),
        (429, b"", Kind.QUOTA),
        (500, b"", Kind.TRANSIENT),
    ],
)
async def test_failed_survey_teaches_nothing(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any,
    *, status: int, body: bytes, kind: Kind,
) -> None:  # fmt: skip
    server.script = lambda visit: visit.reply(body, status)
    with pytest.raises(UpstreamFailure) as raised:
        await survey(server, account, attempt, log, clock, "fast", "auto")

    assert raised.value.observation.kind is kind
    assert raised.value.observation.operation == "survey"


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
