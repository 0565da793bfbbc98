"""Chores of made-up kinds on a database of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import structlog
from structlog.testing import LogCapture

from grokgate.chores import Chores, Event, Item, Kind, Outcome, Pace, Task
from grokgate.drain import Drain
from grokgate.jobs import Jobs
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock


class Worker:
    """A kind whose accounts wait at a gate; one whose id begins with ``bad`` fails."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[str] = []
        self.at_work = 0
        self.most_at_work = 0
        self.changed = asyncio.Condition()

    async def visit(self, token: str, _task: Task) -> Outcome:
        self.begun.append(token)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        async with self.changed:
            self.changed.notify_all()
        await asyncio.sleep(0)
        await self.gate.wait()
        self.at_work -= 1
        if token.startswith("crash"):
            raise RuntimeError("a defect")
        if token.startswith("bad"):
            return Outcome(ok=False, error="The credential is dead.")
        return Outcome(ok=True)

    async def begins(self, count: int) -> None:
        """Wait until *count* accounts were begun."""
        with anyio.fail_after(5):
            async with self.changed:
                await self.changed.wait_for(lambda: len(self.begun) >= count)

    def kind(self, name: str, pace: Pace) -> Kind:
        async def run(task: Task) -> Any:
            await task.each(self.visit)
            return task.result()

        return Kind(name=name, pace=lambda _performance: pace, run=run)


class World:
    """A process's chores, and the means to watch them."""

    def __init__(self, database: Database, clock: FakeClock, pace: Pace) -> None:
        self.clock = clock
        self.worker = Worker()
        self.drain = Drain(grace_s=lambda: 60.0)
        self.logs = LogCapture()
        log = structlog.wrap_logger(None, processors=[self.logs])
        self.jobs = Jobs(self.drain, on_fault=lambda _plugin: None, log=log)
        self.chores = Chores(
            database=database,
            jobs=self.jobs,
            drain=self.drain,
            kinds={name: self.worker.kind(name, pace) for name in ("poke", "prod")},
            performance=lambda: None,
            clock=clock,
            log=log,
        )

    async def start(self, *tokens: str, kind: str = "poke", **more: Any) -> Task:
        with anyio.fail_after(5):
            return await self.chores.start(kind, items(*tokens), **more)

    async def told(self, task_id: str) -> list[Event]:
        """Listen from now to the end."""
        with anyio.fail_after(5):
            return [event async for event in self.chores.listen(task_id)]


def items(*tokens: str) -> list[Item]:
    return [Item(token, f"…{token}") for token in tokens]


@asynccontextmanager
async def world(
    folder: Path, *, at_once: int = 2, step: int = 50, clock: FakeClock | None = None
) -> AsyncIterator[World]:
    """Run the chores of one process; several on one folder are several processes."""
    async with open_database(folder / "db") as database:
        made = World(database, clock or FakeClock(), Pace(at_once=at_once, step=step, most=3))
        async with made.jobs.accepting():
            yield made
