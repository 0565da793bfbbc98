"""Video jobs against a real gateway: crashes, repetitions, other keys, big files."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.probe import QUOTA, Probe, at_once, probe
from grokgate import control
from grokgate.sandbox import Sandbox
from grokgate.sandbox.accounts import StoredFile

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

PATH = "/v1/videos"
SLOW = "@sim delay_ms=20000\nwaves"
VIDEOS = 5
MIB = 1 << 20
BIG_MIB = 500
MORE_MIB = 64
"""What may be held of a video of that size (F11)."""


async def create(gateway: Probe, prompt: str = "waves", **headers: str) -> httpx.Response:
    return await gateway.http.post(PATH, json={"prompt": prompt}, headers=headers)


async def ended(gateway: Probe, video_id: str, *, within_s: float = 10) -> Any:
    """Wait until a job has ended; return it."""

    async def under_way() -> bool:
        return (await get(gateway, video_id))["status"] in ("queued", "in_progress")

    await gateway.becomes(False, under_way, within_s=within_s)  # noqa: FBT003 - what is waited for
    return await get(gateway, video_id)


async def get(gateway: Probe, video_id: str) -> Any:
    return (await gateway.http.get(f"{PATH}/{video_id}")).json()


async def second_key(gateway: Probe) -> dict[str, str]:
    made = await control.ask(gateway.service.data_dir, "keys.create", {"name": "second"})
    return {"authorization": f"Bearer {made['key']}"}


async def test_videos_under_way_are_interrupted_by_a_kill_and_never_made_twice(
    tmp_path: Path,
) -> None:
    """P8: jobs are acknowledged, so they are there after kill -9."""
    world = Sandbox(accounts=())
    async with probe(tmp_path, {}, sandbox=world) as gateway:
        await gateway.fill(QUOTA, QUOTA)
        ids = [
            (await create(gateway, SLOW, **{"idempotency-key": f"video-{n}"})).json()["id"]
            for n in range(VIDEOS)
        ]
        for pid in gateway.service.pids:
            os.kill(pid, signal.SIGKILL)
        gateway.service.process.wait(10)

    async with probe(tmp_path, {}, sandbox=world) as again:
        found = [await get(again, video_id) for video_id in ids]
        listed = (await again.http.get(PATH)).json()["data"]
        content = await again.http.get(f"{PATH}/{ids[0]}/content")
        repeated = await create(again, SLOW, **{"idempotency-key": "video-0"})
        calls = again.calls("waves")
        await again.idle(1)

    assert {(video["status"], video["error"]["code"]) for video in found} == {
        ("failed", "interrupted")
    }
    assert all(video["expires_at"] for video in found)
    assert [video["id"] for video in listed] == ids[::-1]
    assert (content.status_code, content.json()["error"]["code"]) == (409, "video_not_ready")
    assert repeated.json()["id"] == ids[0]
    assert len(calls) == VIDEOS


async def test_an_idempotency_key_makes_one_video(gateway: Probe) -> None:
    """V24."""
    await gateway.fill(QUOTA)
    other = await second_key(gateway)

    replies = await at_once(10, lambda _: create(gateway, **{"idempotency-key": "a"}))
    later = await create(gateway, **{"idempotency-key": "a"})
    another = await create(gateway, "clouds", **{"idempotency-key": "a"})
    foreign = await create(gateway, **{"idempotency-key": "a"}, **other)

    made = {reply.json()["id"] for reply in replies if reply.status_code == 200}
    refused = {reply.json()["error"]["code"] for reply in replies if reply.status_code != 200}
    assert made == {later.json()["id"]}
    assert refused <= {"idempotency_in_progress"}
    assert another.json()["error"]["code"] == "idempotency_mismatch"
    assert foreign.json()["id"] not in made
    await ended(gateway, later.json()["id"])
    assert len(gateway.calls("waves")) == 2


async def test_a_foreign_video_reads_like_an_unknown_one(gateway: Probe) -> None:
    """V37."""
    await gateway.fill(QUOTA)
    done = await ended(gateway, (await create(gateway)).json()["id"])
    headers = await second_key(gateway)
    calls = [
        *(("GET", ""), ("GET", "/content"), ("DELETE", "")),
        *(("POST", "/remix"), ("GET", "/content?variant=thumbnail")),
    ]
    for method, end in calls:
        replies = [
            await gateway.http.request(
                method,
                f"{PATH}/{video_id}{end}",
                headers=headers,
                json={"prompt": "x"} if method == "POST" else None,
            )
            for video_id in (done["id"], f"video_{'0' * 32}")
        ]
        assert [reply.status_code for reply in replies] == [404, 404]
        assert replies[0].content == replies[1].content
    listed = (await gateway.http.get(PATH, headers=headers)).json()["data"]

    assert listed == []
    assert (await get(gateway, done["id"]))["status"] == "completed"


async def test_a_deleted_video_is_given_up_upstream(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    video = (await create(gateway, SLOW)).json()
    await gateway.until(lambda: bool(gateway.calls("waves")), 5)

    deleted = await gateway.http.delete(f"{PATH}/{video['id']}")

    assert deleted.json()["deleted"] is True
    await gateway.idle(1)
    assert (await gateway.http.get(f"{PATH}/{video['id']}")).status_code == 404


async def test_a_stop_ends_the_videos_and_says_so(tmp_path: Path) -> None:
    world = Sandbox(accounts=())
    async with probe(tmp_path, {}, sandbox=world) as gateway:
        await gateway.fill(QUOTA)
        video = (await create(gateway, SLOW)).json()
        assert await gateway.stop(timeout_s=10) == 0

    async with probe(tmp_path, {}, sandbox=world) as again:
        found = await get(again, video["id"])

    assert (found["status"], found["error"]["code"]) == ("failed", "interrupted")


async def test_a_big_video_passes_in_little_memory(gateway: Probe) -> None:
    """F11: from the upstream to the store, and to its client."""
    (token,) = await gateway.fill(QUOTA)
    small = await ended(gateway, (await create(gateway)).json()["id"])
    before, size = gateway.peak_mib(), 0
    video = (await create(gateway, "@sim delay_ms=500\nwaves")).json()
    await gateway.until(lambda: len(films(gateway, token)) == 2, 5)
    films(gateway, token)[1].content += bytes(BIG_MIB * MIB)
    done = await ended(gateway, video["id"], within_s=60)
    async with gateway.http.stream("GET", f"{PATH}/{done['id']}/content") as reply:
        async for piece in reply.aiter_raw():
            size += len(piece)

    assert (small["status"], done["status"]) == ("completed", "completed")
    assert size > BIG_MIB * MIB
    assert gateway.peak_mib() - before <= MORE_MIB


def films(gateway: Probe, token: str) -> list[StoredFile]:
    """Return the videos that lie at the sandbox, oldest first."""
    files = gateway.account(token).files.values()
    return [file for file in files if file.mime == "video/mp4"]
