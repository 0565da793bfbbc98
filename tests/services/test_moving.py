"""``grokgate migrate --to``: everything moves to PostgreSQL and back, or nothing is used."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from core.cli import conftest as command_line
from grokgate.doctor import Folder, look_at_folder
from grokgate.errors import StateError
from grokgate.migration.moving import move
from grokgate.migration.places import find_places
from grokgate.storage import (
    Database,
    Transaction,
    ask_server,
    hold_folder,
)
from grokgate.storage.backend import Kind
from grokgate.storage.batch import ROWS as PORTION_ROWS
from grokgate.storage.contents import PORTION_BYTES, moved_rows, moved_tables, rows_at_once
from grokgate.storage.meta import (
    HOLDER,
    RUNNING,
    begin_run,
    end_run,
    remove_fact,
    write_fact,
)
from grokgate.storage.migrate import INCOMPLETE, mark
from grokgate.storage.moving import complete, looked_at, prepare
from grokgate.storage.tables import key_usage, metadata, object_values, requests, tokens
from grokgate.upstream import Secret
from grokgate.vault import Vault
from services.filled import (
    LOGINS,
    ROWS,
    as_on_postgresql,
    fill_file,
    on,
    served,
    stored,
    write_to,
)
from services.test_same_queries import WORDS

Run = Callable[..., Any]
Empty = Callable[[], AbstractContextManager[Secret]]

command = command_line.run


@pytest.fixture
def address(empty_postgres: Empty) -> Iterator[Secret]:
    """Of a database without any table."""
    with empty_postgres() as address:
        yield address


@pytest.fixture
def run(command: Run, address: Secret, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``grokgate ARGUMENTS``; the environment names the database."""
    monkeypatch.setenv("SERVER_STORAGE_URL", address.reveal())
    return command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite file with rows in every table, in the data folder of the commands."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "grokgate.db"
    fill_file(path, Vault.open(tmp_path / "data" / "secret.key", None))
    return path


def test_every_table_has_rows(file: Path) -> None:
    counts = {table: len(rows) for table, rows in stored(file).items()}

    assert counts == dict.fromkeys(metadata.tables, ROWS) | {"meta": ROWS + 2}
    assert {table.name for table in moved_tables()} == {*metadata.tables} - {LOGINS}


def test_everything_moves_there_and_back(run: Run, file: Path, address: Secret) -> None:
    before = as_on_postgresql(stored(file))

    there = run("migrate", "--to", "pgsql")
    assert (there.code, there.err) == (0, "")
    assert stored(address) == before
    back = run("migrate", "--to", "local", "--file", "back.db")
    assert (back.code, back.err) == (0, "")
    assert stored(Path("back.db")) == before


@pytest.mark.usefixtures("file")
def test_move_prints_what_to_set(run: Run, address: Secret) -> None:
    moved = run("migrate", "--to", "pgsql")

    assert "\n  SERVER_STORAGE_TYPE=pgsql\n" in moved.out
    assert address.reveal() not in moved.out + moved.err


def test_long_tables_move_in_several_portions(run: Run, file: Path, address: Secret) -> None:
    rows = [
        {"key_id": WORDS[n % len(WORDS)], "day": f"{n % 7}", "quota": f"{n}", "used": n}
        for n in range(2 * PORTION_ROWS + 1)
    ]
    write_to(file, lambda connection: connection.execute(insert(key_usage), rows))
    before = stored(file)["key_usage"]

    there = run("migrate", "--to", "pgsql")
    assert (there.code, stored(address)["key_usage"]) == (0, before)
    back = run("migrate", "--to", "local", "--file", "back.db")
    assert (back.code, stored(Path("back.db"))["key_usage"]) == (0, before)


def test_facts_about_processes_are_not_compared(run: Run, file: Path, address: Secret) -> None:
    async def begin(connection: Transaction) -> None:
        await begin_run(connection)
        await write_fact(connection, HOLDER, b"this one")

    write_to(file, begin)
    run("migrate", "--to", "pgsql")
    write_to(file, end_run)

    assert {key for key, _ in stored(address)["meta"]} >= {RUNNING, "vault"}
    assert HOLDER not in {key for key, _ in stored(address)["meta"]}
    assert run("migrate", "--to", "pgsql", "--check").code == 0


@pytest.mark.parametrize("kind", ["pgsql", "local"])
def test_no_service_starts_on_what_an_interrupted_move_left(
    run: Run, file: Path, address: Secret, tmp_path: Path, kind: Kind
) -> None:
    if kind == "local":
        run("migrate", "--to", "pgsql")
        file = file.rename(tmp_path / "moved.db")
    before = as_on_postgresql(stored(file))
    target = {"pgsql": address, "local": tmp_path / "data" / "grokgate.db"}[kind]

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(move_in_part(tmp_path / "data", address, kind))

    with pytest.raises(StateError, match="is incomplete"):
        stored(target)
    assert run("migrate", "--to", kind).code == 0
    assert stored(target) == before


async def move_in_part(folder: Path, address: Secret, kind: Kind) -> None:
    def interrupt(table: str, _share: float) -> None:
        if table == "tokens":
            raise KeyboardInterrupt

    places = find_places(folder, {"SERVER_STORAGE_URL": address.reveal()})
    await move(places, kind, folder=folder, env_key=None, told=interrupt)


def test_what_is_incomplete_is_not_moved(run: Run, file: Path) -> None:
    write_to(file, lambda connection: mark(connection, INCOMPLETE))

    refused = run("migrate", "--to", "pgsql")

    assert (refused.code, "is incomplete" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("revision", "said"), [(INCOMPLETE, "is incomplete"), ("9999", "a newer one made it")]
)
def test_doctor_tells_what_no_service_starts_on(
    tmp_path: Path, address: Secret, revision: str, said: str
) -> None:
    key = tmp_path / "secret.key"
    folder = Folder(path=tmp_path, database=address, key_file=key, env_key=False, media_url="")
    write_to(address, lambda connection: mark(connection, revision))

    (refused,) = [found for found in look_at_folder(folder) if found.code == "database_refused"]

    assert said in refused.values["reason"]


@pytest.mark.usefixtures("file")
def test_target_that_is_not_empty_is_left_alone(run: Run, address: Secret) -> None:
    write_to(address, lambda connection: write_fact(connection, "vault", b"another"))

    refused = run("migrate", "--to", "pgsql")

    assert (refused.code, refused.out) == (1, "")
    assert "it has rows in meta 1. They belong to another secret key." in refused.err
    assert stored(address)["meta"] == [("vault", b"another")]


@pytest.mark.usefixtures("file")
def test_empty_tables_are_no_obstacle(run: Run, address: Secret) -> None:
    write_to(address, lambda connection: remove_fact(connection, "nothing"))

    assert run("migrate", "--to", "pgsql").code == 0


def test_source_of_a_newer_program_is_refused(run: Run, file: Path, address: Secret) -> None:
    write_to(file, lambda connection: mark(connection, "9999"))

    refused = run("migrate", "--to", "pgsql")

    assert (refused.code, refused.out) == (1, "")
    assert "a newer one made it" in refused.err
    assert is_new(address)


def test_source_of_another_key_is_refused(
    run: Run, file: Path, address: Secret, tmp_path: Path
) -> None:
    (tmp_path / "data" / "secret.key").unlink()
    Vault.open(tmp_path / "data" / "secret.key", None)

    refused = run("migrate", "--to", "pgsql")

    assert (refused.code, refused.out) == (1, "")
    assert f"does not open everything in The database {file.relative_to(tmp_path)}" in refused.err
    assert is_new(address)


def test_service_on_the_data_folder_has_to_be_stopped(
    run: Run, file: Path, address: Secret
) -> None:
    with hold_folder(file.parent):
        refused = run("migrate", "--to", "pgsql")

    assert (refused.code, refused.out) == (1, "")
    assert "data is in use by another process" in refused.err
    assert is_new(address)


@pytest.mark.usefixtures("file")
def test_service_on_the_server_has_to_be_stopped(run: Run, address: Secret) -> None:
    with served(address):
        refused = run("migrate", "--to", "pgsql")

    assert (refused.code, refused.out) == (1, "")
    assert "storage.url is in use by another process" in refused.err


@pytest.mark.usefixtures("file")
def test_server_that_does_not_answer_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_STORAGE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")

    refused = run("migrate", "--to", "pgsql")

    assert (refused.code, refused.out) == (1, "")
    assert "storage.url does not answer" in refused.err
    assert "secret" not in refused.err


@pytest.mark.usefixtures("file")
def test_without_an_address_it_says_where_to_write_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SERVER_STORAGE_URL")

    refused = run("migrate", "--to", "pgsql")

    assert (refused.code, "Set SERVER_STORAGE_URL=postgresql://" in refused.err) == (1, True)


def test_what_does_not_arrive_is_told_and_not_used(file: Path, address: Secret) -> None:
    async def disturbed(source: Database) -> list[str]:
        async with looked_at(address) as target:
            await prepare(target)
            async with target.write() as connection:
                await write_fact(connection, "more")
            return [table.table for table in await complete(source, target) if not table.is_same]

    assert on(file, disturbed) == ["meta"]
    with pytest.raises(StateError, match="is incomplete"):
        stored(address)


def test_row_that_refers_to_nothing_stops_the_move(run: Run, file: Path) -> None:
    with closing(sqlite3.connect(file)) as careless, careless:
        careless.execute("DELETE FROM tokens WHERE id = 'row 1'")

    refused = run("migrate", "--to", "pgsql")

    assert (refused.code, refused.out) == (1, "")
    assert "does not take a row of token_listing (IntegrityError)" in refused.err


def test_check_compares_while_services_run(run: Run, file: Path, address: Secret) -> None:
    run("migrate", "--to", "pgsql")

    with hold_folder(file.parent), served(address):
        same = run("migrate", "--to", "pgsql", "--check")

    assert (same.code, same.err) == (0, "")
    assert same.out.splitlines()[0].split() == ["table", "SQLite", "PostgreSQL", "contents"]
    assert {line.split()[-1] for line in same.out.splitlines()[1:]} == {"same"}


def test_check_tells_tables_that_differ(run: Run, file: Path, address: Secret) -> None:
    run("migrate", "--to", "pgsql")
    write_to(address, lambda connection: connection.execute(update(tokens).values(note="other")))
    write_to(file, lambda connection: connection.execute(delete(requests)))

    different = run("migrate", "--to", "pgsql", "--check")

    assert different.code == 1
    assert different.err == "grokgate: they differ in requests, tokens\n"
    assert "requests 0 3 different" in " ".join(different.out.split())


@pytest.mark.usefixtures("file")
def test_check_tells_a_key_that_is_missing(run: Run, tmp_path: Path) -> None:
    run("migrate", "--to", "pgsql")
    (tmp_path / "data" / "secret.key").unlink()
    Vault.open(tmp_path / "data" / "secret.key", None)

    checked = run("migrate", "--to", "local", "--check")

    assert checked.code == 1
    assert checked.err.count("needs another secret key") == 2


@pytest.mark.usefixtures("file")
def test_check_of_a_new_database_is_refused(run: Run, address: Secret) -> None:
    refused = run("migrate", "--to", "pgsql", "--check")

    assert (refused.code, refused.out) == (1, "")
    assert "nothing is stored in it" in refused.err
    assert is_new(address)


@pytest.mark.parametrize(
    "words",
    [["--from", "old", "--check"], ["--to", "pgsql", "--dry-run"], []],
    ids=["check", "dry-run", "neither"],
)
def test_words_that_do_not_go_together(run: Run, words: list[str]) -> None:
    assert run("migrate", *words).code == 2


@pytest.mark.parametrize(
    ("largest", "rows"),
    [(0, 500), (100, 500), (1 << 20, 8), (PORTION_BYTES, 1), (PORTION_BYTES * 9, 1)],
)
def test_portions_are_small(largest: int, rows: int) -> None:
    assert rows_at_once(largest) == rows


def test_large_rows_move_one_by_one(file: Path) -> None:
    large = b"x" * (PORTION_BYTES // 2 + 1)

    async def portions(database: Database) -> list[int]:
        async with database.write() as connection:
            await connection.execute(update(object_values).values(sealed=large))
            return [len(rows) async for rows in moved_rows(connection, object_values)]

    assert on(file, portions) == [1] * ROWS


def is_new(address: Secret) -> bool:
    return asyncio.run(ask_server(address)).is_new
