"""Work on many accounts that an operator starts, watches and ends (F-JOB).

```text
start ──row──> running ──every item ended──> done
                 ├─ cancel, from any process ── running items end ──> cancelled
                 ├─ the process is told to stop ── running items end ──> error
                 └─ the process dies ── 60 s, or its next start ──> error
```

The row is committed before whoever asked is answered. The process that works on it says every
few seconds in the row how far it is; other processes see it there, and ask there for its end.
Nothing is locked while an account is asked.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import anyio
import anyio.to_thread
import msgspec
from anyio import CancelScope

from grokgate.bus import Bus, Ids, LocalBus
from grokgate.chores.events import Cancelled, Event, Failed, Failure, Item
from grokgate.chores.events import Final as End
from grokgate.chores.pace import MOST_AT_ONCE, Pace
from grokgate.chores.record import Told, View
from grokgate.chores.rows import LISTED, Rows, runs_already
from grokgate.chores.task import CRASHED, Kind, Task
from grokgate.drain import Drain
from grokgate.errors import GatewayError, Overloaded
from grokgate.jobs import JobId, Jobs
from grokgate.openai.ids import new_id
from grokgate.registry import CORE
from grokgate.storage import Database
from grokgate.storage.acting import acting
from grokgate.upstream import Clock

Conclude: TypeAlias = Callable[[Task], Awaitable[Any]]
"""Makes another result of a task whose work has ended."""
Listener: TypeAlias = Callable[[str, End], None]
"""Told the kind and the end of every chore of this process; must not raise."""

TOPIC: Final = "chores"
BEAT_S: Final = 2.0
"""Seconds between two notes of how far chores are."""
SWEEP_S: Final = 60.0
KEPT_S: Final = 300.0
"""How long a chore stays in memory after its end (F-JOB-06)."""
STOPPED: Final = "The gateway was stopped before every account was done; what was done stays done."


class Chores:
    """Starts chores and knows about all of them, those of other processes too.

    Args:
        database: Where their rows lie.
        jobs: Runs them, and ends them with the process.
        drain: Tells when the process is about to end.
        kinds: What can be done, by name; may grow.
        performance: Returns the section ``performance`` now.
        clock: Time.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        *,
        database: Database,
        jobs: Jobs,
        drain: Drain,
        kinds: Mapping[str, Kind],
        performance: Callable[[], Any],
        clock: Clock,
        log: Any,
    ) -> None:
        self.kinds: dict[str, Kind] = dict(kinds)
        self._rows = Rows(database, clock, log)
        self._jobs = jobs
        self._drain = drain
        self._performance = performance
        self._clock = clock
        self._log = log
        self._tasks: dict[str, Task] = {}
        self._ended_at: dict[str, float] = {}
        self._unwritten: set[str] = set()
        """Ended, which the row does not tell yet."""
        self._listeners: list[Listener] = []
        self._bus: Bus = LocalBus()

    def join(self, bus: Bus) -> None:
        """Tell other processes at once of cancels that are meant for them; before the bus runs."""
        self._bus = bus
        bus.subscribe(TOPIC, self._follow)

    def subscribe(self, listener: Listener) -> None:
        """Have *listener* told how chores end."""
        self._listeners.append(listener)

    # -- start, look, cancel -----------------------------------------------------------------

    async def start(
        self,
        kind: str,
        items: Sequence[Item],
        *,
        options: Any = None,
        total: int | None = None,
        at_once: int | None = None,
        warning: str | None = None,
        actor: str = "",
        conclude: Conclude | None = None,
    ) -> Task:
        """Begin to work on *items*, and return without waiting for it.

        Args:
            kind: Name of what is done.
            items: The accounts; labels are unique.
            options: Of this kind.
            total: Entries of work that is not done account by account.
            at_once: Accounts at once, 1 to 100; None: as the settings say.
            warning: Told with every snapshot.
            actor: Who starts it, as in the audit trail.
            conclude: Makes the result; None: as the kind does.

        Raises:
            Conflict: One of the kind works on one of the accounts already.
            Overloaded: The process is about to end, or does too much.
            StoreUnavailable: Nothing was begun.
        """
        if self._drain.draining:
            raise Overloaded("The gateway is shutting down.")
        task = self._make(
            kind,
            items,
            options=options,
            total=total,
            at_once=at_once,
            warning=warning,
            actor=actor,
        )
        for other in self._tasks.values():
            if other.final is None and _clash(other, kind, task.tokens):
                raise runs_already(other.id)
        self._tasks[task.id] = task
        try:
            await self._rows.insert(task)
        except BaseException:
            del self._tasks[task.id]
            raise
        await self._begin(task, conclude)
        return task

    def task(self, task_id: str) -> Task | None:
        """Return a chore that this process works on or ended lately."""
        return self._tasks.get(task_id)

    async def find(self, task_id: str) -> Told:
        """Tell how far a chore of any process is, and how it ended if it has.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        task = self._tasks.get(task_id)
        if task is not None:
            return task.snapshot(), task.final
        return await self._rows.find(task_id)

    async def listing(self, limit: int = LISTED) -> list[View]:
        """Return the last *limit* chores of all processes, newest first."""
        return [self._fresh(view) for view in await self._rows.listing(limit)]

    async def view(self, task_id: str) -> View:
        """Return the line of a list for a chore of any process.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        return self._fresh(await self._rows.view(task_id))

    async def failures(self, task_id: str) -> list[Failure]:
        """Return what failed in a chore, the first ones; of another process's once it has ended."""
        task = self._tasks.get(task_id)
        return list(task.failures) if task is not None else await self._rows.failures(task_id)

    async def count(self) -> int:
        """Count the chores of all processes that go on."""
        return await self._rows.count()

    async def cancel(self, task_id: str) -> None:
        """Have a chore of any process begin nothing more; one that has ended stays as it is.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        task = self._tasks.get(task_id)
        if task is not None:
            task.cancel()
            return
        _, final = await self.find(task_id)
        if final is None:
            await self._rows.want_end(task_id)
            self._bus.publish(TOPIC, [task_id])

    async def listen(self, task_id: str) -> AsyncGenerator[Event, None]:
        """Yield a snapshot of a chore, what happens from now on, and its end.

        Of another process's chore counts are told, once in a while. Whoever stops listening ends
        nothing.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        task = self._tasks.get(task_id)
        told = self._rows.follow(task_id) if task is None else task.listen()
        try:
            async for event in told:
                yield event
        finally:
            await told.aclose()

    # -- in the background -------------------------------------------------------------------

    async def begin(self) -> None:
        """End what an earlier run left behind; call it once, before anything is started."""
        ended = await self._rows.end_left()
        if ended:
            self._log.warning("chores_interrupted", count=ended)

    async def run(self) -> None:
        """Write how far chores are, end those of dead processes, forget old ones."""
        swept_at = -SWEEP_S
        while True:
            await self.beat()
            if self._clock.monotonic() - swept_at >= SWEEP_S:
                swept_at = self._clock.monotonic()
                await self.sweep()
            await anyio.sleep(BEAT_S)

    async def beat(self) -> None:
        """Write how far this process's chores are, and learn which of them are to end."""
        going_on = [task for task in self._tasks.values() if task.final is None]
        if going_on:
            wanted = await self._rows.touch(going_on)
            for task in going_on:
                if task.id in wanted:
                    task.cancel()
        for task_id in tuple(self._unwritten):
            await self._write_end(self._tasks[task_id])

    async def _follow(self, ids: Ids) -> None:
        if ids is None or not ids.isdisjoint(self._tasks):
            await self.beat()

    async def sweep(self) -> None:
        """End the chores of processes that died, and forget old ones."""
        now = self._clock.monotonic()
        for task_id, ended_at in tuple(self._ended_at.items()):
            if now - ended_at >= KEPT_S and task_id not in self._unwritten:
                del self._ended_at[task_id], self._tasks[task_id]
        await self._rows.sweep()

    # -- the work ----------------------------------------------------------------------------

    def _make(
        self,
        kind: str,
        items: Sequence[Item],
        *,
        options: Any,
        total: int | None,
        at_once: int | None,
        warning: str | None,
        actor: str,
    ) -> Task:
        found = self.kinds[kind]
        pace = found.pace(self._performance())
        if at_once is not None:
            most = max(1, min(at_once, MOST_AT_ONCE))
            pace = Pace(at_once=most, step=max(pace.step, most), most=pace.most)
        return Task(
            new_id("job_"),
            found,
            items,
            pace=pace,
            options=options,
            total=total,
            warning=warning,
            actor=actor,
            is_stopping=lambda: self._drain.draining,
            log=self._log,
        )

    async def _begin(self, task: Task, conclude: Conclude | None) -> None:
        job = JobId(plugin=CORE, kind=task.kind.name, key=task.id, owner="operator")
        try:
            # As nobody: the work outlives the request, whose act was noted with the row.
            with acting(None):
                self._jobs.start(job, partial(self._carry_out, task, conclude))
        except GatewayError as error:
            await self._end(task, task.failed(error.told))
            raise

    async def _carry_out(self, task: Task, conclude: Conclude | None) -> None:
        final = task.failed(STOPPED)
        try:
            final = await self._worked(task, conclude)
        except GatewayError as error:
            task.cause, final = error, task.failed(error.told)
        except Exception:  # noqa: BLE001 - a fence: the work of a kind may be a plugin's
            self._log.exception("chore_failed", kind=task.kind.name, task=task.id)
            final = task.failed(CRASHED)
        finally:
            with CancelScope(shield=True):
                await self._end(task, final)

    async def _worked(self, task: Task, conclude: Conclude | None) -> End:
        result = await task.kind.run(task)
        if task.processed < task.total and task.cancelled:
            return task.ended_by_somebody()
        if task.processed < task.total:
            task.cause = Overloaded(STOPPED)
            return task.failed(STOPPED)
        if conclude is not None:
            result = await conclude(task)
        return task.done(await anyio.to_thread.run_sync(msgspec.json.encode, result))

    async def _end(self, task: Task, final: End) -> None:
        """Write how *task* ended, then tell: what was told is there after a crash."""
        task.end(_with_counts(task, final))
        try:
            await self._write_end(task)
        finally:
            self._ended_at[task.id] = self._clock.monotonic()
            self._log.info("chore_ended", kind=task.kind.name, status=task.status, ok=task.ok)
            task.tell_end()
            for listener in self._listeners:
                listener(task.kind.name, task.final or final)

    async def _write_end(self, task: Task) -> None:
        """Write how a chore ended; what cannot be written now is written with a later beat."""
        self._unwritten.add(task.id)
        if await self._rows.end(task):
            self._unwritten.discard(task.id)

    def _fresh(self, view: View) -> View:
        """Return *view* with what this process knows better."""
        task = self._tasks.get(view.task_id)
        if task is None:
            return view
        return msgspec.structs.replace(
            view,
            status=task.status,
            total=task.total,
            processed=task.processed,
            ok=task.ok,
            fail=task.fail,
            warning=task.warning,
            error=task.final.error if isinstance(task.final, Failed) else None,
        )


def _clash(other: Task, kind: str, tokens: frozenset[str]) -> bool:
    return other.kind.name == kind and not other.tokens.isdisjoint(tokens)


def _with_counts(task: Task, final: End) -> End:
    """Return *final* with the counts of now, where it was made before the work ended."""
    match final:
        case Failed(error=error):
            return task.failed(error)
        case Cancelled():
            return task.ended_by_somebody()
        case _:
            return final
