"""Operators see, open and remove stored pictures and videos."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

import grokgate_models
from grokgate.plugin.context import MediaRef
from grokgate.plugin.media.incoming import Incoming
from grokgate.storage.media import MediaKind
from grokgate.testing import RunningGateway, running_gateway
from grokgate.upstream import Asset

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(1016)


@pytest.fixture
async def gw() -> AsyncIterator[RunningGateway]:
    async with running_gateway(grokgate_models) as running:
        yield running


@pytest.fixture
async def admin(gw: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gw.operator() as client:
        yield client


async def keep(gw: RunningGateway, kind: MediaKind = "image", **more: Any) -> MediaRef:
    async def source() -> AsyncIterator[bytes]:
        yield PNG

    return await gw.gateway.media.save(source(), kind=kind, owner="key_1", **more)


async def test_usage_is_told_with_the_share_of_the_limit(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    await keep(gw)

    reply = (await admin.get("/cache/local")).json()

    assert reply["local_image"] == {
        "count": 1,
        "size_bytes": 1024,
        "size_mb": 0.0,
        "limit_mb": 1024,
        "percent": 0.0,
    }
    assert reply["local_video"]["count"] == 0


async def test_list_is_paged_with_the_newest_first(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    names = [(await keep(gw)).name for _ in range(3)]

    first = (await admin.get("/cache/list?type=image&page=1&page_size=2")).json()
    rest = (await admin.get("/cache/list?type=image&page=2&page_size=2")).json()

    assert first["total"] == 3
    times = [item["mtime_ms"] for item in (*first["items"], *rest["items"])]
    assert times == sorted(times, reverse=True)
    assert {item["name"] for item in (*first["items"], *rest["items"])} == set(names)


async def test_operator_opens_what_a_key_made(gw: RunningGateway, admin: httpx.AsyncClient) -> None:
    await keep(gw)
    (item,) = (await admin.get("/cache/list?type=image")).json()["items"]

    whole = await admin.get(f"http://gateway.test{item['view_url']}")
    part = await admin.get(f"http://gateway.test{item['view_url']}", headers={"range": "bytes=0-7"})

    assert (whole.content, whole.headers["content-type"]) == (PNG, "image/png")
    assert (part.status_code, part.content) == (206, PNG[:8])


async def test_video_is_listed_with_its_picture(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    async def poster() -> AsyncIterator[bytes]:
        yield PNG

    video = await keep(gw, "video")
    await gw.gateway.media.save(
        Incoming(Asset(ref="p", account="t1"), lambda _: poster(), preview_of=video.name),
        kind="image",
        owner="key_1",
    )

    (item,) = (await admin.get("/cache/list?type=video")).json()["items"]

    assert (await admin.get(f"http://gateway.test{item['preview_url']}")).content == PNG


async def test_address_of_a_picture_is_closed_to_strangers(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    await keep(gw)
    (item,) = (await admin.get("/cache/list?type=image")).json()["items"]

    reply = await gw.client.get(item["view_url"])

    assert reply.status_code == 401


async def test_signed_link_of_a_file_found_in_the_folder_opens_it(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    folder = gw.gateway.options.data_dir / "tmp" / "image"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "old.png").write_bytes(PNG)
    await gw.gateway.cleaning.begin()
    (item,) = (await admin.get("/cache/list?type=image")).json()["items"]

    reply = await gw.client.get(item["link"], headers={"authorization": ""})

    assert (item["name"], reply.content) == ("old.png", PNG)


async def test_clear_removes_a_kind(gw: RunningGateway, admin: httpx.AsyncClient) -> None:
    await keep(gw)
    await keep(gw, "video")

    reply = (await admin.post("/cache/clear", json={"type": "image"})).json()

    assert (reply["status"], reply["result"]["count"]) == ("success", 1)
    left = (await admin.get("/cache/local")).json()
    assert (left["local_image"]["count"], left["local_video"]["count"]) == (0, 1)


async def test_clear_spares_results_of_video_jobs(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    await keep(gw, "video", keep_until=gw.gateway.clock.now() + timedelta(hours=1))

    reply = (await admin.post("/cache/clear", json={"type": "all"})).json()

    assert reply["result"]["count"] == 0


async def test_files_are_deleted_by_name_and_kind(
    gw: RunningGateway, admin: httpx.AsyncClient
) -> None:
    names = [(await keep(gw)).name for _ in range(3)]

    one = await admin.post("/cache/item/delete", json={"type": "image", "name": names[0]})
    wrong = await admin.post("/cache/item/delete", json={"type": "video", "name": names[1]})
    many = await admin.post(
        "/cache/items/delete", json={"type": "image", "names": [*names[1:], "../../secret.key"]}
    )

    deleted = [reply.json()["result"]["deleted"] for reply in (one, wrong, many)]
    assert deleted == [1, 0, 2]
    assert (await admin.get("/cache/local")).json()["local_image"]["count"] == 0


async def test_name_that_is_not_kept_is_not_found(admin: httpx.AsyncClient) -> None:
    reply = await admin.get("/cache/file?type=image&name=..%2F..%2Fsecret.key")

    assert reply.status_code == 404
