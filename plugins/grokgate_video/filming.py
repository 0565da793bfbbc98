"""Makes the video of one job, beside the requests.

1. The job is kept before anything is asked of the upstream.
2. Whoever waits in `Filming.accepted` is answered when an account has begun, or told why none will:
   then nothing is left of the job.
3. Its progress is kept in steps, its end as it comes. A job that is cut short by a shutdown notes
   that; after a crash, or where its end could not be kept, it is seen when somebody asks.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import anyio
from msgspec.structs import replace

from grokgate.errors import GatewayError, InternalError, Overloaded, StoreUnavailable
from grokgate.plugin import Caller, Offer, PluginContext
from grokgate.plugin import Job as Running
from grokgate.plugin.media import Plan, VideoMade, VideoWish, open_video
from grokgate_video.record import (
    KEPT_S,
    UNDER_WAY,
    Job,
    completed,
    failed,
    interrupted,
    moved,
)
from grokgate_video.store import KIND, StoredJobs

_STEP: Final = 10
"""Percent after which progress is kept again."""
_ENDING_S: Final = 1.5
"""Seconds to note an end that was forced; less than a job has for it."""
_LEAVING_S: Final = 2.5
"""Seconds to end and remove a job whose client has left; more than a job has for its end."""


class Filming:
    """The work of one job; its `job` shows how far it is.

    Args:
        ctx: Of the plugin.
        caller: Whose job it is.
        offer: Of the model.
        wish: All checks done.
        job: Not kept yet.
    """

    def __init__(
        self,
        ctx: PluginContext[Any],
        caller: Caller,
        offer: Offer,
        wish: VideoWish,
        job: Job,
    ) -> None:
        self.job = job
        self.ending: Job | None = None
        """Its end, kept or not; until that is kept, `job` is what is shown."""
        self.failure: GatewayError | None = None
        """Why an account that had begun made no video."""
        self._ctx = ctx
        self._caller = caller
        self._offer = offer
        self._wish = wish
        self._jobs = StoredJobs(ctx, caller.key_id)
        self._answered = asyncio.Event()
        self._refusal: GatewayError | None = None
        self._accepted = job
        self._begun = False
        self._dropped = False
        self._kept_percent = 0

    async def accepted(self) -> Job:
        """Wait until an account has begun; return the job as it was then.

        Raises:
            GatewayError: None will; the job is gone.
        """
        await self._answered.wait()
        if self._refusal is not None:
            raise self._refusal
        return self._accepted

    def drop(self) -> None:
        """Take the cancellation that comes now for a deletion: nothing is left of the job."""
        self._dropped = True

    async def __call__(self) -> None:
        """Make the video; what became of it is kept, whatever happens."""
        try:
            self.job = await self._jobs.put(self.job)
            await self._make()
        except GatewayError as error:
            await self._fail(error)
        except asyncio.CancelledError:
            with anyio.move_on_after(_ENDING_S, shield=True):
                await self._stop()
            raise
        except Exception:
            await self._fail(InternalError())
            raise
        finally:
            self._answered.set()

    async def _make(self) -> None:
        film = await open_video(
            self._ctx,
            self._caller,
            self._offer,
            self._wish,
            kept_for=timedelta(seconds=KEPT_S),
            begun=self._begin,
        )
        async with film:
            await self._move(0)
            async for event in film:
                if isinstance(event, VideoMade):
                    await self._end(completed(self.job, event.video, now=self._jobs.now()))
                else:
                    await self._move(event.percent)

    def _begin(self, plan: Plan) -> None:
        self.job = replace(self.job, plan=plan, seconds=self._wish.before_s + plan.seconds)
        self._accepted, self._begun = self.job, True
        self._answered.set()

    async def _move(self, percent: int) -> None:
        """Note progress, and keep it now and then; it is no loss where that cannot be."""
        first = self.job.status == "queued"
        self.job = moved(self.job, percent)
        if first or self.job.progress >= self._kept_percent + _STEP:
            self._kept_percent = self.job.progress
            with suppress(StoreUnavailable):
                await self._jobs.put(self.job)

    async def _fail(self, error: GatewayError) -> None:
        if not self._begun:
            await self._withdraw()
            self._refusal = error
            return
        self.failure = error
        self._ctx.log.info("video_not_made", error=error.code)
        await self._end(failed(self.job, error, now=self._jobs.now()))

    async def _stop(self) -> None:
        if self._dropped:
            await self._withdraw()
            return
        if not self._begun:
            self._refusal = Overloaded("The gateway is shutting down.")
            await self._withdraw()
            return
        cut_off = interrupted(replace(self.job, touched_at=self._jobs.now()))
        await self._end(self.ending or cut_off)

    async def _end(self, job: Job) -> None:
        """Keep the end; only then it is shown."""
        self.ending = job
        try:
            self.job = await self._jobs.put(job)
        except StoreUnavailable as error:
            self._ctx.log.warning("video_end_not_kept", error=error.code, status=job.status)

    async def _withdraw(self) -> None:
        with suppress(StoreUnavailable):
            await self._jobs.remove(self.ending or self.job)


async def begin(
    ctx: PluginContext[Any], caller: Caller, offer: Offer, wish: VideoWish, job: Job
) -> Job:
    """Start a job; returns when an account works on it.

    A client that leaves before that takes the job with it.

    Raises:
        GatewayError: It cannot be kept, run or served; nothing is left of it.
    """
    filming = Filming(ctx, caller, offer, wish, job)
    running = _start(ctx, filming, owner=caller.key_id)
    try:
        return await filming.accepted()
    except asyncio.CancelledError:
        running.cancel()
        raise


async def complete(
    ctx: PluginContext[Any], caller: Caller, offer: Offer, wish: VideoWish, job: Job
) -> Job:
    """Start a job, and return its end.

    A client that leaves takes the job with it.

    Raises:
        GatewayError: There is no video; nothing is left of the job.
    """
    filming = Filming(ctx, caller, offer, wish, job)
    running = _start(ctx, filming, owner=caller.key_id)
    try:
        await filming.accepted()
        await running.wait()
    except asyncio.CancelledError:
        with anyio.move_on_after(_LEAVING_S, shield=True), suppress(StoreUnavailable):
            await ctx.jobs.cancel(KIND, job.id, owner=caller.key_id)
            await StoredJobs(ctx, caller.key_id).remove(filming.ending or filming.job)
        raise
    if filming.ending is not None and filming.ending.video is not None:
        return filming.ending
    with suppress(StoreUnavailable):
        await remove(ctx, filming.ending or filming.job, owner=caller.key_id)
    raise filming.failure or Overloaded("The gateway is shutting down.")


async def remove(ctx: PluginContext[Any], job: Job, *, owner: str) -> None:
    """Forget a job and its files; one under way is cancelled first.

    Raises:
        StoreUnavailable: It is still there, or its process does not answer.
    """
    jobs = StoredJobs(ctx, owner)
    if job.status in UNDER_WAY:
        await ctx.jobs.cancel(KIND, job.id, owner=owner)
        job = await jobs.newest(job)  # it may have been completed meanwhile
    await jobs.remove(job)


def _start(ctx: PluginContext[Any], filming: Filming, *, owner: str) -> Running:
    return ctx.jobs.start(KIND, filming.job.id, filming, owner=owner, on_cancel=filming.drop)
