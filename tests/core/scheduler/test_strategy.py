from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.scheduler.audit import violations
from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.select import pick
from grokgate.scheduler.strategy import POLICIES, terms
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import PoolSpec, Secret

MakeToken = Callable[..., TokenRecord]
D = ("default",)
NOW = Moment(1000.0, 1_700_000_000_000)


def _ledger(*records: TokenRecord, assumed: int = 80) -> Ledger:
    ledger = Ledger(max_inflight=8)
    ledger.declare("web", PoolSpec(name="basic", tier="basic", assumed={"default": assumed}))
    for record in records:
        ledger.put(record, NOW)
    return ledger


def _want(policy: str, **changes: Any) -> Want:
    wanted: dict[str, Any] = {
        "request_id": "r",
        "key_id": "k",
        "model": "grok-4",
        "deadline": 0.0,
        "upstream": "web",
        "pools": ("basic",),
        "buckets": D,
        "units": 1,
        "policy": policy,
    }
    return Want(**{**wanted, **changes})


def _picked(ledger: Ledger, want: Want, at: Moment = NOW) -> str | None:
    entry = pick(ledger, want, Random(1), at)
    return None if entry is None else entry.id


def _later(seconds: float) -> Moment:
    return Moment(NOW.s + seconds, NOW.ms + int(seconds * 1000))


def test_max_quota_deducts_calls_in_flight(token: MakeToken) -> None:
    ledger = _ledger(token("a", 9), token("b", 8))
    ledger.reserve(ledger.entries["a"], D, 2, NOW)

    assert _picked(ledger, _want("max_quota")) == "b"
    assert terms("max_quota", ledger.entries["a"], D, NOW) == {"units": 9.0, "in_flight": -2.0}


def test_unknown_quota_ranks_as_the_pools_default(token: MakeToken) -> None:
    ledger = _ledger(token("less", 79), token("unknown", -1))

    assert _picked(ledger, _want("max_quota")) == "unknown"
    ledger.put(token("more", 81), NOW)
    assert _picked(ledger, _want("max_quota")) == "more"


def test_unknown_first_precedes_any_number(token: MakeToken) -> None:
    ledger = _ledger(token("full", 9000), token("unknown", -1))

    assert _picked(ledger, _want("max_quota", unknown_first=True)) == "unknown"
    assert _picked(ledger, _want("max_quota")) == "full"


def test_score_adds_up_all_of_its_terms(token: MakeToken) -> None:
    ledger = _ledger(token("a", {"default": Bucket(remaining=8, total=16)}, cooldown_level=1))
    entry = ledger.entries["a"]
    ledger.blame(entry, refusals=2)
    ledger.reserve(entry, D, 4, NOW)

    assert terms("score", entry, D, _later(14.9)) == {
        "health": 75.0,
        "quota": 6.25,
        "in_flight": -20.0,
        "failures": -8.0,
        "used_lately": -15.0,
    }


def test_token_counts_as_just_used_for_15_seconds(token: MakeToken) -> None:
    full, half = Bucket(remaining=100, total=100), Bucket(remaining=50, total=100)
    ledger = _ledger(token("full", {"default": full}), token("half", {"default": half}))
    ledger.settle(ledger.reserve(ledger.entries["full"], D, 0, NOW).id, units=0)

    assert _picked(ledger, _want("score"), _later(14.9)) == "half"
    assert _picked(ledger, _want("score"), _later(15)) == "full"


def test_success_restores_the_score(token: MakeToken) -> None:
    ledger = _ledger(token("a", 60), token("b", 40))
    ledger.blame(ledger.entries["a"], faults=2)
    assert _picked(ledger, _want("score")) == "b"

    ledger.heal(ledger.entries["a"])

    assert _picked(ledger, _want("score")) == "a"


def test_least_consumed_ignores_quota(token: MakeToken) -> None:
    ledger = _ledger(token("a", 99, consumed=5000), token("b", 1, consumed=4999))

    assert _picked(ledger, _want("least_consumed")) == "b"
    assert terms("least_consumed", ledger.entries["b"], D, NOW)["consumed"] == -4999


def test_calls_in_flight_count_as_consumed(token: MakeToken) -> None:
    ledger = _ledger(token("a"), token("b"))
    ledger.reserve(ledger.entries["a"], D, 1, NOW)

    assert _picked(ledger, _want("least_consumed")) == "b"


def test_random_has_no_terms(token: MakeToken) -> None:
    assert terms("random", _ledger(token("a")).entries["a"], D, NOW) == {}


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_tried_tokens_are_left_out_under_every_policy(token: MakeToken, policy: str) -> None:
    ledger = _ledger(token("a", 99), token("b", 2))

    assert _picked(ledger, _want(policy, tried=frozenset("a"))) == "b"
    assert _picked(ledger, _want(policy, tried=frozenset("ab"))) is None
    assert _picked(ledger, _want(policy, tried=frozenset("b"))) == "a"


def _record(name: str, units: int) -> TokenRecord:
    buckets = {"default": Bucket(remaining=units, total=40)}
    state = TokenState(id=name, buckets=buckets)
    return TokenRecord(id=name, pool="basic", credential=Secret(name), state=state)


@given(
    policy=st.sampled_from(["max_quota", "score", "least_consumed"]),
    unknown_first=st.booleans(),
    units=st.lists(st.integers(-1, 40), min_size=1, max_size=6),
    steps=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 9)), max_size=25),
)
def test_pick_has_the_highest_score_of_all(
    policy: str, units: list[int], steps: list[tuple[int, int, int]], *, unknown_first: bool
) -> None:
    ledger = _ledger(*(_record(str(number), left) for number, left in enumerate(units)))
    want, at = _want(policy, unknown_first=unknown_first), NOW
    leases: list[int] = []

    def score(entry: Entry) -> float:
        return sum(terms(policy, entry, D, at, unknown_first=unknown_first).values())

    for number, what, seconds in steps:
        at = Moment(at.s + seconds, at.ms + 1000 * seconds)
        _step(ledger, str(number % len(units)), what, leases, at)
        candidates = [
            one
            for one in ledger.entries.values()
            if not one.bar and one.left("default") and one.inflight < one.limit
        ]
        entry = pick(ledger, want, Random(number), at)
        assert (entry is None) is not bool(candidates)
        assert entry is None or score(entry) == max(map(score, candidates))
        assert list(violations(ledger)) == []


def _step(ledger: Ledger, name: str, what: int, leases: list[int], at: Moment) -> None:
    entry = ledger.entries[name]
    match what:
        case 0 if not entry.bar and entry.inflight < entry.limit:
            leases.append(ledger.reserve(entry, D, 2, at).id)
        case 1 if leases:
            ledger.settle(leases.pop(0), units=2)
        case 2:
            ledger.blame(entry, faults=1)
        case 3:
            ledger.cool(entry, "x", at, jitter=0.0)
            ledger.drain(Moment(at.s + 600, at.ms))
        case 4:
            ledger.heal(entry)
