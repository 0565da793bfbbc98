"""Two replicas are one gateway: quota, limits, jobs, what an operator does, outages (V21, V22)."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import anyio.to_thread
import httpx
import pytest
from redis import Redis

from e2e.endpoints import RESPONSES
from e2e.kept import UNDER_WAY, begin, look, replay
from e2e.probe import QUOTA, Probe, at_once, timed
from grokgate.upstream import Secret
from services.redis_world import frozen
from services.replica_world import (
    FOLLOWED_S,
    Pair,
    Replicas,
    chats,
    film,
    forget_the_dead,
    knows,
    look_at_film,
    operating,
    paired,
)
from services.valkey import ValkeyServer, own_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

TOLD_S, BACK_S = 1.5, 5.0
"""P10."""
LASTING = "@sim delay_ms=20000\nwaves"
ENDLESS = "@sim tokens=300 delay_ms=100"


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
    """Two replicas, and an operator who is logged in to the first."""
    folder = tmp_path_factory.mktemp("replicas")
    environ = {"STORAGE__MEDIA_URL": str(folder / "media")}
    with empty_postgres() as database:
        async with paired(Replicas(folder, database, valkey.url, environ)) as pair:
            yield pair


def statuses(replies: list[httpx.Response]) -> dict[int, int]:
    found = [reply.status_code for reply in replies]
    return {status: found.count(status) for status in set(found)}


async def as_client(replica: Probe, key: str) -> httpx.Response:
    """Ask with a key of the operator's making."""
    body = {"model": "grok-4-fast", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {key}"}
    return await replica.http.post("/v1/chat/completions", json=body, headers=headers)


async def make_key(pair: Pair, **terms: object) -> tuple[str, str]:
    """Return id and text of a new key."""
    reply = await pair.operator.post("/keys", json={"name": "n", **terms})
    made = reply.json()["data"]
    return made["id"], made["key"]


# One gateway


async def test_quota_is_never_oversold(pair: Pair) -> None:
    await pair.fill(20, 20)

    replies = await chats(pair.both, 200)
    for replica in pair.both:
        await replica.becomes(429, lambda replica=replica: _status(replica), within_s=10)

    assert statuses(replies).get(200, 0) <= 40
    assert len(pair.one.calls()) == 40
    for replica in pair.both:
        await replica.becomes(0, replica.quota)
        await replica.idle(2)


async def test_daily_limit_of_a_key_holds_over_both(pair: Pair) -> None:
    await pair.fill(QUOTA)
    _, key = await make_key(pair, limits={"chat_per_day": 10})
    await pair.two.becomes(200, lambda: _answer_to(pair.two, key), within_s=FOLLOWED_S)

    replies = await at_once(30, lambda number: as_client(pair.both[number % 2], key))

    assert [reply.status_code for reply in replies].count(200) == 9  # and one before
    assert {reply.status_code for reply in replies} == {200, 429}


async def test_revoked_key_is_refused_everywhere(pair: Pair) -> None:
    await pair.fill(QUOTA)
    key_id, key = await make_key(pair)
    await pair.two.becomes(200, lambda: _answer_to(pair.two, key), within_s=FOLLOWED_S)

    await pair.operator.post("/keys/delete", json={"key": key_id})

    await pair.two.becomes(401, lambda: _answer_to(pair.two, key), within_s=FOLLOWED_S)


async def test_switch_is_followed(pair: Pair) -> None:
    await pair.fill(QUOTA)

    for turned, expected in ((False, 404), (True, 200)):
        await pair.operator.post("/downstream", json={"enable_chat_completions": turned})
        await pair.two.becomes(expected, lambda: _status(pair.two), within_s=FOLLOWED_S)


async def test_settings_that_were_read_at_one_are_saved_at_the_other(pair: Pair) -> None:
    async def tag(operator: httpx.AsyncClient) -> str:
        return (await operator.get("/config/schema")).headers["etag"]

    before = await tag(pair.operator)
    await pair.operator.post("/config", json={"grok": {"timeout": 90}})
    seen = await tag(pair.operator)
    async with operating(pair.two) as other:
        await pair.two.becomes(seen, lambda: tag(other), within_s=FOLLOWED_S)
        late = await other.post("/config", json={"grok": {}}, headers={"if-match": before})
        saved = await other.post(
            "/config", json={"grok": {"timeout": 80}}, headers={"if-match": seen}
        )

    assert (late.status_code, saved.status_code) == (409, 200)


async def test_login_holds_everywhere_and_ends_everywhere(pair: Pair) -> None:
    async with operating(pair.two) as other:
        base = str(pair.one.service.base) + "/api/v1/admin"
        headers = other.headers
        await pair.one.becomes(
            200, lambda: _seen(pair.one, f"{base}/storage", headers), within_s=FOLLOWED_S
        )
        await other.post("/logout")

        await pair.one.becomes(
            401, lambda: _seen(pair.one, f"{base}/storage", headers), within_s=FOLLOWED_S
        )


async def test_storage_tells_what_is_shared(pair: Pair) -> None:
    assert (await pair.operator.get("/storage")).json() == {"type": "pgsql", "redis": True}


# Jobs


async def test_video_is_watched_and_fetched_elsewhere(pair: Pair) -> None:
    await pair.fill(QUOTA)
    path = await film(pair.one, "@sim delay_ms=500\nwaves")
    seen = set()

    async def shown() -> str:
        seen.add(status := await look_at_film(pair.two, path))
        return status

    await pair.two.becomes("completed", shown, within_s=10)
    contents = [(await replica.http.get(f"{path}/content")).content for replica in pair.both]

    assert "in_progress" in seen <= {"queued", "in_progress", "completed"}
    assert contents[0] == contents[1] != b""


async def test_video_deleted_elsewhere_is_given_up(pair: Pair) -> None:
    await pair.fill(QUOTA)
    path = await film(pair.one, LASTING)
    await pair.one.until(lambda: len(pair.one.calls("waves")) == 1, 5)

    deleted = await pair.two.http.delete(path)

    assert deleted.status_code == 200
    assert pair.one.sandbox.journal.inflight() == 0
    assert [(await replica.http.get(path)).status_code for replica in pair.both] == [404, 404]
    await pair.one.idle(2)


async def test_response_is_watched_and_cancelled_elsewhere(pair: Pair) -> None:
    await pair.fill(QUOTA)
    response_id = await begin(pair.one, ENDLESS)
    await pair.two.becomes("in_progress", lambda: _made(pair.two, response_id), within_s=5)

    reply = await pair.two.http.post(f"{RESPONSES.path}/{response_id}/cancel")

    assert (reply.status_code, reply.json()["status"]) == (200, "cancelled")
    assert pair.one.sandbox.journal.inflight() == 0
    assert await look(pair.one, response_id) == await look(pair.two, response_id) == reply.json()
    await pair.one.idle(2)
    await pair.one.becomes(1, pair.one.used)


async def test_response_is_streamed_elsewhere(pair: Pair) -> None:
    await pair.fill(QUOTA)
    response_id = await begin(pair.one, "@sim tokens=20 delay_ms=100")
    path = f"{RESPONSES.path}/{response_id}"
    early, told = b"", b""

    async with pair.two.http.stream("GET", path, params={"stream": "true"}) as reply:
        async for piece in reply.aiter_raw():
            told += piece
            early = told if pair.one.asking() else early

    assert b"output_text.delta" in early != told
    assert RESPONSES.hear(told) == await replay(pair.one, response_id)


async def test_jobs_of_a_killed_replica_fail_when_it_is_known_to_be_dead(
    pair: Pair, valkey: ValkeyServer
) -> None:
    (token,) = await pair.fill(QUOTA)
    async with pair.replicas.run("three") as three:
        await knows(three, [token])
        path, response_id = await film(three, LASTING), await begin(three, ENDLESS)
        await three.until(lambda: three.asking() == 2, 5)
        three.service.crash()
    before = {await look_at_film(pair.two, path), await _made(pair.two, response_id)}

    forget_the_dead(valkey)

    assert before <= UNDER_WAY
    assert await look_at_film(pair.two, path) == await _made(pair.two, response_id) == "failed"
    assert len(pair.one.calls()) == pair.one.account(token).units_taken == 2


# Outages


async def test_outage_is_told_at_once_and_ends_soon(pair: Pair, valkey: ValkeyServer) -> None:
    await pair.fill(QUOTA)
    valkey.stop()
    try:
        for replica in pair.both:
            asked = [await timed(replica.chat) for _ in range(10)]
            assert {_told(reply) for _, reply in asked} == {(503, "runtime_store_unavailable")}
            assert max(seconds for seconds, _ in asked) <= TOLD_S
            assert await _probes(replica) == (200, 503)
    finally:
        await anyio.to_thread.run_sync(valkey.start)

    for replica in pair.both:
        await replica.becomes(200, lambda replica=replica: _status(replica), within_s=BACK_S)
        await replica.idle(2)


async def test_frozen_server_is_given_up(pair: Pair, valkey: ValkeyServer) -> None:
    await pair.fill(QUOTA)
    with frozen(valkey):
        seconds, reply = await timed(pair.two.chat)

    assert _told(reply) == (503, "runtime_store_unavailable")
    assert seconds <= TOLD_S
    await pair.two.becomes(200, lambda: _status(pair.two), within_s=BACK_S)
    await pair.two.idle(2)


async def test_streams_outlive_an_outage_and_are_settled_once(
    pair: Pair, valkey: ValkeyServer
) -> None:
    await pair.fill(QUOTA)
    answers: list[str] = []

    async def read() -> None:
        answers.append((await pair.one.read("@sim tokens=20 delay_ms=100")).text)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(read)
        await pair.one.until(lambda: pair.one.asking() == 3, 5)
        valkey.stop()
        await anyio.to_thread.run_sync(valkey.start)

    assert ["[DONE]" in answer for answer in answers] == [True] * 3
    for replica in pair.both:
        await replica.becomes(QUOTA - 3, replica.quota, within_s=BACK_S)
        await replica.idle(BACK_S)


async def test_flushed_server_learns_all_again(pair: Pair, valkey: ValkeyServer) -> None:
    await pair.fill(10)
    assert statuses(await chats(pair.both, 4)) == {200: 4}

    with Redis.from_url(valkey.url) as client:
        client.flushall()
    await pair.two.becomes(200, lambda: _status(pair.two), within_s=BACK_S)

    await chats(pair.both, 20)
    assert len(pair.one.calls()) == 10


# Parts


async def _answer_to(replica: Probe, key: str) -> int:
    return (await as_client(replica, key)).status_code


async def _made(replica: Probe, response_id: str) -> str:
    return str((await look(replica, response_id))["status"])


async def _status(replica: Probe) -> int:
    return (await replica.chat()).status_code


async def _seen(replica: Probe, url: str, headers: httpx.Headers) -> int:
    return (await replica.http.get(url, headers=headers)).status_code


async def _probes(replica: Probe) -> tuple[int, int]:
    asked = [await replica.http.get(path) for path in ("/health", "/ready")]
    return asked[0].status_code, asked[1].status_code


def _told(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]
