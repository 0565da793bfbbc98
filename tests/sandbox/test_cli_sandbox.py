"""``grokgate sandbox`` as a process: what it prints, and how it ends."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from grokgate.testing import kept_port

COMMAND = (sys.executable, "-m", "grokgate", "sandbox")
END_S = 15


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a sandbox; it is ended at last."""
    with kept_port() as port:
        process = subprocess.Popen(
            [*COMMAND, "--port", str(port), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def await_listener(process: subprocess.Popen[str]) -> None:
    """Wait until the process that printed its address accepts connections there."""
    assert process.stdout is not None
    host, _, port = process.stdout.readline().strip().removeprefix("http://").rpartition(":")
    deadline = time.monotonic() + END_S
    while True:
        try:
            socket.create_connection((host, int(port)), END_S).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "it never listened"
        else:
            return


def hint(*arguments: str) -> str:
    """Start a sandbox and return what it prints up to the line that starts a gateway."""
    with running(*arguments) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.rstrip().endswith(" serve"):
                break
    return "".join(lines)


def test_hint_names_its_profile_and_address() -> None:
    shown = hint("--profile", "2026-04")
    base = shown.splitlines()[0]

    assert "GROKGATE__GROK__PROTOCOL=2026-04" in shown
    assert shown.count(base) == 2  # for a program that reads the first line, and in the hint
    assert re.search(r"^  python3 \S*dev\.py serve$", shown, re.MULTILINE)


def test_hint_imports_every_account() -> None:
    (line,) = re.findall(r"^  printf .*$", hint("--accounts", "2"), re.MULTILINE)

    assert "ssoBasic:sandbox-basic-1 ssoSuper:sandbox-super-1 |" in line
    assert line.endswith("grokgate tokens import -")


def test_no_account_is_refused() -> None:
    done = subprocess.run(
        [*COMMAND, "--accounts", "0"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "--accounts 1" in done.stderr


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_stopping_is_silent(asked: signal.Signals) -> None:
    with running("--quiet") as process:
        await_listener(process)
        process.send_signal(asked)
        _, complaint = process.communicate(timeout=END_S)

    assert (process.returncode, complaint) == (0, "")
