"""Links to pictures and videos, and pictures that clients upload for one."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.media.served import HOUR_S, PNG, asked, code, linked, running
from grokgate.testing import RunningGateway

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gw() -> AsyncIterator[RunningGateway]:
    async with running() as gateway:
        yield gateway


async def test_a_link_needs_no_key(gw: RunningGateway) -> None:
    reply = await asked(gw, await linked(gw))

    assert (reply.status_code, reply.content) == (200, PNG)
    assert {name: reply.headers[name] for name in SHOWN} == SHOWN
    assert reply.headers["etag"].startswith('"')


SHOWN = {
    "content-type": "image/png",
    "content-length": str(len(PNG)),
    "accept-ranges": "bytes",
    "cache-control": f"private, max-age={24 * HOUR_S}",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""What a picture is sent with (S10, S12)."""


async def test_old_addresses_and_ids_lead_to_the_same_picture(gw: RunningGateway) -> None:
    link = await linked(gw)
    name, _, query = link.rpartition("/")[2].partition("?")
    by_id = f"/v1/files/image?id={name.partition('.')[0]}&{query}"
    replies = [await asked(gw, path) for path in (f"/images/{name}?{query}", by_id)]

    assert [(reply.status_code, reply.content) for reply in replies] == [(200, PNG)] * 2


async def test_a_head_has_no_body(gw: RunningGateway) -> None:
    reply = await asked(gw, await linked(gw), "HEAD")

    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-length"] == str(len(PNG))


async def test_a_range_is_sent_alone(gw: RunningGateway) -> None:
    reply = await asked(gw, await linked(gw), range="bytes=1-3")

    assert (reply.status_code, reply.content) == (206, b"PNG")
    assert reply.headers["content-range"] == f"bytes 1-3/{len(PNG)}"


async def test_a_range_outside_is_refused(gw: RunningGateway) -> None:
    reply = await asked(gw, await linked(gw), range="bytes=999-")

    assert code(reply) == (416, "invalid_range")
    assert reply.headers["content-range"] == f"bytes */{len(PNG)}"


async def test_a_range_of_another_version_is_the_whole_file(gw: RunningGateway) -> None:
    reply = await asked(gw, await linked(gw), range="bytes=1-3", **{"if-range": '"other"'})

    assert (reply.status_code, reply.content) == (200, PNG)


async def test_a_known_picture_is_not_sent_again(gw: RunningGateway) -> None:
    link = await linked(gw)
    etag = (await asked(gw, link)).headers["etag"]
    reply = await asked(gw, link, **{"if-none-match": f'"x", W/{etag}'})

    assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", etag)


async def test_bytes_that_are_no_picture_are_saved_not_shown(gw: RunningGateway) -> None:
    ctx: Any = gw.gateway.context(gw.gateway.plugins[0].name)
    (owner,) = (record.id for record in gw.gateway.keys.listing())

    async def page() -> AsyncIterator[bytes]:
        yield b"<svg onload=alert(1)>"

    kept = await ctx.media.save(page(), kind="image", owner=owner)
    reply = await asked(gw, kept.link)

    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "content", [b"<svg/>", b"", b"%PDF-1.7", b"\x00\x00\x00\x18ftypisom" + bytes(50)]
)
async def test_only_pictures_are_taken(gw: RunningGateway, content: bytes) -> None:
    reply = await gw.client.post("/v1/uploads/image", files={"file": ("a.png", content)})

    assert code(reply) == (400, "invalid_image")


async def test_an_empty_file_name_is_a_file(gw: RunningGateway) -> None:
    """Bun sends ``filename=""``."""
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n%s\r\n--b--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    reply = await gw.client.post("/v1/uploads/image", content=body % PNG, headers=headers)

    assert reply.json()["size_bytes"] == len(PNG)


async def test_a_revoked_key_takes_its_links_along(gw: RunningGateway) -> None:
    link = await linked(gw)
    before = await asked(gw, link)
    await gw.gateway.keys.revoke("first key")

    assert before.status_code == 200
    assert code(await asked(gw, link)) == (404, "file_not_found")


async def test_links_may_ask_for_the_key_as_well() -> None:
    async with running(files__require_auth=True) as gw:
        link = await linked(gw)
        _, other = await gw.gateway.keys.create("other")
        keys = ("", f"Bearer {other}", f"Bearer {gw.key}")
        replies = [await asked(gw, link, authorization=key) for key in keys]
        forged = await asked(gw, f"{link}x")

    assert [reply.status_code for reply in replies] == [401, 404, 200]
    assert forged.status_code == 401


@pytest.mark.parametrize(
    ("app_url", "origin"),
    [("https://gw.example/", "https://gw.example/v1/"), ("", "http://127.0.0.1:8000/v1/")],
)
async def test_links_begin_with_the_public_address(app_url: str, origin: str) -> None:
    async with running(app__app_url=app_url) as gw:
        reply = await gw.client.post("/v1/uploads/image", files={"file": ("a.png", PNG)})

    assert reply.json()["url"].startswith(f"{origin}files/image/")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
async def test_links_beyond_loopback_name_no_host_by_themselves(host: str) -> None:
    async with running(server__host=host) as gw:
        assert (await linked(gw)).startswith("/v1/files/image/")


async def test_links_of_anonymous_use_hold_while_it_is_allowed() -> None:
    async with running(app__allow_anonymous=True) as gw:
        gw.client.base_url = httpx.URL("http://localhost")
        del gw.client.headers["authorization"]
        link = await linked(gw)

        assert (await gw.client.get(link)).status_code == 200
