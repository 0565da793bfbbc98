"""Runs background work of plugins beside the requests; nothing of it outlives the process.

Other processes of the installation know by its name that it goes on, and may ask for its end.

```text
start ──> running ──> ended
             ├─ cancel, end of the grace of a shutdown ──> cancelled ──≤ 2 s──> ended
             └─ exception ──> logged ──> ended
```
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import anyio
from anyio import CancelScope
from anyio.abc import TaskGroup
from msgspec import Struct

from grokgate.bus import Bus, Ids, LocalBus, LocalPresence, Presence
from grokgate.drain import Drain
from grokgate.errors import InternalError, Overloaded
from grokgate.openai.tally import Tally, current_tally, tallying

Work: TypeAlias = Callable[[], Awaitable[None]]

TOPIC: Final = "jobs"
MOST: Final = 256
"""Jobs of a process; each may hold an account for minutes, and a conversation in memory."""
_NAME_CHARS: Final = 32
ENDING_S: Final = 2.0
"""What a cancelled job has for what it shields; less than a drain waits then (`drain.CUT_S`)."""


class JobId(Struct, frozen=True, kw_only=True):
    """What tells running jobs apart."""

    plugin: str
    kind: str
    key: str
    owner: str

    @property
    def name(self) -> str:
        """What other processes know it by; tells nobody what or whose it is."""
        text = f"{self.plugin}\0{self.kind}\0{self.key}\0{self.owner}"
        return hashlib.sha256(text.encode()).hexdigest()[:_NAME_CHARS]


class JobEnd(Struct, frozen=True, kw_only=True):
    """How a job ended."""

    id: JobId
    seconds: float
    tally: Tally
    """What it used; carries the request id of the request that started it, if one did."""
    defect: bool
    """It raised, which is its plugin's fault."""

    @property
    def error(self) -> str | None:
        """Code of what went wrong, as far as a client could be told."""
        return InternalError.default_code if self.defect else self.tally.error


def _ignore(_end: JobEnd) -> None:
    """Tell nobody."""


class Job:
    """A job that was started (`grokgate.plugin.Job`); used from its event loop only."""

    def __init__(self, work: Work, *, ending_s: float) -> None:
        self.work = work
        """What it was started with."""
        self._ending_s = ending_s
        self._scope = CancelScope()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._forced = False

    def cancel(self) -> None:
        """Cancel the work, and end it by force if it is still there after its time to end."""
        if self._scope.cancel_called or self._ended.is_set():
            return
        self._scope.cancel()
        asyncio.get_running_loop().call_later(self._ending_s, self._end)

    async def wait(self) -> None:
        """Wait until the work has ended in whatever way."""
        await self._ended.wait()

    async def run(self) -> None:
        """Do the work; called once, in a task of its own."""
        self._task = asyncio.current_task()
        try:
            with self._scope:
                await self.work()
        except asyncio.CancelledError:
            if not self._forced:
                raise
        finally:
            self._task = None
            self._ended.set()

    def _end(self) -> None:
        """Cancel the task itself, which no shield keeps out."""
        if self._task is not None:
            self._forced = True
            self._task.cancel()


class Jobs:
    """Owns the jobs of a process.

    Args:
        drain: Waits for jobs as for requests; when its grace is over they are cancelled.
        on_fault: Told the plugin of a job that raised.
        log: A bound structlog logger.
        ended: Told of every job that has ended.
        ending_s: What a cancelled job has for what it shields.
    """

    def __init__(
        self,
        drain: Drain,
        *,
        on_fault: Callable[[str], None],
        log: Any,
        ended: Callable[[JobEnd], None] = _ignore,
        ending_s: float = ENDING_S,
    ) -> None:
        self._drain = drain
        self._ending_s = ending_s
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

    def start(self, job_id: JobId, work: Work) -> Job:
        """Run *work* in a task of its own.

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
        job = self._running[job_id] = Job(work, ending_s=self._ending_s)
        self._presence.begin(job_id.name)
        self._drain.enter()
        self._group.start_soon(self._fenced, job_id, job)
        return job

    def find(self, job_id: JobId) -> Job | None:
        """Return the running job."""
        return self._running.get(job_id)

    async def goes_on(self, job_id: JobId) -> bool:
        """Tell whether a job runs in any process; one whose process died does for half a minute."""
        return await self._presence.goes_on(job_id.name)

    def cancel(self, job_id: JobId) -> None:
        """Cancel a job in whatever process it runs; returns at once.

        A server of the bus that loses its data just then may keep it from happening.
        """
        job = self._running.get(job_id)
        if job is None:
            self._bus.publish(TOPIC, [job_id.name])
        else:
            job.cancel()

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

    def _heed(self, ids: Ids) -> None:
        """Cancel what another process wants cancelled."""
        for job_id, job in self._running.items():
            if ids is not None and job_id.name in ids:
                job.cancel()

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

    def start(self, kind: str, key: str, work: Work, *, owner: str) -> Job:
        """Run *work* beside the requests."""
        return self._jobs.start(self._id(kind, key, owner), work)

    def find(self, kind: str, key: str, *, owner: str) -> Job | None:
        """Return the running job; None: ended, unknown, or another owner's."""
        return self._jobs.find(self._id(kind, key, owner))

    async def goes_on(self, kind: str, key: str, *, owner: str) -> bool:
        """Tell whether the job runs, in whatever process."""
        return await self._jobs.goes_on(self._id(kind, key, owner))

    def cancel(self, kind: str, key: str, *, owner: str) -> None:
        """Cancel the job in whatever process it runs."""
        self._jobs.cancel(self._id(kind, key, owner))

    def _id(self, kind: str, key: str, owner: str) -> JobId:
        return JobId(plugin=self._plugin, kind=kind, key=key, owner=owner)
