"""Whose connections are kept, reused and trusted, and the way they take."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from grokgate.scheduler.home import LeaseEnded
from grokgate_web.transport import (
    Route,
    Transport,
    TransportError,
)
from plugins.web.transport_world import soon, start, whole

pytestmark = pytest.mark.anyio


async def test_connection_is_reused_for_one_owner_only(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"x")
    for owner in ("a", "a", "b", "a"):
        await whole(await start(transport, server.base, owner=owner))

    ports = [visit.port for visit in server.visits]
    assert ports[0] == ports[1] == ports[3] != ports[2]


async def test_cookies_are_never_kept(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"x", 200, "Set-Cookie: sso=leak; Path=/")
    for owner in ("a", "a", "b"):
        await whole(await start(transport, server.base, owner=owner))

    assert all("cookie" not in visit.headers for visit in server.visits)


async def test_stale_connection_is_replaced(transport: Transport, server: Any) -> None:
    async def close_after(visit: Any) -> None:
        await visit.reply(b"x")
        visit.writer.close()

    server.script = close_after
    for _ in range(3):
        assert await whole(await start(transport, server.base)) == b"x"


async def test_connections_stay_usable_after_an_abort(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.gone()
    for _ in range(30):
        (await start(transport, server.base)).close()
    server.script = lambda visit: visit.reply(b"x")

    assert await whole(await start(transport, server.base)) == b"x"


async def test_finished_answer_frees_its_connection(transport: Transport, server: Any) -> None:
    go = asyncio.Event()

    async def late(visit: Any) -> None:
        await visit.head()
        await visit.send(b"x")
        await go.wait()
        await visit.end()

    server.script = late
    exchange = await start(transport, server.base)
    await exchange.head(soon())
    go.set()
    await exchange.finish(5.0)
    exchange.close()
    await whole(await start(transport, server.base))

    assert server.connections == 1


async def test_environment_names_no_proxy(
    transport: Transport, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.script = lambda visit: visit.reply(b"direct")

    assert await whole(await start(transport, server.base)) == b"direct"


async def test_environment_does_not_bypass_the_proxy(
    transport: Transport, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    server.script = lambda visit: visit.reply(b"by proxy")
    route = Route(target="chrome136", proxy=server.base)
    await whole(await start(transport, "http://nowhere.invalid", route=route))

    assert server.visits[0].path == "http://nowhere.invalid/x"


async def test_longest_idle_connections_give_way(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"x")
    for owner in "abcd":
        await whole(await start(transport, server.base, owner=owner))
    assert transport.kept == 3
    await whole(await start(transport, server.base, owner="d"))
    await whole(await start(transport, server.base, owner="a"))

    ports = [visit.port for visit in server.visits]
    assert ports[4] == ports[3]
    assert ports[5] != ports[0]


async def test_connections_in_use_do_not_give_way(transport: Transport, server: Any) -> None:
    go = asyncio.Event()

    async def wait(visit: Any) -> None:
        await go.wait()
        await visit.reply(b"x")

    server.script = wait
    open_ones = [await start(transport, server.base, owner=owner) for owner in "abcdef"]
    go.set()

    assert [await whole(exchange) for exchange in open_ones] == [b"x"] * 6
    await whole(await start(transport, server.base, owner="g"))
    assert transport.kept == 3


async def test_retired_connections_are_not_used_again(transport: Transport, server: Any) -> None:
    server.script = lambda visit: visit.reply(b"x")
    exchange = await start(transport, server.base)
    exchange.retire()
    await whole(exchange)
    await whole(await start(transport, server.base))

    assert server.visits[0].port != server.visits[1].port
    assert transport.kept == 1


async def test_close_ends_calls_under_way(tmp_path: Path, server: Any, settled: Any) -> None:
    transport = Transport(tmp_path)
    server.script = lambda visit: visit.gone()
    exchange = await start(transport, server.base)
    await transport.aclose()
    with pytest.raises(TransportError):
        await exchange.head(soon())
    exchange.close()

    await settled(lambda: server.open == 0, 0.5)


async def test_missing_ca_file_is_a_failure_to_connect(transport: Transport, server: Any) -> None:
    with pytest.raises(TransportError, match="connect"):
        await start(transport, server.base, route=Route(target="chrome136", ca_file="/nowhere"))


async def test_further_authorities_are_added(
    transport: Transport, server: Any, tmp_path: Path
) -> None:
    (tmp_path / "own.crt").write_text("# mine\n")
    server.script = lambda visit: visit.reply(b"x")
    route = Route(target="chrome136", ca_file=str(tmp_path / "own.crt"))
    await whole(await start(transport, server.base, route=route))

    [bundle] = tmp_path.glob("*.pem")  # noqa: ASYNC240 - a test's own folder
    assert "# mine" in bundle.read_text()
    assert "BEGIN CERTIFICATE" in bundle.read_text()


async def test_own_authority_is_trusted(
    transport: Transport, server: Any, secure: tuple[str, Path], settled: Any
) -> None:
    base, ca_file = secure
    server.script = lambda visit: visit.reply(b"x")
    route = Route(target="chrome136", ca_file=str(ca_file))
    assert await whole(await start(transport, base, route=route)) == b"x"

    await transport.aclose()
    await settled(lambda: server.open == 0)


async def test_unknown_certificate_is_refused_before_anything_is_sent(
    transport: Transport, server: Any, secure: tuple[str, Path]
) -> None:
    said: list[str] = []
    exchange = await start(transport, secure[0], on_sent=lambda: said.append(""))
    with pytest.raises(TransportError, match="connect"):
        await exchange.head(soon())
    exchange.close()

    assert (said, server.visits) == ([], [])


async def test_body_does_not_go_out_when_it_must_not(transport: Transport, server: Any) -> None:
    """Whoever is told that it is about to may object: a lease may have ended (F28)."""

    def object_to_it() -> None:
        raise LeaseEnded

    exchange = await start(transport, server.base, body=b"secret", on_sent=object_to_it)
    with pytest.raises(TransportError):
        await exchange.head(soon())
    exchange.close()

    assert server.visits == []


async def test_unknown_target_is_a_failure_to_connect(transport: Transport, server: Any) -> None:
    with pytest.raises(TransportError, match="connect"):
        await start(transport, server.base, route=Route(target="netscape4"))
