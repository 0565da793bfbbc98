"""Where a ledger lives: the protocol of a home, and what is asked of it and answered.

A home owns one ledger and moves it along. `scheduler.memory` keeps it in this process.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from grokgate.errors import GatewayError
from grokgate.tokens.record import Status, TokenRecord, TokenState
from grokgate.upstream import AccountFacts, Observation

Reason: TypeAlias = Literal[
    "pool",
    "disabled",
    "expired",
    "cooling",
    "plan",
    "empty",
    "busy",
    "tried",
    "untagged",
    "other_account",
]


class Want(Struct, frozen=True, kw_only=True):
    """What a lease is wanted for."""

    request_id: str
    key_id: str
    """Keys take turns in the waiting list."""
    model: str
    deadline: float
    """Monotonic seconds; one that has passed means: do not wait."""
    upstream: str
    pools: tuple[str, ...]
    """In the order they are tried."""
    buckets: tuple[str, ...]
    """A call draws from all of them."""
    units: int
    policy: str = "max_quota"
    """Or ``score``, ``least_consumed``, ``random``: see `scheduler.strategy`."""
    unknown_first: bool = False
    """``token.unknown_first``; concerns ``max_quota`` alone."""
    prefer_tags: tuple[str, ...] = ()
    require_tags: tuple[str, ...] = ()
    affinity: str | None = None
    begins: bool = False
    """Any token will do; later wants of the same affinity follow it."""
    only: str | None = None
    """This token and no other."""
    tried: frozenset[str] = frozenset()
    """Tokens that have failed for the same request."""
    wire: str = ""
    """The upstream's name of the model; for display alone."""


class Scored(Struct, frozen=True):
    """A candidate and its rank."""

    token: str
    """Short id."""
    score: float
    terms: Mapping[str, float]
    """Named parts of the score, which is their sum."""
    pool: str = ""
    """Pools are tried in order, so a candidate of an earlier one precedes any score."""
    preferred: bool = False
    """It has the preferred tags, which precede even the order of pools."""


class RuledOut(Struct, frozen=True, kw_only=True):
    """A token that could not be chosen."""

    token: str
    """Short id."""
    pool: str
    reason: Reason
    """The first that applied."""
    back_in_s: float | None = None
    """Seconds until a cooling or empty token returns; None: nobody knows, or another reason."""


class Decision(Struct, frozen=True, kw_only=True):
    """Why this token, and why not the others; or why none."""

    request_id: str
    model: str
    upstream: str
    policy: str
    chosen: str | None
    best: tuple[Scored, ...] = ()
    """Up to three, best first; only where *walked*."""
    out: Mapping[Reason, int] = {}
    """Tokens ruled out, by the first reason that applied."""
    queued_s: float = 0.0
    next_reset_s: float | None = None
    """Seconds until the first waiting token returns, as far as known; only without a choice."""
    moved: bool = False
    """Another token than the affinity's last."""
    number: int = 0
    """Counts the decisions since the start."""
    at_ms: int = 0
    """Unix milliseconds."""
    pools: tuple[str, ...] = ()
    """Those allowed, in the order they are tried."""
    told: str | None = None
    """Why there was none, in the words the client gets where nothing else helps."""
    walked: bool = False
    """All tokens were looked at; else *out* comes from counters, and *best* is empty."""
    wire: str = ""
    """The upstream's name of the model; empty where older versions did not keep it."""


class Explanation(Struct, frozen=True, kw_only=True):
    """What a look at all tokens found."""

    decision: Decision
    ruled_out: list[RuledOut]
    """Some of the tokens of the wanted pools that are out, in the order in which reasons apply."""


class Lease(Struct, frozen=True, kw_only=True):
    """The right to use one token for one attempt."""

    id: int
    token: str
    units: Mapping[str, int]
    """Bucket → min(cost, available)."""
    fence: int
    """Grows per token; the end of a lease that has ended before changes nothing."""
    decision: int
    """Number of the decision that chose the token; `Home.decisions` tells it."""


class LeaseEnded(Exception):
    """A lease has ended, or may have, before it was used: somebody else may have its units."""


class Settled(Struct, frozen=True, kw_only=True):
    """What the end of a lease led to."""

    penalized: bool = False
    """The token took the request's one ambiguous penalty."""
    incident: bool = False
    """Many tokens fail alike: retries are off until the first success."""


class PoolView(Struct, frozen=True, kw_only=True):
    """Counts for pages and metrics."""

    leases_open: int
    queue_depth: int
    ledger_imbalance: int
    """Units of which the ledger lost track; 0 unless it has a defect."""
    tokens: Mapping[tuple[str, Status], int]
    """By pool and status."""
    penalties: Mapping[str, int]
    """Changes of a token's health so far, by kind of failure."""
    incidents: int
    """Incidents so far."""
    incident: frozenset[str] = frozenset()
    """Upstreams that have one now."""
    fence_rejected: int
    overruns: int
    drift_units: int
    recovered: int = 0
    """Tokens that an unclean stop may have left with calls nobody settled."""
    clock_jumps: int = 0


class Home(Protocol):
    """Where the ledger lives. Async methods may wait; the others never wait.

    They never fail either, but for `sent`.
    """

    async def acquire(self, want: Want, /) -> Lease:
        """Lease a token; waits in the fair queue while all fitting ones are busy.

        Raises:
            NoTokenAvailable: Every fitting token waits for its quota or cools down.
            NoTokensConfigured: No usable token of the wanted kind.
            Overloaded: The queue is full, or *want*'s deadline passed in it.
        """
        ...

    def sent(self, lease: Lease, /) -> None:
        """Note that the request's body is going out.

        Raises:
            LeaseEnded: It must not go out. The lease is still to be settled.
        """
        ...

    def settle(
        self, lease: Lease, observation: Observation, /, *, units: int, penalize: bool = True
    ) -> Settled:
        """End *lease*: charge by the stage reached, and change the token as the verdict says.

        Args:
            lease: Settling it twice is settling it once.
            observation: How the attempt ended.
            units: What the call cost if something came back.
            penalize: False: the request has used up its one ambiguous penalty.
        """
        ...

    def survey_begun(self, token: str, /) -> int:
        """Return the ledger's sequence now, to be given to `learned`."""
        ...

    def learned(
        self,
        token: str,
        facts: AccountFacts,
        /,
        *,
        since: int,
        asked: frozenset[str] | None = None,
    ) -> None:
        """Take over quota numbers; *asked* names the buckets of a survey, None: seen in passing."""
        ...

    def survey_failed(self, token: str, observation: Observation, /) -> None:
        """Note that a survey failed: only `Kind.AUTH_DEAD` changes the token."""
        ...

    async def edited(self, tokens: Sequence[TokenRecord], /) -> None:
        """Take over records after their rows are committed; deleted ones are leased no more."""
        ...

    async def prepare(self, wants: Iterable[Want], /) -> None:
        """Get ready for calls like *wants*, so that the first of each kind does not have to wait.

        Holds nothing up; may be called again at any time, and does only what is left to do.
        """
        ...

    def refusal(self, want: Want, /) -> GatewayError | None:
        """Say why *want* would get no token now; None: it would. Cheap, and leases nothing."""
        ...

    async def explain(self, want: Want, /, *, most: int = 3, examples: int = 0) -> Explanation:
        """Tell which token *want* would get, and why not the others; leases nothing.

        Looks at every token, and holds nothing up meanwhile.

        Args:
            want: What is wanted.
            most: How many candidates to name.
            examples: How many tokens to name for each reason to be out.
        """
        ...

    def decisions(self, request_id: str, /) -> list[Decision]:
        """Return the decisions about a request that are still in memory, oldest first."""
        ...

    def unsure(self, want: Want, /) -> list[str]:
        """List tokens that could serve *want* if a survey found quota, longest not synced first."""
        ...

    def view(self) -> PoolView:
        """Return counts."""
        ...

    def states(self) -> list[TokenState]:
        """Return the state of every token."""
        ...

    async def run(self) -> None:
        """Write changed states until cancelled."""
        ...

    async def flush(self) -> None:
        """Write all changed states now."""
        ...
