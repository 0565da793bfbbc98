"""A real gateway process for end-to-end tests: started, watched, stopped by its own id."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx

from grokgate.testing.server import kept_port

_KEY = re.compile(r"sk-[A-Za-z0-9_-]{20,}")
_START_S = 30


class Service:
    """One running ``grokgate serve``."""

    def __init__(self, process: subprocess.Popen[str], base: str, folder: Path) -> None:
        self.process = process
        self.base = base
        self.folder = folder
        self.output: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """Everything it printed so far."""
        return "".join(self.output)

    @property
    def key(self) -> str:
        """The API key it printed at its first start."""
        self.wait_for(_KEY.pattern)
        found = _KEY.search(self.text)
        assert found
        return found.group()

    @property
    def data_dir(self) -> Path:
        sandbox = self.folder / "data" / "sandbox"
        return sandbox if sandbox.exists() else self.folder / "data"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    @property
    def pids(self) -> list[int]:
        """Ids of its processes: the command itself, then those it started."""
        first = self.process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def client(self, **more: object) -> httpx.Client:
        """An HTTP client with the first key."""
        return httpx.Client(base_url=self.base, headers=self.headers, timeout=30, trust_env=False)

    def wait_for(self, pattern: str, *, timeout_s: float = _START_S) -> None:
        """Wait until the output matches *pattern*."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            while not re.search(pattern, self.text):
                left = deadline - time.monotonic()
                assert left > 0, f"never printed {pattern!r}:\n{self.text}"
                assert self._reader.is_alive(), f"ended early:\n{self.text}"
                self._news.wait(min(left, 0.2))

    def stop(self, number: int = signal.SIGTERM, *, timeout_s: float = 60) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)  # its last lines may still be on their way
        return code

    def crash(self) -> None:
        """Kill every process of it at once, as a power cut does."""
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def close(self) -> None:
        """Let go of the output of an ended process."""
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.output.append(line)
                self._news.notify_all()


@contextmanager
def service(
    folder: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    port: int | None = None,
    wait: bool = True,
) -> Iterator[Service]:
    """Run ``grokgate serve`` in *folder* until the context is left."""
    with nullcontext(port) if port else kept_port() as chosen:
        yield from _running(folder, arguments, environ or {}, chosen, wait=wait)


def _running(
    folder: Path, arguments: Sequence[str], environ: Mapping[str, str], port: int, *, wait: bool
) -> Iterator[Service]:
    command: Sequence[str] = (
        *(sys.executable, "-m", "grokgate", "serve", "--port", str(port)),
        *arguments,
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GROK")}
    # As installed: modules are compiled once, not at every start.
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**clean, "PYTHONUNBUFFERED": "1", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Service(process, f"http://127.0.0.1:{port}", folder)
    try:
        if wait:
            running.wait_for("Ready")
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        running.close()
