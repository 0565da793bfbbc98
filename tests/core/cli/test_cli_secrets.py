"""``grokgate secrets rotate``, with and without a service."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest

from grokgate import registry
from grokgate.cli.notes import silent_log
from grokgate.gateway import Gateway
from grokgate.run_options import RunOptions

Run = Callable[..., Any]

ONE, TWO = "a" * 20 + "-one-12345", "b" * 20 + "-two-12345"


@pytest.fixture
def filled(run: Run, tmp_path: Path) -> Path:
    """A data folder with two accounts."""
    (tmp_path / "t.txt").write_text(f"{ONE}\n{TWO}\n")
    run("tokens", "import", "t.txt")
    return tmp_path / "data"


def keys(folder: Path) -> list[str]:
    return (folder / "secret.key").read_text().split()


def accounts(run: Run) -> list[str]:
    return sorted(run("tokens", "export", "--form", "text").out.split())


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(
        RunOptions(data_dir=folder, log_dir=folder / "logs", overlay={"token.auto_refresh": False}),
        {},
        sources=registry.installed(enabled=(), disabled=()),
        log=silent_log(),
    )
    async with gateway.run():
        yield gateway


@contextmanager
def serving(folder: Path) -> Iterator[Gateway]:
    """Run a service in a thread, as beside a command."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_running(folder)) as gateway,
    ):
        yield gateway


def test_new_key_seals_everything_where_no_service_runs(run: Run, filled: Path) -> None:
    (first,) = keys(filled)

    done = run("secrets", "rotate")

    assert (done.code, done.out) == (0, "sealed 2 records with the new key\n")
    assert keys(filled)[0] == first
    assert len(keys(filled)) == 2
    assert accounts(run) == [ONE, TWO]


def test_running_service_is_given_the_new_key(run: Run, filled: Path) -> None:
    with serving(filled) as gateway:
        done = run("secrets", "rotate")

        assert (done.code, done.out) == (0, "sealed 2 records with the new key\n")
        assert gateway.vault.sealing_id != gateway.vault.key_id

    assert accounts(run) == [ONE, TWO]


def test_resumed_rotation_makes_no_further_key(run: Run, filled: Path) -> None:
    run("secrets", "rotate")

    done = run("secrets", "rotate", "--resume")

    assert (done.code, done.out) == (0, "sealed 0 records with the new key\n")
    assert len(keys(filled)) == 2


def test_key_of_the_environment_is_not_rotated_here(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passphrase = "correct horse battery staple 0123456789"
    monkeypatch.setenv("GROKGATE_SECRET_KEY", passphrase)
    (tmp_path / "t.txt").write_text(ONE)
    run("tokens", "import", "t.txt")

    done = run("secrets", "rotate")

    assert (done.code, done.out) == (1, "")
    assert "Append a new one there" in done.err
    assert passphrase not in done.err


def test_rotation_of_nothing_makes_no_folder(run: Run, tmp_path: Path) -> None:
    done = run("secrets", "rotate")

    assert done.code == 1
    assert not (tmp_path / "data").exists()
