"""Stored media and files from outside: links, odd paths, foreign keys, big bodies."""

import os
import re
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from e2e.conftest import Start
from e2e.probe import KEY, Probe
from e2e.wire import connect
from grokgate import control

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(192)
MIB = 1 << 20
BIG_MIB = 500
MORE_MIB = 64
"""What may be held of a file of that size (F11)."""
STOPPED_S = 6
"""The grace of `Probe` and 5 seconds (P9)."""


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"LIMITS__FILE_MB": "600", "FILES__MAX_MB": "2000", "FILES__LINK_HOURS": "0.0009"}


async def picture(gateway: Probe) -> str:
    """Upload a picture; returns its link, which holds for 3 seconds."""
    reply = await gateway.http.post("/v1/uploads/image", files={"file": ("a.png", PNG)})
    return str(reply.json()["url"])


async def opened(link: str) -> httpx.Response:
    """Open a link as a browser does: without a key."""
    async with httpx.AsyncClient(trust_env=False) as stranger:
        return await stranger.get(link)


def changed(text: str, place: int) -> str:
    return text[:place] + ("b" if text[place] != "b" else "c") + text[place + 1 :]


async def test_a_link_holds_as_it_is_and_no_longer_than_it_says(gateway: Probe) -> None:
    """V34."""
    link = await picture(gateway)
    path, _, query = link.partition("?")
    first = await opened(link)
    forged = [
        changed(path, -10) + f"?{query}",
        f"{path}?{query.replace('exp=1', 'exp=2')}",
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        path,
    ]
    replies = [await opened(address) for address in forged]

    async def status() -> int:
        return (await opened(link)).status_code

    await gateway.becomes(404, status, within_s=6)
    assert (first.status_code, first.content) == (200, PNG)
    assert first.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert first.headers["cache-control"].startswith("private")
    assert {(reply.status_code, reply.json()["error"]["code"]) for reply in replies} == {
        (404, "file_not_found")
    }


async def test_names_of_two_pictures_have_nothing_in_common(gateway: Probe) -> None:
    names = [re.findall(r"/image/([^.]+)", await picture(gateway))[0] for _ in range(2)]
    equal = sum(one == other for one, other in zip(*names, strict=True))

    assert [len(name) for name in names] == [24, 24]
    assert equal <= 7


FORMS = [
    *("../secret.key", "../../secret.key", "..%2fsecret.key", "..%2f..%2fsecret.key"),
    *("%2e%2e/secret.key", "%2e%2e%2f%2e%2e%2fsecret.key", "%252e%252e%252fsecret.key"),
    *("..%252f..%252fsecret.key", "..\\secret.key", "..%5c..%5csecret.key", "....//secret.key"),
    *("....//....//secret.key", "/etc/hostname", "//etc/hostname", "%2fetc%2fhostname"),
    *("file:///etc/hostname", "%00", "a%00.png", "secret.key%00.png", "x" * 5000),
    *("..;/secret.key", "%c0%ae%c0%ae/secret.key", "..%00/secret.key", "%", "%zz", "."),
]


@pytest.mark.parametrize("prefix", ["/v1/files/image/", "/images/", "/v1/files/"])
@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
async def test_no_path_leads_out_of_the_folder(gateway: Probe, prefix: str, form: str) -> None:
    """V33, raw over a socket."""
    secret = (gateway.service.data_dir / "secret.key").read_bytes()
    async with connect(gateway.service.base) as connection:
        headers = {"authorization": f"Bearer {KEY}", "connection": "close"}
        await connection.send("GET", prefix + form, headers)
        status, body = await connection.reply()

    assert status in {400, 404}
    assert secret not in body
    assert body.strip() != b"vm"


async def test_a_foreign_file_reads_like_an_unknown_one(gateway: Probe) -> None:
    """V37."""
    made = await gateway.http.post(
        "/v1/files", files={"file": ("a.txt", b"mine")}, data={"purpose": "user_data"}
    )
    second = await control.ask(gateway.service.data_dir, "keys.create", {"name": "other"})
    headers = {"authorization": f"Bearer {second['key']}"}
    foreign, unknown = made.json()["id"], f"file-{'0' * 32}"
    for method, end in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        replies = [
            await gateway.http.request(method, f"/v1/files/{file_id}{end}", headers=headers)
            for file_id in (foreign, unknown)
        ]
        assert [reply.status_code for reply in replies] == [404, 404]
        assert replies[0].content == replies[1].content

    assert (await gateway.http.get(f"/v1/files/{foreign}/content")).content == b"mine"


async def form(count_mib: int) -> AsyncIterator[bytes]:
    """Make a form with a file of that size, without ever having it."""
    piece = os.urandom(MIB)
    head = 'form-data; name="file"; filename="big.bin"'
    yield b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
    yield f"--b\r\nContent-Disposition: {head}\r\n\r\n".encode()
    for _ in range(count_mib):
        yield piece
    yield b"\r\n--b--\r\n"


async def test_a_big_file_passes_in_little_memory(gateway: Probe) -> None:
    """F11, S17: up through the spool into the store, and down again."""
    await picture(gateway)
    before = gateway.peak_mib()
    made = await gateway.http.post(
        "/v1/files",
        content=form(BIG_MIB),
        headers={"content-type": "multipart/form-data; boundary=b"},
        timeout=120,
    )
    path = f"/v1/files/{made.json()['id']}"
    size = 0
    async with gateway.http.stream("GET", f"{path}/content") as reply:
        async for piece in reply.aiter_raw():
            size += len(piece)
    await gateway.http.delete(path)

    assert size == BIG_MIB * MIB
    assert gateway.peak_mib() - before <= MORE_MIB


async def test_a_download_does_not_hold_up_the_end(start: Start) -> None:
    """P9: a client that reads slowly sees its download break off."""
    async with start() as gateway:
        made = await gateway.http.post(
            "/v1/files",
            content=form(40),
            headers={"content-type": "multipart/form-data; boundary=b"},
        )
        path = f"/v1/files/{made.json()['id']}/content"
        async with anyio.create_task_group() as group, gateway.http.stream("GET", path) as reply:
            pieces = reply.aiter_raw()
            await anext(pieces)
            group.start_soon(stop_in_time, gateway)
            with pytest.raises(httpx.RemoteProtocolError):
                await read_slowly(pieces)


async def test_a_client_that_does_not_read_does_not_hold_up_the_end(start: Start) -> None:
    """P9: the process ends as it should, though the connection stays open."""
    async with start() as gateway:
        made = await gateway.http.post(
            "/v1/files",
            content=form(40),
            headers={"content-type": "multipart/form-data; boundary=b"},
        )
        path = f"/v1/files/{made.json()['id']}/content"
        async with connect(gateway.service.base) as connection:
            await connection.send("GET", path, {"authorization": f"Bearer {KEY}"})
            await connection.head()
            await stop_in_time(gateway)
        log = gateway.log
    assert "connections_left" in log
    assert '"msg":"stopped"' in log


async def stop_in_time(gateway: Probe) -> None:
    assert await gateway.stop(timeout_s=STOPPED_S) == 0


async def read_slowly(pieces: AsyncIterator[bytes]) -> None:
    async for _ in pieces:
        await anyio.sleep(0.05)  # the pace of the client is what is tested
