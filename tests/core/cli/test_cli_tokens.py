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
        "rejected: line 3: does not look like a token",
        "note: line 4: The same account as line 1, whose data were taken.",
    ]


def test_import_fails_when_nothing_could_be_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{no json")

    done = run("tokens", "import", "t.json")

    assert done.code == 1
    assert done.out.startswith("1 rejected\nrejected: the whole text: ")


def test_import_of_nothing_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("# no accounts yet\n")

    assert run("tokens", "import", "t.txt")[:2] == (1, "no accounts in it\n")


def test_import_of_another_file_changes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("A title\n\nSome words, no accounts.\nword-for-word\n")

    done = run("tokens", "import", "README.md")

    assert done.code == 1
    assert "nothing was imported" in done.out
    assert run("tokens", "list").out.startswith("No accounts")


def test_import_into_an_unknown_pool_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(ONE)

    assert run("tokens", "import", "t.txt", "--pool", "ssoFoo") == (
        1,
        "",
        "grokgate: There is no pool 'ssoFoo'. Pools: ssoBasic, ssoSuper, ssoHeavy, auto.\n",
    )


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


@pytest.mark.parametrize(
    ("columns", "options", "names"),
    [
        (200, (), "id token pool status quota tags note last used"),
        (80, (), "id pool status quota tags note"),
        (80, ("--wide",), "id token pool status quota tags note last used"),
        (40, (), "id pool status quota"),
    ],
)
def test_list_is_as_wide_as_the_terminal(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    columns: int,
    options: tuple[str, ...],
    names: str,
) -> None:
    record = {"token": ONE, "quota": 12, "tags": ["home"], "note": "of the office, 咖啡"}
    (tmp_path / "t.json").write_text(json.dumps({"ssoBasic": [record]}))
    run("tokens", "import", "t.json")
    monkeypatch.setenv("COLUMNS", str(columns))

    header, _, _, footer = run("tokens", "list", *options).out.splitlines()
    assert " ".join(header.split()) == names
    assert ("--wide" in footer) == ("token" not in names)


def test_list_cuts_what_does_not_fit_at_all(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"ssoBasic": [{"token": ONE, "quota": 12}]}))
    run("tokens", "import", "t.json")
    monkeypatch.setenv("COLUMNS", "24")

    header, row, _, footer = run("tokens", "list").out.splitlines()
    assert (len(header), header[-1], len(row), row[-1]) == (24, "…", 24, "…")
    assert footer == "1 accounts: 1 active (--wide shows everything)"


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


def _statuses(run: Run) -> dict[str, str]:
    rows = json.loads(run("tokens", "list", "--json").out)
    return {row["id"]: row["state"]["status"] for row in rows}


def test_account_is_disabled_and_enabled(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(ONE)
    run("tokens", "import", "t.txt")
    (account,) = _statuses(run)

    assert run("tokens", "disable", account) == (0, "1 disabled\n", "")
    assert _statuses(run) == {account: "disabled"}
    assert run("tokens", "enable", account) == (0, "1 enabled\n", "")
    assert _statuses(run) == {account: "active"}


def test_removed_account_comes_back_with_the_next_import(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(f"{ONE}\n{TWO}\n")
    run("tokens", "import", "t.txt")

    assert run("tokens", "remove", *_statuses(run)) == (0, "2 removed\n", "")
    assert _statuses(run) == {}
    assert run("tokens", "import", "t.txt").out == "2 restored\n"


@pytest.mark.parametrize("verb", ["remove", "disable", "enable"])
def test_unknown_account_is_reported_and_the_others_change(
    run: Run, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "t.txt").write_text(ONE)
    run("tokens", "import", "t.txt")

    done = run("tokens", verb, "tok_none", *_statuses(run))

    assert done.code == 1
    assert done.out.splitlines() == [
        f"1 {verb}d, 1 unknown",
        "unknown: 'tok_none': no account has this id, see grokgate tokens list",
    ]


@pytest.mark.parametrize(
    "command", ["tokens list", "tokens export", "tokens remove tok_1", "keys list"]
)
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
