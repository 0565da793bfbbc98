"""Uploads: their bodies, how they are sent, and what the answers mean."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import msgspec
import pytest

from grokgate.upstream import Blob, Kind, Observation, Stage, UpstreamFailure
from grokgate_web.caller import Caller, Toolbox
from grokgate_web.egress import EgressTable
from grokgate_web.identity import identify
from grokgate_web.profile_files import load_profile
from grokgate_web.settings import WebSettings
from grokgate_web.transport import Pieces, Transport, targets
from grokgate_web.uploads import Uploaded, base64_body, form_body, upload_file

pytestmark = pytest.mark.anyio

OLD, NEW = load_profile("2026-04").upload, load_profile("2026-08").upload
FILE = Blob.of_bytes(b"content", mime="image/png", name="a.png")


def blob(content: bytes, step: int, *, name: str = "a.png", mime: str = "image/png") -> Blob:
    """Wrap *content*, read in pieces of *step* bytes."""

    async def read() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(content), step):
            yield content[start : start + step]

    return Blob(name=name, mime=mime, size=len(content), open=read)


async def whole(pieces: Pieces) -> bytes:
    async with aclosing(pieces.open()) as parts:
        body = b"".join([part async for part in parts])
    assert len(body) == pieces.size
    return body


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 768])
async def test_base64_is_the_same_however_it_is_read(step: int, size: int) -> None:
    content = (bytes(range(256)) * 3)[:size]
    body = await whole(base64_body(blob(content, step, name="ü.png", mime='a/"b')))
    built = msgspec.json.decode(body, type=dict[str, str])

    assert (built["fileName"], built["fileMimeType"]) == ("ü.png", 'a/"b')
    assert msgspec.convert(built["content"], bytes) == content


async def test_form() -> None:
    body = await whole(form_body(blob(b"content", 2), {"file_source": "SELF"}, "sep"))

    assert body == (
        b'--sep\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\ncontent\r\n"
        b'--sep\r\nContent-Disposition: form-data; name="file_source"\r\n\r\nSELF\r\n--sep--\r\n'
    )


@pytest.mark.parametrize(
    ("name", "mime", "head"),
    [
        ('a"b\r\nX: 1.png', "image/png", b'filename="a%22b%0D%0AX: 1.png"\r\nContent-Type: image'),
        ("ü.png", "image/png", 'filename="ü.png"'.encode()),
        ("a", "image/png\r\nX: 1", b"Content-Type: application/octet-stream\r\n\r\n"),
        ("a", "", b"Content-Type: application/octet-stream\r\n\r\n"),
    ],
)
async def test_client_writes_no_part_of_a_form(name: str, mime: str, head: bytes) -> None:
    body = await whole(form_body(blob(b"x", 1, name=name, mime=mime), {}, "sep"))

    assert head in body
    assert b"\r\nX: 1" not in body


@pytest.fixture
async def caller(
    server: Any, account: Any, log: Any, clock: Any, tmp_path: Any
) -> AsyncGenerator[Any, None]:
    transport = Transport(tmp_path)

    def made(protocol: str = "2026-08", base: str = "", **settings: Any) -> Caller:
        section = WebSettings(web_base=base or server.base, protocol=protocol, **settings)
        identity = identify(section, targets())
        tools = Toolbox(
            transport=transport,
            egress=EgressTable(),
            rng=random.Random(0),
            clock=clock,
            log=log,
        )
        return Caller(account, identity, identity.main, tools)

    yield made
    await transport.aclose()


async def failed(caller: Caller, file: Blob = FILE, upload: Any = NEW) -> Observation:
    with anyio.fail_after(10), pytest.raises(UpstreamFailure) as raised:
        await upload_file(caller, upload, file)
    return raised.value.observation


async def test_upload_of_a_form(server: Any, caller: Any) -> None:
    server.script = lambda visit: visit.reply(
        b'{"uploadId":"u","terminalError":null,'
        b'"fileMetadata":{"fileMetadataId":"m","fileId":"f","fileUri":"users/u/m/content"}}'
    )
    found = await upload_file(caller(statsig="legacy"), NEW, FILE, purpose="edit")

    assert found == Uploaded(id="m", uri="users/u/m/content")
    [visit] = server.visits
    kind, _, boundary = visit.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert visit.body.startswith(f"--{boundary}\r\n".encode())
    assert b"IMAGINE_SELF_UPLOAD_FILE_SOURCE" in visit.body
    assert visit.headers["referer"] == f"{server.base}/imagine"
    assert not {"x-statsig-id", "x-xai-request-id", "transfer-encoding"} & set(visit.headers)


async def test_upload_in_base64(server: Any, caller: Any) -> None:
    server.script = lambda visit: visit.reply(b'{"fileId":"f"}')
    found = await upload_file(caller("2026-04"), OLD, FILE)

    assert found == Uploaded(id="f", uri=None)
    assert server.visits[0].headers["content-type"] == "application/json"
    assert msgspec.json.decode(server.visits[0].body)["content"] == "Y29udGVudA=="


@pytest.mark.parametrize(
    ("body", "file_id"),
    [
        (b'{"fileMetadata":{"fileId":"f"},"uploadId":"u"}', "f"),
        (b'{"fileMetadata":null,"uploadId":"u"}', "u"),
        (b'{"fileMetadata":{"fileMetadataId":"","fileId":7},"uploadId":"u"}', "u"),
    ],
)
async def test_id_stands_in_one_of_several_places(
    server: Any, caller: Any, body: bytes, file_id: str
) -> None:
    server.script = lambda visit: visit.reply(body)

    assert (await upload_file(caller(), NEW, FILE)).id == file_id


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", Kind.MALFORMED),
        (b"[]", Kind.MALFORMED),
        (b"", Kind.MALFORMED),
        (b'{"uploadId":""}', Kind.MALFORMED),
        (b'{"uploadId":"u","terminalError":"Upload failed"}', Kind.TRANSIENT),
        (b'{"uploadId":"u","terminalError":{"code":3}}', Kind.BAD_REQUEST),
        (b'{"uploadId":"u","terminalError":{"code":8}}', Kind.QUOTA),
    ],
)
async def test_answer_that_is_no_success(server: Any, caller: Any, body: bytes, kind: Kind) -> None:
    server.script = lambda visit: visit.reply(body)
    observed = await failed(caller())

    assert (observed.kind, observed.stage) == (kind, Stage.UNSENT)


async def test_endless_answer_is_cut(server: Any, caller: Any) -> None:
    server.script = lambda visit: visit.reply(bytes(3 << 20))

    assert (await failed(caller())).kind is Kind.MALFORMED


async def test_file_that_cannot_be_read_is_nobodys_failure(server: Any, caller: Any) -> None:
    async def gone() -> AsyncGenerator[bytes, None]:
        yield b"x"
        raise OSError("gone")

    server.script = lambda visit: visit.reply(b"{}")
    with anyio.fail_after(5), pytest.raises(OSError, match="gone"):
        await upload_file(caller(), NEW, Blob(name="a", mime="a/b", size=9, open=gone))


@pytest.mark.parametrize("missing", [-1, 1])
async def test_file_of_another_size_than_said_fails(server: Any, caller: Any, missing: int) -> None:
    server.script = lambda visit: visit.reply(b'{"uploadId":"u"}')
    file = msgspec.structs.replace(FILE, size=FILE.size + missing)
    if missing > 0:
        assert (await failed(caller(), file)).kind is Kind.TRANSIENT
    else:
        assert (await upload_file(caller(), NEW, file)).id == "u"


async def test_kept_connection_that_was_closed_meanwhile_is_replaced(
    server: Any, caller: Any, settled: Any
) -> None:
    async def script(visit: Any) -> None:
        await visit.reply(b'{"uploadId":"u"}')
        visit.writer.close()

    server.script = script
    for _ in range(3):
        assert (await upload_file(caller(), NEW, FILE)).id == "u"
        await settled(lambda: server.open == 0)

    assert server.connections == 3


async def test_no_connection(caller: Any) -> None:
    observed = await failed(caller(base="http://127.0.0.1:1"))

    assert (observed.kind, observed.stage) == (Kind.CONNECT, Stage.UNSENT)


class Sluggish:
    """A server that reads the head of a request and then nothing, until it is told to answer."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await self.answer.wait()
        writer.write(b"HTTP/1.1 413 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()


async def test_no_more_is_read_than_can_be_sent(caller: Any, settled: Any) -> None:
    read = 0

    async def large() -> AsyncGenerator[bytes, None]:
        nonlocal read
        for _ in range(64):
            read += 1
            yield bytes(1 << 20)

    def at_rest() -> bool:
        history.append(read)
        return len(history) > 20 and history[-20] == read > 0

    history: list[int] = []
    sluggish = Sluggish()
    listening = await asyncio.start_server(sluggish.serve, "127.0.0.1", 0, limit=1 << 16)
    base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    file = Blob(name="a", mime="a/b", size=64 << 20, open=large)
    async with anyio.create_task_group() as group:

        async def upload() -> None:
            observed = await failed(caller(base=base), file)
            assert (observed.kind, observed.stage) == (Kind.BAD_REQUEST, Stage.REFUSED)

        group.start_soon(upload)
        await settled(at_rest)
        assert read < 16
        sluggish.answer.set()
    listening.close()
    await listening.wait_closed()

    assert read < 64
