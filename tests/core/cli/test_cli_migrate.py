import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

TOKEN = "eyJhbGciOiJIUzI1NiJ9.session-one"
KEY = "sk-0123456789abcdef0123"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The data folder of a predecessor."""
    folder = tmp_path / "old"
    (folder / "tmp" / "image").mkdir(parents=True)
    (folder / "tmp" / "image" / "a.jpg").touch()
    (folder / "token.json").write_text(json.dumps({"ssoBasic": [TOKEN, ""]}))
    (folder / "api_keys.json").write_text(json.dumps([{"key": KEY, "name": "phone"}]))
    (folder / "config.toml").write_text(
        '[app]\napi_key = "sk-of-the-config"\n[grok]\ntimeout = 77\n'
    )
    return folder


def test_folder_is_taken_over(run: Run, old: Path) -> None:
    done = run("migrate", "--from", "old")

    assert done.code == 0
    assert (
        "old/token.json: 1 added, 0 restored, 0 unchanged, 1 rejected\n  ssoBasic[2]: " in done.out
    )
    assert "old/api_keys.json: 1 added, 0 known, 0 rejected" in done.out
    assert "tmp/image is not copied: move it" in done.out
    assert "phone" in run("keys", "list").out
    assert (old.parent / "data" / "config.toml").read_text() == (old / "config.toml").read_text()


@pytest.mark.usefixtures("old")
def test_secrets_are_not_printed(run: Run) -> None:
    done = run("migrate", "--from", "old")

    assert "grok.timeout = 77" in done.out
    printed = done.out + done.err
    assert [secret for secret in (TOKEN, KEY, "sk-of-the-config") if secret in printed] == []


def test_dry_run_makes_no_data_folder(run: Run, old: Path) -> None:
    rehearsed = run("migrate", "--from", "old", "--dry-run")

    assert rehearsed.code == 0
    assert "old/token.json: 1 added" in rehearsed.out
    assert "config.toml: would be written" in rehearsed.out
    assert not (old.parent / "data").exists()


@pytest.mark.usefixtures("old")
def test_dry_run_knows_what_is_there(run: Run) -> None:
    run("migrate", "--from", "old")

    assert "old/token.json: 0 added, 0 restored, 1 unchanged" in (
        run("migrate", "--from", "old", "--dry-run").out
    )


@pytest.mark.usefixtures("old")
def test_second_configuration_lies_beside_the_first(run: Run) -> None:
    run("migrate", "--from", "old")
    done = run("migrate", "--from", "old")

    assert "config.migrated.toml: written" in done.out
    assert "the configuration that is there stays as it is" in done.err


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere", "nowhere: there is no such file or folder."),
        (".", "There is nothing of a predecessor in this source."),
        ("old/token.json", "old/token.json: cannot be read as a SQLite database"),
        ("http://127.0.0.1/", "No reader for this kind of address."),
    ],
)
def test_source_that_is_none(run: Run, old: Path, source: str, words: str) -> None:
    done = run("migrate", "--from", source)

    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert old.exists()


def test_reply_of_an_old_key_list_is_imported(run: Run, tmp_path: Path) -> None:
    reply = {"success": True, "data": [{"key": KEY, "name": "phone", "chat_limit": 5}]}
    (tmp_path / "keys.json").write_text(json.dumps(reply))

    done = run("keys", "import", "keys.json")

    assert done.out == f"{tmp_path.name}/keys.json: 1 added, 0 known, 0 rejected\n"
    assert "chat 0/5" in run("keys", "list").out


def test_export_of_an_old_admin_page_is_imported(run: Run, tmp_path: Path) -> None:
    record = {"token": f"sso={TOKEN}", "quota": 7, "quota_known": True, "token_type": "sso"}
    (tmp_path / "export.json").write_text(json.dumps({"ssoBasic": [record]}))

    run("tokens", "import", "export.json")
    (account,) = json.loads(run("tokens", "export").out)["ssoBasic"]

    assert (account["token"], account["quota"]) == (TOKEN, 7)


def test_file_without_keys_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}")

    done = run("keys", "import", "keys.json")

    assert done.code == 1
    assert done.out.endswith("/keys.json: nothing taken\n  It does not hold a list of keys.\n")
