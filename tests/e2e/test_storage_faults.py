"""The data folder is full or the database locked: writes say so, chat goes on, all heals (F23).

Also how soon what calls change is on disk.
"""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from e2e.conftest import Start
from e2e.probe import QUOTA, Probe, timed
from grokgate import control
from grokgate.operations import OperationFailed

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

LOCKED_S = 6.0
"""Five seconds of waiting for the lock."""
SLACK_S = 0.5
UNAVAILABLE = "grokgate: The gateway's storage does not answer.\n"


def command(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run ``grokgate`` with *arguments* and an account on its input; returns code and words."""
    done = subprocess.run(
        [sys.executable, "-m", "grokgate", *arguments],
        cwd=folder,
        input="credential-of-a-command-000001\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


# Full


@contextmanager
def limited(gateway: Probe) -> Iterator[None]:
    """Let the gateway's processes write no file beyond its first KiB."""
    limits = [(pid, resource.prlimit(pid, resource.RLIMIT_FSIZE)) for pid in gateway.service.pids]
    try:
        for pid, (_, hard) in limits:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, hard))
        yield
    finally:
        for pid, limit in limits:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


@contextmanager
def filled(gateway: Probe) -> Iterator[None]:
    """Leave no byte free beside the gateway's data."""
    ballast = gateway.service.folder / "data" / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount 8 MiB on *folder*."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


async def test_write_that_finds_no_space_says_so_and_chat_goes_on(start: Start) -> None:
    async with start() as gateway:
        await _survives(gateway, limited(gateway))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
async def test_full_disk_is_told_and_heals_alone(start: Start) -> None:
    with small_disk(start.folder / "data"):
        async with start() as gateway:
            await _survives(gateway, filled(gateway))


async def _survives(gateway: Probe, trouble: AbstractContextManager[None]) -> None:
    """Check that in *trouble* writes fail in words, chat goes on, and both are well afterwards."""
    folder = gateway.service.folder
    await gateway.fill(QUOTA)
    with trouble:
        for arguments in (("keys", "create", "laptop"), ("tokens", "import", "-")):
            code, said = await anyio.to_thread.run_sync(command, folder, *arguments)
            assert (code, said) == (1, UNAVAILABLE)
        assert (await gateway.chat()).status_code == 200

    code, _ = await anyio.to_thread.run_sync(command, folder, "keys", "create", "laptop")
    assert code == 0
    await gateway.becomes(1, lambda: _stored_uses(folder), within_s=15)


async def _stored_uses(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "data" / "grokgate.db")) as database:
        return int(database.execute("SELECT sum(use_count) FROM token_states").fetchone()[0])


# Locked


async def test_database_locked_from_outside_delays_writes_and_nothing_else(start: Start) -> None:
    async with start() as gateway:
        await gateway.fill(QUOTA)
        with closing(sqlite3.connect(start.folder / "data" / "grokgate.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as group:
                group.start_soon(_refused_in_time, gateway)
                for _ in range(5):
                    seconds, answer = await timed(gateway.chat)
                    assert (seconds < 1, answer.status_code) == (True, 200)

        await gateway.becomes(5, lambda: _stored_uses(start.folder), within_s=15)


async def _refused_in_time(gateway: Probe) -> None:
    with anyio.fail_after(LOCKED_S), pytest.raises(OperationFailed, match="storage does not"):
        await control.ask(gateway.service.data_dir, "keys.create", {})


# Durable


async def test_what_a_call_changed_is_on_disk_within_the_delay(start: Start) -> None:
    async with start({"TOKEN__SAVE_DELAY_MS": "250"}) as gateway:
        await gateway.fill(QUOTA)
        assert (await gateway.chat()).status_code == 200

        await gateway.becomes(1, lambda: _stored_uses(start.folder), within_s=0.25 + SLACK_S)


async def test_stop_writes_what_no_batch_has_written(start: Start) -> None:
    async with start({"TOKEN__SAVE_DELAY_MS": "250"}) as gateway:
        await gateway.fill(QUOTA)
        for _ in range(3):
            assert (await gateway.chat()).status_code == 200

        assert await gateway.stop() == 0
        assert await _stored_uses(start.folder) == 3
