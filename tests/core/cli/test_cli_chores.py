"""``grokgate tokens nsfw`` and ``tokens assets``, with and without a service."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest
import structlog
from structlog.testing import LogCapture

from grokgate import control
from grokgate.operations import OperationFailed, Operations, Progress

Run = Callable[..., Any]


class Service(Operations):
    """Tells the events of a job."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events
        self.asked: list[Any] = []

    async def run(self, name: str, arguments: Any, progress: Progress | None = None) -> Any:
        assert progress is not None
        self.asked.append((name, arguments))
        if not self.events:
            raise OperationFailed("there is no usable account")
        for event in self.events:
            await progress(event)


@asynccontextmanager
async def _serving(folder: Path, service: Service) -> AsyncIterator[None]:
    log = structlog.wrap_logger(None, processors=[LogCapture()])
    async with control.serve(folder, service, log=log):
        yield


@contextmanager
def serving(folder: Path, *events: dict[str, Any]) -> Iterator[Service]:
    """Run a service in a thread, as beside a command."""
    folder.mkdir()
    service = Service(*events)
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_serving(folder, service)),
    ):
        yield service


def progress(number: int, total: int, **said: Any) -> dict[str, Any]:
    return {
        "type": "progress",
        "item": f"tok_{number}",
        "processed": number,
        "total": total,
        **said,
    }


def done(total: int, fail: int = 0) -> dict[str, Any]:
    return {"type": "done", "total": total, "ok": total - fail, "fail": fail}


@pytest.mark.parametrize(("state", "kind"), [("on", "nsfw_enable"), ("off", "nsfw_disable")])
def test_preference_is_switched_and_printed(
    run: Run, tmp_path: Path, state: str, kind: str
) -> None:
    with serving(tmp_path / "data", progress(1, 1), done(1)) as service:
        outcome = run("tokens", "nsfw", state, "--pool", "ssoBasic")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [f"tok_1: preference {state}", "1 of 1 accounts"]
    assert service.asked == [("tokens.chore", {"kind": kind, "ids": None, "pool": "ssoBasic"})]


def test_refusal_of_one_account_is_told_and_fails_the_command(run: Run, tmp_path: Path) -> None:
    refused = progress(2, 2, error="The credential is dead.")
    with serving(tmp_path / "data", progress(1, 2), refused, done(2, fail=1)):
        outcome = run("tokens", "nsfw", "on", "tok_1", "tok_2")

    assert outcome.code == 1
    assert outcome.out.splitlines()[1:] == ["tok_2: The credential is dead.", "1 of 2 accounts"]


def test_files_are_counted(run: Run, tmp_path: Path) -> None:
    detail = {"status": "ok", "count": 12, "bytes": 3 << 20}
    with serving(tmp_path / "data", progress(1, 1, detail=detail), done(1)):
        outcome = run("tokens", "assets", "list", "tok_1")

    assert outcome.out.splitlines()[0] == "tok_1: 12 files, 3.0 MB"


def test_files_are_deleted(run: Run, tmp_path: Path) -> None:
    detail = {"status": "ok", "result": {"total": 12, "success": 12, "failed": 0}}
    with serving(tmp_path / "data", progress(1, 1, detail=detail), done(1)) as service:
        outcome = run("tokens", "assets", "clear", "tok_1")

    assert outcome.out.splitlines()[0] == "tok_1: 12 files deleted"
    assert service.asked[0][1]["kind"] == "assets_clear"


def test_long_work_says_how_far_it_is(run: Run, tmp_path: Path) -> None:
    events = [progress(number, 120) for number in range(1, 121)]
    with serving(tmp_path / "data", *events, done(120)):
        outcome = run("tokens", "nsfw", "on", "--all")

    assert outcome.err.splitlines() == [
        "grokgate: 50 of 120 accounts",
        "grokgate: 100 of 120 accounts",
    ]


def test_work_that_the_service_breaks_off_fails_the_command(run: Run, tmp_path: Path) -> None:
    with serving(tmp_path / "data", {"type": "error", "error": "The gateway was stopped."}):
        outcome = run("tokens", "nsfw", "on", "--all")

    assert (outcome.code, outcome.err) == (1, "grokgate: The gateway was stopped.\n")


@pytest.mark.parametrize("chosen", [(), ("tok_1", "--all")])
@pytest.mark.parametrize("command", [("nsfw", "on"), ("assets", "clear")])
def test_accounts_have_to_be_named(
    run: Run, command: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    outcome = run("tokens", *command, *chosen)

    assert (outcome.code, outcome.out) == (2, "")
    assert "--pool POOL, or --all" in outcome.err


def test_service_is_needed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a" * 20 + "-one-12345")
    run("tokens", "import", "t.txt")

    outcome = run("tokens", "nsfw", "on", "--all")

    assert outcome.code == 1
    assert "Start it: grokgate serve" in outcome.err


def test_refusal_is_one_line(run: Run, tmp_path: Path) -> None:
    with serving(tmp_path / "data"):
        outcome = run("tokens", "assets", "clear", "--all")

    assert (outcome.code, outcome.err) == (1, "grokgate: there is no usable account\n")
