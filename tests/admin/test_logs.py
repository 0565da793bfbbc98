from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import grokgate_chat
from grokgate.openai.tally import Tally
from grokgate.plugin import Caller
from grokgate.statistics import Ended
from grokgate.telemetry.reading import MOST_BYTES, list_logs, tail
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import TextDelta

pytestmark = pytest.mark.anyio

QUESTION = {"model": "grok-4", "messages": [{"role": "user", "content": "Hello"}]}
ENDED = Ended(
    endpoint="POST /v1/chat/completions",
    status=200,
    seconds=1,
    caller=Caller(key_id="k1", name="first"),
)
EVENT = {
    "time": "2026-11-22T07:51:12.004Z",
    "level": "info",
    "caller": "grokgate",
    "msg": "started",
}


def write(folder: Path, name: str, *events: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    return path


async def read(gw: RunningGateway, **query: Any) -> Any:
    async with gw.operator() as admin:
        return await admin.get("/logs/tail", params=query)


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway with a log file and 620 requests, for what only looks."""
    del anyio_backend
    async with running_gateway(grokgate_chat) as gw:
        write(gw.gateway.options.log_dir, "app.log", EVENT)
        for number in range(620):
            gw.gateway.request_log.note(ENDED, Tally(request_id=f"req_{number:03}"))
        yield gw


async def test_files_are_listed_and_the_table_among_them() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        write(gw.gateway.options.log_dir, "app_2026-11-22.log", EVENT)
        reply = await admin.get("/logs/files")

    names = {file["name"]: file["size_bytes"] for file in reply.json()["files"]}
    assert set(names) == {"app_2026-11-22.log", "request_log"}
    assert names["app_2026-11-22.log"] > 0


async def test_lines_are_shown_for_people() -> None:
    async with running_gateway(grokgate_chat) as gw:
        write(gw.gateway.options.log_dir, "app.log", EVENT, {**EVENT, "msg": "request", "ms": 4})
        reply = await read(gw, file="app.log", lines=1)

    assert reply.json() == {
        "file": "app.log",
        "lines": ["2026-11-22T07:51:12.004Z | INFO | grokgate - request ms=4"],
        "status": "success",
    }


@pytest.mark.parametrize(
    "name",
    ["../data/grokgate.db", "/etc/passwd", "..", ".", "", "a\\b", "a/b", "app.log/", "absent.log"],
)
async def test_name_that_is_no_log_file_is_not_found(shared: RunningGateway, name: str) -> None:
    reply = await read(shared, file=name)

    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "not_found"


async def test_request_log_reads_like_a_file() -> None:
    upstream = FakeUpstream([TextDelta(text="A secret answer")])
    async with running_gateway(grokgate_chat, upstream=upstream) as gw:
        await gw.client.post("/v1/chat/completions", json=QUESTION)
        reply = await read(gw, file="request_log")

    (line,) = reply.json()["lines"]
    assert " | INFO | POST /v1/chat/completions - 200 " in line
    assert "model=grok-4 key=first key account=tok_" in line
    assert "Hello" not in line
    assert "secret" not in line


@pytest.mark.parametrize(("lines", "shown"), [(1, 1), (500, 500), (501, 501), (5000, 620)])
async def test_request_log_gives_as_many_rows_as_asked_for(
    shared: RunningGateway, lines: int, shown: int
) -> None:
    reply = await read(shared, file="request_log", lines=lines)

    found = reply.json()["lines"]
    ids = [line.rpartition("request_id=")[2] for line in found]
    assert (len(found), len(set(ids))) == (shown, shown)


@pytest.mark.parametrize("lines", [0, 5001])
async def test_number_of_lines_is_bounded(shared: RunningGateway, lines: int) -> None:
    reply = await read(shared, file="request_log", lines=lines)

    assert reply.status_code == 400


def test_no_more_than_a_megabyte_is_read(tmp_path: Path) -> None:
    long = {**EVENT, "text": "x" * 60_000}
    write(tmp_path, "app.log", *[long] * 40)

    lines = tail(tmp_path, "app.log", 5000)
    assert lines is not None
    assert 0 < sum(map(len, lines)) <= MOST_BYTES
    assert all(line.startswith("2026-") for line in lines)


def test_link_to_another_place_is_no_log_file(tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere", "secret.log", EVENT)
    (tmp_path / "app.log").symlink_to(secret)

    assert list_logs(tmp_path) == []
    assert tail(tmp_path, "app.log", 10) is None


def test_secret_that_a_predecessor_wrote_is_masked(tmp_path: Path) -> None:
    secret = "canary-in-an-old-log-0123456789"
    event = {**EVENT, "msg": f"refresh failed: Cookie: sso={secret}"}
    (tmp_path / "old.log").write_bytes(f"INFO sso={secret}\n".encode() + msgspec.json.encode(event))

    lines = tail(tmp_path, "old.log", 10)
    assert lines is not None
    assert len(lines) == 2
    assert secret not in repr(lines)


def test_no_line_makes_two_or_moves_the_cursor(tmp_path: Path) -> None:
    write(tmp_path, "app.log", {**EVENT, "path": "a\n2026 | ERROR | forged - line\x1b[2J\u202e"})

    lines = tail(tmp_path, "app.log", 10)
    assert lines is not None
    assert all(char.isprintable() for line in lines for char in line)


def test_line_that_is_no_event_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b'plain \xff\n["list"]\n{"time":1}\n')

    assert tail(tmp_path, "app.log", 10) == [
        "plain \N{REPLACEMENT CHARACTER}",
        '["list"]',
        '{"time":1}',
    ]
