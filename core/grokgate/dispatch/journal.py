"""What became of the last calls: their attempts, and the decisions behind them.

The last two thousand calls stay in memory. Those that failed, and a sample of the others, are also
written to the database, at most fifty a second, in batches and behind the calls; while it cannot
be written, the oldest that wait are given up.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from grokgate.background import write_behind
from grokgate.openai.ids import new_id
from grokgate.plugin.records import CallRecord
from grokgate.scheduler.decisions import SAMPLE
from grokgate.scheduler.home import Decision
from grokgate.storage import Database
from grokgate.storage.decisions import (
    DecisionRow,
    find_decisions,
    prune_decisions,
    write_decisions,
)
from grokgate.upstream import Clock

KEPT = 2000
"""Calls in memory, and at most as many that wait to be written."""
KEEP_DAYS = 14
MOST_ROWS = 20_000
"""In the database; some 2 KB each."""
MOST_PER_S = 50
"""Calls written; a storm of failures tells no more than its beginning."""
_SHOWN = 100
_BATCH = 500
_PRUNE_EVERY_S = 600.0
_DAY_MS = 86_400_000


class CallStory(Struct, frozen=True, kw_only=True):
    """One ended call, told from its beginning."""

    call: CallRecord
    at_ms: int
    """Unix milliseconds of its end."""
    decisions: tuple[Decision, ...] = ()
    """All of its request up to then, oldest first."""


class Journal:
    """The calls of one process; used from one event loop.

    Args:
        database: Where some of them are kept.
        decisions: Returns the decisions about a request that are in memory.
        clock: Time.
        delay_s: Returns for how long calls are collected before they are written.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        database: Database,
        decisions: Callable[[str], list[Decision]],
        *,
        clock: Clock,
        delay_s: Callable[[], float],
        log: Any,
    ) -> None:
        self.lost = 0
        """Calls that should have been written and were not."""
        self._database = database
        self._decisions = decisions
        self._clock = clock
        self._delay_s = delay_s
        self._log = log
        self._ended: deque[tuple[int, CallRecord]] = deque(maxlen=KEPT)
        self._unwritten: deque[CallStory] = deque()
        self._stirred = asyncio.Event()
        self._pruned_at = -_PRUNE_EVERY_S
        self._second = (0, 0)
        """A second, and how many of its calls are to be written."""

    def ended(self, record: CallRecord) -> None:
        """Take note of a call that has ended; never waits."""
        at_ms = self._now_ms()
        self._ended.append((at_ms, record))
        if record.request_id and (record.outcome == "failed" or _is_sample(record)):
            self._keep(at_ms, record)

    def remembered(self, request_id: str) -> list[CallStory]:
        """Return the calls of a request that are in memory, oldest first."""
        return [
            self._story(at_ms, record)
            for at_ms, record in self._ended
            if record.request_id == request_id
        ]

    async def find(self, request_id: str) -> list[CallStory]:
        """Return the calls of a request, oldest first; of the last ones also those not kept."""
        if found := self.remembered(request_id):
            return found
        async with self._database.read() as connection:
            rows = await find_decisions(connection, request_id, limit=_SHOWN)
        return [msgspec.json.decode(row.detail, type=CallStory) for row in rows]

    async def run(self) -> None:
        """Write until cancelled."""

        def failed(error: Exception) -> None:
            self._log.warning("decisions_not_written", error=type(error).__name__)

        await write_behind(self._stirred, self.flush, delay_s=self._delay_s, failed=failed)

    async def flush(self) -> None:
        """Write what waits now; what the store raises passes through."""
        while self._unwritten:
            stories = list(self._unwritten)[:_BATCH]
            rows = [_row(story) for story in stories]
            async with self._database.write() as connection:
                await write_decisions(connection, rows)
                if self._prune_is_due():
                    before_ms = self._now_ms() - KEEP_DAYS * _DAY_MS
                    await prune_decisions(connection, before_ms=before_ms, most=MOST_ROWS)
            written = set(map(id, stories))
            while self._unwritten and id(self._unwritten[0]) in written:
                self._unwritten.popleft()
        self._stirred.clear()

    def _keep(self, at_ms: int, record: CallRecord) -> None:
        """Have a call written, unless there are too many."""
        second, count = self._second
        count = count + 1 if second == at_ms // 1000 else 1
        self._second = at_ms // 1000, count
        if count > MOST_PER_S:
            self.lost += 1
            return
        self._unwritten.append(self._story(at_ms, record))
        if len(self._unwritten) > KEPT:
            self._unwritten.popleft()
            self.lost += 1
        self._stirred.set()

    def _story(self, at_ms: int, record: CallRecord) -> CallStory:
        decisions = self._decisions(record.request_id) if record.request_id else ()
        return CallStory(call=record, at_ms=at_ms, decisions=tuple(decisions))

    def _prune_is_due(self) -> bool:
        now = self._clock.monotonic()
        if now - self._pruned_at < _PRUNE_EVERY_S:
            return False
        self._pruned_at = now
        return True

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _is_sample(record: CallRecord) -> bool:
    return any(attempt.decision % SAMPLE == 0 for attempt in record.tries)


def _row(story: CallStory) -> DecisionRow:
    return DecisionRow(
        id=new_id("call_"),
        request_id=story.call.request_id,
        at_ms=story.at_ms,
        outcome=story.call.outcome,
        detail=msgspec.json.encode(story),
    )
