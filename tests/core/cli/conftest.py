"""The command line in this process, in a folder of the test's own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from grokgate.cli.main import main


class Outcome(NamedTuple):
    """What a command left on the terminal, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run ``grokgate ARGUMENTS`` as somebody would who stands in an empty folder."""
    ours = ("GROK", "DATA_", "SERVER_", "COLUMNS")
    for name in [name for name in os.environ if name.startswith(ours)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Outcome:
        capfd.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
