"""Commands that only look: they make no file, and a fault of a plugin is a line, not a trace."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize(
    "command", ["config defaults", "config check", "openapi", "plugins list", "plugins check"]
)
def test_a_look_makes_no_file(run: Run, tmp_path: Path, command: str) -> None:
    done = run(*command.split())

    assert (done.code, done.err) == (0, "")
    assert done.out
    assert list(tmp_path.iterdir()) == []


def test_defaults_are_toml(run: Run) -> None:
    tree = tomllib.loads(run("config", "defaults").out)

    assert tree["server"]["port"] == 8000
    assert tree["downstream"]["enable_chat_completions"] is True


def configure(folder: Path, text: str) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "config.toml").write_text(text)


def test_check_names_what_is_wrong(run: Run, tmp_path: Path) -> None:
    configure(tmp_path, "[grok]\nmax_retry = 99\nnonsense = 1\n[plugins]\nenabled = ['nowhere']\n")

    done = run("config", "check")

    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert [line for line in lines if "grok.max_retry" in line]
    assert [line for line in lines if "grok.nonsense" in line]
    assert [line for line in lines if "plugin 'nowhere'" in line]
    assert lines[-1] == "data/config.toml: 3 warnings"


def test_a_file_that_is_no_toml_is_one_line(run: Run, tmp_path: Path) -> None:
    configure(tmp_path, "= 1\n")

    done = run("config", "check")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("grokgate: data/config.toml: not valid TOML")
    assert len(done.err.splitlines()) == 1


def test_openapi_follows_the_switches(run: Run, tmp_path: Path) -> None:
    before = json.loads(run("openapi").out)["paths"]
    configure(tmp_path, "[downstream]\nenable_models = false\n")
    after = json.loads(run("openapi").out)["paths"]

    assert set(before) - set(after) == {"/v1/models", "/v1/models/{model}"}


def test_plugins_are_listed_with_what_they_contribute(run: Run, tmp_path: Path) -> None:
    configure(tmp_path, "[plugins]\nenabled = ['nowhere']\ndisabled = ['models']\n")

    done = run("plugins", "list")
    rows = {line.split()[0]: line for line in done.out.splitlines()[1:]}
    assert {"chat", "web", "nowhere"} <= set(rows)
    assert "models" not in rows
    assert "route chat_completions" in rows["chat"]
    assert "upstream web" in rows["web"]
    assert "no installed package declares it" in rows["nowhere"]
    assert done.err == ""


def test_check_of_plugins_fails_on_a_fault(run: Run, tmp_path: Path) -> None:
    configure(tmp_path, "[plugins]\nenabled = ['nowhere']\n")

    done = run("plugins", "check")

    assert done.code == 1
    assert "fault: plugin nowhere was refused: " in done.out
    assert done.out.splitlines()[-1] == "1 fault"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Haiku", "is no plugin name"),
        ("a_", "is no plugin name"),
        ("1st", "is no plugin name"),
        ("chat", "is the name of a bundled plugin"),
    ],
)
def test_a_name_that_no_plugin_can_have_is_refused(run: Run, name: str, reason: str) -> None:
    done = run("plugins", "new", name)

    assert done.code == 1
    assert reason in done.err


def test_a_new_plugin_never_overwrites(run: Run) -> None:
    first = run("plugins", "new", "haiku")
    again = run("plugins", "new", "haiku")

    assert (first.code, again.code) == (0, 1)
    assert "exists already" in again.err
