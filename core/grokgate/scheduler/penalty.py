"""Carries verdicts out: what an attempt's end does to the health of its token.

Exact evidence counts every time. Ambiguous evidence hits at most one token per client request and
none during an incident. Pure but for the logger it is given.
"""

from collections import Counter
from random import Random
from typing import Any

from grokgate.scheduler.entry import Entry, Grant
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.incident import Incidents
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.shelf import DISABLED, EXPIRED
from grokgate.scheduler.verdict import AMBIGUOUS, Effect
from grokgate.upstream import Kind, Observation

FAULTS_IN_A_ROW = 3
"""Timeouts and resets after which a token cools down."""


class Penalties:
    """Health of the tokens of one ledger.

    Args:
        ledger: Whose tokens are changed.
        rng: Spreads cool-downs.
        log: Told of expired tokens and of incidents.
    """

    def __init__(self, ledger: Ledger, rng: Random, log: Any) -> None:
        self.incidents = Incidents()
        self.counts: Counter[str] = Counter()
        """Changes of a token's health so far, by kind."""
        self._ledger = ledger
        self._rng = rng
        self._log = log

    def apply(
        self,
        effect: Effect,
        observation: Observation,
        grant: Grant,
        at: Moment,
        *,
        penalize: bool,
        fail_threshold: int,
    ) -> bool:
        """Change the token of *grant*; return whether it took an ambiguous penalty.

        Args:
            effect: By the verdict on *observation*.
            observation: How the attempt ended.
            grant: The attempt's.
            at: Now.
            penalize: False: the request has used up its one ambiguous penalty.
            fail_threshold: Plain 401 in a row after which a token is expired.
        """
        entry = grant.entry
        if effect is Effect.NONE:
            return False
        if effect is Effect.HEAL:
            self._heal(entry)
            return False
        self._ledger.fail(entry, str(observation.kind), at)
        if effect in AMBIGUOUS:
            return self._suspect(
                effect, observation, entry, at, penalize=penalize, fail_threshold=fail_threshold
            )
        if effect is Effect.RETIRE:
            self.retire(entry, observation, at)
            return False
        self.counts[observation.kind] += 1
        buckets = observation.buckets or tuple(grant.parts)
        if effect is Effect.EMPTY:
            self._ledger.empty(
                entry, buckets, at, reset_in_s=observation.reset_in_s, evidence=told(observation)
            )
        else:
            self._ledger.close(entry, buckets, at, evidence=told(observation))
        return False

    def retire(self, entry: Entry, observation: Observation, at: Moment) -> None:
        """Mark a token expired whose credential is dead."""
        self.counts[observation.kind] += 1
        reason = observation.marker or str(observation.kind)
        is_news = entry.bar not in {DISABLED, EXPIRED}
        self._ledger.retire(entry, reason, at, evidence=told(observation))
        if is_news:
            self._log.warning("token_expired", token=entry.id, marker=observation.marker)

    def _heal(self, entry: Entry) -> None:
        self._ledger.heal(entry)
        if self.incidents.succeeded(entry.pool.upstream):
            self._log.info("pool_incident_over", upstream=entry.pool.upstream)

    def _suspect(
        self,
        effect: Effect,
        observation: Observation,
        entry: Entry,
        at: Moment,
        *,
        penalize: bool,
        fail_threshold: int,
    ) -> bool:
        if effect is Effect.COUNT:
            self._ledger.blame(entry, faults=1)
            if entry.faults < FAULTS_IN_A_ROW:
                return False
        kind, upstream = observation.kind, entry.pool.upstream
        if self.incidents.seen(upstream, kind, entry.id, at.s):
            self._log.error("pool_incident", upstream=upstream, kind=str(kind))
        if not penalize or self.incidents.active(upstream):
            return False
        self._ledger.blame(entry, faults=-entry.faults, refusals=int(kind is Kind.AUTH_FAIL))
        if entry.fail_count >= fail_threshold:
            self.retire(entry, observation, at)
        elif self._ledger.cool(
            entry, str(kind), at, jitter=self._rng.random(), evidence=told(observation)
        ):
            self.counts[kind] += 1
        return True


def told(observation: Observation) -> str:
    """Put an observation in words for machines: operation, kind, status, and the rule it met."""
    words = (observation.operation, observation.kind, observation.status, observation.marker)
    return " ".join(str(word) for word in words if word is not None)
