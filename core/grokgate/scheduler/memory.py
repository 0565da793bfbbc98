"""The ledger's home in this process.

A shell around `scheduler.core`: it tells the time, lets requests wait, and has what changed written
behind (`scheduler.behind`).
"""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, Protocol, TypeAlias

from grokgate.scheduler.audit import imbalance
from grokgate.scheduler.behind import WriteBehind, Writer
from grokgate.scheduler.core import Core
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Decision, Lease, PoolView, Settled, Want
from grokgate.scheduler.outlook import explain, unsure
from grokgate.scheduler.waiting import WaitingList
from grokgate.settings.core import LimitsSettings, TokenSettings
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import AccountFacts, Clock, Observation, UpstreamSpec

Doubt: TypeAlias = Callable[[str], None]
"""Told of a token that should be surveyed within a minute; returns at once."""


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
        self._doubts: list[Doubt] = []
        self._behind = WriteBehind(
            writer, self.state, delay_s=lambda: settings().token.save_delay_ms / 1000, log=log
        )
        self._core = Core(
            specs=specs,
            max_inflight=settings().token.max_inflight,
            rng=rng,
            log=log,
            changed=self._behind.touch,
            doubted=self._tell_doubt,
        )
        self._ledger = self._core.ledger
        self._waiting = WaitingList(self._core, now=self._now)

    # -- tokens ------------------------------------------------------------------------------

    def load(self, records: Iterable[TokenRecord], *, unclean: bool = False) -> None:
        """Take over the stored tokens at the start.

        Args:
            records: All that are not deleted.
            unclean: The program did not stop properly.
        """
        known = list(records)
        self._behind.stored.update((record.id, record.state) for record in known)
        self._core.load(known, self._now(), unclean=unclean)

    async def edited(self, tokens: Sequence[TokenRecord], /) -> None:
        """Take over edits; of a state only what the operator changed in it."""
        at = self._now()
        for record in tokens:
            before = self._behind.stored.pop(record.id, None)
            self._core.edited(record, before, at)
            if record.deleted_at_ms is None:
                self._behind.stored[record.id] = record.state
        self._core.serve(at)
        self._waiting.arm(at)

    def subscribe(self, doubt: Doubt) -> None:
        """Have *doubt* told of every token whose quota should be surveyed soon."""
        self._doubts.append(doubt)

    # -- leases ------------------------------------------------------------------------------

    async def acquire(self, want: Want, /) -> Lease:
        """Lease a token now, or wait in turn while all fitting ones are busy."""
        at = self._now()
        settings = self._settings()
        self._ledger.limit(settings.token.max_inflight)
        lease = self._core.acquire(want, at)
        if lease is not None:
            return lease
        return await self._waiting.wait(want, at, size=settings.limits.queue_size)

    def sent(self, lease: Lease, /) -> None:
        """Note that the request's body is going out."""
        self._core.sent(lease.id)

    def settle(
        self, lease: Lease, observation: Observation, /, *, units: int, penalize: bool = True
    ) -> Settled:
        """End *lease* and apply the verdict; takes effect before it returns."""
        at = self._now()
        settled = self._core.settle(
            lease.id,
            observation,
            at,
            units=units,
            penalize=penalize,
            fail_threshold=self._settings().token.fail_threshold,
        )
        self._waiting.arm(at)
        return settled

    # -- surveys -----------------------------------------------------------------------------

    def survey_begun(self, token: str, /) -> int:
        """Return the ledger's sequence now."""
        return self._core.survey_begun(token)

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
        at = self._now()
        self._core.learned(token, facts, at, since=since, asked=asked)
        self._waiting.arm(at)

    def survey_failed(self, token: str, observation: Observation, /) -> None:
        """Expire the token if the survey showed that its credential is dead."""
        self._core.survey_failed(token, observation)

    # -- views -------------------------------------------------------------------------------

    def explain(self, want: Want, /) -> Decision:
        """Tell which token *want* would get; walks over all tokens."""
        at = self._now()
        self._ledger.drain(at)
        return explain(self._ledger, want, at)

    def unsure(self, want: Want, /) -> list[str]:
        """List tokens that wait for a reset nobody knows, longest not synced first."""
        return [entry.id for entry in unsure(self._ledger, want, self._now())]

    def view(self) -> PoolView:
        """Return counts; cheap at any number of tokens."""
        counts = self._ledger.counts
        penalties = self._core.penalties
        return PoolView(
            leases_open=len(self._ledger.open),
            queue_depth=len(self._core.queue),
            ledger_imbalance=imbalance(self._ledger),
            tokens={
                (pool.name, status): count
                for pool in self._ledger.pools.values()
                for status, count in pool.census.items()
            },
            penalties=dict(penalties.counts),
            incidents=penalties.incidents.count,
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
        for lease in tuple(self._ledger.open):
            self._core.expire(lease, at)
        await self.flush()

    # -- inside ------------------------------------------------------------------------------

    def _now(self) -> Moment:
        return Moment(self._clock.monotonic(), int(self._clock.now().timestamp() * 1000))

    def _tell_doubt(self, token: str) -> None:
        for doubt in self._doubts:
            doubt(token)
