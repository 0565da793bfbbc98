"""The jobs of a process, and what it may do about those of others."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
from anyio import CancelScope
from anyio.abc import TaskGroup

from grokgate.bus import Bus, Ids, LocalBus, LocalPresence, Presence
from grokgate.drain import Drain
from grokgate.errors import Overloaded, StoreUnavailable
from grokgate.jobs.job import Job, JobEnd, JobId, Work
from grokgate.openai.tally import Tally, current_tally, tallying

TOPIC: Final = "jobs"
MOST: Final = 256
"""Jobs of a process; each may hold an account for minutes, and a conversation in memory."""
ENDING_S: Final = 2.0
"""What a cancelled job has for what it shields; less than a drain waits then (`drain.CUT_S`)."""
_TELLING_S: Final = 1.0
"""The longest that a job waits until other processes know of it."""
_TIMES_ASKED: Final = 5
"""How often another process is asked to cancel a job: a message may be lost."""
ANSWER_S: Final = 1.0
"""Between two times."""
_LOOK_S: Final = 0.05
_DEAF: Final = "The replica that works on this does not answer."
_RETRY_S: Final = 10.0


def _ignore(_end: JobEnd) -> None:
    """Tell nobody."""


def _unmoved() -> None:
    """Do nothing."""


class Jobs:
    """Owns the jobs of a process.

    Args:
        drain: Waits for jobs as for requests; when its grace is over they are cancelled.
        on_fault: Told the plugin of a job that raised.
        log: A bound structlog logger.
        ended: Told of every job that has ended.
        ending_s: What a cancelled job has for what it shields.
        answer_s: After which another process is asked again to cancel a job.
    """

    def __init__(
        self,
        drain: Drain,
        *,
        on_fault: Callable[[str], None],
        log: Any,
        ended: Callable[[JobEnd], None] = _ignore,
        ending_s: float = ENDING_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._drain = drain
        self._ending_s = ending_s
        self._answer_s = answer_s
        self._on_fault = on_fault
        self._log = log
        self._tell_end = ended
        self._running: dict[JobId, Job] = {}
        self._group: TaskGroup | None = None
        self._bus: Bus = LocalBus()
        self._presence: Presence = LocalPresence()

    def join(self, bus: Bus, presence: Presence) -> None:
        """Tell other processes of jobs, and heed them; call it before the bus runs."""
        self._bus, self._presence = bus, presence
        bus.subscribe(TOPIC, self._heed)

    @property
    def count(self) -> int:
        """How many run."""
        return len(self._running)

    def for_plugin(self, plugin: str) -> "PluginJobs":
        """Return what *plugin* may see."""
        return PluginJobs(self, plugin)

    @asynccontextmanager
    async def accepting(self) -> AsyncIterator[None]:
        """Take jobs until the context is left; then they are cancelled and waited for."""
        inside: Exception | None = None
        async with anyio.create_task_group() as group:
            watch = CancelScope()
            group.start_soon(self._cancel_at_cut, watch)
            self._group = group
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised below: the group would wrap it
                inside = error
            finally:
                self._group = None
                watch.cancel()
                self._cancel_all()
        if inside is not None:
            raise inside

    def start(self, job_id: JobId, work: Work, *, on_cancel: Callable[[], None] = _unmoved) -> Job:
        """Run *work* in a task of its own.

        Args:
            job_id: What it is found by.
            work: Called once, when other processes know of it.
            on_cancel: Called when `cancel` ends it.

        Raises:
            Overloaded: Too many jobs run, or no more are taken.
            ValueError: A job with this id runs.
        """
        if self._group is None or self._drain.draining:
            raise Overloaded("The gateway is shutting down.")
        if len(self._running) >= MOST:
            raise Overloaded
        if job_id in self._running:
            raise ValueError(f"a job of kind {job_id.kind!r} runs under this key already")
        job = Job(work, on_cancel=on_cancel, ending_s=self._ending_s)
        self._running[job_id] = job
        self._presence.begin(job_id.name)
        self._drain.enter()
        self._group.start_soon(self._fenced, job_id, job)
        return job

    def find(self, job_id: JobId) -> Job | None:
        """Return the running job."""
        return self._running.get(job_id)

    async def goes_on(self, job_id: JobId, *, watching: bool = False) -> bool:
        """Tell whether a job runs in any process; one whose process died does for half a minute."""
        return await self._presence.goes_on(job_id.name, watching=watching)

    async def is_watched(self, job_id: JobId) -> bool:
        """Tell whether another process has watched a job of this one lately."""
        return await self._presence.is_watched(job_id.name)

    async def cancel(self, job_id: JobId) -> None:
        """Cancel a job in whatever process it runs, and wait for its end.

        Raises:
            StoreUnavailable: It may go on: its process does not answer, or cannot be asked.
        """
        job = self._running.get(job_id)
        if job is not None:
            job.cancel_for_owner()
            await job.wait()
        elif await self.goes_on(job_id):
            await self._cancel_elsewhere(job_id)

    async def end_owner(self, owner: str) -> None:
        """Cancel the jobs of a key, and wait for their ends."""
        jobs = [job for job_id, job in self._running.items() if job_id.owner == owner]
        for job in jobs:
            job.cancel()
        for job in jobs:
            await job.wait()

    async def _fenced(self, job_id: JobId, job: Job) -> None:
        asked = current_tally()  # of the request that started it: a task inherits the context
        tally = Tally(request_id=asked.request_id if asked is not None else "")
        began, defect = time.perf_counter(), False
        try:
            with anyio.move_on_after(_TELLING_S, shield=True):
                await self._presence.told(job_id.name)
            with tallying(tally):
                await job.run()
        except Exception:  # noqa: BLE001 - a fence: a job's fault is its plugin's
            defect = True
            self._on_fault(job_id.plugin)
            self._log.exception(
                "job_failed", plugin=job_id.plugin, kind=job_id.kind, key_id=job_id.owner
            )
        finally:
            del self._running[job_id]
            self._presence.end(job_id.name)
            self._drain.leave()
            seconds = time.perf_counter() - began
            self._told(JobEnd(id=job_id, seconds=seconds, tally=tally, defect=defect))

    def _told(self, end: JobEnd) -> None:
        """Tell of an end."""
        try:
            self._tell_end(end)
        except Exception:  # noqa: BLE001 - a fence: an observer's fault ends no job
            self._log.exception("job_observer_failed", plugin=end.id.plugin, kind=end.id.kind)

    async def _cancel_elsewhere(self, job_id: JobId) -> None:
        for _ in range(_TIMES_ASKED):
            if not self._presence.answers:
                break
            self._bus.publish(TOPIC, [job_id.name])
            with anyio.move_on_after(self._answer_s):
                while await self.goes_on(job_id):  # noqa: ASYNC110 - another process ends it
                    await anyio.sleep(_LOOK_S)
                return
        raise StoreUnavailable(_DEAF, code="runtime_store_unavailable", retry_after_s=_RETRY_S)

    def _heed(self, ids: Ids) -> None:
        """Cancel what another process wants cancelled."""
        for job_id, job in self._running.items():
            if ids is not None and job_id.name in ids:
                job.cancel_for_owner()

    async def _cancel_at_cut(self, watch: CancelScope) -> None:
        with watch:
            await self._drain.cut.wait()
            self._cancel_all()

    def _cancel_all(self) -> None:
        for job in self._running.values():
            job.cancel()


class PluginJobs:
    """The jobs of one plugin (`grokgate.plugin.Jobs`)."""

    def __init__(self, jobs: Jobs, plugin: str) -> None:
        self._jobs = jobs
        self._plugin = plugin

    def start(
        self,
        kind: str,
        key: str,
        work: Work,
        *,
        owner: str,
        on_cancel: Callable[[], None] = _unmoved,
    ) -> Job:
        """Run *work* beside the requests."""
        return self._jobs.start(self._id(kind, key, owner), work, on_cancel=on_cancel)

    def find(self, kind: str, key: str, *, owner: str) -> Job | None:
        """Return the job that runs in this process; None: there is none."""
        return self._jobs.find(self._id(kind, key, owner))

    async def goes_on(self, kind: str, key: str, *, owner: str, watching: bool = False) -> bool:
        """Tell whether the job runs, in whatever process."""
        return await self._jobs.goes_on(self._id(kind, key, owner), watching=watching)

    async def is_watched(self, kind: str, key: str, *, owner: str) -> bool:
        """Tell whether another process has watched the job lately."""
        return await self._jobs.is_watched(self._id(kind, key, owner))

    async def cancel(self, kind: str, key: str, *, owner: str) -> None:
        """Cancel the job in whatever process it runs, and wait for its end."""
        await self._jobs.cancel(self._id(kind, key, owner))

    def _id(self, kind: str, key: str, owner: str) -> JobId:
        return JobId(plugin=self._plugin, kind=kind, key=key, owner=owner)
