"""Steps beside which programs without them go on, or do not (``migrations.versions``)."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Inspector, create_engine, inspect
from sqlalchemy.pool import NullPool

from core.storage.test_migrations import migrate
from grokgate.errors import StateError
from grokgate.storage import open_database
from grokgate.storage.meta import OLDEST, read_fact
from grokgate.storage.migrate import HEAD, OLDEST_READER

pytestmark = pytest.mark.anyio


def steps() -> Sequence[Script]:
    """Return all steps, the first one first."""
    config = Config()
    config.set_main_option("script_location", "grokgate.storage:migrations")
    config.set_main_option("path_separator", "os")
    return list(ScriptDirectory.from_config(config).walk_revisions())[::-1]


def contractions(before: Path, after: Path) -> list[str]:
    """List what a program that knows the schema of *before* would stumble over in *after*."""
    old, new = (_look(path) for path in (before, after))
    found = []
    for table in set(old.get_table_names()) - {"alembic_version"}:
        if not new.has_table(table):
            found.append(f"{table} is gone")
            continue
        known = {column["name"]: column for column in old.get_columns(table)}
        there = {column["name"]: column for column in new.get_columns(table)}
        found += [
            f"{table}.{name} is gone or another" for name in known if _differ(name, known, there)
        ]
        found += [
            f"{table}.{name} is demanded"
            for name, column in there.items()
            if name not in known and not column["nullable"] and column["default"] is None
        ]
        if _rules(new, table) - _rules(old, table):
            found.append(f"{table} has a further rule")
    return found


def _look(path: Path) -> Inspector:
    return inspect(create_engine(f"sqlite:///{path}", poolclass=NullPool))


def _differ(name: str, known: dict[str, Any], there: dict[str, Any]) -> bool:
    told = ("type", "nullable", "default")
    return name not in there or any(str(known[name][k]) != str(there[name][k]) for k in told)


def _rules(schema: Inspector, table: str) -> set[str]:
    unique = [one for one in schema.get_indexes(table) if one["unique"]]
    return {
        str(sorted(one.items(), key=str))
        for one in (*unique, *schema.get_unique_constraints(table), *schema.get_foreign_keys(table))
    }


def test_every_step_says_who_can_go_on_beside_it() -> None:
    readers = [step.module.oldest_reader for step in steps()]

    assert readers == sorted(readers)
    assert all(reader <= step.revision for reader, step in zip(readers, steps(), strict=True))
    assert readers[-1] == OLDEST_READER


async def test_steps_beside_which_others_go_on_only_expand(tmp_path: Path) -> None:
    for step in steps():
        if step.module.oldest_reader == step.revision:
            continue
        before, after = (tmp_path / f"{step.revision}-{word}.db" for word in ("before", "after"))
        await migrate(before, str(step.down_revision))
        await migrate(after, step.revision)

        assert contractions(before, after) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("CREATE TABLE b (x)", []),
        ("ALTER TABLE a ADD COLUMN z", []),
        ("ALTER TABLE a ADD COLUMN z INTEGER NOT NULL DEFAULT 0", []),
        ("CREATE INDEX i ON a (x)", []),
        ("DROP TABLE a", ["a is gone"]),
        ("ALTER TABLE a RENAME COLUMN x TO z", ["a.x is gone or another"]),
        ("CREATE UNIQUE INDEX i ON a (x)", ["a has a further rule"]),
        ("DROP TABLE a; CREATE TABLE a (x TEXT, y INTEGER NOT NULL)", ["a.y is demanded"]),
    ],
)
def test_what_older_programs_would_stumble_over_is_found(
    tmp_path: Path, change: str, found: list[str]
) -> None:
    for name, script in {"before": "", "after": change}.items():
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.executescript(f"CREATE TABLE a (x TEXT); {script}")

    assert contractions(tmp_path / "before", tmp_path / "after") == found


def mark(path: Path, revision: str, oldest: str | None) -> None:
    """Leave the marks of a newer program."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        if oldest is not None:
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", (OLDEST, oldest.encode())
            )


async def test_newer_schema_that_only_expands_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "grokgate.db"
    async with open_database(path):
        pass
    mark(path, "9999", HEAD)

    async with open_database(path) as database, database.read() as connection:
        assert await read_fact(connection, OLDEST) == HEAD.encode()


@pytest.mark.parametrize("oldest", [None, "9998"])
async def test_newer_schema_for_newer_programs_is_refused(
    tmp_path: Path, oldest: str | None
) -> None:
    path = tmp_path / "grokgate.db"
    async with open_database(path):
        pass
    mark(path, "9999", oldest)

    with pytest.raises(StateError, match="cannot work with: a newer one made it"):
        async with open_database(path):
            pass


async def test_word_for_older_programs_is_left_with_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "grokgate.db"
    async with open_database(path):
        pass
    mark(path, HEAD, "0001")

    async with open_database(path) as database, database.read() as connection:
        assert await read_fact(connection, OLDEST) == OLDEST_READER.encode()
