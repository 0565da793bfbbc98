"""A data folder as one archive, and a data folder made from it."""

import signal
import sqlite3
import sys
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from structlog.testing import CapturingLogger

from grokgate import registry
from grokgate.backup import make_backup, restore_backup
from grokgate.clock import SystemClock
from grokgate.errors import StartupError, StateError
from grokgate.rotation import Rotation
from grokgate.scheduler.cost import CostTable
from grokgate.settings import read_boot, setting_keys
from grokgate.stores import database_place, open_stores

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CONFIG = '[app]\napi_key = "sk-of-the-settings-0123"\n'
PASSPHRASE = "correct horse battery"


DYING = """
import os, signal, sys
from pathlib import Path
from grokgate.backup import restore_backup

step, archive, folder, passphrase = sys.argv[1:]
renamed = 0

def die(event, arguments):
    global renamed
    renamed += event == "os.rename"
    if event == "os.rename" and renamed == int(step):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
restore_backup(
    Path(archive),
    Path(folder),
    env_key=None,
    passphrase=passphrase,
    locate=lambda settled: settled / "grokgate.db",
)
"""
"""Restores, and dies before it renames a file for the so-and-so-many-th time."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar.gz"


def stores(folder: Path, log: Any) -> Any:
    plugins = registry.load(
        registry.installed(enabled=(), disabled=()),
        setting_keys=setting_keys,
        check_rules=CostTable,
        log=log,
    )
    specs = plugins.upstreams
    return open_stores(read_boot(folder, {}), {}, specs=specs, clock=SystemClock(), log=log)


@pytest.fixture
def log() -> CapturingLogger:
    return CapturingLogger()


async def fill(folder: Path, log: Any) -> str:
    """Make a folder with an account; returns the text of a key."""
    async with stores(folder, log) as opened:
        await opened.tokens.import_text("eyJhbGciOi-account-1")
        _, key = await opened.keys.create("phone")
        (folder / "config.toml").write_text(CONFIG)
        return str(key)


def put(path: Path, content: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)


def text(path: Path) -> str:
    return path.read_text()


def mode(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


def restore_in_part(archive: Path, folder: Path, step: int) -> None:
    words = [sys.executable, "-c", DYING, str(step), str(archive), str(folder), PASSPHRASE]
    assert run(words, check=False).returncode == -signal.SIGKILL


async def rotate(folder: Path, log: Any) -> None:
    async def nobody(_: Any) -> None:
        pass

    async with stores(folder, log) as opened:
        await Rotation(opened.database, opened.vault).rotate(nobody)


def backup(folder: Path, archive: Path, passphrase: str | None = None) -> None:
    database = database_place(read_boot(folder, {}))
    make_backup(folder, database, archive, env_key=None, passphrase=passphrase, now=NOW)


def restore(archive: Path, folder: Path, passphrase: str | None = None) -> None:
    restore_backup(
        archive,
        folder,
        env_key=None,
        passphrase=passphrase,
        locate=lambda settled: database_place(read_boot(settled, {})),
    )


async def test_restored_folder_has_accounts_keys_and_settings(
    folder: Path, archive: Path, tmp_path: Path, log: Any
) -> None:
    key = await fill(folder, log)
    backup(folder, archive, PASSPHRASE)

    restore(archive, tmp_path / "new", PASSPHRASE)

    async with stores(tmp_path / "new", log) as opened:
        (record,) = opened.tokens.records.values()
        assert record.credential.reveal() == "eyJhbGciOi-account-1"
        assert opened.keys.find(key).name == "phone"
    assert (tmp_path / "new" / "config.toml").read_text() == CONFIG


async def test_backup_of_a_running_service_is_whole(
    folder: Path, archive: Path, tmp_path: Path, log: Any
) -> None:
    async with stores(folder, log) as opened:
        await opened.tokens.import_text("eyJhbGciOi-account-1")

        backup(folder, archive, PASSPHRASE)

    restore(archive, tmp_path / "new", PASSPHRASE)
    async with stores(tmp_path / "new", log) as opened:
        assert len(opened.tokens.records) == 1


async def test_nothing_in_the_archive_is_readable(folder: Path, archive: Path, log: Any) -> None:
    key = await fill(folder, log)
    secret = (folder / "secret.key").read_bytes().strip()
    backup(folder, archive, PASSPHRASE)

    with tarfile.open(archive) as packed:
        content = b"".join(
            file.read() for entry in packed if (file := packed.extractfile(entry)) is not None
        )

    assert mode(archive) == 0o600
    for secret_text in (b"eyJhbGciOi-account-1", key.encode(), secret, b"sk-of-the-settings"):
        assert secret_text not in content


async def test_without_passphrase_the_key_must_be_there(
    folder: Path, archive: Path, tmp_path: Path, log: Any
) -> None:
    await fill(folder, log)
    backup(folder, archive)
    new = tmp_path / "new"

    with pytest.raises(StartupError, match="key is missing"):
        restore(archive, new)
    assert not (new / "grokgate.db").exists()

    (new / "secret.key").write_bytes((folder / "secret.key").read_bytes())
    restore(archive, new)
    async with stores(new, log) as opened:
        assert len(opened.tokens.records) == 1


async def test_wrong_passphrase_leaves_the_folder_empty(
    folder: Path, archive: Path, tmp_path: Path, log: Any
) -> None:
    await fill(folder, log)
    backup(folder, archive, PASSPHRASE)

    with pytest.raises(StartupError, match="passphrase is wrong"):
        restore(archive, tmp_path / "new", "another passphrase")

    assert not (tmp_path / "new" / "grokgate.db").exists()
    assert not (tmp_path / "new" / "secret.key").exists()


async def test_folder_with_a_database_is_left_alone(folder: Path, archive: Path, log: Any) -> None:
    await fill(folder, log)
    backup(folder, archive)

    with pytest.raises(StateError, match="There is a database"):
        restore(archive, folder)


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
async def test_log_of_another_database_is_not_played_into_the_restored_one(
    folder: Path, archive: Path, log: Any, suffix: str
) -> None:
    await fill(folder, log)
    backup(folder, archive)
    (folder / "grokgate.db").rename(folder / "old.db")
    (folder / f"grokgate.db{suffix}").write_bytes(b"of the old one")

    with pytest.raises(StateError, match=f"grokgate.db{suffix}"):
        restore(archive, folder)


async def test_other_settings_are_left_alone(
    folder: Path, archive: Path, tmp_path: Path, log: Any
) -> None:
    await fill(folder, log)
    backup(folder, archive, PASSPHRASE)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "config.toml").write_text("mine = 1\n")

    with pytest.raises(StateError, match="other settings"):
        restore(archive, tmp_path / "new", PASSPHRASE)

    assert {path.name for path in (tmp_path / "new").iterdir()} == {".locks", "config.toml"}


async def test_key_that_is_older_than_the_backup_is_refused(
    folder: Path, archive: Path, tmp_path: Path, log: Any
) -> None:
    await fill(folder, log)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "secret.key").write_bytes((folder / "secret.key").read_bytes())
    await rotate(folder, log)
    backup(folder, archive)

    with pytest.raises(StateError, match="older"):
        restore(archive, tmp_path / "new")

    assert not (tmp_path / "new" / "grokgate.db").exists()


async def test_key_file_with_later_keys_stays(folder: Path, archive: Path, log: Any) -> None:
    await fill(folder, log)
    backup(folder, archive, PASSPHRASE)
    await rotate(folder, log)
    later = (folder / "secret.key").read_bytes()
    (folder / "grokgate.db").unlink()

    restore(archive, folder)

    assert (folder / "secret.key").read_bytes() == later
    async with stores(folder, log) as opened:
        assert len(opened.tokens.records) == 1


async def test_database_is_restored_to_where_the_settings_say(
    folder: Path, archive: Path, tmp_path: Path, log: Any
) -> None:
    put(folder / "config.toml", f'[storage]\nurl = "{tmp_path}/elsewhere.db"\n')
    async with stores(folder, log) as opened:
        await opened.tokens.import_text("eyJhbGciOi-account-1")
    backup(folder, archive, PASSPHRASE)
    (tmp_path / "elsewhere.db").unlink()

    restore(archive, tmp_path / "new", PASSPHRASE)

    async with stores(tmp_path / "new", log) as opened:
        assert opened.database.path == tmp_path / "elsewhere.db"
        assert len(opened.tokens.records) == 1


@pytest.mark.parametrize("step", [1, 3, 4])
async def test_service_starts_on_no_half_restored_folder(
    folder: Path, archive: Path, tmp_path: Path, log: Any, step: int
) -> None:
    await fill(folder, log)
    backup(folder, archive, PASSPHRASE)
    new = tmp_path / "new"

    restore_in_part(archive, new, step)

    if step == 1:
        assert not {"secret.key", "config.toml"} & {path.name for path in new.iterdir()}
    else:
        with pytest.raises(StateError):
            async with stores(new, log):
                pass
    restore(archive, new, PASSPHRASE)
    async with stores(new, log) as opened:
        assert len(opened.tokens.records) == 1
    assert (new / "config.toml").read_text() == CONFIG
    assert not list(new.glob(".restore-*"))


async def test_database_of_an_older_program_can_be_backed_up(
    folder: Path, archive: Path, log: Any
) -> None:
    await fill(folder, log)
    with closing(sqlite3.connect(folder / "grokgate.db")) as older, older:
        older.execute("DROP TABLE admin_sessions")

    backup(folder, archive, PASSPHRASE)

    assert mode(archive) is not None


async def test_archive_with_a_changed_part_is_refused(
    folder: Path, archive: Path, tmp_path: Path, log: Any
) -> None:
    await fill(folder, log)
    backup(folder, archive, PASSPHRASE)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    with tarfile.open(archive) as packed:
        for name in packed.getnames():
            part = packed.extractfile(name)
            assert part is not None
            (unpacked / name).write_bytes(part.read())
    (unpacked / "config.toml").write_text("[app]\nallow_anonymous = true\n")
    with tarfile.open(archive, "w:gz") as packed:
        for path in sorted(unpacked.iterdir()):
            packed.add(path, arcname=path.name)

    with pytest.raises(StateError, match="damaged"):
        restore(archive, tmp_path / "new", PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"no archive at all"], ids=["empty", "text"])
def test_other_files_are_no_backup(tmp_path: Path, archive: Path, content: bytes) -> None:
    archive.write_bytes(content)

    with pytest.raises(StartupError, match="no backup"):
        restore(archive, tmp_path / "new")


async def test_existing_file_is_not_overwritten(folder: Path, archive: Path, log: Any) -> None:
    await fill(folder, log)
    put(archive, "mine")

    with pytest.raises(StartupError, match="exists already"):
        backup(folder, archive)

    assert text(archive) == "mine"


async def test_short_passphrase_is_refused(folder: Path, archive: Path, log: Any) -> None:
    await fill(folder, log)

    with pytest.raises(StartupError, match="at least 12"):
        backup(folder, archive, "short")
    assert mode(archive) is None
