"""Random events on a virtual clock; the invariants hold after each of them."""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from grokgate.scheduler import select
from grokgate.scheduler.audit import imbalance, violations
from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.shelf import WAITING
from grokgate.scheduler.strategy import POLICIES
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import PoolSpec, Secret, Window

NOW = Moment(1000.0, 1_700_000_000_000)
_NAMES = ("a", "b", "c", "d")
_BUCKETS = (("default",), ("auto",), ("auto", "video"))
_names = st.sampled_from(_NAMES)
_buckets = st.sampled_from(_BUCKETS)


def _record(name: str, units: int = 5, tags: tuple[str, ...] = ()) -> TokenRecord:
    buckets = {"default": Bucket(remaining=units, total=max(units, 6)), "auto": Bucket(remaining=3)}
    state = TokenState(id=name, buckets=buckets)
    return TokenRecord(id=name, pool="basic", credential=Secret(name), tags=tags, state=state)


class LedgerMachine(RuleBasedStateMachine):
    leases = Bundle("leases")
    surveys = Bundle("surveys")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(max_inflight=2)
        self.ledger.declare("web", PoolSpec(name="basic", tier="basic", assumed={"default": 8}))
        self.now = NOW
        self.rng = Random(0)
        for name in _NAMES:
            self.ledger.put(_record(name), self.now)
        self.charges: list[tuple[str, int, int]] = []

    def entry(self, name: str) -> Entry | None:
        return self.ledger.entries.get(name)

    @rule(
        target=leases,
        buckets=_buckets,
        units=st.integers(0, 6),
        tag=st.booleans(),
        policy=st.sampled_from(sorted(POLICIES)),
        unknown_first=st.booleans(),
    )
    def acquire(
        self,
        buckets: tuple[str, ...],
        units: int,
        policy: str,
        *,
        tag: bool,
        unknown_first: bool,
    ) -> int:
        self.ledger.drain(self.now)
        want = Want(
            request_id="r",
            key_id="k",
            model="m",
            deadline=0,
            upstream="web",
            pools=("basic",),
            buckets=buckets,
            units=units,
            require_tags=("nsfw",) if tag else (),
            policy=policy,
            unknown_first=unknown_first,
        )
        entry = select.pick(self.ledger, want, self.rng, self.now)
        if entry is None:
            return 0
        assert entry.status == "active"
        assert entry.inflight < 2
        before = {name: entry.left(name) for name in buckets}
        assert all(before.values())
        grant = self.ledger.reserve(entry, buckets, units, self.now)
        for name, units_taken in grant.parts.items():
            if entry.held[name].known:
                assert units_taken <= before[name]
        return grant.id

    @rule(lease=leases)
    def send(self, lease: int) -> None:
        self.ledger.sent(lease)

    @rule(lease=leases, units=st.integers(0, 8), unsure=st.booleans())
    def settle(self, lease: int, units: int, *, unsure: bool) -> None:
        grant = self.ledger.open.get(lease)
        assert self.ledger.settle(lease, units=units, unsure=unsure) is grant
        if grant is not None and "default" in grant.parts:
            charged = min(units, grant.parts["default"])
            self.charges.append((grant.entry.id, self.ledger.sequence, charged))

    @rule(lease=leases, close=st.booleans())
    def refuse(self, lease: int, *, close: bool) -> None:
        """A call is refused, perhaps the last one of a token that was removed meanwhile."""
        grant = self.ledger.settle(lease, units=0)
        if grant is not None and close:
            self.ledger.close(grant.entry, grant.parts)
        elif grant is not None:
            self.ledger.empty(grant.entry, grant.parts, self.now, reset_in_s=9)

    @rule(lease=consumes(leases))
    def expire(self, lease: int) -> None:
        self.ledger.expire(lease)

    @rule(target=surveys, name=_names)
    def survey(self, name: str) -> tuple[Entry | None, int]:
        entry = self.entry(name)
        return entry, self.ledger.survey(entry) if entry else 0

    @rule(survey=consumes(surveys), units=st.integers(-1, 9), reset=st.integers(0, 90))
    def learn(self, survey: tuple[Entry | None, int], units: int, reset: int) -> None:
        entry = survey[0]
        if entry is not None and self.entry(entry.id) is entry:
            window = Window(remaining=units, total=9, reset_in_s=reset)
            asked = frozenset({"default", "auto"})
            self.ledger.learn(entry, {"default": window}, self.now, since=survey[1], asked=asked)
            late = sum(n for name, at, n in self.charges if name == entry.id and at > survey[1])
            open_units = entry.held["default"].open
            if units >= 0:
                assert entry.left("default") <= max(0, units - late - open_units)

    @rule(lease=leases, units=st.integers(-1, 9))
    def tell(self, lease: int, units: int) -> None:
        """Numbers come with the answer to a call."""
        grant = self.ledger.open.get(lease)
        if grant is not None and not grant.entry.gone:
            entry, held = grant.entry, grant.entry.held
            name, own = next(iter(grant.parts.items()))
            self.ledger.learn(entry, {name: Window(remaining=units)}, self.now, since=lease)
            if units >= 0:
                assert entry.left(name) <= max(0, units - (held[name].open - own))

    @rule(name=_names, buckets=_buckets, reset=st.none() | st.integers(0, 90))
    def empty(self, name: str, buckets: tuple[str, ...], reset: int | None) -> None:
        entry = self.entry(name)
        if entry is not None:
            self.ledger.empty(entry, buckets, self.now, reset_in_s=reset)

    @rule(name=_names, what=st.sampled_from(["cool", "retire", "close", "doubt", "heal"]))
    def health(self, name: str, what: str) -> None:
        entry = self.entry(name)
        match what if entry is not None else None, entry:
            case "cool", Entry():
                self.ledger.cool(entry, "x", self.now, jitter=0.5)
            case "retire", Entry():
                self.ledger.retire(entry, "x")
            case "close", Entry():
                self.ledger.close(entry, ("auto",))
            case "doubt", Entry():
                self.ledger.doubt(entry)
            case "heal", Entry():
                self.ledger.heal(entry)

    @rule(name=_names, units=st.integers(-1, 6), tag=st.booleans())
    def edit(self, name: str, units: int, *, tag: bool) -> None:
        record = _record(name, units, ("nsfw",) if tag else ())
        known = self.entry(name)
        before = known.state(self.now) if known else record.state
        entry = self.ledger.put(record, self.now)
        self.ledger.override(entry, before, record.state, self.now)

    @rule(name=_names)
    def remove(self, name: str) -> None:
        self.ledger.remove(name)

    @rule(seconds=st.integers(1, 700))
    def wait(self, seconds: int) -> None:
        self.now = Moment(self.now.s + seconds, self.now.ms + seconds * 1000)
        self.ledger.drain(self.now)

    @invariant()
    def holds(self) -> None:
        assert list(violations(self.ledger)) == []
        for pool in self.ledger.pools.values():
            for shelf in pool.shelves.values():
                if shelf.returns is None:
                    continue
                waiting = [
                    entry.waits(shelf.buckets, self.now)
                    for entry in pool.members
                    if entry is not None and shelf.rank(entry.slot) in WAITING
                ]
                earliest = min((back_at for back_at, known in waiting if known), default=None)
                all_known = all(known for _, known in waiting)
                assert self.ledger.outlook(shelf, self.now) == (earliest, all_known)
        assert imbalance(self.ledger) == 0

    def teardown(self) -> None:
        """When everything has ended, nothing is open (I5)."""
        for lease in tuple(self.ledger.open):
            self.ledger.settle(lease, units=1)
        assert all(entry.inflight == 0 for entry in self.ledger.entries.values())
        self.holds()


LedgerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_ledger = LedgerMachine.TestCase
