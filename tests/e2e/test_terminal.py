"""Ctrl-C in a terminal, once and twice, while an answer is on its way."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from grokgate.testing import kept_port

pytestmark = pytest.mark.e2e

CTRL_C = b"\x03"
END_S = 8
"""One second of grace, the error frames, the server's own stop."""
INTERRUPTED = 130
# A program must make a terminal its own by itself.
IN_TERMINAL = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"


class Terminal:
    """A terminal with one program in it."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.text = ""
        self._master = master

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait_for(self, pattern: str, *, within_s: float = 30) -> str:
        """Read what is printed until it matches *pattern*; returns the match."""
        deadline = time.monotonic() + within_s
        while not (found := re.search(pattern, self.text)):
            left = deadline - time.monotonic()
            assert left > 0, f"never printed {pattern!r}:\n{self.text}"
            self._read(left)
        return found[0]

    def wait(self, within_s: float) -> int:
        """Wait for the program's end, and go on reading meanwhile; returns its exit code."""
        deadline = time.monotonic() + within_s
        while (code := self.process.poll()) is None:
            assert time.monotonic() < deadline, f"it goes on:\n{self.text}"
            self._read(0.05)
        return code

    def _read(self, within_s: float) -> None:
        poll = select.poll()  # unlike select, it takes the high descriptors of a long test run
        poll.register(self._master, select.POLLIN)
        if poll.poll(within_s * 1000):
            try:
                self.text += os.read(self._master, 65536).decode(errors="replace")
            except OSError:  # nobody has the other side open any more: the program is about to end
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(within_s)


@contextmanager
def terminal(folder: Path, port: int) -> Iterator[Terminal]:
    """Run a gateway on a sandbox in a terminal of its own."""
    master, slave = pty.openpty()
    serve = [sys.executable, "-m", "grokgate", "serve", "--sandbox", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, str(slave), *serve],
        cwd=folder,
        env={**os.environ, "GROKGATE__SERVER__SHUTDOWN_GRACE_SEC": "1"},
        pass_fds=[slave],
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        os.close(master)


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


@contextmanager
def answering(shown: Terminal, port: int) -> Iterator[None]:
    """Hold an answer without end."""
    key = shown.wait_for(r"sk-[A-Za-z0-9_-]{20,}(?=\s)")
    shown.wait_for("Ready")
    asked = {
        "model": "grok-4-fast",
        "messages": [{"role": "user", "content": "@sim tokens=9000 delay_ms=100"}],
        "stream": True,
    }
    with httpx.stream(
        "POST",
        f"http://127.0.0.1:{port}/v1/chat/completions",
        headers={"authorization": f"Bearer {key}"},
        json=asked,
        trust_env=False,
    ) as answer:
        assert answer.status_code == httpx.codes.OK
        yield


@pytest.mark.parametrize("times", [1, 2])
def test_interrupt_ends_everything(tmp_path: Path, times: int) -> None:
    with (
        kept_port() as port,
        terminal(tmp_path, port) as shown,
        answering(shown, port),
    ):
        pids = family(shown.process.pid)
        shown.type(CTRL_C)
        shown.wait_for("Stopping: 1 running")
        for _ in range(times - 1):
            shown.type(CTRL_C)
        code = shown.wait(END_S)

    assert 0 <= code <= INTERRUPTED
    assert "Traceback" not in shown.text
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
