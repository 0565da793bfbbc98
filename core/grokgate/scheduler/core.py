"""All decisions about one ledger: who gets a token, who waits, what the end of a call means.

The homes are shells around this class: they add the clock, the wake-ups and the durability. It
never waits; no lock is needed, since nothing stands between a pick and its reservation.

1. `acquire` leases a token, refuses, or answers None: every fitting token is merely busy.
2. `join` then gives the request a place in the fair queue. Its `Waiter` is answered by whoever
   changes the ledger next.
3. `sent` and `settle` move a lease along and apply the verdict to the token.
4. `survey_begun` and `learned` take over what the upstream says about quota.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from grokgate.errors import GatewayError, Overloaded
from grokgate.scheduler.decisions import Decisions
from grokgate.scheduler.entry import Entry, Grant
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Lease, Settled, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.outlook import busy, outlook, refusal
from grokgate.scheduler.penalty import Penalties
from grokgate.scheduler.queue import FairQueue, Place
from grokgate.scheduler.select import pick
from grokgate.scheduler.verdict import judge
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import AccountFacts, Kind, Observation, Stage, UpstreamSpec

STALE_MS = 300_000
"""Age of a bucket's numbers after which a settled call asks for a survey (F-TOK-32)."""
_USED_LATELY_MS = 60_000
_AFFINITIES = 30_000
_FIRST_HOLD_S = 5.0
"""How long a call is assumed to hold its token before any has ended."""
_HOLD_SHARE = 0.1
"""Weight of the latest call in the average of how long calls hold their tokens."""
_LONGEST_BUSY_S = 60.0


class Waiter(ABC):
    """A request in the queue; homes say how it is told.

    Args:
        want: What it waits for.
        since: Monotonic seconds at which it joined.
    """

    def __init__(self, want: Want, since: float) -> None:
        self.want = want
        self.since = since

    @abstractmethod
    def left(self) -> bool:
        """Tell whether nobody waits for the answer any more."""

    @abstractmethod
    def answer(self, reply: Lease | GatewayError) -> None:
        """Take the lease, or the refusal; called once, unless the waiter has left."""


class Core:
    """The scheduler of one ledger; for use from one thread.

    Args:
        specs: Loaded upstreams; they declare the pools.
        max_inflight: Calls in flight per token; 0: no cap.
        rng: Breaks ties, spreads cool-downs.
        log: A bound structlog logger.
        changed: Told of every token whose stored state is out of date.
        doubted: Told of every token that should be surveyed within a minute.
        ledger: Another one than the plain one; *max_inflight* is its own matter then.
    """

    def __init__(
        self,
        *,
        specs: Iterable[UpstreamSpec],
        max_inflight: int,
        rng: Random,
        log: Any,
        changed: Callable[[str], None],
        doubted: Callable[[str], None],
        ledger: Ledger | None = None,
    ) -> None:
        self.ledger = ledger or Ledger(max_inflight=max_inflight)
        for spec in specs:
            for pool in spec.pools:
                self.ledger.declare(spec.id, pool)
        self.penalties = Penalties(self.ledger, rng, log)
        self.queue: FairQueue[Waiter] = FairQueue()
        self.decisions = Decisions(self.ledger)
        self.recovered = 0
        """Tokens that an unclean stop may have left with calls nobody settled."""
        self._hold_s = _FIRST_HOLD_S
        self._rng = rng
        self._log = log
        self._changed = changed
        self._doubted = doubted
        self._affinities: OrderedDict[str, str] = OrderedDict()

    # -- tokens ------------------------------------------------------------------------------

    def load(self, records: Iterable[TokenRecord], at: Moment, *, unclean: bool) -> None:
        """Take over the stored tokens at the start.

        Args:
            records: All that are not deleted.
            at: Now.
            unclean: The program did not stop properly: tokens used in the last minute may have
                calls that nobody settled, so their buckets start unknown.
        """
        for record in records:
            entry = self._put(record, at)
            used_at_ms = record.state.last_used_at_ms
            if unclean and used_at_ms is not None and at.ms - used_at_ms <= _USED_LATELY_MS:
                self.recovered += 1
                self.ledger.doubt(entry)
                self._changed(entry.id)

    def edited(self, record: TokenRecord, before: TokenState | None, at: Moment) -> None:
        """Take over an edit; of the state only what the operator changed in it.

        Args:
            record: As it is stored now.
            before: The state that the store held before; None: the token was not there.
            at: Now.
        """
        if record.deleted_at_ms is not None:
            self.ledger.remove(record.id)
            return
        entry = self._put(record, at)
        if before is not None:
            self.ledger.override(entry, before, record.state, at)
            self._changed(entry.id)

    # -- leases ------------------------------------------------------------------------------

    def acquire(self, want: Want, at: Moment) -> Lease | None:
        """Lease a token; None: all fitting ones are busy, and *want* may wait in the queue.

        Raises:
            NoTokenAvailable: Every fitting token waits for its quota or cools down.
            NoTokensConfigured: No usable token of the wanted kind.
            Overloaded: All are busy, and *want* does not wait.
        """
        if self._bring_back(at):
            self.serve(at)
        # Nobody who waits could have it: they are offered whatever changes before newcomers are.
        lease = self._lend(want, at, queued_s=0.0)
        if lease is not None:
            return lease
        if want.deadline <= at.s or not busy(self.ledger, want):
            raise self._refuse(want, at, queued_s=0.0)
        return None

    def refusal(self, want: Want, at: Moment) -> GatewayError | None:
        """Say why *want* would get no token now; None: it would."""
        if self._bring_back(at):
            self.serve(at)
        if self._pick(want, at) is not None:
            return None
        return refusal(outlook(self.ledger, want, at), busy_s=self._busy_s())

    def join(self, waiter: Waiter, at: Moment, *, size: int, again: bool = False) -> Place[Waiter]:
        """Put a request at the end of the queue; it may be answered before this returns.

        Args:
            waiter: Its want's deadline lies after *at*.
            at: Now.
            size: How many may wait.
            again: It had its turn, in vain: it is the next of its key, however many wait.

        Raises:
            Overloaded: The queue is full.
        """
        want = waiter.want
        place = self.queue.join(
            want.key_id, _kind(want), waiter, size=size, variant=want.tried, again=again
        )
        if place is None:
            error = Overloaded(
                "Too many requests are waiting for an account.", retry_after_s=self._busy_s()
            )
            self.decisions.refused(want, at, queued_s=0.0, told=error.message, next_reset_s=None)
            raise error
        self.serve(at)
        return place

    def overdue(self, place: Place[Waiter], at: Moment) -> None:
        """Refuse a request whose deadline has passed in the queue, if it is not served just now."""
        self.serve(at)
        self.queue.leave(place)
        waiter = place.item
        if not waiter.left():
            waiter.answer(self._refuse(waiter.want, at, queued_s=at.s - waiter.since))

    def serve(self, at: Moment) -> None:
        """Grant what is free to those who wait; refuse those who wait for nothing (D30)."""
        if len(self.queue):
            self._bring_back(at)
            self.queue.serve(lambda waiter: self._answer(waiter, at))

    def catch_up(self, at: Moment) -> bool:
        """Bring back some of what has cooled down or refilled; False: nothing is left to do."""
        if not self._bring_back(at):
            return False
        self.serve(at)
        return True

    def sent(self, lease: int) -> None:
        """Note that the request's body is going out."""
        self.ledger.sent(lease)

    def settle(
        self,
        lease: int,
        observation: Observation,
        at: Moment,
        *,
        units: int,
        penalize: bool,
        fail_threshold: int,
    ) -> Settled:
        """End a lease and apply the verdict.

        Args:
            lease: Number of the lease; one that has ended before changes nothing.
            observation: How the attempt ended.
            at: Now.
            units: What the call cost if something came back.
            penalize: False: the request has used up its one ambiguous penalty.
            fail_threshold: Plain 401 in a row after which a token is expired.
        """
        verdict = judge(observation)
        if observation.stage is not Stage.UNSENT:
            self.ledger.sent(lease)
        grant = self.ledger.settle(
            lease, units=units if verdict.charged else 0, unsure=verdict.unsure, at=at
        )
        if grant is None:
            return Settled()
        self._hold_s += (at.s - grant.since - self._hold_s) * _HOLD_SHARE
        penalized = self.penalties.apply(
            verdict.effect,
            observation,
            grant,
            at,
            penalize=penalize,
            fail_threshold=fail_threshold,
        )
        self._changed(grant.entry.id)
        if verdict.unsure or _wants_survey(observation) or _stale(grant, at):
            self._doubted(grant.entry.id)
        self.serve(at)
        incident = self.penalties.incidents.active(grant.entry.pool.upstream)
        return Settled(penalized=penalized, incident=incident)

    def take_back(self, lease: Lease, at: Moment) -> None:
        """Refund a lease that its request was cancelled too late to refuse."""
        grant = self.ledger.settle(lease.id, units=0, at=at)
        if grant is not None:
            self._changed(grant.entry.id)
            self.serve(at)

    def expire(self, lease: int, at: Moment) -> None:
        """End a lease that nobody settled."""
        grant = self.ledger.expire(lease, at)
        if grant is not None:
            self._log.warning("lease_expired", lease=lease, age_s=round(at.s - grant.since, 3))
            self._changed(grant.entry.id)
            self.serve(at)

    # -- surveys -----------------------------------------------------------------------------

    def survey_begun(self, token: str) -> int:
        """Return the ledger's sequence now."""
        entry = self.ledger.entries.get(token)
        return self.ledger.survey(entry) if entry is not None else self.ledger.sequence

    def learned(
        self,
        token: str,
        facts: AccountFacts,
        at: Moment,
        *,
        since: int,
        asked: frozenset[str] | None,
    ) -> None:
        """Take over what a survey found, or numbers seen in passing."""
        entry = self.ledger.entries.get(token)
        if entry is None:
            return
        self.ledger.learn(entry, facts.windows, at, since=since, asked=asked, unknown=facts.unknown)
        if facts.tier or facts.keep:
            self.ledger.remember(entry, tier=facts.tier, kept=facts.keep)
        self._changed(token)
        self.serve(at)

    def survey_failed(self, token: str, observation: Observation, at: Moment) -> None:
        """Expire the token if the survey showed that its credential is dead."""
        entry = self.ledger.entries.get(token)
        if entry is None:
            return
        self.ledger.end_survey(entry)
        if observation.kind is Kind.AUTH_DEAD:
            self.penalties.retire(entry, observation, at)
            self._changed(token)
            self.serve(at)

    # -- inside ------------------------------------------------------------------------------

    def _put(self, record: TokenRecord, at: Moment) -> Entry:
        """Put a token in; time may have passed by what is stored of it."""
        entry, state = self.ledger.put(record, at), record.state
        if entry.status != state.status or entry.stored is not state.buckets:
            self._changed(entry.id)
        return entry

    def _bring_back(self, at: Moment) -> bool:
        """Bring back some of what has cooled down or refilled; False: nothing is left to do."""
        returned = self.ledger.drain(at)
        for entry in returned:
            self._changed(entry.id)
        return bool(returned)

    def _lend(self, want: Want, at: Moment, *, queued_s: float) -> Lease | None:
        """Pick and reserve in one step."""
        last = self._last(want)
        entry = self._pick(want, at, last=last)
        if entry is None:
            return None
        moved = last is not None and last != entry.id
        number = self.decisions.leased(want, entry.id, at, queued_s, moved=moved)
        grant = self.ledger.reserve(entry, want.buckets, want.units, at)
        self._changed(entry.id)
        if want.affinity is not None:
            self._remember(want.affinity, entry)
        return Lease(
            id=grant.id, token=entry.id, units=grant.parts, fence=entry.fence, decision=number
        )

    def _pick(self, want: Want, at: Moment, *, last: str | None = None) -> Entry | None:
        """Choose a candidate; only where there is none, all that is due is brought back first."""
        entry = pick(self.ledger, want, self._rng, at, last=last)
        while entry is None and self._bring_back(at):
            entry = pick(self.ledger, want, self._rng, at, last=last)
        return entry

    def _refuse(self, want: Want, at: Moment, *, queued_s: float) -> GatewayError:
        """Say why there is no token, and note it."""
        view = outlook(self.ledger, want, at)
        error = refusal(view, busy_s=self._busy_s())
        self.decisions.refused(
            want, at, queued_s=queued_s, told=error.message, next_reset_s=view.next_reset_s
        )
        return error

    def _busy_s(self) -> float:
        """Estimate in how many seconds a newcomer's turn would come."""
        turns = (len(self.queue) + 1) / max(1, len(self.ledger.open))
        return min(_LONGEST_BUSY_S, self._hold_s * turns)

    def _answer(self, waiter: Waiter, at: Moment) -> bool:
        """Answer a waiter if that is possible; tell whether it is done with."""
        if waiter.left():
            return True
        lease = self._lend(waiter.want, at, queued_s=at.s - waiter.since)
        if lease is not None:
            waiter.answer(lease)
            return True
        if busy(self.ledger, waiter.want):
            return False
        waiter.answer(self._refuse(waiter.want, at, queued_s=at.s - waiter.since))
        return True

    def _last(self, want: Want) -> str | None:
        """Return the token that the same conversation had."""
        if want.affinity is None or want.begins:
            return None
        return self._affinities.get(want.affinity)

    def _remember(self, affinity: str, entry: Entry) -> None:
        self._affinities[affinity] = entry.id
        self._affinities.move_to_end(affinity)
        if len(self._affinities) > _AFFINITIES:
            self._affinities.popitem(last=False)


def _kind(want: Want) -> object:
    """Return what a want waits for; a newcomer does not overtake those who wait for the same."""
    return want.upstream, want.pools, want.buckets, want.require_tags, want.only


def _wants_survey(observation: Observation) -> bool:
    return observation.kind is Kind.QUOTA and observation.reset_in_s is None


def _stale(grant: Grant, at: Moment) -> bool:
    """Tell whether a call drew from a bucket whose numbers are old."""
    for name in grant.parts:
        synced_at_ms = grant.entry.held[name].synced_at_ms
        if synced_at_ms is None or at.ms - synced_at_ms > STALE_MS:
            return True
    return False
