"""``grokgate backup`` and ``restore`` with PostgreSQL; an archive fits each kind of database."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from core.cli import conftest as command_line
from grokgate.errors import StateError
from grokgate.storage.copying import filled_server
from grokgate.storage.meta import write_fact
from grokgate.storage.migrate import INCOMPLETE, mark
from grokgate.upstream import Secret
from grokgate.vault import Vault
from services.filled import Contents, as_on_postgresql, fill_file, served, stored, write_to

Run = Callable[..., Any]
Empty = Callable[[], AbstractContextManager[Secret]]

LEFT_BEHIND: Contents = {"admin_sessions": [], "idempotent_replies": []}
SEALED = ("--passphrase-file", "passphrase.txt")

run = command_line.run


@pytest.fixture
def address(empty_postgres: Empty) -> Iterator[Secret]:
    """Of a database without any table."""
    with empty_postgres() as address:
        yield address


@pytest.fixture
def archive(run: Run, tmp_path: Path) -> Path:
    """A backup of a SQLite file with rows in every table."""
    (tmp_path / "passphrase.txt").write_text("correct horse battery\n")
    (tmp_path / "data").mkdir()
    fill_file(tmp_path / "data" / "grokgate.db", Vault.open(tmp_path / "data/secret.key", None))
    assert run("backup", "file.tar.gz", *SEALED).code == 0
    return tmp_path / "file.tar.gz"


@pytest.fixture
def on_server(archive: Path, address: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data folder ``new``, whose data lie on the server."""
    assert archive.exists()
    monkeypatch.setenv("DATA_DIR", "new")
    monkeypatch.setenv("SERVER_STORAGE_TYPE", "pgsql")
    monkeypatch.setenv("SERVER_STORAGE_URL", address.reveal())


def expected(tmp_path: Path) -> Contents:
    return as_on_postgresql(stored(tmp_path / "data" / "grokgate.db")) | LEFT_BEHIND


@pytest.mark.usefixtures("on_server")
def test_archives_go_from_each_database_to_the_other(
    run: Run, tmp_path: Path, address: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = run("restore", "file.tar.gz", *SEALED)
    assert (restored.code, restored.err) == (0, "")
    assert stored(address) == expected(tmp_path)

    with served(address):
        made = run("backup", "server.tar.gz", *SEALED)
    assert made == (0, "wrote server.tar.gz: grokgate.db, secret.key\n", "")
    monkeypatch.setenv("DATA_DIR", "third")
    monkeypatch.setenv("SERVER_STORAGE_TYPE", "local")
    monkeypatch.delenv("SERVER_STORAGE_URL")
    assert run("restore", "server.tar.gz", *SEALED).code == 0
    assert stored(tmp_path / "third" / "grokgate.db") == expected(tmp_path)
    assert oct((tmp_path / "third" / "grokgate.db").stat().st_mode)[-3:] == "600"


@pytest.mark.usefixtures("on_server")
def test_database_that_is_not_empty_is_left_alone(
    run: Run, tmp_path: Path, address: Secret
) -> None:
    write_to(address, lambda connection: write_fact(connection, "mine"))

    refused = run("restore", "file.tar.gz", *SEALED)

    assert (refused.code, "is not empty: it has rows in meta 1" in refused.err) == (1, True)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".locks"]
    assert stored(address)["meta"] == [("mine", b"")]


@pytest.mark.usefixtures("on_server")
def test_no_service_starts_on_what_an_interrupted_restore_left(
    run: Run, tmp_path: Path, address: Secret
) -> None:
    async def interrupted() -> None:
        async with filled_server(tmp_path / "data" / "grokgate.db", address):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interrupted())

    with pytest.raises(StateError, match="is incomplete"):
        stored(address)
    assert run("restore", "file.tar.gz", *SEALED).code == 0
    assert stored(address) == expected(tmp_path)


@pytest.mark.usefixtures("on_server")
def test_service_on_the_server_has_to_be_stopped_for_a_restore(run: Run, address: Secret) -> None:
    with served(address):
        refused = run("restore", "file.tar.gz", *SEALED)

    assert (refused.code, "in use by another process" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("revision", "said"),
    [(INCOMPLETE, "is incomplete"), ("9999", "a newer one made it"), ("0004", "an older program")],
)
@pytest.mark.usefixtures("on_server")
def test_only_what_this_program_can_read_is_backed_up(
    run: Run, tmp_path: Path, address: Secret, revision: str, said: str
) -> None:
    (tmp_path / "new").mkdir()
    write_to(address, lambda connection: mark(connection, revision))

    refused = run("backup", "server.tar.gz")

    assert (refused.code, said in refused.err) == (1, True)
    assert not (tmp_path / "server.tar.gz").exists()


@pytest.mark.usefixtures("on_server")
def test_backup_with_another_key_is_refused(run: Run, tmp_path: Path) -> None:
    run("restore", "file.tar.gz", *SEALED)
    (tmp_path / "new" / "secret.key").unlink()
    Vault.open(tmp_path / "new" / "secret.key", None)

    refused = run("backup", "server.tar.gz")

    assert (refused.code, refused.out) == (1, "")
    assert "key does not belong to the database of storage.url" in refused.err


def test_incomplete_file_is_not_backed_up(run: Run, archive: Path, tmp_path: Path) -> None:
    write_to(tmp_path / "data" / "grokgate.db", lambda rows: mark(rows, INCOMPLETE))

    refused = run("backup", "again.tar.gz")

    assert (refused.code, "is incomplete" in refused.err) == (1, True)
    assert {path.name for path in archive.parent.glob("*.gz")} == {"file.tar.gz"}
