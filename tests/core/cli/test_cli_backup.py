"""``grokgate backup`` and ``grokgate restore`` on a folder without a service."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

TOKEN = "a" * 20 + "-one-12345"


@pytest.fixture
def filled(run: Run, tmp_path: Path) -> Path:
    """A data folder with an account, and a file with a passphrase."""
    (tmp_path / "t.txt").write_text(TOKEN)
    (tmp_path / "passphrase.txt").write_text("correct horse battery\n")
    run("tokens", "import", "t.txt")
    return tmp_path / "data"


def test_backup_and_restore_bring_accounts_to_another_folder(
    run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (filled / "config.toml").write_text("[log]\nlevel = 'debug'\n")

    made = run("backup", "b.tar.gz", "--passphrase-file", "passphrase.txt")
    monkeypatch.setenv("DATA_DIR", "new")
    restored = run("restore", "b.tar.gz", "--passphrase-file", "passphrase.txt")

    assert made == (0, "wrote b.tar.gz: grokgate.db, config.toml, secret.key\n", "")
    assert (restored.code, restored.err) == (0, "")
    assert restored.out.startswith("restored new as of 20")
    assert run("tokens", "export", "--form", "text").out == f"{TOKEN}\n"


def test_backup_without_a_passphrase_says_what_to_keep(run: Run, filled: Path) -> None:
    made = run("backup", "b.tar.gz")

    assert (made.code, made.out) == (0, "wrote b.tar.gz: grokgate.db\n")
    assert f"keep {filled.name}/secret.key" in made.err


def test_key_of_the_environment_opens_its_backup(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.txt").write_text(TOKEN)
    (tmp_path / "key.txt").write_text("correct horse battery staple 0123456789")
    monkeypatch.setenv("GROKGATE_SECRET_KEY_FILE", str(tmp_path / "key.txt"))
    run("tokens", "import", "t.txt")
    run("backup", "b.tar.gz")
    monkeypatch.setenv("DATA_DIR", "new")

    assert run("restore", "b.tar.gz").code == 0

    assert run("tokens", "export", "--form", "text").out == f"{TOKEN}\n"
    assert not (tmp_path / "new" / "secret.key").exists()


def test_backup_of_nothing_says_so(run: Run, tmp_path: Path) -> None:
    done = run("backup", "b.tar.gz")

    assert (done.code, done.out) == (1, "")
    assert "nothing to back up" in done.err
    assert not (tmp_path / "b.tar.gz").exists()


@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_missing_files_are_one_line(run: Run, filled: Path, verb: str) -> None:
    done = run(verb, "nowhere/b.tar.gz", "--passphrase-file", "none.txt")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("grokgate: none.txt: ")
    assert len(done.err.splitlines()) == 1
    assert filled.exists()


def test_missing_archive_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", "new")

    done = run("restore", "b.tar.gz")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("grokgate: b.tar.gz: ")
    assert len(done.err.splitlines()) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".locks"]


def test_restore_leaves_a_folder_in_use_alone(run: Run, filled: Path) -> None:
    run("backup", "b.tar.gz")
    before = (filled / "grokgate.db").read_bytes()

    done = run("restore", "b.tar.gz")

    assert (done.code, done.out) == (1, "")
    assert "There is a database already" in done.err
    assert (filled / "grokgate.db").read_bytes() == before
