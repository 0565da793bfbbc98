import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from grokgate.errors import StateError
from grokgate.storage import Database, migrate, open_database
from grokgate.storage.meta import read_fact
from grokgate.storage.migrate import HEAD, read_revision


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grokgate.db"


def _make(path: Path) -> None:
    anyio.run(_open, path)


async def _open(path: Path) -> None:
    async with open_database(path, busy_timeout_ms=50):
        pass


def _schema(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type || ' ' || name, sql FROM sqlite_master").fetchall()
    return {name: " ".join((sql or "").split()) for name, sql in rows}


async def _migrate(path: Path) -> None:
    """Run every step of alembic on an empty file, as from a database before the first one."""
    database = Database(path)
    async with database.write() as connection:
        await connection.run_sync(migrate._upgrade)
    await database.aclose()


def test_head_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "grokgate.storage:migrations")
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_fresh_database_has_the_schema_of_the_migrations(path: Path, tmp_path: Path) -> None:
    _make(path)
    anyio.run(_migrate, tmp_path / "migrated.db")

    assert _schema(path) == _schema(tmp_path / "migrated.db")


def test_fresh_database_is_marked_with_head(path: Path) -> None:
    assert read_revision(path) is None
    _make(path)

    assert read_revision(path) == HEAD


def test_empty_file_counts_as_fresh(path: Path) -> None:
    path.touch()
    _make(path)

    assert read_revision(path) == HEAD


def test_newer_database_stops_the_start_untouched(path: Path) -> None:
    _make(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()

    with pytest.raises(StateError, match=r"grokgate\.db.*newer"):
        _make(path)
    assert path.read_bytes() == before


def test_migrations_leave_their_mark(path: Path) -> None:
    anyio.run(_migrate, path)

    assert read_revision(path) == HEAD


def test_migrating_twice_changes_nothing(path: Path) -> None:
    anyio.run(_migrate, path)
    before = _schema(path)
    anyio.run(_migrate, path)

    assert _schema(path) == before


def test_locked_database_stops_the_start(path: Path) -> None:
    _make(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StateError, match="another program has locked it"):
            _make(path)


def test_write_ahead_log_without_its_index_is_read(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE alembic_version (version_num)")
    other.execute("INSERT INTO alembic_version VALUES ('7')")
    copy.write_bytes(path.read_bytes())
    copy.with_name("copy.db-wal").write_bytes(path.with_name(f"{path.name}-wal").read_bytes())
    other.close()

    assert read_revision(copy) == "7"


def test_database_of_another_program_is_refused_untouched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()

    with pytest.raises(StateError, match="another program"):
        _make(path)
    assert path.read_bytes() == before


def test_missing_mark_is_damage(path: Path) -> None:
    _make(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")

    with pytest.raises(StateError, match="no schema mark"):
        _make(path)


@pytest.mark.parametrize(("start", "length"), [(0, 1024), (0, 16), (21, 3), (100, 1000)], ids=str)
def test_overwritten_header_stops_the_start_untouched(path: Path, start: int, length: int) -> None:
    _make(path)
    content = bytearray(path.read_bytes())
    content[start : start + length] = b"\xa5" * length
    path.write_bytes(content)

    with pytest.raises(StateError, match=r"grokgate\.db cannot be read"):
        _make(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("length", [1, 50, 99, 100, 2000])
def test_cut_file_stops_the_start_untouched(path: Path, length: int) -> None:
    _make(path)
    path.write_bytes(cut := path.read_bytes()[:length])

    with pytest.raises(StateError):
        _make(path)
    assert path.read_bytes() == cut


def test_text_file_in_its_place_is_refused(path: Path) -> None:
    path.write_text("[app]\n" * 100)

    with pytest.raises(StateError, match="not that of a SQLite database"):
        _make(path)


def test_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()

    with pytest.raises(StateError, match="cannot be read"):
        _make(path)


def test_missing_data_folder_is_refused(path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        _make(path.parent / "nowhere" / "grokgate.db")


@pytest.mark.anyio
async def test_start_waits_for_a_locked_database(path: Path) -> None:
    async with open_database(path):
        pass
    waits: list[None] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        def let_go(_reason: str) -> None:
            waits.append(None)
            if other.in_transaction:
                other.execute("ROLLBACK")

        async with (
            open_database(
                path, busy_timeout_ms=10, wait_s=30, interval_s=0.01, waiting=let_go
            ) as database,
            database.read() as connection,
        ):
            found = await read_fact(connection, "nothing")

    assert found is None
    assert waits
