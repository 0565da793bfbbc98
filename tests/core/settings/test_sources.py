from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.errors import ConfigFileError
from grokgate.settings import Declaration, collect_fields
from grokgate.settings.core import CORE
from grokgate.settings.sources import environment_layer, parse, read_file_layer, secret_file

FIELDS = collect_fields(CORE, ())


@given(st.binary(max_size=200))
def test_arbitrary_bytes_parse_or_are_refused(content: bytes) -> None:
    with suppress(ConfigFileError):
        parse(content, Path("config.toml"))


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"a = " + b"[" * 100_000, b"a = " + b"9" * 5000, b"a = \x00", b"a = 1\na = 2"],
    ids=["encoding", "depth", "number", "control", "double"],
)
def test_damaged_file_is_refused_with_place_and_remedy(content: bytes) -> None:
    with pytest.raises(ConfigFileError, match=r"config\.toml: .*\. Correct the file"):
        parse(content, Path("config.toml"))


def test_complaint_names_the_line() -> None:
    with pytest.raises(ConfigFileError, match="line 2"):
        parse(b"a = 1\nb = \xff\n", Path("config.toml"))
    with pytest.raises(ConfigFileError, match="line 2"):
        parse(b"a = 1\nb = oops\n", Path("config.toml"))


def test_byte_order_mark_is_no_damage() -> None:
    assert parse(b"\xef\xbb\xbfa = 1\n", Path("config.toml")) == {"a": 1}


def test_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()

    with pytest.raises(ConfigFileError, match="cannot be read"):
        read_file_layer(tmp_path, FIELDS)


def test_unknown_key_is_reported_by_name_only(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[app]\nsecret_word = "hunter2"\n"x.y" = 1\n')

    layer = read_file_layer(tmp_path, FIELDS)

    assert layer.warnings == (
        "app.secret_word is no setting; it is kept and has no effect",
        "app.x.y is no setting; it is kept and has no effect",
    )


def test_quoted_key_with_a_dot_is_not_the_key_it_looks_like(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('"grok.timeout" = 5\n')

    assert read_file_layer(tmp_path, FIELDS).values == {}


def test_oldest_file_is_read_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "setting.toml").write_text('[grok]\nshow_thinking = false\napi_key = "sk-1"\n')

    assert read_file_layer(tmp_path, FIELDS).values == {
        "app.api_key": "sk-1",
        "grok.thinking": False,
    }


def test_oldest_file_is_ignored_beside_a_newer_one(tmp_path: Path) -> None:
    (tmp_path / "setting.toml").write_text("[grok]\nshow_thinking = false\n")
    (tmp_path / "config.toml").write_text("")

    assert read_file_layer(tmp_path, FIELDS).values == {}


def test_names_of_one_key_have_an_order() -> None:
    environ = {"GROK_SERVER_PORT": "1", "SERVER_PORT": "2", "GROKGATE__SERVER__PORT": "3"}
    found = []
    while environ:
        layer = environment_layer(environ, FIELDS)
        found.append(layer.values["server.port"])
        del environ[layer.variables["server.port"]]

    assert found == ["3", "2", "1"]


def test_empty_variable_counts_as_absent() -> None:
    environ = {"GROKGATE__SERVER__PORT": "", "SERVER_PORT": "9"}

    assert environment_layer(environ, FIELDS).values == {"server.port": "9"}


def test_variable_that_names_no_setting_is_reported() -> None:
    layer = environment_layer({"GROKGATE__GROK__TIMEOOUT": "5", "GROK_HOME": "/x"}, FIELDS)

    assert layer.values == {}
    assert layer.warnings == ("environment variable GROKGATE__GROK__TIMEOOUT names no setting",)


@pytest.mark.parametrize("address", ["https://joe:secret@collector.example", "collector.example"])
def test_address_of_a_collector_holds_no_password(load: Any, address: str) -> None:
    store = load(f"[telemetry]\notlp_endpoint = '{address}'\n")

    assert store.snapshot.telemetry.otlp_endpoint == ""
    assert "secret" not in repr(store.snapshot.warnings)
    assert "telemetry.otlp_endpoint" in repr(store.snapshot.warnings)


@pytest.mark.parametrize(
    ("text", "level"),
    [("debug", "debug"), ("WARN", "warn"), ("app=trace,info", "trace"), ("info,x=debug", "info")],
)
def test_log_level_is_the_first_level_word(text: str, level: str) -> None:
    assert environment_layer({"RUST_LOG": text}, FIELDS).values == {"log.level": level}


def test_secret_comes_from_a_mounted_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk-from-file\n")

    layer = environment_layer({"GROKGATE__APP__API_KEY_FILE": str(path)}, FIELDS)

    assert layer.values == {"app.api_key": "sk-from-file"}
    assert layer.warnings == ()


def test_missing_secret_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match="GROKGATE__APP__API_KEY_FILE"):
        secret_file("GROKGATE__APP__API_KEY_FILE", str(tmp_path / "none"))


def test_key_that_ends_in_file_is_no_secret_file() -> None:
    layer = environment_layer({"GROKGATE__LOG__MAX_FILE_MB": "5"}, FIELDS)

    assert layer.values == {"log.max_file_mb": "5"}


def test_older_spelling_may_be_set_by_environment(haiku: Declaration) -> None:
    fields = collect_fields([*CORE, haiku], ())

    layer = environment_layer({"GROKGATE__GROK__WREQ_EMULATION": "chrome131"}, fields)

    assert layer.values == {"grok.impersonate": "chrome131"}
