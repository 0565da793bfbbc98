"""Video jobs that another process of the installation works on."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from grokgate.testing import OtherProcess, RunningGateway
from grokgate_video.filming import remove
from grokgate_video.record import Kept
from grokgate_video.store import StoredJobs
from plugins.video_world import PATH, UNDER_WAY, get, videos

pytestmark = pytest.mark.anyio

PLUGIN = "videosof"
JOB = replace(UNDER_WAY, progress=40)
VIDEO = Kept(name="v.mp4", link="/v1/files/video/v.mp4", mime="video/mp4", size=3)


@pytest.fixture
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway that keeps the job."""
    del anyio_backend
    async with videos() as gateway:
        await _stored(gateway).put(JOB)
        yield gateway


@pytest.fixture
def other(running: RunningGateway) -> OtherProcess:
    """The process that works on the job."""
    other = running.other_process()
    other.start(PLUGIN, "video", JOB.id)
    return other


@pytest.mark.usefixtures("other")
async def test_job_is_shown_as_far_as_it_was_kept(running: RunningGateway) -> None:
    found = await get(running, JOB.id)
    listed = (await running.client.get(PATH)).json()["data"]

    assert (found["status"], found["progress"], found["error"]) == ("in_progress", 40, None)
    assert listed == [found]


async def test_job_whose_process_died_was_interrupted(
    running: RunningGateway, other: OtherProcess
) -> None:
    other.end(PLUGIN, "video", JOB.id)
    found = await get(running, JOB.id)

    assert (found["status"], found["error"]["code"]) == ("failed", "interrupted")


async def test_deleting_cancels_it_there(running: RunningGateway, other: OtherProcess) -> None:
    deleted = await running.client.delete(f"{PATH}/{JOB.id}")

    assert (deleted.json()["deleted"], other.asked) == (True, [JOB.id])
    assert (await running.client.get(f"{PATH}/{JOB.id}")).status_code == 404


@pytest.mark.usefixtures("other")
async def test_another_key_cannot_delete_it(running: RunningGateway) -> None:
    _, text = await running.gateway.keys.create("second")
    headers = {"authorization": f"Bearer {text}"}
    refused = await running.client.delete(f"{PATH}/{JOB.id}", headers=headers)

    assert refused.status_code == 404
    assert (await get(running, JOB.id))["status"] == "in_progress"


class Completing:
    """A context in which a job is completed elsewhere just before it can be cancelled."""

    def __init__(self) -> None:
        self.objects: Any = self
        self.jobs: Any = self
        self.media: Any = self
        self.removed: list[str] = []

    async def cancel(self, *_: Any, **__: Any) -> None:
        """It has ended."""

    async def get(self, *_: Any, **__: Any) -> bytes:
        return msgspec.json.encode(replace(JOB, status="completed", video=VIDEO))

    async def delete(self, name: str, **_: Any) -> None:
        self.removed.append(name)


async def test_deleting_removes_the_file_of_one_that_ends_just_then() -> None:
    ctx: Any = Completing()
    await remove(ctx, JOB, owner="k1")

    assert ctx.removed == [JOB.id, VIDEO.name]


def _stored(running: RunningGateway) -> StoredJobs:
    caller: Any = running.gateway.keys.find(running.key)
    context: Any = running.gateway.context(PLUGIN)
    return StoredJobs(context, caller.key_id)
