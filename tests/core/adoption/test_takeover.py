"""What was read elsewhere is taken over, by a running service and without one."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import CapturingLogger

from grokgate import control, registry
from grokgate.adoption import OldFile
from grokgate.clock import SystemClock
from grokgate.gateway import Gateway
from grokgate.migration.found import MOST_ENTRIES, token_files
from grokgate.offline import opened
from grokgate.operations import Operations
from grokgate.run_options import RunOptions

pytestmark = pytest.mark.anyio

TOKEN = "eyJhbGciOiJIUzI1NiJ9.session-one"
KEY = "sk-0123456789abcdef0123"


@asynccontextmanager
async def offline(tmp_path: Path) -> AsyncIterator[Operations]:
    async with opened(tmp_path / "data", {}, create=True, log=CapturingLogger()) as operations:
        yield operations


def wanted(*files: tuple[Any, object], rehearsal: bool = False) -> dict[str, Any]:
    """Arguments of the operation, as they come from the socket."""
    old = [
        OldFile(name=f"old/{kind}", kind=kind, text=json.dumps(content)) for kind, content in files
    ]
    return {"files": msgspec.to_builtins(old), "rehearsal": rehearsal}


async def test_rehearsal_tells_the_same_and_writes_nothing(tmp_path: Path) -> None:
    files = ("tokens", {"ssoBasic": [TOKEN, ""]}), ("keys", [{"key": KEY}, {"name": "lost"}])
    async with offline(tmp_path) as operations:
        rehearsed = await operations.run("migrate", wanted(*files, rehearsal=True))
        rows = await operations.run("tokens.list", {}), await operations.run("keys.list", {})
        done = await operations.run("migrate", wanted(*files))

    assert rows == ([], [])
    assert rehearsed == done
    assert [report["counts"]["added"] for report in done] == [1, 1]
    assert [report["counts"]["rejected"] for report in done] == [1, 1]


async def test_numbers_of_one_file_are_added_once(tmp_path: Path) -> None:
    file = ("statistics", {"daily": {"2026-01-31": {"total": 3, "success": 2, "failed": 1}}})
    async with offline(tmp_path) as operations:
        (first,) = await operations.run("migrate", wanted(file))
        (second,) = await operations.run("migrate", wanted(file))

    assert first["counts"] == {"added": 1}
    assert (second["counts"], second["remarks"]) == ({}, ("These numbers were added before.",))


async def test_text_that_is_none_of_its_kind_is_told_and_stops_nothing(tmp_path: Path) -> None:
    async with offline(tmp_path) as operations:
        told = await operations.run("migrate", wanted(("keys", 7), ("tokens", [TOKEN])))

    assert told[0]["remarks"] == ("It does not hold a list of keys.",)
    assert told[1]["counts"]["added"] == 1


async def test_counts_of_today_come_over_without_a_service(tmp_path: Path) -> None:
    digest = hashlib.sha1(TOKEN.encode()).hexdigest()[:12]
    now = SystemClock().now().timestamp()
    used = {"usage": {digest: {"count": 4, "last_used": now}}}
    async with offline(tmp_path) as operations:
        told = await operations.run("migrate", wanted(("tokens", [TOKEN]), ("nsfw", used)))
        again = await operations.run("migrate", wanted(("nsfw", used)))

    assert told[1]["counts"] == {"added": 1, "old": 0}
    assert again[0]["counts"] == {"added": 0, "old": 1}


async def test_running_service_takes_over_through_its_socket(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    gateway = Gateway(
        RunOptions(data_dir=folder, log_dir=folder, overlay={"token.auto_refresh": False}),
        {},
        sources=registry.installed(enabled=(), disabled=()),
        log=CapturingLogger(),
    )
    files = ("tokens", [TOKEN]), ("keys", [{"key": KEY}]), ("nsfw", {"usage": {}})
    async with gateway.run():
        told = await control.ask(folder, "migrate", wanted(*files))
        assert gateway.keys.find(KEY) is not None
        assert len(gateway.tokens.records) == 1
        names = [file.name for file in gateway.adoption.report.files]

    assert names == ["old/tokens", "old/keys", "old/nsfw"]
    assert told[2]["remarks"] == ["Counts of today are taken only while no service runs."]


async def test_places_count_through_all_portions(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"token": f"session-{number}"} for number in range(MOST_ENTRIES)
    ]
    first, second = token_files("old/accounts", [*records, {"token": ""}, {"token": TOKEN}])
    async with offline(tmp_path) as operations:
        (told,) = await operations.run("migrate", {"files": [msgspec.to_builtins(second)]})

    assert (first.name, second.name) == ("old/accounts", f"old/accounts from {MOST_ENTRIES + 1}")
    assert told["counts"]["added"] == 1
    assert told["remarks"][0].startswith(f"[{MOST_ENTRIES + 1}]: ")
