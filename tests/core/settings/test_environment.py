from pathlib import Path

import pytest

from grokgate.errors import ConfigFileError, StartupError
from grokgate.settings import Boot, load_environment, read_boot


def boot(tmp_path: Path, text: str = "", **environ: str) -> Boot:
    (tmp_path / "config.toml").write_text(text)
    return read_boot(tmp_path, load_environment(tmp_path, environ))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("export NAME = 'a # b' # why", "a # b"),
        ('NAME="a=b"', "a=b"),
        ("NAME=a#b # why", "a#b"),
        ("NAME=", ""),
        ("# NAME=x", None),
        ("NAME", None),
    ],
)
def test_lines_of_dotenv(tmp_path: Path, line: str, value: str | None) -> None:
    (tmp_path / ".env").write_text(f"\n{line}\n")

    assert load_environment(tmp_path, {}).get("NAME") == value


def test_dotenv_never_overrides_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\n")

    assert load_environment(tmp_path, {"A": "real"}) == {"A": "real", "B": "file"}


def test_unreadable_dotenv_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff")

    with pytest.raises(ConfigFileError, match=r"\.env"):
        load_environment(tmp_path, {})


def test_secret_key_comes_from_a_mounted_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc\n")
    environ = load_environment(tmp_path, {"GROKGATE_SECRET_KEY_FILE": str(tmp_path / "key")})

    assert environ["GROKGATE_SECRET_KEY"] == "abc"


def test_mounted_secret_wins_over_the_one_in_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GROKGATE_SECRET_KEY=file\n")
    (tmp_path / "key").write_text("mounted")
    environ = load_environment(tmp_path, {"GROKGATE_SECRET_KEY_FILE": str(tmp_path / "key")})

    assert environ["GROKGATE_SECRET_KEY"] == "mounted"


@pytest.mark.parametrize(
    ("environ", "kind", "url"),
    [
        ({"ACCOUNT_STORAGE": "local", "ACCOUNT_LOCAL_PATH": "a.db"}, "local", "a.db"),
        (
            {
                "ACCOUNT_STORAGE": "postgresql",
                "ACCOUNT_POSTGRESQL_URL": "pg",
                "ACCOUNT_LOCAL_PATH": "a",
            },
            "postgresql",
            "pg",
        ),
        (
            {
                "ACCOUNT_STORAGE": "redis",
                "SERVER_STORAGE_TYPE": "local",
                "ACCOUNT_POSTGRESQL_URL": "pg",
            },
            "local",
            None,
        ),
    ],
)
def test_names_of_py2_stand_in_for_todays(
    tmp_path: Path, environ: dict[str, str], kind: str, url: str | None
) -> None:
    found = load_environment(tmp_path, environ)

    assert (found.get("SERVER_STORAGE_TYPE"), found.get("SERVER_STORAGE_URL")) == (kind, url)


def test_boot_reads_file_and_environment(tmp_path: Path) -> None:
    started = boot(
        tmp_path,
        "server = {port = 9000, host = '::1'}\nplugins.enabled = 'a, b'\nlog.level = 'WARN'\n",
        SERVER_PORT="9001",
        LOG_FILE_ENABLED="false",
        LOG_DIR="/var/log/grokgate",
        STORAGE_WAIT_TIMEOUT="5",
    )

    assert (started.server.host, started.server.port) == ("::1", 9001)
    assert started.plugins.enabled == ("a", "b")
    assert (started.log.level, started.log.file_enabled) == ("warning", False)
    assert started.log_dir == Path("/var/log/grokgate")
    assert (started.storage_wait_timeout_s, started.storage_wait_interval_s) == (5, 0.5)


def test_boot_without_anything_has_safe_defaults(tmp_path: Path) -> None:
    started = read_boot(None, {"DATA_DIR": str(tmp_path / "none")})

    assert started.data_dir == tmp_path / "none"
    assert (started.server.host, started.server.port, started.storage.type) == (
        "127.0.0.1",
        8000,
        "local",
    )
    assert not started.data_dir.exists()


def test_options_of_the_run_win(tmp_path: Path) -> None:
    started = read_boot(tmp_path, {"SERVER_PORT": "9001"}, {"server.port": 0, "grok.timeout": 5})

    assert started.server.port == 0


@pytest.mark.parametrize("kind", ["local", "SQLite"])
def test_sqlite_has_two_names(tmp_path: Path, kind: str) -> None:
    assert boot(tmp_path, SERVER_STORAGE_TYPE=kind).storage.type == kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [("mysql", "migrate"), ("redis", "migrate"), ("oracle", "Unknown")],
)
def test_storage_that_is_not_there_is_refused(tmp_path: Path, kind: str, text: str) -> None:
    with pytest.raises(StartupError, match=text):
        boot(tmp_path, SERVER_STORAGE_TYPE=kind)
    with pytest.raises(StartupError, match=text):
        boot(tmp_path, f"[storage]\ntype = '{kind}'\n")


@pytest.mark.parametrize("kind", ["pgsql", "Postgres", "postgresql"])
def test_postgresql_has_three_names(tmp_path: Path, kind: str) -> None:
    assert boot(tmp_path, SERVER_STORAGE_TYPE=kind).storage.is_on_server


def test_several_workers_without_redis_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="SERVER_WORKERS=1"):
        boot(tmp_path, SERVER_WORKERS="2")


def test_several_workers_share_postgresql_and_redis(tmp_path: Path) -> None:
    shared = {"SERVER_STORAGE_TYPE": "pgsql", "SERVER_REDIS_URL": "redis://127.0.0.1"}

    assert boot(tmp_path, SERVER_WORKERS="2", **shared).server.workers == 2


def test_redis_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="SERVER_REDIS_URL"):
        boot(tmp_path, ACCOUNT_REDIS_URL="redis://127.0.0.1")


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_bad_waiting_time_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartupError, match="STORAGE_WAIT_TIMEOUT"):
        boot(tmp_path, STORAGE_WAIT_TIMEOUT=text)


def test_damaged_file_stops_the_boot(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"config\.toml"):
        boot(tmp_path, "[server")
