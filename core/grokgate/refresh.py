"""When accounts are asked for their quota (F-TOK-32, F-TOK-40 to F-TOK-42).

- new tokens at once, and those never asked at the start;
- all of a pool periodically: those that cool down, and those last asked longer ago;
- soon after a 429 that named no reset, an unknown outcome, or a call on old numbers;
- on demand, when a request finds nothing and nobody knows when quota returns.

A token is asked once at a time, and a bounded number in parallel. A survey that fails changes
nothing, unless it shows that the credential is dead; it is repeated later and later.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, Protocol

import anyio
from anyio.abc import TaskGroup

from grokgate.scheduler.home import Home
from grokgate.settings.core import GrokSettings, PerformanceSettings, TokenSettings
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import Clock, Kind, Observation, Stage, UpstreamFailure
from grokgate.upstreams import Line, UnknownAccount, Upstreams

ON_DEMAND_S = 3.0
"""Longest time a request waits for surveys."""
FIRST_ROUND_S = 60.0
_SOON_S = (2.0, 30.0)
_AGAIN_S = 2.0
"""When to look again at a token that is being asked just now."""
_SURVEY_S = 30.0
_FIRST_BACKOFF_S = 60.0
_LONGEST_BACKOFF_S = 3600.0
_IDLE_S = 3600.0
_CRASHED = Observation(operation="survey", kind=Kind.MALFORMED, stage=Stage.SENT)


class RefreshSettings(Protocol):
    """What refreshing reads of a settings snapshot."""

    @property
    def token(self) -> TokenSettings:
        """Section ``token``."""
        ...

    @property
    def grok(self) -> GrokSettings:
        """Section ``grok``."""
        ...

    @property
    def performance(self) -> PerformanceSettings:
        """Section ``performance``."""
        ...


class _Round:
    """One on-demand run: ready when quota was found, or all were asked."""

    def __init__(self, began_at: float, tokens: Iterable[str]) -> None:
        self.began_at = began_at
        self.ready = asyncio.Event()
        self._open = set(tokens)

    def asked(self, token: str, *, found: bool) -> None:
        """Note the end of a survey."""
        if token in self._open:
            self._open.discard(token)
            if found or not self._open:
                self.ready.set()


class Refresh:
    """Surveys accounts; `run` does the work, the other methods only ask for it.

    Args:
        home: Told what was learned.
        upstreams: Asked.
        records: Tokens by id, always current.
        buckets: Returns the buckets that the models of an upstream draw from.
        settings: Returns the settings now.
        clock: Time.
        rng: Spreads surveys.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        *,
        home: Home,
        upstreams: Upstreams,
        records: Mapping[str, TokenRecord],
        buckets: Callable[[str], frozenset[str]],
        settings: Callable[[], RefreshSettings],
        clock: Clock,
        rng: Random,
        log: Any,
    ) -> None:
        self.errors = 0
        """Surveys that failed so far."""
        self._home = home
        self._upstreams = upstreams
        self._records = records
        self._buckets = buckets
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._log = log
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._running: set[str] = set()
        self._failures: dict[str, int] = {}
        self._round: _Round | None = None
        self._wake = asyncio.Event()

    def edited(self, records: Sequence[TokenRecord]) -> None:
        """Ask new tokens at once; forget deleted ones."""
        for record in records:
            if record.deleted_at_ms is not None:
                self._forget(record.id)
            elif self._settings().token.auto_refresh and _is_new(record):
                self._plan(record.id, self._clock.monotonic())

    def soon(self, token: str) -> None:
        """Ask *token* within half a minute; one that failed lately when its turn comes."""
        if self._settings().token.auto_refresh and token not in self._failures:
            self._plan(token, self._clock.monotonic() + self._rng.uniform(*_SOON_S))

    async def on_demand(self, tokens: Sequence[str]) -> float | None:
        """Ask *tokens* now, unless that was done lately; waits at most 3 s for quota.

        Args:
            tokens: Those without a known reset, longest not asked first.

        Returns:
            Seconds until the next such run is allowed; None: they are switched off.
        """
        settings = self._settings().token
        if not settings.on_demand_refresh or not tokens:
            return None
        now = self._clock.monotonic()
        interval_s = settings.on_demand_min_interval_sec
        current = self._round
        if current is None or now >= current.began_at + interval_s:
            chosen = tokens[: settings.on_demand_max_tokens]
            current = self._round = _Round(now, chosen)
            for token in chosen:
                self._plan(token, now)
        with anyio.move_on_after(ON_DEMAND_S):
            await current.ready.wait()
        return max(0.0, current.began_at + interval_s - self._clock.monotonic())

    async def run(self) -> None:
        """Survey what is due, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._rounds)
            self.edited(tuple(self._records.values()))
            while True:
                self._wake.clear()
                delay_s = self._start_due(group)
                with anyio.move_on_after(delay_s):
                    await self._wake.wait()

    async def _rounds(self) -> None:
        """Plan periodic surveys, pool by pool."""
        started_at = self._clock.monotonic()
        due = dict.fromkeys(_tiers(self._upstreams), started_at + FIRST_ROUND_S)
        while due:
            pool = min(due, key=due.__getitem__)
            await anyio.sleep(max(0.0, due[pool] - self._clock.monotonic()))
            interval_s = self._interval_s(pool)
            if self._settings().token.auto_refresh:
                self._plan_pool(pool, interval_s)
            due[pool] = self._clock.monotonic() + interval_s

    def _plan_pool(self, pool: str, interval_s: float) -> None:
        now = self._clock.monotonic()
        old_ms = self._clock.now().timestamp() * 1000 - interval_s * 1000
        for record in tuple(self._records.values()):
            state = record.state
            stale = state.status == "cooling" or (state.last_sync_at_ms or 0) < old_ms
            if record.pool == pool and stale and _askable(record):
                self._plan(record.id, now)

    def _interval_s(self, pool: str) -> float:
        token = self._settings().token
        basic = _tiers(self._upstreams)[pool] == "basic"
        hours = token.refresh_interval_hours if basic else token.super_refresh_interval_hours
        return hours * 3600

    def _plan(self, token: str, when: float) -> None:
        """Have *token* surveyed at *when*, or earlier if that is planned already."""
        if when < self._due.get(token, float("inf")):
            self._due[token] = when
            heappush(self._heap, (when, token))
            self._wake.set()

    def _forget(self, token: str) -> None:
        self._due.pop(token, None)
        self._failures.pop(token, None)

    def _start_due(self, group: TaskGroup) -> float:
        """Start what is due and allowed; return seconds until there may be more."""
        now = self._clock.monotonic()
        most = self._settings().performance.usage_max_concurrent
        while self._heap and len(self._running) < most:
            when, token = self._heap[0]
            if when > now:
                return when - now
            heappop(self._heap)
            if self._due.get(token) == when:
                del self._due[token]
                if token in self._running:
                    self._plan(token, now + _AGAIN_S)
                else:
                    self._running.add(token)
                    group.start_soon(self._survey, token)
        return _IDLE_S

    async def _survey(self, token: str) -> None:
        found = False
        try:
            found = await self._ask(token)
        finally:
            self._running.discard(token)
            if self._round is not None:
                self._round.asked(token, found=found)
            self._wake.set()

    async def _ask(self, token: str) -> bool:
        """Ask one account; return whether it has quota."""
        record = self._records.get(token)
        if record is None or not _askable(record):
            self._failures.pop(token, None)
            return False
        asked = self._buckets(record.upstream)
        since = self._home.survey_begun(token)
        grok = self._settings().grok
        line = Line(first_s=grok.stream_first_byte_timeout, idle_s=grok.stream_first_byte_timeout)
        try:
            with anyio.fail_after(_SURVEY_S):
                facts = await self._upstreams.survey(token, line, buckets=asked)
        except UnknownAccount:
            self._home.survey_failed(token, _CRASHED)
            return False
        except UpstreamFailure as failure:
            self._failed(token, failure.observation)
            return False
        except Exception as error:  # noqa: BLE001 - fence: a driver's code; the numbers stay
            self._log.warning("survey_crashed", token=token, error=type(error).__name__)
            self._failed(token, _CRASHED)
            return False
        self._failures.pop(token, None)
        self._home.learned(token, facts, since=since, asked=asked)
        return any(window.remaining for window in facts.windows.values())

    def _failed(self, token: str, observation: Observation) -> None:
        """Plan another try, later with every failure in a row; none of a dead credential."""
        self.errors += 1
        self._home.survey_failed(token, observation)
        if observation.kind is Kind.AUTH_DEAD:
            self._failures.pop(token, None)
            return
        failures = self._failures[token] = self._failures.get(token, 0) + 1
        pause_s = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2 ** min(failures - 1, 10))
        self._plan(token, self._clock.monotonic() + pause_s * self._rng.uniform(0.75, 1.0))
        self._log.warning(
            "survey_failed", token=token, kind=str(observation.kind), failures=failures
        )


def _tiers(upstreams: Upstreams) -> Mapping[str, str]:
    """Return the tier of every pool."""
    return {pool.name: pool.tier for spec in upstreams.specs.values() for pool in spec.pools}


def _is_new(record: TokenRecord) -> bool:
    return record.state.last_sync_at_ms is None and _askable(record)


def _askable(record: TokenRecord) -> bool:
    return record.state.status in {"active", "cooling"}
