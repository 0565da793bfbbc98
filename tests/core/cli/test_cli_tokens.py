import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

ONE, TWO = "a" * 20 + "-one-12345", "b" * 20 + "-two-12345"


def test_import_counts_and_explains_what_was_not_taken(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(f"{ONE}\nssoSuper:{TWO}\nsso=\n{ONE}\n")

    done = run("tokens", "import", "t.txt")

    assert done.code == 0
    assert done.out.splitlines() == [
        "2 added, 1 rejected",
        "rejected: line 3: the token is empty",
        "note: line 4: The same account as line 1, whose data were taken.",
    ]


def test_import_fails_when_nothing_could_be_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{no json")

    done = run("tokens", "import", "t.json")

    assert done.code == 1
    assert done.out.startswith("1 rejected\nrejected: the whole text: ")


def test_import_of_nothing_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("# no accounts yet\n")

    assert run("tokens", "import", "t.txt")[:2] == (0, "no accounts in it\n")


def test_import_again_changes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(ONE)
    run("tokens", "import", "t.txt")

    assert run("tokens", "import", "t.txt").out == "1 unchanged\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_import_reads_what_editors_write(run: Run, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.txt").write_bytes(f"{ONE}\r\n{TWO}\r\n".encode(encoding))

    assert run("tokens", "import", "t.txt").out == "2 added\n"


@pytest.mark.parametrize(("file", "reason"), [("no.txt", "No such file"), (".", "Is a directory")])
def test_an_unreadable_file_is_one_line(run: Run, tmp_path: Path, file: str, reason: str) -> None:
    done = run("tokens", "import", file)

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"grokgate: {file}: cannot be read ({reason}")
    assert not (tmp_path / "data").exists()


def test_list_masks_every_credential(run: Run, tmp_path: Path) -> None:
    record = {
        "token": ONE,
        "quota": 12,
        "tags": ["home"],
        "note": "café",
        "last_used_at": 1_772_366_400_000,
    }
    (tmp_path / "t.json").write_text(json.dumps({"ssoBasic": [record], "unheard": [TWO]}))
    run("tokens", "import", "t.json")

    shown = run("tokens", "list").out
    header, first, second, _, footer = shown.splitlines()
    assert " ".join(header.split()) == "id token pool status quota tags note last used"
    row = "…-12345 ssoBasic active default 12 home café 2026-03-01 12:00"
    assert " ".join(first.split()[1:]) == row
    assert "unheard (unknown)" in second
    assert footer == "2 accounts: 2 active"
    assert ONE not in shown


def test_list_says_why_an_account_is_not_used(run: Run, tmp_path: Path) -> None:
    ext = {"cooldown_until": 4_102_444_800_000, "state_reason": "quota"}
    record = {"token": ONE, "status": "cooling", "ext": ext}
    (tmp_path / "t.json").write_text(json.dumps({"ssoBasic": [record]}))
    run("tokens", "import", "t.json")

    assert "cooling (quota) until 2100-01-01 00:00" in run("tokens", "list").out


def test_list_shows_no_control_characters(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps([{"token": ONE, "note": "red\x1b[31m"}]))
    run("tokens", "import", "t.json")

    assert "\x1b" not in run("tokens", "list").out


def test_list_as_json_has_all_fields_but_the_credential(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(ONE)
    run("tokens", "import", "t.txt")

    shown = run("tokens", "list", "--json").out
    assert json.loads(shown)[0]["state"]["status"] == "active"
    assert ONE not in shown


def test_export_is_read_back_without_loss(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(f"{ONE}\n{TWO}\n")
    run("tokens", "import", "t.txt")
    (tmp_path / "out.json").write_text(run("tokens", "export").out)

    assert run("tokens", "import", "out.json").out == "2 unchanged\n"
    assert sorted(run("tokens", "export", "--form", "text").out.split()) == [ONE, TWO]


@pytest.mark.parametrize("command", ["tokens list", "tokens export", "keys list"])
def test_a_look_makes_no_data_folder(run: Run, tmp_path: Path, command: str) -> None:
    done = run(*command.split())

    assert (done.code, done.out) == (1, "")
    assert "DATA_DIR" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_that_is_missing_is_one_line_beside_the_result(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.txt").write_text(ONE)
    monkeypatch.setenv("GROKGATE__PLUGINS__ENABLED", "nowhere")

    done = run("tokens", "import", "t.txt")

    assert done.out == "1 added\n"
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("grokgate: plugin refused: plugin nowhere, reason no installed")
