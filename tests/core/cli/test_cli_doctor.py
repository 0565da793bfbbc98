import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grokgate.cli.doctor import language_of

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "en_US.UTF-8"}, "zh"),
    ],
)
def test_language_is_that_of_the_terminal(environ: dict[str, str], language: str) -> None:
    assert language_of(environ) == language


def test_empty_folder_needs_accounts(run: Run, tmp_path: Path) -> None:
    done = run("doctor")

    assert done.code == 1
    assert "!     there are no accounts" in done.out
    assert "-> Add some: grokgate tokens import FILE." in done.out
    assert not (tmp_path / "data").exists()


def test_chinese_terminal_is_told_in_chinese(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")

    assert "!     没有账号" in run("doctor").out


def test_unknown_account_is_told_and_fails(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "accounts.txt"
    file.write_text("made-up-credential-1\n")
    run("tokens", "import", str(file))
    done = run("doctor", "tok_nobody")

    assert done.code == 1
    assert "no account has the id 'tok_nobody'" in done.out


@pytest.mark.parametrize("more", [("--all",), ("--pool", "ssoBasic")])
def test_ids_and_a_choice_do_not_go_together(run: Run, more: tuple[str, ...]) -> None:
    assert run("doctor", "tok_1", *more).code == 2


def test_configuration_that_stops_a_start_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "config.toml").write_text("[grok\n")
    done = run("doctor")

    assert done.code == 1
    assert "the start would be refused" in done.out


def test_sandbox_can_be_examined_at_once(run: Run) -> None:
    done = run("doctor", "--sandbox", "--json")

    report = json.loads(done.out)
    assert (done.code, report["healthy"]) == (0, True)
    works = [found for found in report["findings"] if found["code"] == "quota_left"]
    assert {found["values"]["pool"] for found in works} == {"ssoBasic", "ssoSuper", "ssoHeavy"}
    assert "trying 3 of 3 accounts" in done.err
    assert "sandbox-basic" not in done.out
