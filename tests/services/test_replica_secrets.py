"""A new secret key over replicas: each is given it, then one has it used."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import anyio.to_thread
import pytest

from e2e.probe import Probe
from grokgate import control
from grokgate.operations import OperationFailed
from grokgate.upstream import Secret
from grokgate.vault import Vault
from services.replica_world import Replicas, knows
from services.valkey import ValkeyServer, own_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture(scope="module")
async def both(
    tmp_path_factory: pytest.TempPathFactory,
    empty_postgres: Callable[[], AbstractContextManager[Secret]],
    valkey: ValkeyServer,
) -> AsyncIterator[tuple[Probe, Probe]]:
    with empty_postgres() as database:
        replicas = Replicas(tmp_path_factory.mktemp("replicas"), database, valkey.url)
        async with replicas.run("one") as one, replicas.run("two") as two:
            yield one, two


def key_file(replica: Probe) -> Path:
    return replica.service.data_dir / "secret.key"


async def readiness(replica: Probe) -> int:
    return (await replica.http.get("/ready")).status_code


async def test_one_replica_alone_does_not_make_a_key(both: tuple[Probe, Probe]) -> None:
    one, _ = both
    before = key_file(one).read_bytes()

    with pytest.raises(OperationFailed, match=r"Append one to the key file .* of each"):
        await control.ask(one.service.data_dir, "secrets.rotate", {})
    assert key_file(one).read_bytes() == before


async def test_replica_that_lacks_the_key_is_not_ready_until_it_has_it(
    both: tuple[Probe, Probe],
) -> None:
    one, two = both
    await one.fill(10)
    Vault.open(key_file(one), None).add_key()
    await control.ask(one.service.data_dir, "secrets.rotate", {"resume": True})
    await two.becomes(503, lambda: readiness(two), within_s=5)
    assert await readiness(one) == 200
    await anyio.to_thread.run_sync(two.service.wait_for, "secret_key_missing")

    key_file(two).write_bytes(key_file(one).read_bytes())

    await two.becomes(200, lambda: readiness(two), within_s=5)
    tokens = await one.fill(10)
    await knows(two, tokens)
    assert (await two.chat()).status_code == 200
