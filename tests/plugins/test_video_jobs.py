"""Video jobs from their creation to their end (F-VID-10 to 12)."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from grokgate.testing import RunningGateway
from grokgate.testing.clock import FakeClock
from grokgate.upstream import Finished, Kind, Progress
from plugins.video_world import (
    JPEG,
    MODEL,
    MP4,
    NEW,
    PATH,
    Held,
    create,
    ended,
    finished,
    get,
    made,
    videos,
)

pytestmark = pytest.mark.anyio


async def test_a_video_is_made_and_downloaded() -> None:
    async with videos(made("v1", 10, 60, poster="p1")) as running:
        video = await create(running)
        done = await ended(running, video["id"])
        content = await running.client.get(f"{PATH}/{video['id']}/content")

    assert (video["status"], video["progress"], video["expires_at"]) == ("queued", 0, None)
    assert (done["status"], done["progress"], done["error"]) == ("completed", 100, None)
    assert done["expires_at"] == done["completed_at"] + 24 * 3600
    assert (content.status_code, content.content) == (200, MP4)
    assert content.headers["content-type"] == "video/mp4"


async def test_the_object_has_every_key_of_the_contract() -> None:
    async with videos(made()) as running:
        video = await create(running, size="1280x720", seconds="6")

    assert set(video) == {
        *("id", "object", "model", "status", "progress", "created_at", "completed_at"),
        *("expires_at", "prompt", "seconds", "size", "remixed_from_video_id", "error"),
    }
    assert (video["object"], video["model"], video["prompt"]) == ("video", MODEL, "waves")
    assert (video["seconds"], video["size"], video["id"][:6]) == ("6", "1280x720", "video_")


async def test_progress_is_told_and_never_falls() -> None:
    held = Held(40)
    async with videos(held) as running:
        video = await create(running)
        await held.reached.wait()
        with anyio.fail_after(5):
            while (under_way := await get(running, video["id"]))["progress"] != 40:
                await checkpoint()
        held.released.set()
        done = await ended(running, video["id"])

    assert under_way["status"] == "in_progress"
    assert (done["status"], done["progress"]) == ("completed", 100)


async def test_content_is_not_ready_before_the_end() -> None:
    held = Held()
    async with videos(held) as running:
        video = await create(running)
        reply = await running.client.get(f"{PATH}/{video['id']}/content")
        held.released.set()
        await ended(running, video["id"])

    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "video_not_ready")
    assert reply.headers["x-should-retry"] == "false"


async def test_content_comes_in_ranges_and_as_a_thumbnail() -> None:
    async with videos(made(poster="p1")) as running:
        path = f"{PATH}/{(await finished(running))['id']}/content"
        part = await running.client.get(path, headers={"range": "bytes=4-7"})
        beyond = await running.client.get(path, headers={"range": "bytes=9999-"})
        poster = await running.client.get(path, params={"variant": "thumbnail"})
        sheet = await running.client.get(path, params={"variant": "spritesheet"})
        other = await running.client.get(path, params={"variant": "audio"})

    assert (part.status_code, part.content) == (206, MP4[4:8])
    assert (beyond.status_code, beyond.json()["error"]["code"]) == (416, "invalid_range")
    assert (poster.content, poster.headers["content-type"]) == (JPEG, "image/jpeg")
    assert (sheet.status_code, sheet.json()["error"]["code"]) == (400, "unsupported_value")
    assert (other.status_code, other.json()["error"]["code"]) == (400, "invalid_value")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Kind.MODERATION, "content_policy_violation"),
        (Kind.TIMEOUT, "upstream_timeout"),
        (Kind.EMPTY, "upstream_error"),
        ([Progress(slot=0, percent=9), Finished(reason="refused")], "content_policy_violation"),
        ([Progress(slot=0, percent=9), Finished()], "upstream_error"),
    ],
    ids=["moderated", "timeout", "empty", "refused", "nothing"],
)
async def test_a_failed_job_says_why(answer: object, code: str) -> None:
    async with videos(answer) as running:
        done = await finished(running)
        content = await running.client.get(f"{PATH}/{done['id']}/content")

    assert (done["status"], done["error"]["code"]) == ("failed", code)
    assert done["completed_at"] is None
    assert content.status_code == 409


async def test_a_file_that_is_no_video_is_a_failure() -> None:
    async with videos(made("a page")) as running:
        done = await finished(running)

    assert done["error"]["code"] == "upstream_error"


async def test_a_missing_poster_is_no_failure() -> None:
    async with videos(made(poster="gone")) as running:
        running.fake.contents["gone"] = Kind.TRANSIENT
        done = await finished(running)
        poster = await running.client.get(
            f"{PATH}/{done['id']}/content", params={"variant": "thumbnail"}
        )

    assert done["status"] == "completed"
    assert (poster.status_code, poster.json()["error"]["code"]) == (404, "video_not_found")


async def test_a_poster_that_takes_too_long_is_no_failure() -> None:
    async with videos(made(poster="p1"), settings={"grok.video_timeout": 1}) as running:
        running.fake.contents["p1"] = Endless()
        done = await finished(running)
        content = await running.client.get(f"{PATH}/{done['id']}/content")

    assert (done["status"], content.content) == ("completed", MP4)


async def test_a_job_deleted_at_the_very_end_leaves_no_file() -> None:
    poster = Endless()
    async with videos(made(poster="p1")) as running:
        running.fake.contents["p1"] = poster
        video = await create(running)
        await poster.reached.wait()
        kept = files_of(running)
        await running.client.delete(f"{PATH}/{video['id']}")

        assert len(kept) == 1
        assert files_of(running) == []


class Endless:
    """A download that never ends."""

    def __init__(self) -> None:
        self.reached = anyio.Event()

    async def __call__(self) -> AsyncGenerator[bytes, None]:
        self.reached.set()
        await anyio.sleep_forever()
        yield b""


def files_of(running: RunningGateway) -> list[Path]:
    """Return the videos that are kept."""
    return list((running.gateway.options.data_dir / "tmp" / "video").glob("*.mp4"))


async def test_without_an_account_no_job_is_left() -> None:
    async with videos(tokens={}) as running:
        reply = await running.client.post(PATH, json={"prompt": "waves"})
        jobs = (await running.client.get(PATH)).json()["data"]

    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "no_tokens_configured")
    assert jobs == []


async def test_without_quota_no_job_is_left() -> None:
    async with videos(tokens={"t1": 0}, settings={"token.on_demand_refresh": False}) as running:
        reply = await running.client.post(PATH, json={"prompt": "waves"})
        jobs = (await running.client.get(PATH)).json()["data"]

    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert jobs == []


async def test_deleting_cancels_and_removes_the_files() -> None:
    held = Held()
    async with videos(held, made()) as running:
        video = await create(running)
        await held.reached.wait()
        deleted = await running.client.delete(f"{PATH}/{video['id']}")
        again = await running.client.delete(f"{PATH}/{video['id']}")
        leases = running.pool.open_leases
        done = await finished(running)
        await running.client.delete(f"{PATH}/{done['id']}")
        content = await running.client.get(f"{PATH}/{done['id']}/content")

    assert deleted.json() == {"id": video["id"], "object": "video.deleted", "deleted": True}
    assert (again.status_code, again.json()["error"]["code"]) == (404, "video_not_found")
    assert (running.fake.closed, leases) == (1, 0)
    assert content.status_code == 404


async def test_jobs_are_listed_by_age_in_pages() -> None:
    async with videos(made("v1"), made("v2"), made("v3")) as running:
        ids = [(await finished(running))["id"] for _ in range(3)]
        first = (await running.client.get(PATH, params={"limit": 2})).json()
        rest = (await running.client.get(PATH, params={"after": first["last_id"]})).json()
        oldest = (await running.client.get(PATH, params={"order": "asc", "limit": 1})).json()
        unknown = await running.client.get(PATH, params={"after": "video_none"})

    assert [video["id"] for video in first["data"]] == [ids[2], ids[1]]
    assert (first["object"], first["first_id"], first["has_more"]) == ("list", ids[2], True)
    assert ([video["id"] for video in rest["data"]], rest["has_more"]) == ([ids[0]], False)
    assert oldest["data"][0]["id"] == ids[0]
    assert unknown.json()["error"]["code"] == "video_not_found"


async def test_a_job_expires_a_day_after_its_end() -> None:
    clock = FakeClock()
    async with videos(made(), clock=clock) as running:
        done = await finished(running)
        clock.advance(24 * 3600 - 1)
        before = await running.client.get(f"{PATH}/{done['id']}")
        clock.advance(2)
        after = await running.client.get(f"{PATH}/{done['id']}")
        listed = (await running.client.get(PATH)).json()["data"]

    assert (before.status_code, after.status_code, listed) == (200, 404, [])


async def test_a_shutdown_notes_that_it_interrupted() -> None:
    held = Held()
    async with videos(held) as running:
        video = await create(running)
        await held.reached.wait()
        running.gateway.drain.cut.set()
        done = await ended(running, video["id"])

    assert (done["status"], done["error"]["code"]) == ("failed", "interrupted")


async def test_a_video_remixed_is_refused() -> None:
    async with videos(made()) as running:
        done = await finished(running)
        reply = await running.client.post(f"{PATH}/{done['id']}/remix", json={"prompt": "x"})
        form = await running.client.post(
            f"{PATH}/{done['id']}/remix", files={"prompt": (None, "x")}
        )
        unknown = await running.client.post(f"{PATH}/video_no/remix", json={"prompt": "x"})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "unsupported_value")
    assert form.status_code == 400
    assert unknown.json()["error"]["code"] == "video_not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{PATH}/edits"),
        ("POST", f"{PATH}/characters"),
        ("GET", f"{PATH}/characters/c1"),
    ],
)
async def test_what_no_upstream_has_is_not_supported(method: str, path: str) -> None:
    async with videos(protocol=NEW) as running:
        reply = await running.client.request(method, path)

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "endpoint_not_supported")
