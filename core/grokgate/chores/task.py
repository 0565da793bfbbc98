"""One chore at work in this process: its items, how far it is, and who listens.

Listeners come and go without a say in the work. Each holds a bounded number of events: one that
reads too slowly misses some, never the latest, whose counts include those of all before.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

import anyio
from msgspec import UNSET, Raw, Struct

from grokgate.chores import events
from grokgate.chores.events import Event, Failure, Item, Outcome, Result, Snapshot, Summary
from grokgate.chores.pace import Pace
from grokgate.errors import GatewayError

Work: TypeAlias = Callable[[str, "Task"], Awaitable[Outcome]]
"""Works on one account, given by its short id."""
LISTENER_EVENTS: Final = 64
"""What waits for one listener."""
FAILURES_KEPT: Final = 1000
CRASHED: Final = "It failed for a reason of the gateway's own; the log says more."
UNKNOWN: Final = "There is no such account."


class Kind(Struct, frozen=True, kw_only=True):
    """What can be done to many accounts."""

    name: str
    pace: Callable[[Any], Pace]
    """Section ``performance`` → how much at once."""
    run: Callable[["Task"], Awaitable[Any]]
    """Does the work and returns the result, anything that JSON can hold; usually `Task.each`,
    then `Task.result`."""
    failed: Callable[[str], Any] = lambda _error: False
    """Makes the detail of an account that failed without one, of the error."""


class Task:
    """A chore that this process works on, or ended a while ago.

    Args:
        task_id: Not guessable.
        kind: What is done.
        items: To which accounts.
        pace: How many at once.
        options: Of this kind.
        total: Items of work that is not done account by account; None: as many as *items*.
        warning: Something that the operator should know from the start.
        actor: Who started it, as in the audit trail.
        is_stopping: Whether the process is about to end, so that nothing more is begun.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        task_id: str,
        kind: Kind,
        items: Sequence[Item],
        *,
        pace: Pace,
        options: Any,
        total: int | None,
        warning: str | None,
        actor: str,
        is_stopping: Callable[[], bool],
        log: Any,
    ) -> None:
        self.id = task_id
        self.kind = kind
        self.items = tuple(items)
        self.options = options
        self.warning = warning
        self.actor = actor
        self.tokens = frozenset(item.token for item in items if item.token is not None)
        self.total = len(self.items) if total is None else total
        self.ok = 0
        self.fail = 0
        self.cancelled = False
        """Somebody wants it to end."""
        self.final: events.Final | None = None
        self.failures: list[Failure] = []
        """The first `FAILURES_KEPT` of them."""
        self.cause: GatewayError | None = None
        """What ended it before its time, where that is no defect."""
        self._pace = pace
        self._is_stopping = is_stopping
        self._log = log
        self._results: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        self._listeners: set[_Listener] = set()
        self._ended = asyncio.Event()

    # -- for the work ------------------------------------------------------------------------

    @property
    def stopped(self) -> bool:
        """Whether no further item may be begun."""
        return self.cancelled or self._is_stopping()

    async def each(self, work: Work) -> None:
        """Do *work* to every account, as many at once as the pace allows (F-JOB-04).

        Once somebody wants it to end nothing is begun any more; what was begun is waited for.
        """
        for start in range(0, len(self.items), self._pace.step):
            if self.stopped:
                return
            waiting = deque(self.items[start : start + self._pace.step])
            async with anyio.create_task_group() as group:
                for _ in range(min(self._pace.at_once, len(waiting))):
                    group.start_soon(self._work_off, waiting, work)

    def record(self, item: Item, outcome: Outcome) -> None:
        """Note how an account ended, and tell everybody."""
        self.ok += outcome.ok
        self.fail += not outcome.ok
        self._results[item.label] = self._detail(outcome)
        if item.token is not None:
            self._ids[item.label] = item.token
        if not outcome.ok:
            self.note_failure(item.label, _error_of(outcome), token=item.token)
        told = events.Progress(
            **self._counts(),
            item=item.label,
            id=item.token or UNSET,
            detail=outcome.detail,
            error=outcome.error,
        )
        for listener in self._listeners:
            listener.tell(told)

    def note_failure(self, item: str, error: str, *, token: str | None = None) -> None:
        """Remember what failed and why, unless that is known of many already."""
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(Failure(id=token, item=item, error=error))

    def count(self, *, ok: int, fail: int) -> None:
        """Note how work ended that was not done account by account."""
        self.ok, self.fail, self.total = ok, fail, ok + fail

    def result(self) -> Result:
        """Return what it came to so far."""
        return Result(
            summary=Summary(self.total, self.ok, self.fail),
            results=self._results,
            ids=self._ids,
            warning=self.warning or UNSET,
        )

    # -- for those who watch -----------------------------------------------------------------

    @property
    def processed(self) -> int:
        """Items that have ended."""
        return self.ok + self.fail

    @property
    def status(self) -> str:
        """As a snapshot tells it."""
        return "running" if self.final is None else str(self.final.__struct_config__.tag)

    def snapshot(self) -> Snapshot:
        """Tell how far it is."""
        return Snapshot(**self._counts(), status=self.status, warning=self.warning)

    def cancel(self) -> None:
        """Begin no further item; harmless when it has ended."""
        self.cancelled = True

    async def wait(self) -> events.Final:
        """Wait for the end, and return how it ended."""
        await self._ended.wait()
        assert self.final is not None
        return self.final

    async def listen(self) -> AsyncGenerator[Event, None]:
        """Yield a snapshot, what happens from now on, and the end."""
        listener = _Listener(at_end=self.final is not None)
        self._listeners.add(listener)
        try:
            yield self.snapshot()
            final: events.Final | None = None
            while final is None:
                await listener.news.wait()
                final = self.final
                for event in listener.take():
                    yield event
            yield final
        finally:
            self._listeners.discard(listener)

    # -- for its owner -----------------------------------------------------------------------

    def done(self, result: bytes) -> events.Final:
        """Describe a regular end."""
        return events.Done(**self._counts(), warning=self.warning, result=Raw(result))

    def failed(self, error: str) -> events.Final:
        """Describe an end before its time."""
        return events.Failed(**self._counts(), error=error)

    def ended_by_somebody(self) -> events.Final:
        """Describe a cancel."""
        return events.Cancelled(**self._counts())

    def end(self, final: events.Final) -> None:
        """Note how it ended; `tell_end` has it known."""
        self.final = final

    def tell_end(self) -> None:
        """Tell everybody that it has ended."""
        self._ended.set()
        for listener in self._listeners:
            listener.news.set()

    def _counts(self) -> dict[str, Any]:
        return {
            "task_id": self.id,
            "total": self.total,
            "processed": self.processed,
            "ok": self.ok,
            "fail": self.fail,
        }

    async def _work_off(self, waiting: deque[Item], work: Work) -> None:
        while waiting and not self.stopped:
            item = waiting.popleft()
            self.record(item, await self._fenced(item, work))

    def _detail(self, outcome: Outcome) -> Any:
        if outcome.detail is not UNSET:
            return outcome.detail
        return outcome.ok or self.kind.failed(_error_of(outcome))

    async def _fenced(self, item: Item, work: Work) -> Outcome:
        if item.token is None:
            return Outcome(ok=False, error=UNKNOWN)
        try:
            return await work(item.token, self)
        except Exception:  # noqa: BLE001 - a fence: one account's fault ends no others
            self._log.exception("chore_item_failed", kind=self.kind.name, token=item.token)
            return Outcome(ok=False, error=CRASHED)


def _error_of(outcome: Outcome) -> str:
    return CRASHED if outcome.error is UNSET else outcome.error


class _Listener:
    """What waits for one listener; the oldest gives way."""

    def __init__(self, *, at_end: bool) -> None:
        self.news = asyncio.Event()
        if at_end:
            self.news.set()
        self._events: deque[Event] = deque(maxlen=LISTENER_EVENTS)

    def tell(self, event: Event) -> None:
        self._events.append(event)
        self.news.set()

    def take(self) -> list[Event]:
        """Return what waits, and wait anew."""
        taken = list(self._events)
        self._events.clear()
        self.news.clear()
        return taken
