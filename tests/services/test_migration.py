"""Real databases as the predecessors left them, read and taken over."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
import redis
from structlog.testing import CapturingLogger

from grokgate.errors import StartupError
from grokgate.migration import Found, read_source
from grokgate.migration.mysql import connection_of
from grokgate.migration.servers import driver, refused
from grokgate.offline import opened
from grokgate.upstream import Secret
from services.predecessors import HASHES, SETS, STATEMENTS


@pytest.fixture
def postgres(empty_postgres: Callable[[], AbstractContextManager[Secret]]) -> Iterator[str]:
    async def fill(address: str) -> None:
        connection = await asyncpg.connect(address)
        try:
            for statement in STATEMENTS:
                await connection.execute(statement)
        finally:
            await connection.close()

    with empty_postgres() as address:
        asyncio.run(fill(address.reveal()))
        yield address.reveal()


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[str]:
    with redis.Redis.from_url(valkey_url) as client:
        client.flushdb()
        for name, fields in HASHES.items():
            client.hset(name, mapping=fields)
        for name, members in SETS.items():
            client.sadd(name, *members)
        yield valkey_url
        client.flushdb()


@pytest.fixture
def sqlite_file(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as database, database:
        for statement in STATEMENTS:
            database.execute(statement)
    return str(tmp_path / "accounts.db")


@pytest.fixture(params=["sqlite_file", "postgres", "valkey"])
def found(request: pytest.FixtureRequest) -> Found:
    """What the same data is in each kind of database."""
    return read_source(request.getfixturevalue(request.param))


async def taken_over(found: Found, folder: Path) -> Any:
    """Take it into a new data folder; returns what form A says of it."""
    wanted = {"files": msgspec.to_builtins(found.files)}
    async with opened(folder, {}, create=True, log=CapturingLogger()) as operations:
        reports = await operations.run("migrate", wanted)
        assert not any(report["remarks"] for report in reports)
        return msgspec.json.decode((await operations.run("tokens.export", {"form": "a"}))["text"])


@pytest.mark.anyio
async def test_account_of_tq_is_taken_over(found: Found, tmp_path: Path) -> None:
    (account,) = (await taken_over(found, tmp_path / "data"))["ssoSuper"]

    names = ("token", "quota", "use_count", "consumed", "tags", "note")
    assert [account.get(name, account["ext"].get(name)) for name in names] == [
        *("eyJ.session-tq", 7, 3, 4, ["a"], "mine"),
    ]


@pytest.mark.anyio
async def test_account_of_py2_is_taken_over(found: Found, tmp_path: Path) -> None:
    accounts = await taken_over(found, tmp_path / "data")
    (account,) = accounts["ssoHeavy"]
    window = account["ext"]["buckets"]["auto"]

    names = ("token", "use_count", "created_at", "last_used_at", "tags")
    assert [account[name] for name in names] == [
        *("eyJ.session-py2", 9, 1_700_000_000_000, 1_700_000_001_000, ["b"]),
    ]
    assert (window["remaining"], window["total"], window["source"]) == (2, 50, "real")
    assert account["ext"]["colour"] == "red"
    assert "ssoBasic" not in accounts


def test_configuration_and_deleted_accounts_are_told(found: Found) -> None:
    assert found.config is not None
    assert found.config.tree == {
        "grok": {"timeout": 77},
        "app": {"api_key": "sk-secret"},
        "account": {"selection": {"max_inflight": 4}},
    }
    assert [remark.partition("/")[2] for remark in found.remarks] == [
        "accounts: deleted there and not taken: 1"
    ]


@pytest.mark.parametrize("scheme", ["postgres", "pgsql", "postgresql+asyncpg"])
def test_other_ways_to_write_the_address(postgres: str, scheme: str) -> None:
    found = read_source(f"{scheme}://{postgres.partition('://')[2]}")

    assert len(found.files) == 2


def test_empty_database_is_told(valkey_url: str) -> None:
    with pytest.raises(StartupError, match="nothing of a predecessor"):
        read_source(f"{valkey_url}?db=9")


@pytest.mark.parametrize(
    "url",
    [
        "redis://:p%40ssword@127.0.0.1:1/0",
        "postgresql://me:p%40ssword@127.0.0.1:1/x",
        "mysql://me:p%40ssword@127.0.0.1:1/x",
    ],
)
def test_password_of_an_address_is_never_told(url: str) -> None:
    with pytest.raises(StartupError, match=r"127\.0\.0\.1") as caught:
        read_source(url)

    assert "ssword" not in str(caught.value)


def test_password_in_the_words_of_a_driver_is_taken_out() -> None:
    error = refused("redis://:p%40ss@127.0.0.1/0", ValueError("p@ss and p%40ss"))

    assert str(error).endswith("ValueError: … and …")


def test_missing_driver_is_told_with_its_remedy() -> None:
    with pytest.raises(StartupError, match=r"pip install 'grokgate\[redis\]'"):
        driver("no_such_driver", extra="redis")


def test_accounts_are_read_while_the_old_program_runs(sqlite_file: str) -> None:
    with closing(sqlite3.connect(sqlite_file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("UPDATE accounts SET token = 'eyJ.session-new' WHERE pool = 'heavy'")
        database.commit()
        texts = [file.text for file in read_source(sqlite_file).files]

    assert "eyJ.session-new" in texts[1]


def test_parts_of_a_mysql_address() -> None:
    found = connection_of("mysql+aiomysql://m%65:p%40ss@127.0.0.1:3307/grok?unix_socket=/s")

    assert (found["user"], found["password"], found["database"]) == ("me", "p@ss", "grok")
    assert (found["port"], found["unix_socket"], found["ssl"]) == (3307, "/s", None)


def test_mysql_certificates_are_checked_where_it_is_encrypted() -> None:
    context = connection_of("mysql://h/d?ssl-mode=required")["ssl"]

    assert context.check_hostname
