"""What limits keys and logins counts over two replicas, not at each (F-KEY-08, F-AUTH-07, D24)."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import anyio.to_thread
import httpx
import pytest

from e2e.endpoints import CHAT
from e2e.probe import QUOTA, Probe, timed
from grokgate.admin.mounting import BASE as ADMIN
from grokgate.http.idempotency import REPLAYED
from grokgate.upstream import Secret
from services.replica_world import FOLLOWED_S, PASSWORD, Pair, Replicas, operating, paired
from services.valkey import ValkeyServer, own_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

TOLD_S = 1.5
"""P10."""
LASTING = "@sim tokens=300 delay_ms=100"


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture(scope="module")
async def pair(
    tmp_path_factory: pytest.TempPathFactory,
    empty_postgres: Callable[[], AbstractContextManager[Secret]],
    valkey: ValkeyServer,
) -> AsyncIterator[Pair]:
    """Two replicas behind a proxy of this machine, with accounts."""
    environ = {"SERVER__TRUSTED_PROXIES": "127.0.0.1"}
    with empty_postgres() as database:
        replicas = Replicas(tmp_path_factory.mktemp("limits"), database, valkey.url, environ)
        async with paired(replicas) as pair:
            await pair.fill(QUOTA)
            yield pair


class Client:
    """Somebody with a key of the operator's making, which both replicas know."""

    def __init__(self, key: str) -> None:
        self._headers = {"authorization": f"Bearer {key}"}

    async def ask(self, replica: Probe, prompt: str = "hi", **headers: str) -> httpx.Response:
        return await replica.http.post(
            CHAT.path, json=CHAT.body(prompt), headers={**self._headers, **headers}
        )

    async def look(self, replica: Probe) -> httpx.Response:
        """Ask for what costs nothing."""
        return await replica.http.get("/v1/models", headers=self._headers)

    async def hold(self, replica: Probe) -> None:
        """Read an answer without an end."""
        body = CHAT.body(LASTING, stream=True)
        async with replica.http.stream(
            "POST", CHAT.path, json=body, headers=self._headers
        ) as reply:
            await reply.aread()


async def client(pair: Pair, **terms: object) -> Client:
    reply = await pair.operator.post("/keys", json={"name": "n", **terms})
    made = Client(reply.json()["data"]["key"])

    async def known() -> bool:
        return (await made.look(pair.two)).status_code != httpx.codes.UNAUTHORIZED

    await pair.two.becomes(True, known, within_s=FOLLOWED_S)  # noqa: FBT003 - what is wanted
    return made


def told(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_key_has_so_many_requests_under_way_at_both_together(pair: Pair) -> None:
    key = await client(pair, max_inflight=2)
    async with anyio.create_task_group() as group:
        for replica in pair.both:
            group.start_soon(key.hold, replica)
        await pair.one.until(lambda: pair.one.asking() == 2, 5)
        refused = [told(await key.ask(replica)) for replica in pair.both]
        group.cancel_scope.cancel()

    assert refused == [(429, "rate_limit_exceeded")] * 2
    for replica in pair.both:
        await replica.becomes(200, lambda replica=replica: _status(key, replica))


async def test_key_asks_so_often_a_minute_at_both_together(pair: Pair) -> None:
    key = await client(pair, rpm=6)  # one was used to see that it is known
    for number in range(5):
        await key.look(pair.both[number % 2])
    refused = [await key.look(replica) for replica in pair.both]

    for reply in refused:
        assert told(reply) == (429, "rate_limit_exceeded")
        assert 50 <= int(reply.headers["retry-after"]) <= 60
        assert reply.headers["x-ratelimit-remaining-requests"] == "0"


async def test_request_under_way_at_one_is_not_done_again_at_the_other(pair: Pair) -> None:
    key = await client(pair)
    replies: list[httpx.Response] = []
    once = {"idempotency-key": "order-1"}
    before = len(pair.one.calls())

    async def ask() -> None:
        replies.append(await key.ask(pair.one, "@sim tokens=5 delay_ms=100", **once))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await pair.one.until(lambda: pair.one.asking() == 1, 5)
        running = await key.ask(pair.two, "@sim tokens=5 delay_ms=100", **once)
        other = await key.ask(pair.two, "another", **once)
    again = await key.ask(pair.two, "@sim tokens=5 delay_ms=100", **once)

    assert told(running) == (409, "idempotency_in_progress")
    assert told(other) == (409, "idempotency_mismatch")
    assert (again.status_code, again.content) == (200, replies[0].content)
    assert again.headers[REPLAYED] == "true"
    assert len(pair.one.calls()) == before + 1


async def test_wrong_passwords_add_up(pair: Pair) -> None:
    tried = [
        await _log_in(pair.both[number % 2], "a wrong password", source="192.0.2.1")
        for number in range(5)
    ]
    right = await _log_in(pair.two, PASSWORD, source="192.0.2.1")

    assert [reply.status_code for reply in tried] == [401] * 4 + [429]
    assert told(right) == (429, "too_many_attempts")
    assert (await _log_in(pair.two, PASSWORD, source="192.0.2.2")).status_code == 200


async def test_password_given_again_at_one_shows_secrets_at_the_other(pair: Pair) -> None:
    async with operating(pair.two) as other:
        shown = f"{pair.one.service.base}{ADMIN}/config?reveal=1"
        headers = {"authorization": other.headers["authorization"]}
        await pair.one.becomes(403, lambda: _seen(pair.one, shown, headers), within_s=FOLLOWED_S)
        await other.post("/reauth", json={"password": PASSWORD})

        assert await _seen(pair.one, shown, headers) == 200


async def test_outage_refuses_limited_keys_and_lets_operators_in(
    pair: Pair, valkey: ValkeyServer
) -> None:
    limited, free = await client(pair, rpm=100), await client(pair)
    valkey.stop()
    try:
        for replica in pair.both:
            seconds, refused = await timed(lambda replica=replica: limited.look(replica))
            assert told(refused) == (503, "runtime_store_unavailable")
            assert seconds <= TOLD_S
            assert (await free.look(replica)).status_code == 200
            seconds, login = await timed(
                lambda replica=replica: _log_in(replica, PASSWORD, source="192.0.2.3")
            )
            assert (login.status_code, seconds <= TOLD_S) == (200, True)
    finally:
        await anyio.to_thread.run_sync(valkey.start)
    for replica in pair.both:
        await replica.becomes(200, lambda replica=replica: _status(limited, replica), within_s=5)


async def _status(key: Client, replica: Probe) -> int:
    return (await key.ask(replica)).status_code


async def _seen(replica: Probe, url: str, headers: dict[str, str]) -> int:
    return (await replica.http.get(url, headers=headers)).status_code


async def _log_in(replica: Probe, password: str, *, source: str) -> httpx.Response:
    headers = {"x-forwarded-for": source}
    return await replica.http.post(f"{ADMIN}/login", json={"password": password}, headers=headers)
