import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import structlog
from structlog.testing import LogCapture

from grokgate import control
from grokgate.control import SOCKET_NAME, OperationFailed
from grokgate.errors import StateError
from grokgate.offline import opened
from grokgate.operations import Operations, Progress

pytestmark = pytest.mark.anyio

LOG = structlog.wrap_logger(None, processors=[LogCapture()])


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Operations]:
    """Answer on the folder's socket, as a running service does."""
    async with (
        opened(folder, {}, create=True, log=LOG) as operations,
        control.serve(folder, operations, log=LOG),
    ):
        yield operations


@pytest.mark.parametrize("name", ["data", "d" * 120])
async def test_a_command_is_answered_however_deep_the_folder_lies(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    async with serving(folder):
        made = await control.ask(folder, "keys.create", {"name": "laptop"})
        listed = await control.ask(folder, "keys.list", {})

    assert made["record"]["name"] == "laptop"
    assert [key["name"] for key in listed] == ["laptop"]


async def test_only_the_owner_may_use_the_socket(tmp_path: Path) -> None:
    async with serving(tmp_path):
        mode = (tmp_path / SOCKET_NAME).stat().st_mode

    assert stat.S_IMODE(mode) == 0o600
    assert not (tmp_path / SOCKET_NAME).exists()


@pytest.mark.parametrize("name", ["data", "d" * 120])
async def test_without_a_service_there_is_no_connection(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConnectionError):
        await control.ask(tmp_path / name, "keys.list", {})


async def test_a_socket_that_a_crash_left_behind_is_no_service(tmp_path: Path) -> None:
    async with serving(tmp_path):
        (tmp_path / SOCKET_NAME).rename(tmp_path / "kept")
    (tmp_path / "kept").rename(tmp_path / SOCKET_NAME)

    with pytest.raises(ConnectionError):
        await control.ask(tmp_path, "keys.list", {})
    async with serving(tmp_path):
        assert await control.ask(tmp_path, "keys.list", {}) == []


@pytest.mark.parametrize(
    ("name", "arguments", "level"),
    [("keys.list", {}, "debug"), ("keys.create", {}, "info"), ("tokens.export", {}, "info")],
)
async def test_looks_are_logged_for_those_who_debug_alone(
    tmp_path: Path, name: str, arguments: dict[str, Any], level: str
) -> None:
    logs = LogCapture()
    log = structlog.wrap_logger(None, processors=[logs])
    async with (
        opened(tmp_path, {}, create=True, log=LOG) as operations,
        control.serve(tmp_path, operations, log=log),
    ):
        await control.ask(tmp_path, name, arguments)

    assert logs.entries == [{"event": "control_operation", "operation": name, "log_level": level}]


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("keys.revoke", {"key": "nobody"}, "No active key"),
    ("keys.revoke", {}, "missing required field"),
    ("keys.create", {"name": "x" * 200}, "at most"),
    ("tokens.import", {"text": "abc", "mode": "destroy"}, "Invalid enum value"),
    ("tokens.import", {"text": "abc", "pool": "ssoFoo"}, "no pool 'ssoFoo'. Pools: ssoBasic,"),
    ("tokens.remove", {}, "missing required field"),
    ("tokens.export", {"form": "z"}, "Invalid enum value"),
    ("tokens.show", {"id": "tok_none"}, "no account has the id 'tok_none'"),
    ("tokens.refresh", {"ids": []}, "only a running service can ask"),
    ("tokens.burn", {}, "unknown operation 'tokens.burn'"),
]


@pytest.mark.parametrize(("name", "arguments", "reason"), REFUSALS)
async def test_a_refusal_reaches_the_operator(
    tmp_path: Path, name: str, arguments: dict[str, Any], reason: str
) -> None:
    async with serving(tmp_path):
        with pytest.raises(OperationFailed, match=reason):
            await control.ask(tmp_path, name, arguments)


@pytest.mark.parametrize("request_line", [b"", b"no json\n", b"[]\n", b"{}\n"])
async def test_nonsense_on_the_socket_hurts_nobody(tmp_path: Path, request_line: bytes) -> None:
    async with serving(tmp_path):
        async with await anyio.connect_unix(tmp_path / SOCKET_NAME) as stream:
            await stream.send(request_line)
            await stream.send_eof()
            with anyio.fail_after(5):
                await _drained(stream)

        assert await control.ask(tmp_path, "keys.list", {}) == []


async def _drained(stream: Any) -> bytes:
    try:
        return bytes(await stream.receive())
    except anyio.EndOfStream:
        return b""


async def test_a_service_that_says_nothing_is_reported(tmp_path: Path) -> None:
    async def close(stream: Any) -> None:
        await stream.receive()
        await stream.aclose()

    async with (
        await anyio.create_unix_listener(tmp_path / SOCKET_NAME) as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, close)
        with pytest.raises(StateError, match="closed the connection"):
            await control.ask(tmp_path, "keys.list", {})
        group.cancel_scope.cancel()


async def test_a_look_into_an_empty_folder_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="There is no database"):
        async with opened(tmp_path / "data", {}, create=False, log=LOG):
            pass

    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - a folder of this test


@pytest.mark.parametrize("lost", [True, False])
async def test_new_database_beside_an_old_key_is_warned_about(
    tmp_path: Path, *, lost: bool
) -> None:
    logs = LogCapture()
    log = structlog.wrap_logger(None, processors=[logs])
    async with opened(tmp_path, {}, create=True, log=log):
        pass
    if lost:
        (tmp_path / "grokgate.db").write_bytes(b"")
    async with opened(tmp_path, {}, create=True, log=log):
        pass

    found = [(entry["log_level"], entry["event"]) for entry in logs.entries]
    assert found == ([("warning", "database_is_new")] if lost else [])


async def test_imported_accounts_are_listed_masked_and_exported_in_the_clear(
    tmp_path: Path,
) -> None:
    secret = "a" * 20 + "0123456789"
    async with opened(tmp_path, {}, create=True, log=LOG) as operations:
        report = await operations.run("tokens.import", {"text": secret})
        listed = await operations.run("tokens.list", {})
        exported = await operations.run("tokens.export", {"form": "text"})

    assert len(report["added"]) == 1
    assert listed[0]["masked"] == "…456789"
    assert secret not in repr(listed)
    assert exported == {"text": f"{secret}\n"}


async def test_a_running_service_switches_and_removes_accounts(tmp_path: Path) -> None:
    async with serving(tmp_path):
        report = await control.ask(tmp_path, "tokens.import", {"text": "made-up-token"})
        added = report["added"]
        wanted = {"ids": [*added, "tok_unknown"]}
        done = [
            await control.ask(tmp_path, f"tokens.{verb}", wanted)
            for verb in ("disable", "enable", "remove")
        ]

        assert done == [added, {"found": added, "expired": []}, added]
        assert await control.ask(tmp_path, "tokens.list", {}) == []


async def test_expired_account_is_not_enabled_unasked(tmp_path: Path) -> None:
    async with serving(tmp_path):
        text = '[{"token": "made-up-token", "status": "expired"}]'
        report = await control.ask(tmp_path, "tokens.import", {"text": text})
        done = await control.ask(tmp_path, "tokens.enable", {"ids": report["added"]})
        (account,) = await control.ask(tmp_path, "tokens.list", {})

    assert done == {"found": [], "expired": report["added"]}
    assert account["state"]["status"] == "expired"


async def test_one_account_is_shown_without_its_credential(tmp_path: Path) -> None:
    secret = "a" * 20 + "0123456789"
    async with serving(tmp_path):
        (token,) = (await control.ask(tmp_path, "tokens.import", {"text": secret}))["added"]
        shown = await control.ask(tmp_path, "tokens.show", {"id": token})

    assert (shown["account"]["id"], shown["inflight"]) == (token, None)
    assert secret not in repr(shown)


class Counting(Operations):
    """Counts to three before it answers, or for ever."""

    def __init__(self, *, last: int = 3) -> None:
        self.last = last
        self.ended = anyio.Event()

    async def run(
        self, name: str, arguments: Mapping[str, Any], progress: Progress | None = None
    ) -> Any:
        assert progress is not None
        try:
            for number in range(self.last):
                await progress({"number": number})
                await anyio.lowlevel.checkpoint()
        finally:
            self.ended.set()
        return name


async def test_progress_arrives_before_the_result(tmp_path: Path) -> None:
    told: list[Any] = []
    async with control.serve(tmp_path, Counting(), log=LOG):
        result = await control.ask(tmp_path, "count", {}, told.append)

    assert (result, told) == ("count", [{"number": number} for number in range(3)])


async def test_operation_ends_when_whoever_asked_has_left(tmp_path: Path) -> None:
    endless = Counting(last=10**9)
    async with control.serve(tmp_path, endless, log=LOG):
        async with await anyio.connect_unix(tmp_path / SOCKET_NAME) as stream:
            await stream.send(b'{"operation": "count"}\n')
            await stream.receive()
        with anyio.fail_after(5):
            await endless.ended.wait()


async def _begun(folder: Path, leaving: AsyncExitStack) -> Any:
    """Have a count begin; returns the connection, which stays open."""
    stream = await leaving.enter_async_context(await anyio.connect_unix(folder / SOCKET_NAME))
    await stream.send(b'{"operation": "count"}\n')
    await stream.receive()
    return stream


async def test_operation_does_not_outlive_the_service(tmp_path: Path) -> None:
    endless = Counting(last=10**9)
    async with AsyncExitStack() as leaving:
        async with control.serve(tmp_path, endless, log=LOG, stop_s=0.01):
            await _begun(tmp_path, leaving)

        assert endless.ended.is_set()


async def test_stop_waits_for_an_operation_that_ends(tmp_path: Path) -> None:
    told = b""
    async with AsyncExitStack() as leaving:
        async with control.serve(tmp_path, Counting(last=100), log=LOG):
            stream = await _begun(tmp_path, leaving)
        with anyio.fail_after(5):
            while chunk := await _drained(stream):
                told += chunk

    assert told.endswith(b'{"result":"count"}\n')
