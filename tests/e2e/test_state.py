"""What is on disk: belongs to one process, survives its processes, is refused when damaged."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import anyio
import httpx
import pytest

from e2e.conftest import Start
from e2e.probe import KEY, QUOTA, Probe
from grokgate.control import SOCKET_NAME
from grokgate.storage import hold_folder
from service import service

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

READY_S = 5.0


async def models_with(gateway: Probe, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return (await gateway.http.get("/v1/models", headers=headers)).status_code


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


def command(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run ``grokgate`` with *arguments* and an account on its input; returns code and words."""
    done = subprocess.run(
        [sys.executable, "-m", "grokgate", *arguments],
        cwd=folder,
        input="credential-of-a-command-000001\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def refused(folder: Path, **environ: str) -> str:
    """Start a service that must refuse, and return what it said."""
    names = {f"GROKGATE__{key}": value for key, value in environ.items()}
    with service(folder, environ=names, wait=False) as running:
        code = running.process.wait(20)
        running.close()
    assert code != 0
    assert "Traceback" not in running.text
    return running.text


# Killed


async def test_killed_worker_is_replaced(start: Start) -> None:
    async with start() as gateway:
        await gateway.fill(QUOTA)
        _, worker = gateway.service.pids

        os.kill(worker, signal.SIGKILL)

        await gateway.becomes(200, lambda: _ready(gateway), within_s=READY_S)
        assert (await gateway.chat()).status_code == 200


async def _ready(gateway: Probe) -> int | None:
    try:
        return (await gateway.http.get("/ready")).status_code
    except httpx.TransportError:
        return None


async def test_worker_does_not_outlive_its_command(start: Start) -> None:
    async with start() as gateway:
        command, worker = gateway.service.pids

        os.kill(command, signal.SIGKILL)

        gateway.service.process.wait(10)
        try:
            await gateway.becomes("gone", lambda: _found(worker), within_s=READY_S)
        finally:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


async def _found(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    return "there"


# In use


async def test_second_start_on_a_folder_is_refused(gateway: Probe, folder: Path) -> None:
    said = await anyio.to_thread.run_sync(refused, folder)

    assert "data" in said
    assert "in use by another process" in said
    assert "DATA_DIR" in said
    assert await models_with(gateway, KEY) == 200


async def test_folder_held_by_a_command_is_refused(tmp_path: Path) -> None:
    with hold_folder(tmp_path / "data"):
        said = await anyio.to_thread.run_sync(refused, tmp_path)
        code, answer = command(tmp_path, "keys", "create", "laptop")

    assert "in use by another process" in said
    assert code != 0
    assert "in use by another process" in answer


async def test_command_that_cannot_reach_the_service_leaves_its_folder_alone(start: Start) -> None:
    async with start() as gateway:
        (gateway.service.data_dir / SOCKET_NAME).unlink()
        code, said = await anyio.to_thread.run_sync(command, start.folder, "keys", "create")

        assert code != 0
        assert "in use by another process" in said
        assert await models_with(gateway, KEY) == 200


async def test_port_in_use_is_refused(gateway: Probe, tmp_path: Path) -> None:
    port = int(gateway.service.base.rpartition(":")[2])

    with service(tmp_path, port=port, wait=False) as running:
        code = await anyio.to_thread.run_sync(lambda: running.process.wait(20))
        running.close()

    assert code != 0
    assert str(port) in running.text
    assert "Traceback" not in running.text
    assert await models_with(gateway, KEY) == 200


# Damaged


def _overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xa5" * 1024)


DAMAGES: Mapping[str, Callable[[Path], object]] = {
    "grokgate.db": _overwritten,
    "config.toml": lambda path: path.write_text("[grok\ntimeout = 3\n"),
    "secret.key": lambda path: path.write_text("grokgate-key-1.AAAA.00000000\n"),
}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a gateway that ran and was stopped."""
    folder = tmp_path_factory.mktemp("used")
    with service(folder) as running:
        command = [sys.executable, "-m", "grokgate", "tokens", "import", "-"]
        subprocess.run(command, cwd=folder, input="credential-1\n", text=True, check=True)
        assert running.stop() == 0
    return folder / "data"


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_file_stops_the_start_and_is_left_alone(
    used: Path, tmp_path: Path, name: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for path in used.iterdir():
        if path.is_file():
            (data / path.name).write_bytes(path.read_bytes())
    DAMAGES[name](data / name)
    before = digests(data)

    said = refused(tmp_path)

    assert name in said
    assert re.search(r"[Rr]estore|[Cc]orrect|[Rr]emove|[Ff]ix", said)
    assert {file: digests(data)[file] for file in before} == before


def test_lost_key_file_stops_the_start(used: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "grokgate.db").write_bytes((used / "grokgate.db").read_bytes())

    said = refused(tmp_path)

    assert "secret.key" in said
    assert not (data / "secret.key").exists()


# The command line


async def test_accounts_are_imported_before_and_while_it_runs(start: Start) -> None:
    def load(*tokens: str) -> None:
        command = [sys.executable, "-m", "grokgate", "tokens", "import", "-"]
        subprocess.run(command, cwd=start.folder, input="\n".join(tokens), text=True, check=True)

    await anyio.to_thread.run_sync(load, "credential-at-rest-000001")
    async with start() as gateway:
        await anyio.to_thread.run_sync(load, "credential-at-run--000002")

        assert set(await gateway.rows()) == {"000001", "000002"}


def test_files_are_closed_to_other_users(used: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o077 for path in [used, *used.iterdir()]}

    assert set(modes.values()) == {0}
