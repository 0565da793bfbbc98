"""The ledger's home in this process.

No `await` stands between a pick and its reservation, nor between the end of a call and the ledger,
so no lock is needed. What changed is written behind (`scheduler.behind`).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, Protocol, TypeAlias

from grokgate.scheduler import select
from grokgate.scheduler.audit import imbalance
from grokgate.scheduler.behind import WriteBehind, Writer
from grokgate.scheduler.entry import Entry, Grant
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Decision, Lease, PoolView, Settled, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.penalty import Penalties
from grokgate.scheduler.verdict import judge
from grokgate.scheduler.waiting import WaitingList
from grokgate.settings.core import LimitsSettings, TokenSettings
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import AccountFacts, Clock, Kind, Observation, Stage, UpstreamSpec

Doubt: TypeAlias = Callable[[str], None]
"""Told of a token that should be surveyed within a minute; returns at once."""

STALE_MS = 300_000
"""Age of a bucket's numbers after which a settled call asks for a survey (F-TOK-32)."""
_USED_LATELY_MS = 60_000
_AFFINITIES = 10_000


class HomeSettings(Protocol):
    """What a home reads of a settings snapshot."""

    @property
    def token(self) -> TokenSettings:
        """Section ``token``."""
        ...

    @property
    def limits(self) -> LimitsSettings:
        """Section ``limits``."""
        ...


class MemoryHome:
    """A `Home` whose ledger lives in this process; used from one event loop.

    Args:
        specs: Loaded upstreams; they declare the pools.
        settings: Returns the settings now.
        clock: Time.
        rng: Breaks ties, spreads cool-downs.
        log: A bound structlog logger.
        writer: Makes states durable.
    """

    def __init__(
        self,
        *,
        specs: Iterable[UpstreamSpec],
        settings: Callable[[], HomeSettings],
        clock: Clock,
        rng: Random,
        log: Any,
        writer: Writer,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._log = log
        self._ledger = Ledger(max_inflight=settings().token.max_inflight)
        for spec in specs:
            for pool in spec.pools:
                self._ledger.declare(spec.id, pool)
        self._penalties = Penalties(self._ledger, rng, log)
        self._waiting = WaitingList(
            self._ledger, now=self._now, lend=self._lease, take_back=self._take_back
        )
        self._affinities: OrderedDict[str, str] = OrderedDict()
        self._doubts: list[Doubt] = []
        self._behind = WriteBehind(
            writer, self.state, delay_s=lambda: settings().token.save_delay_ms / 1000, log=log
        )

    # -- tokens ------------------------------------------------------------------------------

    def load(self, records: Iterable[TokenRecord], *, unclean: bool = False) -> None:
        """Take over the stored tokens at the start.

        Args:
            records: All that are not deleted.
            unclean: The program did not stop properly: tokens used in the last minute may have
                calls that nobody settled, so their buckets start unknown.
        """
        at = self._now()
        for record in records:
            entry = self._put(record, at)
            used_at_ms = record.state.last_used_at_ms
            if unclean and used_at_ms is not None and at.ms - used_at_ms <= _USED_LATELY_MS:
                self._ledger.doubt(entry)
                self._behind.touch(entry.id)

    async def edited(self, tokens: Sequence[TokenRecord], /) -> None:
        """Take over edits; of a state only what the operator changed in it."""
        at = self._now()
        for record in tokens:
            before = self._behind.stored.pop(record.id, None)
            if record.deleted_at_ms is not None:
                self._ledger.remove(record.id)
                continue
            entry = self._put(record, at)
            if before is not None:
                self._ledger.override(entry, before, record.state, at)
                self._behind.touch(entry.id)
        self._waiting.serve()

    def subscribe(self, doubt: Doubt) -> None:
        """Have *doubt* told of every token whose quota should be surveyed soon."""
        self._doubts.append(doubt)

    # -- leases ------------------------------------------------------------------------------

    async def acquire(self, want: Want, /) -> Lease:
        """Lease a token now, or wait in turn while all fitting ones are busy."""
        at = self._now()
        self._ledger.limit(self._settings().token.max_inflight)
        if self._ledger.drain(at):
            self._waiting.serve()
        if not self._waiting.holds(want):
            lease = self._lease(want, at)
            if lease is not None:
                return lease
        if want.deadline <= at.s or not select.busy(self._ledger, want):
            raise select.refusal(select.outlook(self._ledger, want, at))
        size = self._settings().limits.queue_size
        return await self._waiting.wait(want, at, size=size)

    def sent(self, lease: Lease, /) -> None:
        """Note that the request's body is going out."""
        self._ledger.sent(lease.id)

    def settle(
        self, lease: Lease, observation: Observation, /, *, units: int, penalize: bool = True
    ) -> Settled:
        """End *lease* and apply the verdict; takes effect before it returns."""
        verdict = judge(observation)
        if observation.stage is not Stage.UNSENT:
            self._ledger.sent(lease.id)
        grant = self._ledger.settle(
            lease.id, units=units if verdict.charged else 0, unsure=verdict.unsure
        )
        if grant is None:
            return Settled()
        at = self._now()
        penalized = self._penalties.apply(
            verdict.effect,
            observation,
            grant,
            at,
            penalize=penalize,
            fail_threshold=self._settings().token.fail_threshold,
        )
        self._behind.touch(grant.entry.id)
        if verdict.unsure or _wants_survey(observation) or _stale(grant, at):
            self._tell_doubt(grant.entry)
        self._waiting.serve()
        incident = self._penalties.incidents.active(grant.entry.pool.upstream)
        return Settled(penalized=penalized, incident=incident)

    # -- surveys -----------------------------------------------------------------------------

    def survey_begun(self, token: str, /) -> int:
        """Return the ledger's sequence now."""
        entry = self._ledger.entries.get(token)
        return self._ledger.survey(entry) if entry is not None else self._ledger.sequence

    def learned(
        self,
        token: str,
        facts: AccountFacts,
        /,
        *,
        since: int,
        asked: frozenset[str] | None = None,
    ) -> None:
        """Take over what a survey found, or numbers seen in passing."""
        entry = self._ledger.entries.get(token)
        if entry is None:
            return
        self._ledger.learn(entry, facts.windows, self._now(), since=since, asked=asked)
        if facts.keep:
            entry.kept = {**entry.kept, **facts.keep}
        self._behind.touch(token)
        self._waiting.serve()

    def survey_failed(self, token: str, observation: Observation, /) -> None:
        """Expire the token if the survey showed that its credential is dead."""
        entry = self._ledger.entries.get(token)
        if entry is None:
            return
        self._ledger.end_survey(entry)
        if observation.kind is Kind.AUTH_DEAD:
            self._penalties.retire(entry, observation)
            self._behind.touch(token)

    # -- views -------------------------------------------------------------------------------

    def explain(self, want: Want, /) -> Decision:
        """Tell which token *want* would get; walks over all tokens."""
        at = self._now()
        self._ledger.drain(at)
        return select.explain(self._ledger, want, at)

    def unsure(self, want: Want, /) -> list[str]:
        """List tokens that wait for a reset nobody knows, longest not synced first."""
        return [entry.id for entry in select.unsure(self._ledger, want, self._now())]

    def view(self) -> PoolView:
        """Return counts; cheap at any number of tokens."""
        counts = self._ledger.counts
        return PoolView(
            leases_open=len(self._ledger.open),
            queue_depth=len(self._waiting),
            ledger_imbalance=imbalance(self._ledger),
            tokens={
                (pool.name, status): count
                for pool in self._ledger.pools.values()
                for status, count in pool.census.items()
            },
            penalties=dict(self._penalties.counts),
            incidents=self._penalties.incidents.count,
            fence_rejected=counts.rejected,
            overruns=counts.overruns,
            drift_units=counts.drift,
        )

    def state(self, token: str) -> TokenState | None:
        """Return a token's state as it would be stored now; None: there is no such token."""
        entry = self._ledger.entries.get(token)
        return entry.state(self._now()) if entry is not None else None

    def states(self) -> list[TokenState]:
        """Return the state of every token."""
        at = self._now()
        return [entry.state(at) for entry in self._ledger.entries.values()]

    # -- durability --------------------------------------------------------------------------

    async def run(self) -> None:
        """Write changed states until cancelled."""
        await self._behind.run()

    async def flush(self) -> None:
        """Write all changed states now; what the writer raises passes through."""
        await self._behind.flush()

    async def aclose(self) -> None:
        """End leases that nobody settled, then flush. Drivers are closed before, `run` ended."""
        self._waiting.close()
        at = self._now()
        for lease, grant in tuple(self._ledger.open.items()):
            self._log.warning("lease_expired", lease=lease, age_s=round(at.s - grant.since, 3))
            self._ledger.expire(lease)
            self._behind.touch(grant.entry.id)
        await self.flush()

    # -- inside ------------------------------------------------------------------------------

    def _now(self) -> Moment:
        return Moment(self._clock.monotonic(), int(self._clock.now().timestamp() * 1000))

    def _put(self, record: TokenRecord, at: Moment) -> Entry:
        self._behind.stored[record.id] = record.state
        return self._ledger.put(record, at)

    def _lease(self, want: Want, at: Moment, *, queued_s: float = 0.0) -> Lease | None:
        """Pick and reserve in one step."""
        last = self._affinities.get(want.affinity) if want.affinity is not None else None
        entry = select.pick(self._ledger, want, self._rng, last=last)
        if entry is None:
            return None
        grant = self._ledger.reserve(entry, want.buckets, want.units, at)
        self._behind.touch(entry.id)
        if want.affinity is not None:
            self._remember(want.affinity, entry.id)
        decision = Decision(
            request_id=want.request_id,
            model=want.model,
            upstream=want.upstream,
            policy=want.policy,
            chosen=entry.id,
            queued_s=queued_s,
            moved=last not in (None, entry.id),
        )
        return Lease(
            id=grant.id, token=entry.id, units=grant.parts, fence=entry.fence, decision=decision
        )

    def _remember(self, affinity: str, token: str) -> None:
        self._affinities[affinity] = token
        self._affinities.move_to_end(affinity)
        if len(self._affinities) > _AFFINITIES:
            self._affinities.popitem(last=False)

    def _take_back(self, lease: Lease) -> None:
        grant = self._ledger.settle(lease.id, units=0)
        if grant is not None:
            self._behind.touch(grant.entry.id)
            self._waiting.serve()

    def _tell_doubt(self, entry: Entry) -> None:
        for doubt in self._doubts:
            doubt(entry.id)


def _wants_survey(observation: Observation) -> bool:
    return observation.kind is Kind.QUOTA and observation.reset_in_s is None


def _stale(grant: Grant, at: Moment) -> bool:
    """Tell whether a call drew from a bucket whose numbers are old."""
    for name in grant.parts:
        synced_at_ms = grant.entry.held[name].synced_at_ms
        if synced_at_ms is None or at.ms - synced_at_ms > STALE_MS:
            return True
    return False
