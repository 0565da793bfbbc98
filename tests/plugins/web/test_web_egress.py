"""Ways out: which proxy an account takes, over HTTP and over sockets, and what it shares there."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest

from grokgate.upstream import (
    Account,
    Conversation,
    Kind,
    Secret,
    UpstreamContext,
    UpstreamFailure,
    Wire,
)
from grokgate_web.driver import open_driver
from grokgate_web.egress import EgressTable, Lane, lane
from grokgate_web.settings import WebSettings

ASK = Conversation.of_text("Why?")
WIRE = Wire(name="fast", buckets=("fast",))
UID = "7d1c0c5e-2f6b-4b0e-9a53-0d8f5f0e1a11"
ANSWER = (
    b'{"result":{"response":{"token":"Hi","isSoftStop":true}}}\n'
    b'{"result":{"response":{"modelResponse":{"message":"Hi"}}}}\n'
)
GENERATIONS = pytest.mark.parametrize("protocol", ["2026-04", "2026-08"], ids=["http", "socket"])
POOL = ("http://a", "http://b", "http://c")


def one(name: str = "a1", proxy: str = "") -> Account:
    return Account(
        id=name,
        pool="ssoBasic",
        credential=Secret(f"secret-{name}"),
        proxy_url=Secret(proxy) if proxy else None,
        kept={"user_id": UID},
    )


async def answer(visit: Any, *lines: str) -> None:
    """Answer a conversation of either kind; a tunnel is granted first."""
    if visit.path.endswith(":80"):
        visit.writer.write(b"HTTP/1.1 200 X\r\n\r\n")
    elif "upgrade" in visit.headers:
        peer = await visit.upgrade(*lines)
        await peer.open_session()
        await peer.event()
        await peer.event()
        await peer.tell("response.output_text.delta", delta="Hi")
        await peer.tell("response.done", response={"status": "completed"})
        await peer.read()
        visit.writer.close()
    else:
        await visit.reply(ANSWER, 200, *lines)


@pytest.fixture
def ask(server: Any, attempt: Any, log: Any, clock: Any) -> Any:
    """Let accounts ask one after the other through one driver; gives what became of it."""

    async def asked(accounts: Iterable[Account], **settings: Any) -> list[Kind]:
        async with driver(**settings) as opened:
            return [await _outcome(opened, account, attempt) for account in accounts]

    @asynccontextmanager
    async def driver(**settings: Any) -> AsyncIterator[Any]:
        now = WebSettings(**{"web_base": server.base, **settings})
        context = UpstreamContext(settings=lambda: now, log=log, clock=clock)
        with anyio.fail_after(20):
            async with open_driver(context) as opened:
                yield opened

    return asked


async def _outcome(driver: Any, account: Account, attempt: Any) -> Kind:
    async with driver.session(account, WIRE, attempt) as session:
        try:
            async for _ in session.converse(ASK):
                pass
        except UpstreamFailure as failure:
            return failure.observation.kind
    return Kind.OK


def test_lane_stays_on_its_proxy_until_three_failures() -> None:
    table, way = EgressTable(), Lane(key="x", pool=POOL)
    first = table.proxy(way)
    assert [table.failed(way), table.failed(way), table.proxy(way)] == [False, False, first]
    assert table.failed(way)

    assert table.proxy(way) != first


def test_success_forgives_failures() -> None:
    table, way = EgressTable(), Lane(key="x")
    for _ in range(5):
        assert not table.failed(way)
        assert not table.failed(way)
        table.worked(way)


def test_moving_on_visits_the_whole_pool() -> None:
    table, way = EgressTable(), Lane(key="x", pool=POOL)
    seen = set()
    for _ in POOL:
        seen.add(table.proxy(way))
        for _ in range(3):
            table.failed(way)

    assert seen == set(POOL)


def test_accounts_spread_over_the_pool() -> None:
    table = EgressTable()

    assert {table.proxy(Lane(key=f"a{n}", pool=POOL)) for n in range(30)} == set(POOL)


@pytest.mark.parametrize(
    ("own", "pool", "single", "chosen"),
    [("o", ("p",), "s", "o"), ("", ("p",), "s", "p"), ("", (), "s", "s"), ("", (), "", "")],
)
def test_own_proxy_wins_then_pool_then_single(
    own: str, pool: tuple[str, ...], single: str, chosen: str
) -> None:
    assert EgressTable().proxy(Lane(key="x", own=own, pool=pool, single=single)) == chosen


def test_files_take_the_way_of_calls_unless_they_have_their_own() -> None:
    calls = WebSettings(base_proxy_url="http://s", proxy_pool=POOL)
    both = WebSettings(base_proxy_url="http://s", proxy_pool=POOL, asset_proxy_url="http://f")
    pooled = WebSettings(base_proxy_url="http://s", asset_proxy_pool=("http://f", "http://g"))

    assert lane(one(), calls, assets=True) == lane(one(), calls)
    assert EgressTable().proxy(lane(one(), both, assets=True)) == "http://f"
    assert EgressTable().proxy(lane(one(), both)) in POOL
    assert lane(one(), pooled, assets=True).pool == ("http://f", "http://g")
    assert lane(one(proxy="http://o"), both, assets=True).own == "http://o"


def test_failures_of_files_leave_the_way_of_calls_alone() -> None:
    table = EgressTable()
    settings = WebSettings(proxy_pool=POOL, asset_proxy_pool=POOL)
    before = table.proxy(lane(one(), settings))
    for _ in range(3):
        table.failed(lane(one(), settings, assets=True))

    assert table.proxy(lane(one(), settings)) == before


@pytest.mark.anyio
@GENERATIONS
async def test_account_leaves_a_proxy_that_fails(server: Any, ask: Any, protocol: str) -> None:
    server.script = answer
    pool = ("http://127.0.0.1:1", server.base)
    # Of these two the first begins at the dead proxy, the second at the living one.
    names = sorted((f"a{n}" for n in range(8)), key=lambda n: _begins_at(n, pool))
    left, stays = one(names[0]), one(names[-1])
    settings = {"protocol": protocol, "proxy_pool": pool, "web_base": "http://nowhere.invalid"}

    assert await ask([left] * 4, **settings) == [Kind.CONNECT] * 3 + [Kind.OK]
    assert await ask([stays] * 2, **settings) == [Kind.OK] * 2


def _begins_at(name: str, pool: tuple[str, ...]) -> int:
    return pool.index(EgressTable().proxy(Lane(key=name, pool=pool)))


@pytest.mark.anyio
@GENERATIONS
async def test_own_proxy_of_an_account_is_its_way(server: Any, ask: Any, protocol: str) -> None:
    server.script = answer
    settings = {
        "protocol": protocol,
        "web_base": "http://nowhere.invalid",
        "base_proxy_url": "http://127.0.0.1:1",
    }
    accounts = [one("a1", server.base), one("b1")]

    assert await ask(accounts, **settings) == [Kind.OK, Kind.CONNECT]
    assert "nowhere.invalid" in server.visits[0].path


@pytest.fixture
async def socks(server: Any) -> AsyncIterator[str]:
    """A SOCKS 5 proxy (RFC 1928) in front of the scripted server, which stands for every host."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError, asyncio.IncompleteReadError):
            _, count = await reader.readexactly(2)
            await reader.readexactly(count)
            writer.write(b"\x05\x00")
            *_, kind = await reader.readexactly(4)
            size = (await reader.readexactly(1))[0] if kind == 3 else 4
            host = await reader.readexactly(size)
            await reader.readexactly(2)
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
            assert host == b"nowhere.invalid"
            await server.serve(reader, writer)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"socks5h://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()


@pytest.mark.anyio
@GENERATIONS
async def test_socks_proxy_is_a_way_too(
    server: Any, ask: Any, protocol: str, socks: str, settled: Any
) -> None:
    server.script = answer
    settings = {"protocol": protocol, "web_base": "http://nowhere.invalid"}

    assert await ask([one()], base_proxy_url=socks, **settings) == [Kind.OK]
    await settled(lambda: server.open == 0)


@pytest.mark.anyio
@GENERATIONS
async def test_cookies_of_the_upstream_are_never_kept(server: Any, ask: Any, protocol: str) -> None:
    server.script = lambda visit: answer(visit, "Set-Cookie: sso=leak; Path=/", "Set-Cookie: b=c")
    for sharing in ("account", "egress"):
        await ask([one("a1"), one("b1"), one("a1")], protocol=protocol, connection_sharing=sharing)

    tail = f"; x-userid={UID}" if protocol == "2026-08" else ""
    assert [visit.headers["cookie"] for visit in server.visits] == [
        f"sso=secret-{name}; sso-rw=secret-{name}{tail}" for name in ("a1", "b1", "a1") * 2
    ]


@pytest.mark.anyio
@GENERATIONS
async def test_cookies_of_a_refusal_are_not_kept_either(
    server: Any, ask: Any, protocol: str
) -> None:
    server.script = lambda visit: visit.reply(b"{}", 429, "Set-Cookie: sso=leak; Path=/")
    await ask([one("a1"), one("b1")], protocol=protocol, connection_sharing="egress")

    assert [visit.headers["cookie"].count("leak") for visit in server.visits] == [0, 0]
    assert "secret-a1" not in server.visits[-1].headers["cookie"]


@pytest.mark.anyio
@pytest.mark.parametrize("sharing", ["account", "egress"])
async def test_accounts_that_must_ask_who_they_are_share_only_what_is_configured(
    server: Any, ask: Any, sharing: str
) -> None:
    server.script = lambda visit: visit.reply(b"{}", 429)
    strangers = [
        Account(id=name, pool="ssoBasic", credential=Secret(name)) for name in ("a1", "b1")
    ]
    await ask(strangers, protocol="2026-08", connection_sharing=sharing)

    assert [visit.path for visit in server.visits] == ["/api/auth/session"] * 2
    assert server.connections == (1 if sharing == "egress" else 2)


@pytest.mark.anyio
@pytest.mark.parametrize("sharing", ["account", "egress"])
async def test_socket_takes_over_only_a_connection_it_may_share(
    server: Any, ask: Any, sharing: str
) -> None:
    """A refused socket leaves its connection, which the next account's socket may use."""
    server.script = lambda visit: visit.reply(b"{}", 429)
    await ask([one("a1"), one("b1")], protocol="2026-08", connection_sharing=sharing)

    shared = server.visits[0].port == server.visits[1].port
    assert not shared or sharing == "egress"


@pytest.mark.anyio
@GENERATIONS
async def test_refused_way_is_not_taken_again(server: Any, ask: Any, protocol: str) -> None:
    """F-TOK-37: after a 403 the pooled connection is dropped."""
    refuse = [True]

    async def script(visit: Any) -> None:
        if refuse.pop() if refuse else False:
            await visit.reply(b'{"code":7}', 403)
        elif "auth" in visit.path:
            await visit.reply(b'{"session":{"userId":"%s"}}' % UID.encode())
        else:
            await answer(visit)

    server.script = script
    assert await ask([one("a1"), one("a1")], protocol=protocol) == [Kind.FORBIDDEN, Kind.OK]

    ports = [visit.port for visit in server.visits]
    assert ports[0] not in ports[1:]


@pytest.mark.anyio
@GENERATIONS
async def test_other_refusals_keep_the_connection(server: Any, ask: Any, protocol: str) -> None:
    left = [429, 429]
    server.script = lambda visit: visit.reply(b"{}", left.pop())
    await ask([one("a1"), one("a1")], protocol=protocol)

    assert server.connections == (1 if protocol == "2026-04" else 2)


@pytest.mark.anyio
@GENERATIONS
async def test_challenges_move_an_account_on(
    server: Any, ask: Any, protocol: str, log: Any
) -> None:
    async def script(visit: Any) -> None:
        if visit.path.endswith(":80"):
            visit.writer.write(b"HTTP/1.1 200 X\r\n\r\n")
        else:
            await visit.reply(b"<html>Just a moment...", 403)

    server.script = script
    pool = (server.base, server.base.replace("127.0.0.1", "localhost"))
    await ask(
        [one("a1")] * 4, protocol=protocol, web_base="http://nowhere.invalid", proxy_pool=pool
    )

    assert [event for event, _ in log.lines].count("egress_struck") == 1


@pytest.mark.anyio
@GENERATIONS
async def test_what_the_operator_entered_is_shown(server: Any, ask: Any, protocol: str) -> None:
    server.script = answer
    entered = {"cf_clearance": "cf_clearance=c; x", "cf_cookies": "__cf_bm=b; sso=other"}
    await ask([one()], protocol=protocol, user_agent="Mozilla/5.0 Chrome/136.0.0.0", **entered)

    [visit] = server.visits
    tail = f"; x-userid={UID}" if protocol == "2026-08" else ""
    assert visit.headers["user-agent"] == "Mozilla/5.0 Chrome/136.0.0.0"
    assert visit.headers["cookie"] == (
        f"sso=secret-a1; sso-rw=secret-a1; cf_clearance=c; __cf_bm=b{tail}"
    )


@pytest.mark.anyio
@GENERATIONS
@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("wreq", "Chrome/136.0.0.0 Safari/537.36"),
        ("edge_127", "Edg/124.0.0.0"),
        ("firefox_109", "Firefox/133.0"),
        ("safari 17.2.1", "Version/17.0 Safari"),
    ],
)
async def test_user_agent_is_the_fingerprints(
    server: Any, ask: Any, protocol: str, name: str, agent: str
) -> None:
    server.script = answer
    assert await ask([one()], protocol=protocol, impersonate=name) == [Kind.OK]

    assert agent in server.visits[0].headers["user-agent"]


@pytest.mark.anyio
@GENERATIONS
async def test_statsig_goes_where_the_profile_says(server: Any, ask: Any, protocol: str) -> None:
    """Sockets never carry it (1.4)."""
    server.script = answer
    await ask([one()], protocol=protocol, statsig="legacy", dynamic_statsig=False)
    await ask([one()], protocol=protocol, statsig="pasted")

    sent = [visit.headers.get("x-statsig-id", "")[:6] for visit in server.visits]
    assert sent == (["ZTpUeX", "pasted"] if protocol == "2026-04" else ["", ""])
