"""What a video takes of its account (F-TOK-30), and how long it may take (F-VID-09)."""

from typing import Any

import pytest

from grokgate.testing import FakeUpstream, RunningGateway
from grokgate.upstream import Kind, Progress
from plugins.video_world import MIDDLE, NEW, OLD, Held, create, ended, finished, made, videos

pytestmark = pytest.mark.anyio


def used(running: RunningGateway) -> int:
    return 100 - running.pool.units["t1"]


@pytest.mark.parametrize(
    ("protocol", "seconds", "units"),
    [(OLD, 6, 4), (OLD, 12, 8), (OLD, 30, 12), (MIDDLE, 6, 1), (MIDDLE, 30, 3), (NEW, 15, 1)],
)
async def test_each_call_of_a_video_is_charged(protocol: str, seconds: int, units: int) -> None:
    answers = [made(f"v{place}") for place in (1, 2, 3)]
    async with videos(*answers, protocol=protocol) as running:
        await finished(running, seconds=seconds)

        assert used(running) == units
        assert len(running.records) == 1


async def test_all_calls_are_reserved_together() -> None:
    held = Held()
    async with videos(held, made("v2"), made("v3")) as running:
        video = await create(running, seconds=30)
        await held.reached.wait()
        reserved = running.gateway.home.view()
        held.released.set()
        await ended(running, video["id"])

    assert reserved.leases_open == 1
    assert used(running) == 12


@pytest.mark.parametrize("second", [Kind.TRANSIENT, [Progress(slot=0, percent=5)]])
async def test_what_was_made_of_a_longer_video_counts(second: Any) -> None:
    async with videos(made("v1"), second) as running:
        done = await finished(running, seconds=30)
        content = await running.client.get(f"/v1/videos/{done['id']}/content")

        assert (done["status"], done["seconds"], content.status_code) == ("completed", "10", 200)
        assert used(running) == 8


async def test_a_refused_video_costs_nothing() -> None:
    async with videos(Kind.BAD_REQUEST) as running:
        done = await finished(running)

        assert (done["status"], used(running)) == ("failed", 0)


async def test_a_video_that_was_accepted_is_not_asked_for_twice() -> None:
    async with videos(Kind.TRANSIENT, made(), tokens={"t1": 100, "t2": 100}) as running:
        done = await finished(running)

        assert (done["status"], len(running.fake.asked)) == ("failed", 1)


async def test_permits_bound_the_films_and_come_back() -> None:
    held = Held()
    settings = {"performance.media_max_concurrent": 1, "limits.queue_wait_sec": 0.01}
    async with videos(held, made(), settings=settings) as running:
        video = await create(running)
        await held.reached.wait()
        refused = await running.client.post("/v1/videos", json={"prompt": "more"})
        held.released.set()
        await ended(running, video["id"])
        second = await finished(running)

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert second["status"] == "completed"


async def test_a_video_that_takes_too_long_is_given_up() -> None:
    async with videos(Held(), settings={"grok.video_timeout": 0.2}) as running:
        done = await finished(running)

        assert (done["error"]["code"], running.pool.open_leases) == ("upstream_timeout", 0)


async def test_quota_windows_follow_from_the_resolution() -> None:
    fake = FakeUpstream()
    async with videos(made(), made("v2"), protocol=NEW, upstream=fake) as running:
        await finished(running)
        await finished(running, resolution_name="480p")
        (state,) = running.gateway.home.states()
        left = {name: bucket.remaining for name, bucket in state.buckets.items()}

    assert left == {"video_720p": 99, "video": 99}
