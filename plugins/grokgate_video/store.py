"""Where video jobs are kept: found by the key that made them alone, and gone a day after their end.

A job that is under way in this process is asked for its own state; otherwise it stands as it was
kept last. One that is kept as under way, but goes on nowhere, was cut off by the end of a process.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from grokgate.errors import ObjectNotFound
from grokgate.plugin import PluginContext
from grokgate_video.record import KEPT_S, UNDER_WAY, Job, interrupted

KIND: Final = "video"
"""Of the jobs of the core."""
_LINK: Final = re.compile(r"/v1/files/video/([A-Za-z0-9._-]{1,200})(?:\?|\Z)")
_PAGE: Final = 100


class StoredJobs:
    """The video jobs of one key.

    Args:
        ctx: Of the plugin.
        owner: Id of the key.
    """

    def __init__(self, ctx: PluginContext[Any], owner: str) -> None:
        self._ctx = ctx
        self._owner = owner

    def now(self) -> int:
        """Return Unix seconds."""
        return int(self._ctx.clock.now().timestamp())

    async def put(self, job: Job) -> Job:
        """Keep *job* as it is now, in its place; return what is kept.

        Raises:
            StoreUnavailable: It was not.
        """
        kept = replace(job, touched_at=self.now())
        until = (kept.ended_at or kept.touched_at) + KEPT_S
        await self._ctx.objects.put(
            job.id,
            msgspec.json.encode(kept),
            owner=self._owner,
            expires_at=datetime.fromtimestamp(until, UTC),
            keep_turn=True,
        )
        return kept

    async def find(self, job_id: str) -> Job:
        """Return a job as it stands.

        Raises:
            ObjectNotFound: ``video_not_found``: unknown, expired, deleted, or another key's.
            StoreUnavailable: It cannot be read now.
        """
        running = self._running(job_id)
        if running is not None:
            return running
        kept = await self._ctx.objects.get(job_id, owner=self._owner)
        if kept is None:
            raise not_found()
        return await self._as_it_stands(kept)

    async def newest(self, job: Job) -> Job:
        """Return *job*, which nobody works on any more, as it was kept last."""
        kept = await self._ctx.objects.get(job.id, owner=self._owner)
        return job if kept is None else msgspec.json.decode(kept, type=Job)

    async def page(
        self, *, limit: int, order: Literal["asc", "desc"] = "desc", after: str | None = None
    ) -> list[Job]:
        """Return jobs by age, those that follow the job *after*."""
        values = await self._ctx.objects.page(
            owner=self._owner, limit=limit, newest_first=order == "desc", after=after
        )
        return [await self._as_it_stands(value) for value in values]

    async def of_link(self, link: str) -> Job | None:
        """Return the job whose video a link of this gateway leads to."""
        found = _LINK.search(link)
        if found is None:
            return None
        after: str | None = None
        while jobs := await self.page(limit=_PAGE, after=after):
            for job in jobs:
                if job.video is not None and job.video.name == found[1]:
                    return job
            after = jobs[-1].id
        return None

    async def remove(self, job: Job) -> None:
        """Forget a job, then its files; what is not there is passed over."""
        await self._ctx.objects.delete(job.id, owner=self._owner)
        for kept in (job.video, job.poster):
            if kept is not None:
                await self._ctx.media.delete(kept.name, owner=self._owner)

    async def _as_it_stands(self, value: bytes) -> Job:
        kept = msgspec.json.decode(value, type=Job)
        running = self._running(kept.id)
        if running is not None or kept.status not in UNDER_WAY:
            return running or kept
        if await self._ctx.jobs.goes_on(KIND, kept.id, owner=self._owner):
            return kept
        # It may have ended since it was read; then its end was kept before that.
        return interrupted(await self.newest(kept))

    def _running(self, job_id: str) -> Job | None:
        """Return a job that somebody works on, as it stands."""
        found = self._ctx.jobs.find(KIND, job_id, owner=self._owner)
        job = getattr(found.work, "job", None) if found is not None else None
        return job if isinstance(job, Job) and job.status in UNDER_WAY else None


def not_found() -> ObjectNotFound:
    """Describe every job that cannot be had: unknown, expired, another key's."""
    return ObjectNotFound("No such video.", code="video_not_found")
