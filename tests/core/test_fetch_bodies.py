import os
import ssl
from pathlib import Path

import pytest

from certificates import write_certificate
from core.fetch_world import (
    LISTED,
    PNG,
    Names,
    content,
    guarded,
    names_in,
    open_files,
    refusal,
    replying,
    serving,
)
from grokgate.fetch.transport import PinnedTransport
from grokgate.spool import Spool, sniff

pytestmark = pytest.mark.anyio


def _certificate(host: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make contexts of a server called *host* and of a client that trusts it."""
    file = write_certificate(host, folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


async def test_certificate_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    ours, theirs = _certificate("a.example", tmp_path)
    seen: list[str | None] = []
    ours.sni_callback = lambda _socket, name, _context: seen.append(name)
    names = Names(**{"a.example": [LISTED], "b.example": [LISTED]})
    fetch = guarded(tmp_path, resolve=names, transport=PinnedTransport(theirs))
    async with serving(replying(), tls=ours) as server:
        blob = await fetch.get(f"https://a.example:{server.port}/")
        await refusal(fetch, f"https://b.example:{server.port}/")

    assert (blob.size, seen) == (len(PNG), ["a.example", "b.example"])


async def test_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    ours, _ = _certificate("a.example", tmp_path)
    names = Names(**{"a.example": [LISTED]})
    async with serving(replying(), tls=ours) as server:
        await refusal(guarded(tmp_path, resolve=names), f"https://a.example:{server.port}/")

    assert server.requests == []


async def test_small_body_stays_in_memory(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "tmp")
    await spool.write(PNG)
    blob = await spool.to_blob(name="a.png")

    assert (await content(blob), (tmp_path / "tmp").exists()) == (PNG, False)


async def test_large_body_is_read_from_a_nameless_file_any_number_of_times(tmp_path: Path) -> None:
    body = PNG + os.urandom(2_500_000)
    spool = Spool(tmp_path / "tmp")
    for start in range(0, len(body), 65_536):
        await spool.write(body[start : start + 65_536])
    blob = await spool.to_blob(name="a.png")
    first, second = blob.open(), blob.open()

    assert await anext(first) == await anext(second) == body[: 1 << 20]
    assert await content(blob) == body
    assert names_in(tmp_path / "tmp") == []
    await first.aclose()
    await second.aclose()


async def test_file_is_closed_with_its_blob(tmp_path: Path) -> None:
    before = open_files()
    spool = Spool(tmp_path)
    await spool.write(bytes(2_000_000))
    blob = await spool.to_blob(name="a.bin")
    opened = open_files()
    del blob, spool

    assert (opened, open_files()) == (before + 1, before)


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x1cftypavif", "image/avif"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "application/octet-stream"),
        (b"<!doctype html>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_type_is_read_off_the_content(head: bytes, mime: str) -> None:
    assert sniff(head) == mime


async def test_type_in_the_header_does_not_count(tmp_path: Path) -> None:
    claimed = replying(b"<html>", headers=["content-type: image/png"])
    async with serving(claimed) as server:
        blob = await guarded(tmp_path).get(f"{server.url}/../..%2fpasswd.png")

    assert (blob.mime, blob.name) == ("application/octet-stream", "passwd.bin")
