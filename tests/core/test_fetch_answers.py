from pathlib import Path
from typing import Any

import anyio
import pytest
import structlog

from core.fetch_world import (
    LISTED,
    PNG,
    Answerer,
    Limits,
    Names,
    guarded,
    names_in,
    open_files,
    refusal,
    replying,
    serving,
)

pytestmark = pytest.mark.anyio


async def test_listed_server_is_asked_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serving(replying()) as server:
        blob = await guarded(tmp_path).get(f"{server.url}/a/b%2Fc.jpg?d")

    names = {line.split(b":")[0] for line in server.requests[0].split(b"\r\n")[1:] if line}
    assert names == {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}
    assert server.requests[0].startswith(b"GET /a/b%2Fc.jpg?d HTTP/1.1\r\n")
    assert (blob.name, blob.mime, blob.size) == ("c.png", "image/png", len(PNG))


async def test_redirect_to_an_unlisted_address_is_refused_unvisited(tmp_path: Path) -> None:
    async with serving(replying(), host="127.0.0.1") as canary:
        to_canary = [f"location: http://127.0.0.1:{canary.port}/"]
        async with serving(replying(b"", status="302 Found", headers=to_canary)) as server:
            await refusal(guarded(tmp_path), server.url)

    assert (len(server.requests), canary.requests) == (1, [])


async def test_redirect_to_a_name_that_resolves_elsewhere_is_refused(tmp_path: Path) -> None:
    names = Names(**{"inside.example": ["10.0.0.1"]})
    away = replying(b"", status="307 Temporary Redirect", headers=["location: //inside.example/"])
    async with serving(away) as server:
        await refusal(guarded(tmp_path, resolve=names), server.url)

    assert names.asked == ["inside.example"]


async def test_cookie_of_an_answer_is_never_sent_back(tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        first = len(server.requests) == 1
        head = "302 Found\r\nlocation: /next" if first else "200 OK"
        await stream.send(
            f"HTTP/1.1 {head}\r\nset-cookie: a=b\r\ncontent-length: 3\r\n\r\nabc".encode()
        )

    async with serving(answer) as server:
        fetch = guarded(tmp_path)
        await fetch.get(server.url)
        await fetch.get(server.url)

    assert len(server.requests) == 3
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize(("hops", "passes"), [(3, True), (4, False)])
async def test_three_redirects_are_followed(hops: int, tmp_path: Path, *, passes: bool) -> None:
    async def answer(stream: Any) -> None:
        more = len(server.requests) <= hops
        await (replying(b"", status="301 Moved", headers=["location: /x"]) if more else replying())(
            stream
        )

    async with serving(answer) as server:
        if passes:
            assert (await guarded(tmp_path).get(server.url)).size == len(PNG)
        else:
            await refusal(guarded(tmp_path), server.url)


@pytest.mark.parametrize(
    "answer",
    [
        replying(status="404 Not Found"),
        replying(status="500 Oops"),
        replying(status="204 No Content", body=b""),
        replying(status="304 Not Modified", body=b""),
        replying(status="302 Found"),
        replying(body=b""),
        replying(headers=["content-encoding: gzip"]),
        replying(headers=["transfer-encoding: chunked"]),
        replying(headers=["broken header"]),
    ],
    ids=["404", "500", "204", "304", "nowhere", "empty", "gzip", "framing", "header"],
)
async def test_answer_that_is_no_file_is_refused(answer: Answerer, tmp_path: Path) -> None:
    async with serving(answer) as server:
        await refusal(guarded(tmp_path), server.url)


async def test_answer_cut_short_is_refused(tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + PNG)

    async with serving(answer) as server:
        await refusal(guarded(tmp_path), server.url)


async def test_closed_port_is_refused(tmp_path: Path) -> None:
    async with serving(replying()) as server:
        pass

    await refusal(guarded(tmp_path), server.url)


async def test_declared_size_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 3145729\r\n\r\n")
        await anyio.sleep_forever()

    async with serving(answer) as server:
        with anyio.fail_after(4):
            await refusal(guarded(tmp_path), server.url)


async def test_endless_body_ends_at_the_limit_and_leaves_nothing(tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send(bytes(1 << 16))

    before = open_files()
    async with serving(answer) as server:
        await refusal(guarded(tmp_path), server.url)

    assert (open_files(), names_in(tmp_path)) == (before, [])


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n" + PNG], ids=["silent", "stalled"])
async def test_total_time_is_limited(head: bytes, tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        await stream.send(head)
        await anyio.sleep_forever()

    limits = Limits(remote_fetch_cidrs=(LISTED,), remote_fetch_timeout=0.1)
    async with serving(answer) as server:
        with anyio.fail_after(4):
            await refusal(guarded(tmp_path, limits=limits), server.url)


async def test_one_request_fetches_four_at_once(tmp_path: Path) -> None:
    release = anyio.Event()
    arrived, arrivals = anyio.create_memory_object_stream[str](8)

    async def answer(stream: Any) -> None:
        arrived.send_nowait(server.requests[-1].split()[1].decode())
        await release.wait()
        await replying()(stream)

    with arrived, arrivals, anyio.fail_after(4):
        async with serving(answer) as server, anyio.create_task_group() as tasks:
            fetch = guarded(tmp_path)

            def start(path: str, request_id: str) -> None:
                url = server.url + path
                tasks.start_soon(lambda: fetch.get(url, request_id=request_id))

            for _ in range(4):
                start("/", "r1")
            assert [await arrivals.receive() for _ in range(4)] == ["/"] * 4

            start("/fifth", "r1")
            start("/other", "r2")
            assert await arrivals.receive() == "/other"

            release.set()
            assert await arrivals.receive() == "/fifth"


async def test_cause_goes_to_the_log_and_the_address_to_nobody(tmp_path: Path) -> None:
    log = structlog.testing.CapturingLogger()
    error = await refusal(guarded(tmp_path, log=log), "https://user:password@secret.example/")

    assert error.__context__ is None
    assert [call.args for call in log.calls] == [("remote_fetch_failed",)]
    assert log.calls[0].kwargs == {"reason": "url", "request_id": ""}
