"""Starts of workers, as one of them sees the others."""

from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from structlog.testing import CapturingLogger

from grokgate.errors import StartupError
from grokgate.gateway.workers import Workers
from grokgate.storage.seats import hold_when_free

pytestmark = pytest.mark.anyio


def worker(folder: Path) -> Workers:
    return Workers(folder, folder / "starts", folder / "refusal", count=2, log=CapturingLogger())


async def start(workers: Workers) -> None:
    async with AsyncExitStack() as stack, workers.starting(stack):
        pass


async def test_workers_of_a_start_know_who_was_first(tmp_path: Path) -> None:
    first, second, third = (worker(tmp_path) for _ in range(3))
    for each in (first, second, third):
        await start(each)

    assert [each.is_first for each in (first, second, third)] == [True, False, False]
    assert third.restarts == 1


async def test_refusal_before_any_has_started_is_kept_for_the_command(tmp_path: Path) -> None:
    (tmp_path / "refusal").write_text("no server")

    await start(worker(tmp_path))

    assert (tmp_path / "refusal").read_text() == "no server"


async def test_refusal_is_forgotten_by_who_starts_after_it(tmp_path: Path) -> None:
    await start(worker(tmp_path))
    (tmp_path / "refusal").write_text("no server")

    await start(worker(tmp_path))

    assert not (tmp_path / "refusal").exists()


async def test_who_waits_is_refused_with_the_one_that_started(tmp_path: Path) -> None:
    (tmp_path / "refusal").write_text("no server")

    async with hold_when_free(tmp_path, "start.lock", waiting=lambda: None):
        with pytest.raises(StartupError, match="no server"):
            await start(worker(tmp_path))


@pytest.mark.parametrize(
    ("starts", "refusal"),
    [
        pytest.param(b".", "no server", id="others serve"),
        pytest.param(b"", "", id="it is still being written"),
    ],
)
async def test_who_waits_goes_on_beside_a_refusal(
    tmp_path: Path, starts: bytes, refusal: str
) -> None:
    (tmp_path / "starts").write_bytes(starts)
    (tmp_path / "refusal").write_text(refusal)
    waiting = worker(tmp_path)

    async with anyio.create_task_group() as group:
        async with hold_when_free(tmp_path, "start.lock", waiting=lambda: None):
            group.start_soon(start, waiting)
            await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            await start(worker(tmp_path))

    assert waiting.seat
