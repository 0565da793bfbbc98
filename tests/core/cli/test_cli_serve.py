"""Starts that are refused before anything runs."""

import fcntl
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from granian import Granian

from grokgate.cli.serve import notes_folder
from grokgate.run_options import VARIABLE, RunOptions

Run = Callable[..., Any]


@pytest.mark.parametrize("command", ["serve", "sandbox"])
def test_a_port_in_use_is_one_line(run: Run, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(command, "--port", str(port))

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(
        f"grokgate: cannot listen on 127.0.0.1 port {port} (Address already in use)."
    )
    assert len(done.err.splitlines()) == 1


def test_a_refusal_is_told_also_when_the_server_ends_by_itself(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: Any) -> None:
        note = RunOptions.from_json(os.environ[VARIABLE]).refusal_file
        assert note is not None
        note.write_text("the folder is in use", encoding="utf-8")
        sys.exit(1)

    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setattr(Granian, "serve", end)
    done = run("serve", "--port", "0")

    assert (done.code, done.out) == (1, "")
    assert done.err == "grokgate: the folder is in use\n"


@pytest.mark.parametrize("option", ["--port=70000", "--port=-1", "--accounts=many"])
def test_a_number_out_of_range_is_a_wrong_argument(run: Run, option: str) -> None:
    done = run("serve", option)

    assert done.code == 2
    assert "must be a number from 0 to" in done.err


@pytest.mark.parametrize("pace", ["-1", "nan", "inf", "fast"])
def test_a_pace_nobody_could_keep_is_a_wrong_argument(run: Run, pace: str) -> None:
    done = run("sandbox", f"--pace-ms={pace}")

    assert done.code == 2
    assert "must be a number from 0 to 600000" in done.err


def test_storms_need_a_seed(run: Run) -> None:
    done = run("simulate", "--check", "9-1")

    assert done.code == 2
    assert "must not end before it begins" in done.err


def test_a_database_server_is_refused_without_its_address(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROKGATE__STORAGE__URL", "postgresql://joe:hunter2@db/grokgate")

    for command in ("doctor", "tokens list", "keys create", "explain grok-4"):
        done = run(*command.split())
        assert done.code == 1
        assert "only SQLite files are supported" in done.out + done.err
        assert "hunter2" not in done.out + done.err


def test_a_data_folder_that_is_a_file_is_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATA_DIR", "file")

    for command in ("serve", "tokens list", "keys create", "config check"):
        done = run(*command.split())
        assert (done.code, done.out) == (1, "")
        assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--host", "0.0.0.0"], "the sandbox listens on loopback only"),
        (["--profile", "1999-01"], "the sandbox speaks 2026-02, 2026-04"),
    ],
)
def test_a_sandbox_refuses_what_it_cannot_be(run: Run, arguments: list[str], reason: str) -> None:
    done = run("sandbox", *arguments)

    assert done.code == 1
    assert reason in done.err


def test_notes_are_kept_from_who_tidies_away_what_is_old() -> None:
    with notes_folder() as folder:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)

    assert not folder.exists()
