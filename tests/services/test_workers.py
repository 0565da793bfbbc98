"""Two workers of one start are one gateway in one data folder (F-ENV-02, F20)."""

import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.probe import QUOTA, Probe, at_once, probe
from grokgate import control
from grokgate.storage import hold_folder
from grokgate.storage.seats import LOCKS
from grokgate.telemetry.families import Family
from grokgate.upstream import Secret
from service import service
from services.replica_world import FOLLOWED_S, PASSWORD, operating

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

REPLACED_S = 10.0
"""F20 says 2 s, on a machine that does nothing else."""
SEATS = (1, 2)
SLOW = "@sim tokens=10 delay_ms=80"
"""The prompt of an answer that takes 0.8 s."""
Variables = Mapping[str, str]


@pytest.fixture(scope="module")
def variables(empty_postgres: Callable[[], AbstractContextManager[Secret]], valkey_url: str) -> Any:
    """What two workers need."""
    with empty_postgres() as database:
        yield {
            "SERVER_WORKERS": "2",
            "SERVER_STORAGE_TYPE": "pgsql",
            "SERVER_STORAGE_URL": database.reveal(),
            "SERVER_REDIS_URL": valkey_url,
        }


@pytest.fixture(scope="module")
async def workers(
    tmp_path_factory: pytest.TempPathFactory, variables: Variables
) -> AsyncIterator[Probe]:
    """A gateway of two workers that both serve."""
    folder = tmp_path_factory.mktemp("workers")
    settings = {"APP__APP_KEY": PASSWORD, "SERVER__SHUTDOWN_GRACE_SEC": "10"}
    async with probe(folder, settings, variables=variables) as gateway:
        yield gateway


async def asked(gateway: Probe, seat: int, name: str, **arguments: str) -> Any:
    """Ask one worker, as the other one does."""
    path = gateway.service.data_dir / LOCKS / f"worker-{seat}.sock"
    return await control.ask_at(path, name, arguments)


async def seen(gateway: Probe, seat: int, name: str) -> float:
    """Return the sum of what one worker shows as a metric."""
    families = msgspec.convert(await asked(gateway, seat, "metrics"), list[Family])
    found = next(family for family in families if family.name == f"grokgate_{name}")
    return sum(sample.value for sample in found.samples)


async def fill(gateway: Probe, *quotas: int) -> None:
    """Replace all accounts; returns when both workers know the new ones, and those alone."""
    ids = [row["id"] for row in (await gateway.rows()).values()]
    if ids:
        await control.ask(gateway.service.data_dir, "tokens.remove", {"ids": ids})
        await have(gateway, 0)
    await gateway.fill(*quotas)
    await have(gateway, len(quotas))


async def have(gateway: Probe, count: int) -> None:
    """Wait until each worker has so many accounts."""
    for seat in SEATS:
        await gateway.becomes(
            count, lambda seat=seat: seen(gateway, seat, "tokens"), within_s=FOLLOWED_S
        )


async def shown(gateway: Probe, name: str) -> dict[str, float]:
    """Return the sum of a metric of ``/metrics`` by worker; the key is empty without this label."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(await gateway.metrics()):
        for sample in family.samples:
            if sample.name == f"grokgate_{name}":
                worker = sample.labels.get("worker", "")
                found[worker] = found.get(worker, 0) + sample.value
    return found


async def status(gateway: Probe, **more: Any) -> int:
    return (await gateway.chat(**more)).status_code


async def statuses(gateway: Probe) -> set[int]:
    """Return what so many are told that both workers are among those who tell it."""
    return set(await at_once(12, lambda _: status(gateway)))


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def refused(folder: Path, variables: Variables) -> str:
    """Start where a start has to be refused; returns what it says."""
    with service(folder, environ=variables, wait=False) as running:
        assert running.process.wait(60) != 0
        running.close()
    return running.text


# One gateway


async def test_both_serve_and_their_numbers_stand_beside_each_other(workers: Probe) -> None:
    await fill(workers, QUOTA)
    before = await shown(workers, "upstream_attempts_total")

    replies = await at_once(40, lambda _: workers.chat())

    assert {reply.status_code for reply in replies} == {200}
    after = await shown(workers, "upstream_attempts_total")
    more = {seat: after[seat] - before.get(seat, 0) for seat in after}
    assert sorted(more) == ["1", "2"]
    assert min(more.values()) > 0
    assert sum(more.values()) == 40
    assert await shown(workers, "workers") == {"": 2}


async def test_quota_is_never_oversold(workers: Probe) -> None:
    await fill(workers, 10)

    replies = await at_once(40, lambda _: status(workers))

    assert replies.count(200) == 10
    assert len(workers.calls()) == 10


async def test_switch_is_followed_by_both(workers: Probe) -> None:
    await fill(workers, QUOTA)
    async with operating(workers) as operator:
        for turned, expected in ((False, 404), (True, 200)):
            await operator.post("/downstream", json={"enable_chat_completions": turned})

            await workers.becomes({expected}, lambda: statuses(workers), within_s=FOLLOWED_S)


async def test_key_stays_as_it_was_announced(workers: Probe) -> None:
    await fill(workers, QUOTA)
    async with httpx.AsyncClient(base_url=workers.service.base, trust_env=False) as http:
        found = [
            (await http.get("/v1/models", headers=workers.service.headers)).status_code
            for _ in range(8)
        ]

    assert workers.service.text.count("Ready") == 1
    assert set(found) == {200}


async def test_every_request_is_explained_whoever_served_it(workers: Probe) -> None:
    await fill(workers, QUOTA)
    replies = await at_once(12, lambda _: workers.chat())
    ids = [reply.headers["x-request-id"] for reply in replies]

    served = [len((await asked(workers, 1, "request", request_id=id_))["calls"]) for id_ in ids]
    told = [
        await control.ask(workers.service.data_dir, "explain.request", {"request_id": id_})
        for id_ in ids
    ]

    assert set(served) == {0, 1}
    assert [len(story["calls"]) for story in told] == [1] * 12


async def test_log_has_the_lines_of_both(workers: Probe) -> None:
    await fill(workers, QUOTA)
    ids = {(await workers.chat()).headers["x-request-id"] for _ in range(12)}

    async with operating(workers) as operator:
        await workers.becomes(ids, lambda: logged(operator, ids))
        lines = (await operator.get("/logs/tail", params={"lines": 5000})).json()["lines"]

    assert {seat for line in lines for seat in re.findall(r" worker=(\d)", line)} == {"1", "2"}


async def logged(operator: httpx.AsyncClient, ids: set[str]) -> set[str]:
    """Return those of *ids* that stand in the newest log file."""
    text = (await operator.get("/logs/tail")).text
    return {id_ for id_ in ids if id_ in text}


async def test_first_page_counts_the_requests_of_both(workers: Probe) -> None:
    await fill(workers, QUOTA, QUOTA, QUOTA)
    async with operating(workers) as operator, anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(workers.chat, SLOW)
        await workers.until(lambda: workers.asking() == 6, 5)
        live = (await operator.get("/overview")).json()["live"]

    assert (live["inflight"], live["leases_open"]) == (6, 6)


# Ends


async def test_killed_worker_is_replaced_while_the_other_serves(workers: Probe) -> None:
    await fill(workers, QUOTA)
    command, *before = workers.service.pids
    answered: list[int] = []
    async with anyio.create_task_group() as group:
        group.start_soon(keep_asking, workers, answered)
        os.kill(before[0], signal.SIGKILL)

        await workers.becomes((1, 2), lambda: counted(workers), within_s=REPLACED_S)
        group.cancel_scope.cancel()

    assert set(answered) == {200}
    after = workers.service.pids
    assert after[0] == command
    assert len({*before, *after[1:]}) == 3
    await fill(workers, 3)


async def counted(gateway: Probe) -> tuple[float, float] | None:
    """Return how many workers were replaced, and how many there are."""
    with suppress(httpx.TransportError):
        restarts = await shown(gateway, "worker_restarts_total")
        return restarts[""], (await shown(gateway, "workers"))[""]
    return None


async def keep_asking(gateway: Probe, answered: list[int]) -> None:
    """Ask all the time; what a killed process breaks off is nobody's answer."""
    while True:
        with suppress(httpx.TransportError):
            answered.append(await status(gateway))


async def test_one_process_in_the_folder_is_refused(workers: Probe, variables: Variables) -> None:
    alone = {**variables, "SERVER_WORKERS": "1"}

    said = await anyio.to_thread.run_sync(refused, workers.service.folder, alone)

    assert f"in use by another process (id {workers.service.process.pid})" in said


async def test_folder_of_one_process_is_refused(tmp_path: Path, variables: Variables) -> None:
    with hold_folder(tmp_path / "data"):
        said = await anyio.to_thread.run_sync(refused, tmp_path, variables)

    assert f"in use by another process (id {os.getpid()})" in said


async def test_without_redis_the_start_is_refused(tmp_path: Path, variables: Variables) -> None:
    alone = {**variables, "SERVER_REDIS_URL": ""}

    said = await anyio.to_thread.run_sync(refused, tmp_path, alone)

    assert "SERVER_REDIS_URL too, or SERVER_WORKERS=1" in said


async def test_stop_ends_all_and_their_answers(workers: Probe) -> None:
    """The last one of this file."""
    await fill(workers, QUOTA, QUOTA, QUOTA)
    processes, answers = workers.service.pids, []

    async def ask() -> None:
        answers.append(await workers.read(SLOW))

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(ask)
        await workers.until(lambda: workers.asking() == 6, 5)
        code = await workers.stop()

    assert code == 0
    assert not [pid for pid in processes if is_there(pid)]
    assert {(answer.status, answer.text.count("data: [DONE]")) for answer in answers} == {(200, 1)}
