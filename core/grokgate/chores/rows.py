"""The rows of chores: what other processes and later starts know of them."""

from collections.abc import AsyncGenerator
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec

from grokgate.chores import record
from grokgate.chores.events import Done, Event, Failed, Failure, Progress
from grokgate.chores.record import LOST, LOST_AFTER_S, Detail, Told, View
from grokgate.chores.task import Task
from grokgate.errors import Conflict, ObjectNotFound, StoreUnavailable
from grokgate.openai.ids import new_id
from grokgate.storage import Database
from grokgate.storage import chores as queries
from grokgate.storage.chores import ChoreResult, ChoreRow
from grokgate.upstream import Clock

LOOK_S: Final = 1.0
"""Seconds between two looks at a chore of another process."""
ROWS_KEPT_S: Final = 7 * 86_400.0
LISTED: Final = 200
"""Chores of a list."""
STORED_BYTES: Final = 1 << 20
"""A longer result is kept in memory alone."""


class Rows:
    """Reads and writes the rows for one process.

    Args:
        database: Where they lie.
        clock: Time.
        log: A bound structlog logger.
    """

    def __init__(self, database: Database, clock: Clock, log: Any) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        self._holder = new_id("gw_")

    async def insert(self, task: Task) -> None:
        """Commit the row of a new task.

        Raises:
            Conflict: Another process does the same to one of the accounts.
            StoreUnavailable: Nothing was written.
        """
        now_ms, kind = self._now_ms(), task.kind.name
        detail = Detail(tokens=tuple(task.tokens), warning=task.warning)
        row = ChoreRow(
            id=task.id,
            kind=kind,
            status=queries.RUNNING,
            total=task.total,
            ok=0,
            failed=0,
            # In a thread: some milliseconds for 100 000 accounts.
            detail=await anyio.to_thread.run_sync(msgspec.json.encode, detail),
            holder=self._holder,
            created_at=now_ms,
            seen_at=now_ms,
            actor=task.actor,
        )
        async with self._database.write() as connection:
            others = await queries.foreign_chores(
                connection, kind, holder=self._holder, seen_after_ms=self._alive_ms()
            )
            for other in others:
                if not task.tokens.isdisjoint(record.tokens_of(other)):
                    raise runs_already(other.id)
            await queries.insert_chore(connection, row)

    async def touch(self, tasks: list[Task]) -> set[str]:
        """Write how far *tasks* are; return the ids of those that another process wants to end."""
        try:
            async with self._database.write() as connection:
                return await queries.touch_chores(
                    connection, [_progress(task) for task in tasks], now_ms=self._now_ms()
                )
        except StoreUnavailable:
            self._log.warning("chores_not_written", count=len(tasks))
            return set()

    async def end(self, task: Task) -> bool:
        """Write how *task* ended; False: that could not be written."""
        final = task.final
        error = final.error if isinstance(final, Failed) else None
        detail = Detail(warning=task.warning, error=error)
        try:
            async with self._database.write() as connection:
                await queries.end_chore(
                    connection,
                    _progress(task),
                    status=task.status,
                    detail=msgspec.json.encode(detail),
                    result=_result_of(task),
                    now_ms=self._now_ms(),
                )
        except StoreUnavailable:
            self._log.warning("chore_end_not_written", task=task.id)
            return False
        return True

    async def find(self, task_id: str) -> Told:
        """Tell what the row tells.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        async with self._database.read() as connection:
            row = _there(await queries.find_chore(connection, task_id))
            found = await queries.find_result(connection, task_id)
        return record.told(row, self._clock, found.result)

    async def view(self, task_id: str) -> View:
        """Return the line of a list for one chore.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        async with self._database.read() as connection:
            return record.view(_there(await queries.find_chore(connection, task_id)), self._clock)

    async def failures(self, task_id: str) -> list[Failure]:
        """Return what failed in a chore that has ended."""
        async with self._database.read() as connection:
            found = await queries.find_result(connection, task_id)
        return msgspec.json.decode(found.failures, type=list[Failure])

    async def follow(self, task_id: str) -> AsyncGenerator[Event, None]:
        """Tell what the row of another process's chore tells: counts, once in a while.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        snapshot, final = await self.find(task_id)
        yield snapshot
        while final is None:
            await anyio.sleep(LOOK_S)
            before = snapshot.processed
            snapshot, final = await self.find(task_id)
            if snapshot.processed != before:
                yield Progress(
                    task_id=task_id,
                    total=snapshot.total,
                    processed=snapshot.processed,
                    ok=snapshot.ok,
                    fail=snapshot.fail,
                )
        yield final

    async def listing(self, limit: int) -> list[View]:
        """Return the last *limit* chores of all processes, newest first."""
        async with self._database.read() as connection:
            rows = await queries.list_chores(connection, limit=limit)
        return [record.view(row, self._clock) for row in rows]

    async def count(self) -> int:
        """Count the chores of all processes that go on."""
        async with self._database.read() as connection:
            return await queries.count_chores(connection, seen_after_ms=self._alive_ms())

    async def want_end(self, task_id: str) -> None:
        """Ask the process that works on a chore to end it."""
        async with self._database.write() as connection:
            await queries.want_end(connection, task_id)

    async def end_left(self) -> int:
        """End the chores that nobody works on when this process starts; return how many.

        One that has the database alone knows that this is all of them.
        """
        alone = not self._database.shared
        return await self._end_abandoned(self._now_ms() + 1 if alone else self._alive_ms())

    async def sweep(self) -> None:
        """End the chores of processes that died, and remove those of long ago."""
        now_ms = self._now_ms()
        try:
            await self._end_abandoned(self._alive_ms())
            async with self._database.write() as connection:
                await queries.prune_chores(connection, before_ms=now_ms - round(1000 * ROWS_KEPT_S))
        except StoreUnavailable:
            self._log.warning("chores_not_swept")

    async def _end_abandoned(self, seen_before_ms: int) -> int:
        async with self._database.write() as connection:
            return await queries.end_abandoned(
                connection,
                seen_before_ms=seen_before_ms,
                detail=msgspec.json.encode(Detail(error=LOST)),
                now_ms=self._now_ms(),
            )

    def _alive_ms(self) -> int:
        """Return since when a process must have been heard of to be alive."""
        return self._now_ms() - round(1000 * LOST_AFTER_S)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def runs_already(task_id: str) -> Conflict:
    """Refuse to do the same to an account twice at a time; names what does it."""
    return Conflict(
        f"A job of this kind works on some of these accounts already: {task_id}",
        code="job_running",
        headers={"x-grokgate-job": task_id},
    )


def _there(row: ChoreRow | None) -> ChoreRow:
    if row is None:
        raise ObjectNotFound("Task not found", code="not_found")
    return row


def _result_of(task: Task) -> ChoreResult:
    """Return what is kept of what a task came to."""
    final, result = task.final, None
    if isinstance(final, Done) and len(bytes(final.result)) <= STORED_BYTES:
        result = bytes(final.result)
    return ChoreResult(result=result, failures=msgspec.json.encode(task.failures))


def _progress(task: Task) -> queries.Progress:
    return queries.Progress(task.id, task.ok, task.fail)
