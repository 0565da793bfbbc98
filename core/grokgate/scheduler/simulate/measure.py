"""What a strategy achieved: success, refusals, waits, fairness and waste."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import quantiles

from msgspec import Struct

from grokgate.scheduler.home import Lease, Settled, Want
from grokgate.scheduler.simulate.clients import Call
from grokgate.scheduler.simulate.shell import Shell
from grokgate.scheduler.simulate.truth import TrueAccount
from grokgate.scheduler.simulate.witness import Witness
from grokgate.upstream import Kind, Observation

_BINS = 48


class Result(Struct, frozen=True, kw_only=True):
    """How one strategy did. Shares are 0 to 1."""

    policy: str
    accounts: int
    span_s: float
    """How long calls came in."""
    calls: int
    success: float
    """Share of the calls that were answered."""
    refused: Mapping[str, int]
    """Calls without an account, by the code of their error."""
    failed: Mapping[str, int]
    """Calls whose last attempt failed, by kind."""
    wait_p50_s: float
    """Of the calls that got an account."""
    wait_p99_s: float
    keys: float
    """Fairness to keys: Jain's index of their shares of success; 1 is even."""
    tokens: float
    """Even use of accounts: Jain's index of the used share of their quota."""
    unused: float
    """Share of the units that were left over at the end of their window."""
    avoidable: int
    """Attempts that failed on an account whose attempt before had failed too."""
    over_time: tuple[float, ...]
    """Share answered of the calls of equal spans of time; −1 where none came in."""


class Measure(Witness):
    """Counts while a simulation runs.

    Args:
        policy: Its name.
        span_s: How long calls come in.
    """

    def __init__(self, policy: str, span_s: float) -> None:
        self.done = 0
        """Calls that are over."""
        self._policy = policy
        self._span_s = max(span_s, 1e-9)
        self._began_s = 0.0
        self._waits: list[float] = []
        self._served: set[str] = set()
        self._arrived: dict[str, float] = {}
        self._outcomes: Counter[str] = Counter()
        self._by_key: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._by_bin: list[list[int]] = [[0, 0] for _ in range(_BINS)]
        self._units: Counter[str] = Counter()
        self._bad: set[str] = set()
        self._avoidable = 0

    def started(self, shell: Shell, *, unclean: bool) -> None:
        """Remember where time is told."""
        self._agenda = shell.agenda
        self._began_s = shell.agenda.now.s

    def granted(self, lease: Lease, want: Want) -> None:
        """Count how long a call waited for its first account."""
        arrived_at = self._arrived.pop(want.request_id, None)
        if arrived_at is not None:
            self._waits.append(self._agenda.now.s - arrived_at)

    def arriving(self, call: Call) -> None:
        """Note when a call comes in."""
        self._arrived[call.name] = call.arrived_at

    def settled(self, call: Call, lease: Lease, observation: Observation, result: Settled) -> None:
        """Count what an attempt used, and whether its failure could have been foreseen."""
        token = lease.token
        if observation.kind is Kind.OK:
            self._units.update({token: max(lease.units.values(), default=0)})
            self._bad.discard(token)
            return
        self._avoidable += token in self._bad
        self._bad.add(token)

    def ended(self, call: Call, outcome: str) -> None:
        """Count how a call ended for its client."""
        self.done += 1
        good = outcome == Kind.OK
        self._arrived.pop(call.name, None)
        self._outcomes[outcome] += 1
        share = (call.arrived_at - self._began_s) / self._span_s
        for counts in (self._by_key[call.key], self._by_bin[min(_BINS - 1, int(share * _BINS))]):
            counts[0] += good
            counts[1] += 1

    def result(self, accounts: Sequence[TrueAccount]) -> Result:
        """Sum up.

        Args:
            accounts: Their truth, at the end.
        """
        now = self._agenda.now.s
        for account in accounts:
            for name in account.quotas:
                account.left(name, now)
        calls = self._outcomes.total()
        kinds = set(Kind)
        offered = sum(account.offered for account in accounts)
        p50, p99 = _percentiles(self._waits)
        return Result(
            policy=self._policy,
            accounts=len(accounts),
            span_s=self._span_s,
            calls=calls,
            success=_share(self._outcomes[Kind.OK], calls),
            refused={name: n for name, n in self._outcomes.most_common() if name not in kinds},
            failed={
                name: n
                for name, n in self._outcomes.most_common()
                if name in kinds and name != Kind.OK
            },
            wait_p50_s=p50,
            wait_p99_s=p99,
            keys=jain(_share(*counts) for counts in self._by_key.values()),
            tokens=jain(self._units[a.id] / _volume(a, now - self._began_s) for a in accounts),
            unused=_share(sum(account.wasted for account in accounts), offered),
            avoidable=self._avoidable,
            over_time=tuple(_share(*counts) if counts[1] else -1.0 for counts in self._by_bin),
        )


def jain(values: Iterable[float]) -> float:
    """Return Jain's fairness index: 1 when all are equal, 1/n when one has everything."""
    listed = list(values)
    squares = sum(value * value for value in listed)
    return sum(listed) ** 2 / (len(listed) * squares) if squares else 1.0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _percentiles(waits: list[float]) -> tuple[float, float]:
    if len(waits) < 2:  # noqa: PLR2004 - quantiles need two
        return (waits[0], waits[0]) if waits else (0.0, 0.0)
    cuts = quantiles(waits, n=100, method="inclusive")
    return cuts[49], cuts[98]


def _volume(account: TrueAccount, span_s: float) -> float:
    """Return how many units an account has to give in a span of time."""
    return sum(q.total * max(1.0, span_s / q.window_s) for q in account.quotas.values())
