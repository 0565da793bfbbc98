"""Surveys accounts when they are due, and settles what follows from an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import anyio
from anyio.abc import TaskGroup

from grokgate.errors import StoreUnavailable
from grokgate.refresh.agenda import Agenda
from grokgate.refresh.detection import Detection, Edits
from grokgate.refresh.rounds import Calendar, due_tokens
from grokgate.refresh.survey import (
    ASKABLE,
    Drifted,
    RefreshSettings,
    SurveyedHome,
    Surveyor,
)
from grokgate.refresh.watch import Order, Round, Surveyed, Watch
from grokgate.tokens.pools import AUTO, Pools
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import AccountFacts, Clock, Kind
from grokgate.upstreams import Upstreams

ON_DEMAND_S = 3.0
"""Longest time a request waits for surveys."""
_SOON_S = (2.0, 30.0)
_FIRST_BACKOFF_S = 60.0
_LONGEST_BACKOFF_S = 3600.0
_IDLE_S = 60.0
"""Longest time until the settings are looked at again."""
_NOT_ASKED = frozenset({"unknown", "not_loaded", "expired", "disabled"})


class Refresh:
    """Surveys accounts; `run` does the work, the other methods only ask for it.

    Args:
        home: Told what was learned.
        upstreams: Asked.
        records: Tokens by id, always current.
        edits: Changes records after an answer.
        buckets: Returns the buckets that the models of an upstream draw from.
        settings: Returns the settings now.
        clock: Time.
        rng: Spreads surveys.
        log: A bound structlog logger.
        on_error: Told of the kind of every survey that failed.
        drifted: Told of upstream, operation and key path of what a driver did not know.
        leads: Whether this process asks all accounts in turn; False: another one does.
    """

    def __init__(
        self,
        *,
        home: SurveyedHome,
        upstreams: Upstreams,
        records: Mapping[str, TokenRecord],
        edits: Edits,
        buckets: Callable[[str], frozenset[str]],
        settings: Callable[[], RefreshSettings],
        clock: Clock,
        rng: Random,
        log: Any,
        on_error: Callable[[str], None],
        drifted: Drifted,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self.failing: dict[str, int] = {}
        """By token: surveys in a row that failed; its numbers are stale."""
        self._home = home
        self._surveyor = Surveyor(
            home=home,
            upstreams=upstreams,
            records=records,
            buckets=buckets,
            settings=settings,
            log=log,
            drifted=drifted,
        )
        self._specs = upstreams.specs
        self._pools = Pools(upstreams.specs)
        self._detection = Detection(self._pools, log)
        self._records = records
        self._edits = edits
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._log = log
        self._on_error = on_error
        self._leads = leads
        self._agenda = Agenda()
        self._calendar: Calendar | None = None
        """None: `run` has not begun."""
        self._running: set[str] = set()
        self._round: Round | None = None
        self._orders: list[Order] = []
        self._wake = asyncio.Event()

    @property
    def next_round_at(self) -> datetime | None:
        """When a whole pool has its turn next; None: never, or `run` has not begun."""
        next_at = self._calendar.next_at() if self._calendar is not None else None
        if next_at is None or not self._settings().token.auto_refresh:
            return None
        pause_s = max(0.0, next_at - self._clock.monotonic())
        return self._clock.now() + timedelta(seconds=pause_s)

    # -- asked for ---------------------------------------------------------------------------

    def edited(self, records: Sequence[TokenRecord]) -> None:
        """Line up new tokens and those without a pool; forget deleted ones."""
        new: list[str] = []
        for record in records:
            if record.deleted_at_ms is not None:
                self._forget(record.id)
            elif _is_new(record) and record.id not in self._running:
                new.append(record.id)
        if new and self._settings().token.auto_refresh:
            self._agenda.line_up(new)
            self._wake.set()

    def followed(self, records: Sequence[TokenRecord]) -> None:
        """Forget what another process deleted; what it added, it asks itself."""
        for record in records:
            if record.deleted_at_ms is not None:
                self._forget(record.id)

    def soon(self, token: str) -> None:
        """Ask *token* within half a minute; one that failed lately when its turn comes."""
        if self._settings().token.auto_refresh and token not in self.failing:
            self._plan(token, self._rng.uniform(*_SOON_S))

    async def on_demand(self, tokens: Sequence[str]) -> float | None:
        """Ask *tokens* now, unless that was done lately; waits at most 3 s for quota.

        Args:
            tokens: Most promising first.

        Returns:
            Seconds until it may be asked again, or None if this is off or there are no tokens.
        """
        settings = self._settings().token
        if not settings.on_demand_refresh or not tokens:
            return None
        now = self._clock.monotonic()
        interval_s = settings.on_demand_min_interval_sec
        current = self._round
        if current is None or now >= current.began_at + interval_s:
            chosen = tokens[: settings.on_demand_max_tokens]
            current = self._round = Round(now, chosen)
            for token in chosen:
                self._plan(token, 0)
        with anyio.move_on_after(ON_DEMAND_S):
            await current.ready.wait()
        return max(0.0, current.began_at + interval_s - self._clock.monotonic())

    async def ask(
        self, tokens: Sequence[str], report: Callable[[Surveyed], Awaitable[None]]
    ) -> None:
        """Ask *tokens* for an operator, expired ones too; tells *report* of each as it ends.

        One whose answer shows that it is not expired after all is made active. What *report* raises
        ends it; so does a cancel, and leaves nothing behind but surveys that were begun.

        Raises:
            TimeoutError: No survey ends.
        """
        wanted = list(dict.fromkeys(tokens))
        size = self._settings().performance.usage_batch_size
        for start in range(0, len(wanted), size):
            order = Order(wanted[start : start + size])
            self._orders.append(order)
            try:
                for token in wanted[start : start + size]:
                    self._plan(token, 0)
                while (outcome := await order.next()) is not None:
                    await report(outcome)
            finally:
                self._orders.remove(order)

    # -- done --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Survey what is due, until cancelled."""
        calendar = self._calendar = Calendar(
            self._specs, lambda: self._settings().token, self._clock.monotonic()
        )
        async with anyio.create_task_group() as group:
            if self._leads():
                self.edited(tuple(self._records.values()))
            while True:
                self._wake.clear()
                for pool in calendar.take(self._clock.monotonic()):
                    group.start_soon(self._begin_round, pool, calendar.interval_s(pool))
                self._start_due(group)
                with anyio.move_on_after(self._pause_s(calendar)):
                    await self._wake.wait()

    async def _begin_round(self, pool: str, interval_s: float) -> None:
        """Line up what is due in *pool*."""
        if not (self._settings().token.auto_refresh and self._leads()):
            return
        portions = due_tokens(
            pool,
            tuple(self._records.values()),
            self._home,
            pools=self._pools,
            clock=self._clock,
            interval_s=interval_s,
        )
        async for tokens in portions:
            self._agenda.line_up(tokens)
            self._wake.set()

    def _start_due(self, group: TaskGroup) -> None:
        performance = self._settings().performance
        due = self._agenda.take(
            self._clock.monotonic(),
            most=performance.usage_max_concurrent - len(self._running),
            step=performance.usage_batch_size,
            busy=self._running,
        )
        for token in due:
            self._running.add(token)
            group.start_soon(self._survey, token)

    def _pause_s(self, calendar: Calendar) -> float:
        """Return the seconds until there may be more to do, if nothing happens before."""
        times = [calendar.next_at()]
        if len(self._running) < self._settings().performance.usage_max_concurrent:
            times.append(self._agenda.next_at())
        next_at = min((at for at in times if at is not None), default=float("inf"))
        return max(0.0, min(_IDLE_S, next_at - self._clock.monotonic()))

    async def _survey(self, token: str) -> None:
        outcome = Surveyed(token=token, failure=str(Kind.CANCELLED))
        watches = self._watches(token)
        even_expired = any(watch.even_expired for watch in watches)
        try:
            outcome = await self._surveyor.ask(token, even_expired=even_expired)
            if outcome.facts is None:
                self._failed(outcome)
            else:
                outcome = await self._follow(outcome, outcome.facts)
        finally:
            self._running.discard(token)
            self._agenda.ended(token, self._clock.monotonic())
            for watch in watches:
                watch.asked(outcome)
            self._wake.set()

    def _watches(self, token: str) -> list[Watch]:
        watches: list[Watch] = [*self._orders]
        if self._round is not None:
            watches.append(self._round)
        return [watch for watch in watches if watch.wants(token)]

    async def _follow(self, outcome: Surveyed, facts: AccountFacts) -> Surveyed:
        """Do what an answer calls for besides the numbers; return the outcome after that."""
        token = outcome.token
        self.failing.pop(token, None)
        if facts.unknown:
            self._log.info("survey_incomplete", token=token, buckets=sorted(facts.unknown))
        record = self._records.get(token)
        if record is None:
            return outcome
        try:
            await self._detection.assign(record, facts, self._edits)
            if outcome.before is not None and outcome.before.status == "expired":
                # An edit starts from what is stored: that must be what we saw.
                await self._home.flush()
                await self._edits.revive(token)
        except (StoreUnavailable, TimeoutError):
            self._log.warning("survey_not_followed", token=token)
            self._later(token)
        return Surveyed(
            token=token, before=outcome.before, after=self._home.state(token), facts=facts
        )

    def _failed(self, outcome: Surveyed) -> None:
        """Have it tried again, later with every failure in a row; not with a dead credential."""
        token, kind = outcome.token, outcome.failure or ""
        if kind in _NOT_ASKED:
            self.failing.pop(token, None)
            return
        self._on_error(kind)
        if kind == Kind.AUTH_DEAD:
            self.failing.pop(token, None)
            return
        failures = self._later(token)
        self._log.warning("survey_failed", token=token, kind=kind, failures=failures)

    def _later(self, token: str) -> int:
        """Plan another try, unless only operators ask; return the failures in a row."""
        failures = self.failing[token] = self.failing.get(token, 0) + 1
        if self._settings().token.auto_refresh:
            pause_s = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2 ** min(failures - 1, 10))
            self._plan(token, pause_s * self._rng.uniform(0.75, 1.0))
        return failures

    def _plan(self, token: str, in_s: float) -> None:
        self._agenda.plan(token, self._clock.monotonic() + in_s)
        self._wake.set()

    def _forget(self, token: str) -> None:
        self._agenda.forget(token, self._clock.monotonic())
        self.failing.pop(token, None)
        if token not in self._running:
            gone = Surveyed(token=token, failure="unknown")
            for watch in self._watches(token):
                watch.asked(gone)


def _is_new(record: TokenRecord) -> bool:
    state = record.state
    return state.status in ASKABLE and (state.last_sync_at_ms is None or record.pool == AUTO)
