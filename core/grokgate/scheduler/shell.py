"""What the homes of a ledger have in common: all but where the ledger lives.

A shell around `scheduler.core`: it tells the time, lets requests wait, and has what changed written
behind (`scheduler.behind`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from random import Random
from typing import Any, Protocol, TypeAlias

import anyio
import anyio.lowlevel

from grokgate.errors import GatewayError
from grokgate.scheduler.audit import imbalance
from grokgate.scheduler.behind import WriteBehind, Writer
from grokgate.scheduler.core import Core
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Decision, Explanation, Lease, PoolView, Settled, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.outlook import unsure
from grokgate.scheduler.select import prepare
from grokgate.scheduler.waiting import WaitingList
from grokgate.scheduler.walk import Walk
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.token import TokenSettings
from grokgate.tokens.garbage import collector_paused
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import AccountFacts, Clock, Observation, UpstreamSpec

Doubt: TypeAlias = Callable[[str], None]
"""Told of a token that should be surveyed within a minute; returns at once."""
Edit: TypeAlias = tuple[TokenRecord, TokenState | None]
"""A record as it is stored now, and the state that was stored before; None: it was not there."""

_EDITS = 500
"""Taken over in one go, which takes some 10 ms."""
_LOOK_S = 1.0
"""How late at most a token is shown as back that nobody has called for."""
_UNSURE_S = 1.0
_KINDS = 1000
_JUMP_MS = 5000.0
"""A wall clock that moved by more than this against the other one has jumped."""


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


class Shell(ABC):
    """A `Home` but for its leases; used from one event loop.

    Args:
        specs: Loaded upstreams; they declare the pools.
        settings: Returns the settings now.
        clock: Time.
        rng: Breaks ties, spreads cool-downs.
        log: A bound structlog logger.
        writer: Makes states durable.
        waited: Told how long a call waited for a token that was merely busy, seconds.
        ledger: Another one than the plain one.
    """

    def __init__(
        self,
        *,
        specs: Collection[UpstreamSpec],
        settings: Callable[[], HomeSettings],
        clock: Clock,
        rng: Random,
        log: Any,
        writer: Writer,
        waited: Callable[[float], None] = lambda _: None,
        ledger: Ledger | None = None,
    ) -> None:
        self._waited = waited
        self._settings = settings
        self._clock = clock
        self._doubts: list[Doubt] = []
        self._log = log
        self._upstreams = tuple(spec.id for spec in specs)
        self._lead_ms = clock.now().timestamp() * 1000 - clock.monotonic() * 1000
        self._clock_jumps = 0
        self._unsure: dict[object, tuple[float, tuple[str, ...]]] = {}
        """By kind of want: until when an answer of `unsure` holds, and the answer."""
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
            ledger=ledger,
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
        with collector_paused():
            self.stored_as(known)
            self._core.load(known, self._now(), unclean=unclean)

    async def edited(self, tokens: Sequence[TokenRecord], /) -> None:
        """Take over edits; of a state only what the operator changed in it.

        In portions, with calls in between: an import may bring any number of tokens.
        """
        edits = self._edits_of(tokens)
        for start in range(0, len(edits), _EDITS):
            self._carry_out(edits[start : start + _EDITS])
            await anyio.lowlevel.checkpoint()

    def stored_as(self, tokens: Iterable[TokenRecord], /) -> None:
        """Note how tokens are stored: an edit is what is different from that."""
        self._behind.stored.update((record.id, record.state) for record in tokens)

    def subscribe(self, doubt: Doubt) -> None:
        """Have *doubt* told of every token whose quota should be surveyed soon."""
        self._doubts.append(doubt)

    async def prepare(self, wants: Iterable[Want], /) -> None:
        """Build what calls like *wants* are served from, in steps, with calls in between."""
        for want in wants:
            for _ in prepare(self._ledger, want):
                await anyio.lowlevel.checkpoint()

    # -- leases ------------------------------------------------------------------------------

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
        self._core.survey_failed(token, observation, self._now())

    # -- views -------------------------------------------------------------------------------

    def refusal(self, want: Want, /) -> GatewayError | None:
        """Say why *want* would get no token now; None: it would."""
        return self._core.refusal(want, self._now())

    async def explain(self, want: Want, /, *, most: int = 3, examples: int = 0) -> Explanation:
        """Tell which token *want* would get; looks at all tokens, with calls in between."""
        await self.prepare((want,))
        at = self._now()
        while self._core.catch_up(at):
            await anyio.lowlevel.checkpoint()
        walk = Walk(self._ledger, want, at, most=most, examples=examples)
        for _ in walk.steps():
            await anyio.lowlevel.checkpoint()
        return Explanation(decision=walk.decision(), ruled_out=walk.ruled_out())

    def decisions(self, request_id: str, /) -> list[Decision]:
        """Return the decisions about a request that are still in memory, oldest first."""
        return self._core.decisions.of(request_id)

    def unsure(self, want: Want, /) -> list[str]:
        """List tokens that wait for a reset nobody knows, longest not synced first.

        As many as may be asked on demand; looked for once a second, however many requests ask.
        """
        at = self._now()
        kind = want.upstream, want.pools, want.buckets, want.require_tags, want.only
        until, tokens = self._unsure.get(kind, (at.s, ()))
        if at.s < until:
            return list(tokens)
        most = self._settings().token.on_demand_max_tokens
        tokens = tuple(entry.id for entry in unsure(self._ledger, want, most=most))
        if len(self._unsure) >= _KINDS:
            self._unsure.clear()
        self._unsure[kind] = at.s + _UNSURE_S, tokens
        return list(tokens)

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
            incident=frozenset(filter(penalties.incidents.active, self._upstreams)),
            fence_rejected=counts.rejected,
            overruns=counts.overruns,
            drift_units=counts.drift,
            recovered=self._core.recovered,
            clock_jumps=self._clock_jumps,
        )

    def state(self, token: str) -> TokenState | None:
        """Return a token's state as it would be stored now; None: there is no such token."""
        entry = self._ledger.entries.get(token)
        return entry.state(self._now()) if entry is not None else None

    def inflight(self, token: str) -> int:
        """Return how many calls a token has in flight."""
        entry = self._ledger.entries.get(token)
        return entry.inflight if entry is not None else 0

    def states(self) -> list[TokenState]:
        """Return the state of every token."""
        at = self._now()
        return [entry.state(at) for entry in self._ledger.entries.values()]

    @abstractmethod
    async def acquire(self, want: Want, /) -> Lease:
        """Lease a token; see `scheduler.home.Home`."""

    # -- durability --------------------------------------------------------------------------

    @abstractmethod
    async def run(self) -> None:
        """Write changed states until cancelled."""

    @abstractmethod
    async def aclose(self) -> None:
        """End leases that nobody settled, then flush. Drivers are closed before, `run` ended."""

    async def flush(self) -> None:
        """Write all changed states now; what the writer raises passes through."""
        await self._behind.flush()

    # -- inside ------------------------------------------------------------------------------

    async def _follow_time(self) -> None:
        while True:
            while self._core.catch_up(self._now()):
                await anyio.lowlevel.checkpoint()
            await anyio.sleep(_LOOK_S)

    def _edits_of(self, tokens: Iterable[TokenRecord]) -> list[Edit]:
        """Tell what was stored before; at once, since calls go on to change what is stored."""
        return [(record, self._behind.stored.pop(record.id, None)) for record in tokens]

    def _carry_out(self, edits: Collection[Edit]) -> None:
        at = self._now()
        for record, before in edits:
            self._core.edited(record, before, at)
            if record.deleted_at_ms is None:
                self._behind.stored[record.id] = record.state
        self._core.serve(at)
        self._waiting.arm(at)

    def _now(self) -> Moment:
        at = Moment(self._clock.monotonic(), self._wall_ms())
        lead_ms = at.ms - at.s * 1000
        if abs(lead_ms - self._lead_ms) > _JUMP_MS:
            self._note_jump(lead_ms - self._lead_ms)
        self._lead_ms = lead_ms
        return at

    def _note_jump(self, by_ms: float) -> None:
        """Count a jump of the wall clock, which changes nothing: the ledger goes by the other."""
        self._clock_jumps += 1
        self._log.warning("clock_jumped", by_s=round(by_ms / 1000, 1))

    def _wall_ms(self) -> int:
        """Return the time in Unix milliseconds."""
        return int(self._clock.now().timestamp() * 1000)

    def _tell_doubt(self, token: str) -> None:
        for doubt in self._doubts:
            doubt(token)
