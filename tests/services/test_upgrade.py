"""A program and a newer one, with one step more, on one PostgreSQL and one Valkey.

The newer one is this program with a step that nobody has made yet.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from structlog.testing import CapturingLogger

import grokgate
from grokgate.background import background
from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage import open_database
from grokgate.storage.migrate import HEAD, OLDEST_READER
from grokgate.upstream import Secret
from services.replica_world import Replicas, chats, knows
from services.valkey import ValkeyServer, own_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

NEXT = f"{int(HEAD) + 1:04}"
STEP = f'''
"""A step of a newer program."""
import sqlalchemy as sa
from alembic import op

revision, down_revision, oldest_reader = "{NEXT}", "{HEAD}", "OLDEST"


def upgrade() -> None:
    op.add_column("keys", sa.Column("color", sa.String))
    op.create_table("ideas", sa.Column("id", sa.String, primary_key=True))
'''
Program = Mapping[str, str]
"""Variables that have a process run it."""


def make_newer(folder: Path, *, oldest_reader: str) -> Program:
    """Make a program that knows one step more than this one."""
    package = folder / "grokgate"
    shutil.copytree(Path(grokgate.__file__).parent, package)
    storage = package / "storage"
    (storage / "migrations" / "versions" / f"v{NEXT}_newer.py").write_text(
        STEP.replace("OLDEST", oldest_reader)
    )
    text = (storage / "migrate.py").read_text()
    text = text.replace(f'HEAD: Final = "{HEAD}"', f'HEAD: Final = "{NEXT}"')
    text = text.replace(
        f'OLDEST_READER: Final = "{OLDEST_READER}"', f'OLDEST_READER: Final = "{oldest_reader}"'
    )
    (storage / "migrate.py").write_text(text)
    return {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def expanded(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A newer program beside which this one goes on."""
    return make_newer(tmp_path_factory.mktemp("expanded"), oldest_reader=HEAD)


@pytest.fixture(scope="module")
def contracted(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A newer program beside which this one cannot go on."""
    return make_newer(tmp_path_factory.mktemp("contracted"), oldest_reader=NEXT)


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture
def database(
    empty_postgres: Callable[[], AbstractContextManager[Secret]],
) -> Iterator[Secret]:
    with empty_postgres() as address:
        yield address


async def test_newer_program_serves_beside_an_older_one(
    tmp_path: Path, database: Secret, valkey: ValkeyServer, expanded: Program
) -> None:
    replicas = Replicas(tmp_path, database, valkey.url)
    async with replicas.run("older") as older:
        tokens = await older.fill(10, 10)
        async with replicas.run("newer", expanded) as newer:
            await knows(newer, tokens)
            replies = await chats([older, newer], 10)

            assert [reply.status_code for reply in replies] == [200] * 10
            assert len(await older.add(10)) == 1
        assert (await older.chat()).status_code == 200


async def test_older_program_opens_what_a_newer_one_expanded(
    database: Secret, expanded: Program
) -> None:
    async with shared(database):
        assert (await migrated(expanded, database)).returncode == 0
    async with shared(database) as again, again.write():
        pass


async def test_newer_program_waits_for_older_ones_that_could_not_go_on(
    database: Secret, contracted: Program
) -> None:
    async with shared(database) as older:
        refused = await migrated(contracted, database)
        async with older.write():
            pass

    assert "in use by another process (grokgate" in refused.stderr
    assert f"schema {HEAD}" in refused.stderr


async def test_older_program_is_refused_once_a_newer_one_contracted(
    database: Secret, contracted: Program
) -> None:
    assert (await migrated(contracted, database)).returncode == 0

    with pytest.raises(StateError, match=f"schema '{NEXT}', which this program cannot work with"):
        async with shared(database):
            pass


async def test_older_program_that_was_cut_off_meanwhile_ends(
    database: Secret, contracted: Program, administer: Callable[..., None]
) -> None:
    """It has lost its lock with the connection, so that nobody waited for it."""
    log, lost = CapturingLogger(), anyio.Event()
    cut_off = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    async with shared(database) as older:
        await anyio.to_thread.run_sync(administer, cut_off, database.reveal())
        assert (await migrated(contracted, database)).returncode == 0

        async with background(partial(older.watch, log=log, lost=lost.set), log=log):
            with anyio.fail_after(10):
                await lost.wait()
        with pytest.raises(StoreUnavailable):
            async with older.write():
                pass


shared = partial(open_database, shared=True, busy_timeout_ms=2000)

OPEN = """
import sys

import anyio
from grokgate.errors import StateError
from grokgate.storage import open_database
from grokgate.upstream import Secret


async def main():
    async with open_database(Secret(sys.argv[1]), shared=True):
        pass


try:
    anyio.run(main)
except StateError as error:
    sys.exit(str(error))
"""


async def migrated(program: Program, database: Secret) -> "subprocess.CompletedProcess[str]":
    """Have *program* open the database once."""
    run = partial(
        subprocess.run,
        [sys.executable, "-c", OPEN, database.reveal()],
        env=dict(program),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return await anyio.to_thread.run_sync(run)
