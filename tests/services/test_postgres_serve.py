"""The gateway on PostgreSQL: what it acknowledged survives, and an outage of the server is short.

A plain request does not wait for the database (architecture section 11); what has to be stored is
refused with words until the server is back (F27).
"""

import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import anyio
import anyio.to_thread
import asyncpg
import pytest
from structlog.testing import CapturingLogger

from e2e.probe import QUOTA, Probe, probe
from grokgate import control
from grokgate.doctor import Folder, look_at_folder
from grokgate.errors import StateError
from grokgate.offline import opened
from grokgate.operations import OperationFailed
from grokgate.sandbox import Sandbox
from grokgate.upstream import Secret
from services.conftest import PostgresServer
from services.takeover import taken_over

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

BACK_S = 5.0
"""From the moment the server takes connections again (F27)."""
NOTICED_S = 3.0


Empty = Callable[[], AbstractContextManager[Secret]]


def settings(address: Secret) -> dict[str, str]:
    return {"STORAGE__TYPE": "pgsql", "STORAGE__URL": address.reveal()}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def address(empty_postgres: Empty) -> Iterator[Secret]:
    """Of a database of the test's own, without any table."""
    with empty_postgres() as address:
        yield address


@pytest.fixture(scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, address: Secret
) -> AsyncIterator[Probe]:
    """A gateway for both outages."""
    async with probe(tmp_path_factory.mktemp("gateway"), settings(address)) as running:
        await running.fill(QUOTA)
        yield running


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, empty_postgres: Empty) -> None:
    with empty_postgres() as address:
        await _survives_a_kill(tmp_path, address)


async def _survives_a_kill(folder: Path, address: Secret) -> None:
    world = Sandbox(accounts=())
    async with probe(folder, settings(address), sandbox=world) as gateway:
        (token,) = await gateway.add(QUOTA)
        made = await control.ask(gateway.service.data_dir, "keys.create", {"name": "laptop"})
        assert (await gateway.chat()).status_code == 200
        gateway.service.crash()

    async with probe(folder, settings(address), sandbox=world) as gateway:
        headers = {"authorization": f"Bearer {made['key']}"}
        models = await gateway.http.get("/v1/models", headers=headers)
        assert (models.status_code, [*await gateway.rows()]) == (200, [token[-6:]])
        assert (await gateway.chat()).status_code == 200
    assert not [*(folder / "data").rglob("*.db*")]


async def test_commands_work_while_nothing_runs(tmp_path: Path, empty_postgres: Empty) -> None:
    log, text = CapturingLogger(), {"text": "credential-of-a-command-000001"}
    with empty_postgres() as address:
        environ = {f"GROKGATE__{name}": value for name, value in settings(address).items()}
        with pytest.raises(StateError, match="Nothing is stored"):
            async with opened(tmp_path, environ, create=False, log=log):
                pass
        async with opened(tmp_path, environ, create=True, log=log) as operations:
            await operations.run("tokens.import", text)
        async with opened(tmp_path, environ, create=False, log=log) as operations:
            (row,) = await operations.run("tokens.list", {})
        key = tmp_path / "secret.key"
        folder = Folder(path=tmp_path, database=address, key_file=key, env_key=False, media_url="")
        found = await anyio.to_thread.run_sync(lambda: [*look_at_folder(folder)])

    assert row["masked"] == "…000001"
    assert [finding.code for finding in found if finding.code.startswith(("key", "data"))] == [
        *("key", "database_server"),
    ]


async def create_key(gateway: Probe) -> str:
    """Return whether a key was stored, in the gateway's words."""
    try:
        await control.ask(gateway.service.data_dir, "keys.create", {})
    except OperationFailed as error:
        return str(error)
    return "done"


async def test_restart_of_the_server_delays_writes_and_nothing_else(
    gateway: Probe, postgres_server: PostgresServer, address: Secret
) -> None:
    await anyio.to_thread.run_sync(postgres_server.stop)
    try:
        for _ in range(3):
            began = time.monotonic()
            assert "storage does not answer" in await create_key(gateway)
            assert (await gateway.chat()).status_code == 200
            assert time.monotonic() - began < 1.5
    finally:
        await anyio.to_thread.run_sync(postgres_server.start)

    await gateway.becomes("done", lambda: create_key(gateway), within_s=BACK_S)
    await gateway.becomes(3, lambda: stored_uses(address), within_s=15)


async def stored_uses(address: Secret) -> int:
    connection = await asyncpg.connect(address.reveal())
    try:
        return int(await connection.fetchval("SELECT sum(use_count) FROM token_states"))
    finally:
        await connection.close()


def send(number: int, pids: Iterable[int]) -> None:
    """Send a signal to processes; some come and go by themselves."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def test_frozen_server_is_given_up_and_taken_back(
    gateway: Probe, postgres_server: PostgresServer
) -> None:
    pids = processes_of(postgres_server)
    try:
        send(signal.SIGSTOP, pids)
        began = time.monotonic()
        assert "storage does not answer" in await create_key(gateway)
        seconds = time.monotonic() - began
        assert (await gateway.chat()).status_code == 200
    finally:
        send(signal.SIGCONT, pids)

    assert seconds < 4
    await gateway.becomes("done", lambda: create_key(gateway), within_s=BACK_S)


async def test_service_stops_when_another_process_took_its_data(
    gateway: Probe, address: Secret
) -> None:
    async with taken_over(address):
        await anyio.to_thread.run_sync(gateway.service.wait_for, "database_taken_over")
        await anyio.to_thread.run_sync(lambda: gateway.service.process.wait(20))


def processes_of(server: PostgresServer) -> list[int]:
    first = server.process.pid
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *map(int, children)]
