"""The service simply starts on the data folder of a predecessor, and nothing is lost."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from structlog.testing import CapturingLogger

from grokgate import registry
from grokgate.adoption import OldFile
from grokgate.errors import StoreUnavailable
from grokgate.gateway import Gateway
from grokgate.run_options import RunOptions
from grokgate.storage.meta import remove_fact
from grokgate.storage.statistics import read_numbers
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

TOKEN = "eyJhbGciOiJIUzI1NiJ9.session-one"
KEY = "sk-0123456789abcdef0123"
HOUR = 3_600_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def put(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


@asynccontextmanager
async def started(folder: Path, clock: FakeClock | None = None) -> AsyncIterator[Gateway]:
    gateway = Gateway(
        RunOptions(
            data_dir=folder,
            log_dir=folder / "logs",
            overlay={"token.auto_refresh": False, "token.reload_interval_sec": 0.1},
        ),
        {},
        sources=registry.installed(enabled=(), disabled=()),
        clock=clock,
        log=CapturingLogger(),
    )
    async with gateway.run():
        yield gateway


def edits_of(gateway: Gateway) -> Callable[[int], Awaitable[None]]:
    """Return what waits for so many further edits of accounts."""
    edits: asyncio.Queue[None] = asyncio.Queue()

    async def listen(_records: Any) -> None:
        edits.put_nowait(None)

    gateway.tokens.subscribe(listen)

    async def wait(number: int) -> None:
        with anyio.fail_after(10):
            for _ in range(number):
                await edits.get()

    return wait


def counts(gateway: Gateway, name: str) -> Mapping[str, int]:
    (report,) = [file for file in gateway.adoption.report.files if file.name == name]
    return report.counts


async def test_accounts_keys_and_settings_are_there_at_the_first_start(folder: Path) -> None:
    put(folder, "token.json", {"ssoBasic": [{"token": TOKEN, "note": "mine", "use_count": 7}]})
    put(folder, "api_keys.json", [{"key": KEY, "name": "phone", "chat_limit": 5}])
    put(folder, "config.toml", '[grok]\ntimeout = 77\n[app]\napi_key = "sk-config-0123456789"\n')

    async with started(folder) as gateway:
        (record,) = gateway.tokens.records.values()
        assert (record.note, record.state.use_count) == ("mine", 7)
        caller = gateway.keys.find(KEY)
        assert caller is not None
        assert caller.limits["chat"] == 5
        assert gateway.keys.find("sk-config-0123456789") is not None
        assert gateway.settings.snapshot.grok.timeout == 77
        assert gateway.first_key is None


async def test_second_start_takes_nothing_over_again(folder: Path) -> None:
    put(folder, "token.json", {"ssoBasic": [TOKEN]})
    put(folder, "api_keys.json", [{"key": KEY}])
    async with started(folder) as gateway:
        await gateway.tokens.delete(list(gateway.tokens.records))

    async with started(folder) as gateway:
        assert not gateway.tokens.records
        assert counts(gateway, "token.json")["added"] == 1


async def test_files_are_never_changed(folder: Path) -> None:
    put(folder, "token.json", {"ssoBasic": [TOKEN, ""]})
    before = (folder / "token.json").read_bytes()

    async with started(folder) as gateway:
        assert counts(gateway, "token.json")["rejected"] == 1

    assert (folder / "token.json").read_bytes() == before


async def test_later_changes_of_the_token_file_add_and_label_but_never_remove(
    folder: Path,
) -> None:
    put(folder, "token.json", {"ssoBasic": [{"token": TOKEN, "quota": 80}]})
    async with started(folder) as gateway:
        (first,) = gateway.tokens.records
        told = edits_of(gateway)
        changed = [{"token": TOKEN, "quota": 3, "note": "new note", "tags": ["nsfw"]}]
        put(folder, "token.json", {"ssoBasic": [*changed, "another-account-of-mine"]})

        await told(2)

        record = gateway.tokens.records[first]
        assert (record.note, record.tags) == ("new note", ("nsfw",))
        assert record.state.buckets["default"].remaining == 80

        put(folder, "token.json", {"ssoBasic": ["a-third-account-of-mine"]})
        await told(1)
        assert len(gateway.tokens.records) == 3


async def test_token_file_is_left_alone_where_the_setting_says_so(folder: Path) -> None:
    put(folder, "token.json", {"ssoBasic": [TOKEN]})
    put(folder, "config.toml", '[token]\nfile_sync = "off"\n')

    async with started(folder) as gateway:
        assert not gateway.tokens.records


async def test_usage_of_today_counts_on(folder: Path) -> None:
    clock = FakeClock()
    day = datetime.fromtimestamp(clock.now().timestamp() + 480 * 60, tz=UTC)
    put(folder, "api_keys.json", [{"key": KEY, "name": "phone", "chat_limit": 5}])
    put(folder, "api_key_usage.json", {day.date().isoformat(): {KEY: {"chat_used": 4}}})

    async with started(folder, clock) as gateway:
        caller = gateway.keys.find(KEY)
        assert caller is not None
        assert gateway.keys.usage.used(caller.key_id)["chat"] == 4


async def test_statistics_are_shown_on(folder: Path) -> None:
    numbers = {"total": 9, "success": 7, "failed": 2}
    put(folder, "stats.json", {"hourly": {"2026-01-31T07": numbers}, "daily": {}, "models": {}})

    async with started(folder) as gateway, gateway.database.read() as connection:
        (found,) = (await read_numbers(connection, "hour", since_ms=0)).items()

    begins_at, counted = found
    assert (counted.total, counted.success, counted.failed) == (9, 7, 2)
    # 07:00 in the zone of `quota.tz_offset_minutes`, 480 minutes east.
    assert begins_at == int(datetime(2026, 1, 30, 23, tzinfo=UTC).timestamp() * 1000)


async def test_adult_pictures_of_today_count_on(folder: Path) -> None:
    clock = FakeClock()
    digest = hashlib.sha1(TOKEN.encode()).hexdigest()[:12]
    put(folder, "token.json", {"ssoBasic": [TOKEN, "another-account-of-mine"]})
    state = {"count": 4, "last_used": clock.now().timestamp(), "age_verified": 1}
    put(folder, "imagine_nsfw_state.json", {"last_reset": 0, "usage": {digest: state}})

    async with started(folder, clock) as gateway:
        kept = [record.state.kept.get("day:nsfw_day") for record in gateway.tokens.records.values()]

    assert [note.partition(":")[2] for note in kept if note is not None] == ["4"]


@pytest.mark.parametrize("name", ["api_keys.json", "stats.json", "imagine_nsfw_state.json"])
@pytest.mark.parametrize("content", ["{", "[1, 2]"])
async def test_unusable_file_is_reported_and_stops_nothing(
    folder: Path, name: str, content: str
) -> None:
    put(folder, name, content)

    async with started(folder) as gateway:
        (report,) = gateway.adoption.report.files

    assert report.name == name
    assert report.remarks or not sum(report.counts.values())


async def test_corrected_file_is_taken_at_the_next_start(folder: Path) -> None:
    put(folder, "api_keys.json", "{")
    async with started(folder) as gateway:
        assert gateway.keys.find(KEY) is None

    put(folder, "api_keys.json", [{"key": KEY, "name": "phone"}])

    async with started(folder) as gateway:
        assert gateway.keys.find(KEY) is not None


async def test_statistics_are_added_once_though_nothing_was_noted(folder: Path) -> None:
    numbers = {"total": 9, "success": 7, "failed": 2}
    put(folder, "stats.json", {"hourly": {"2026-01-31T07": numbers}, "daily": {}})
    async with started(folder) as gateway, gateway.database.write() as connection:
        await remove_fact(connection, "adoption")  # as if it had crashed in between

    async with started(folder) as gateway, gateway.database.read() as connection:
        (counted,) = (await read_numbers(connection, "hour", since_ms=0)).values()

    assert counted.total == 9


async def test_file_that_cannot_be_read_is_told_of(folder: Path) -> None:
    (folder / "token.json").mkdir()

    async with started(folder) as gateway:
        (report,) = gateway.adoption.report.files

    assert (report.name, report.remarks) == ("token.json", ("It is no file.",))


async def test_linked_token_file_is_read(folder: Path) -> None:
    put(folder.parent, "elsewhere.json", {"ssoBasic": [TOKEN]})
    (folder / "token.json").symlink_to(folder.parent / "elsewhere.json")

    async with started(folder) as gateway:
        assert len(gateway.tokens.records) == 1


async def test_failing_store_is_not_hidden_and_the_next_try_takes_all(folder: Path) -> None:
    keys = [{"key": f"{KEY}-{number:04}"} for number in range(1000)]
    async with started(folder) as gateway:
        put(folder, "api_keys.json", keys)
        await _allow_pages(gateway, 1)  # no more than there are

        with pytest.raises(StoreUnavailable):
            await gateway.adoption.begin()

        await _allow_pages(gateway, 1_000_000)
        await gateway.adoption.begin()
        assert counts(gateway, "api_keys.json")["added"] == 1000


async def test_record_stays_small(folder: Path) -> None:
    pools = {f"pool-{number}-{'x' * 1000}": [f"account-of-mine-{number}"] for number in range(150)}
    put(folder, "token.json", pools)

    async with started(folder) as gateway:
        files = [
            OldFile(name=f"other/{number}", kind="tokens", text=json.dumps({"ssoBasic": []}))
            for number in range(110)
        ]
        (report,) = gateway.adoption.report.files
        await gateway.adoption.takeover.run({"files": msgspec.to_builtins(files)})

        assert len(report.remarks) <= 101
        assert max(map(len, report.remarks)) <= 300
        assert len(gateway.adoption.report.files) == 100


async def _allow_pages(gateway: Gateway, number: int) -> None:
    async with gateway.database.write() as connection:
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {number}")
