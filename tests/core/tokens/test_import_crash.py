"""A large import whose process dies in the middle."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

NUMBER = 5000
BEGUN_BYTES = 1 << 20
"""Of the log that is written before the commit."""


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    lines = (f"credential-of-account-{number:06}-{'x' * 200}" for number in range(NUMBER))
    (tmp_path / "t.txt").write_text("\n".join(lines))
    ours = ("GROK", "DATA_", "SERVER_")
    return {name: text for name, text in os.environ.items() if not name.startswith(ours)}


def die_in_the_middle(folder: Path, environment: Mapping[str, str]) -> None:
    """Import, and kill the process once it writes."""
    words = [sys.executable, "-m", "grokgate", "tokens", "import", "t.txt"]
    process = subprocess.Popen(words, cwd=folder, env=environment)
    log = folder / "data" / "grokgate.db-wal"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if log.exists() and log.stat().st_size > BEGUN_BYTES:
            break
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL


def test_import_is_all_or_nothing_when_its_process_is_killed(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    die_in_the_middle(tmp_path, environment)

    with closing(sqlite3.connect(tmp_path / "data" / "grokgate.db")) as database:
        counts = {
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("tokens", "token_states", "token_listing")
        }
    assert counts in ({0}, {NUMBER})
