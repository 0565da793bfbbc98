"""The scripts do to a row what `scheduler.ledger` does to an entry, whatever happens."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from grokgate.scheduler.audit import imbalance
from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Holding, Moment
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.redis import scripts
from grokgate.scheduler.redis.operations import Answer, Batch, Operation, Put, Reserve
from grokgate.scheduler.redis.rows import HoldingRow, Row, pack, take_over, unpack
from grokgate.scheduler.redis.view import View
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import PoolSpec, Secret, Window

_NAMES = ("a", "b")
_BUCKETS = (("default",), ("auto",), ("auto", "video"))
_TIMES = {"since_ms", "last_used_at_ms", "last_fail_at_ms", "last_sync_at_ms"}
_SLACK_S = 1.0
"""Times of the server are real: they run on by so much at most while an example runs."""
_names = st.sampled_from(_NAMES)
_buckets = st.sampled_from(_BUCKETS)
_numbers = count()


def _record(name: str, units: int = 5) -> TokenRecord:
    buckets = {"default": Bucket(remaining=units, total=max(units, 6)), "auto": Bucket(remaining=3)}
    return TokenRecord(
        id=name,
        pool="basic",
        credential=Secret(name),
        state=TokenState(id=name, buckets=buckets),
    )


class Server:
    """Carries out batches on the rows of one made-up installation."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.keys = scripts.Keys(f"rows-{next(_numbers)}")
        self._script = client.register_script(scripts.text())
        self._batches = count(1)
        facts: dict[Any, Any] = {"epoch": "e", "sequence": 0, "change": 0}
        client.hset(self.keys.facts, mapping=facts)

    def apply(self, *operations: Operation) -> Batch:
        return self.send(next(self._batches), *operations)[0]

    def send(self, number: int, *operations: Operation) -> tuple[Batch, dict[str, bytes]]:
        arguments = scripts.arguments("e", "p", number, operations, 60)
        reply = self._script(keys=self.keys.of_batch("p"), args=arguments)
        return scripts.read(reply)

    def row(self, name: str) -> Row | None:
        packed: Any = self.client.hget(self.keys.rows, name)
        return None if packed is None else unpack(packed)

    def now_ms(self) -> int:
        seconds, micros = self.client.time()
        return int(seconds) * 1000 + int(micros) // 1000


class Twins(RuleBasedStateMachine):
    """A plain ledger and a shared one, which get the same events on one virtual clock."""

    client: redis.Redis
    leases = Bundle("leases")
    surveys = Bundle("surveys")

    def __init__(self) -> None:
        super().__init__()
        self.server = Server(self.client)
        self.now = Moment(1000.0, self.server.now_ms())
        self.ahead_ms = 0
        self.plain = Ledger(max_inflight=2)
        self.view = View(max_inflight=2, journal=self.tell)
        for ledger in (self.plain, self.view):
            pool = PoolSpec(name="basic", tier="basic", assumed={"default": 8, "heavy": 4})
            ledger.declare("web", pool)
            for name in _NAMES:
                ledger.put(_record(name), self.now)

    def tell(self, operation: Operation) -> None:
        self.ask(operation)

    def ask(self, operation: Operation) -> Answer:
        operation.age_ms = -self.ahead_ms
        batch = self.server.apply(operation)
        self.view.advance(batch.sequence)
        return batch.answers[0]

    def both(self, name: str) -> Iterator[tuple[Ledger, Entry]]:
        for ledger in (self.plain, self.view):
            entry = ledger.entries.get(name)
            if entry is not None:
                yield ledger, entry

    def drain(self) -> None:
        for ledger in (self.plain, self.view):
            while ledger.drain(self.now):
                pass

    @rule(target=leases, name=_names, buckets=_buckets, units=st.integers(0, 6))
    def reserve(self, name: str, buckets: tuple[str, ...], units: int) -> int:
        plain = self.plain.entries.get(name)
        free = plain is not None and not plain.bar and plain.inflight < plain.limit
        free = free and all(plain is not None and plain.left(one) for one in buckets)
        asked = Reserve(token=name, buckets=buckets, units=units, limit=2)
        fence = self.ask(asked).fence
        assert bool(fence) == free
        if not free:
            return 0
        for ledger, entry in self.both(name):
            grant = ledger.reserve(entry, buckets, units, self.now)
        assert self.view.confirm(grant.id, fence) is grant
        assert fence in self.plain.open
        return fence

    @rule(lease=leases)
    def send(self, lease: int) -> None:
        self.plain.sent(lease)
        self.view.sent(lease)

    @rule(lease=leases, units=st.integers(0, 8), unsure=st.booleans())
    def settle(self, lease: int, units: int, *, unsure: bool) -> None:
        for ledger in (self.plain, self.view):
            ledger.settle(lease, units=units, unsure=unsure, at=self.now)

    @rule(lease=consumes(leases))
    def expire(self, lease: int) -> None:
        for ledger in (self.plain, self.view):
            ledger.expire(lease, self.now)

    @rule(target=surveys, name=_names)
    def survey(self, name: str) -> tuple[str, int]:
        since = self.plain.sequence
        for ledger, entry in self.both(name):
            ledger.survey(entry)
        return name, since

    @rule(survey=consumes(surveys))
    def survey_in_vain(self, survey: tuple[str, int]) -> None:
        for ledger, entry in self.both(survey[0]):
            ledger.end_survey(entry)

    @rule(survey=consumes(surveys), units=st.integers(-1, 9), reset=st.none() | st.integers(2, 90))
    def learn(self, survey: tuple[str, int], units: int, reset: int | None) -> None:
        name, since = survey
        asked = frozenset({"default", "auto"})
        windows = {"default": Window(remaining=units, total=9, reset_in_s=reset, window_s=60)}
        unknown = frozenset({"auto"} if units % 2 else ())
        for ledger, entry in self.both(name):
            ledger.learn(entry, windows, self.now, since=since, asked=asked, unknown=unknown)

    @rule(lease=leases, units=st.integers(-1, 9))
    def tell_along(self, lease: int, units: int) -> None:
        """Numbers come with the answer to a call."""
        grant = self.plain.open.get(lease)
        if grant is None or grant.entry.gone or not grant.parts:
            return
        windows = {next(iter(grant.parts)): Window(remaining=units)}
        for ledger, entry in self.both(grant.entry.id):
            ledger.learn(entry, windows, self.now, since=lease)

    @rule(name=_names, buckets=_buckets, reset=st.none() | st.integers(2, 90))
    def empty(self, name: str, buckets: tuple[str, ...], reset: int | None) -> None:
        for ledger, entry in self.both(name):
            ledger.empty(entry, buckets, self.now, reset_in_s=reset, evidence="x")

    @rule(name=_names, what=st.sampled_from(["cool", "retire", "close", "doubt", "heal", "blame"]))
    def health(self, name: str, what: str) -> None:
        for ledger, entry in self.both(name):
            self._change(ledger, entry, what)

    def _change(self, ledger: Ledger, entry: Entry, what: str) -> None:
        ledger.fail(entry, what, self.now)
        match what:
            case "cool":
                ledger.cool(entry, "x", self.now, jitter=0.5)
            case "retire":
                ledger.retire(entry, "x", self.now, evidence="y")
            case "close":
                ledger.close(entry, ("auto",), self.now)
            case "doubt":
                ledger.doubt(entry)
            case "heal":
                ledger.heal(entry)
            case "blame":
                ledger.blame(entry, faults=1, refusals=2)

    @rule(name=_names, units=st.integers(-1, 6), status=st.sampled_from(["active", "disabled"]))
    def edit(self, name: str, units: int, status: str) -> None:
        after = _record(name, units)
        changed = {"status": status, "state_reason": "operator"}
        after = msgspec.structs.replace(
            after, state=msgspec.structs.replace(after.state, **changed)
        )
        for ledger in (self.plain, self.view):
            known = ledger.entries.get(name)
            before = known.state(self.now) if known else after.state
            entry = ledger.put(after, self.now)
            ledger.override(entry, before, after.state, self.now)

    @rule(name=_names)
    def remember(self, name: str) -> None:
        for ledger, entry in self.both(name):
            ledger.remember(entry, tier="heavy", kept={"note": "x"})

    @rule(name=_names)
    def remove(self, name: str) -> None:
        for ledger in (self.plain, self.view):
            ledger.remove(name)

    @rule(seconds=st.integers(1, 700))
    def wait(self, seconds: int) -> None:
        self.ahead_ms += seconds * 1000
        self.now = Moment(self.now.s + seconds, self.now.ms + seconds * 1000)
        self.drain()

    @invariant()
    def rows_are_the_same(self) -> None:
        assert int(self.client.hget(self.server.keys.facts, "sequence") or 0) == self.plain.sequence
        for name in _NAMES:
            row, entry = self.server.row(name), self.plain.entries.get(name)
            assert (row is None) == (entry is None)
            if row is not None and entry is not None:
                self._compare(row, entry)

    def _compare(self, row: Row, entry: Entry) -> None:
        """A row that nobody touched catches up when a view takes it over."""
        mirror = View(max_inflight=2, journal=lambda _: None)
        mirror.declare("web", PoolSpec(name="basic", tier="basic", assumed=entry.pool.assumed))
        mirror.put(_record(entry.id), self.now)
        mirror.adopt(entry.id, pack(row), self.now)
        mirror.drain(Moment(self.now.s + _SLACK_S / 2, self.now.ms))
        ours = mirror.entries[entry.id]
        grants = [one for one in self.plain.open.values() if one.entry is entry]
        assert row.leases.keys() == {str(one.id) for one in grants}
        for grant in grants:
            lease = row.leases[str(grant.id)]
            assert (lease.parts, lease.cost, lease.sent) == (grant.parts, grant.cost, grant.sent)
        assert _facts(ours) == _facts(entry)
        _same_times(ours, entry)
        for name in row.held:
            _same_holding(ours.held[name], entry.holding(name))

    def teardown(self) -> None:
        assert imbalance(self.view) == 0
        self.client.delete(*self.server.keys.of_batch("p"))


def _facts(entry: Entry) -> dict[str, Any]:
    names = set(take_over.__code__.co_names) & set(Entry.__struct_fields__)
    names = names - _TIMES - {"held", "pool"} | {"bar", "status", "reason", "gone"}
    return {name: getattr(entry, name) for name in names}


def _same_times(one: Entry, other: Entry) -> None:
    # A row nobody calls for notices what time has changed when somebody does.
    for name in _TIMES - ({"since_ms"} if other.evidence == "time" else set()):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=_SLACK_S * 1000), name
    assert one.cool_until == pytest.approx(other.cool_until, abs=_SLACK_S)


def _same_holding(one: Holding, other: Holding) -> None:
    for name in Holding.__struct_fields__:
        slack = {"refill_at": _SLACK_S, "synced_at_ms": _SLACK_S * 1000}.get(name)
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine == theirs if slack is None else mine == pytest.approx(theirs, abs=slack), name


@pytest.fixture(scope="module")
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


def test_rows_follow_the_ledger(client: redis.Redis) -> None:
    machine = type("OnServer", (Twins,), {"client": client})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_batch_that_is_sent_again_is_answered_with_the_rows_it_touched(
    client: redis.Redis,
) -> None:
    server = Server(client)
    put = Put(token="a", row=Row(held={"default": HoldingRow(base=5, known=True)}))
    asked = Reserve(token="a", buckets=("default",), units=2, limit=9)
    first = server.send(1, put, asked)

    assert server.send(1, put, asked) == first
    assert first[1].keys() == {"a"}
