from collections.abc import Callable
from random import Random

import pytest
import structlog

from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.penalty import Penalties
from grokgate.scheduler.verdict import judge
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import Kind, Observation, PoolSpec, Stage

MakeToken = Callable[..., TokenRecord]
D = ("default",)


class Setting:
    def __init__(self, *records: TokenRecord, now: Moment) -> None:
        self.now = now
        self.ledger = Ledger(max_inflight=8)
        self.ledger.declare("web", PoolSpec(name="basic", tier="basic"))
        for record in records:
            self.ledger.put(record, now)
        self.penalties = Penalties(self.ledger, Random(1), structlog.get_logger())

    def entry(self, name: str) -> Entry:
        return self.ledger.entries[name]

    def fail(self, name: str, kind: Kind, *, penalize: bool = True, after_s: float = 100.0) -> bool:
        self.now = Moment(self.now.s + after_s, self.now.ms + int(1000 * after_s))
        self.ledger.drain(self.now)
        observation = Observation(operation="converse", kind=kind, stage=Stage.REFUSED)
        grant = self.ledger.reserve(self.entry(name), D, 1, self.now)
        self.ledger.settle(grant.id, units=0)
        return self.penalties.apply(
            judge(observation).effect,
            observation,
            grant,
            self.now,
            penalize=penalize,
            fail_threshold=3,
        )


@pytest.fixture
def four(token: MakeToken, now: Moment) -> Setting:
    return Setting(*(token(name) for name in "abcd"), now=now)


def test_request_that_used_up_its_penalty_cools_nobody(four: Setting) -> None:
    assert four.fail("a", Kind.FORBIDDEN, penalize=False) is False
    assert four.entry("a").status == "active"


def test_third_timeout_in_a_row_cools(four: Setting) -> None:
    assert [four.fail("a", Kind.TIMEOUT) for _ in range(3)] == [False, False, True]
    assert four.entry("a").status == "cooling"


def test_penalty_is_counted_only_where_something_changed(four: Setting) -> None:
    for name in "abc":
        four.fail(name, Kind.FORBIDDEN if name != "b" else Kind.CHALLENGE, after_s=0.0)

    assert four.entry("c").status == "active"
    assert four.penalties.counts == {"forbidden": 1, "challenge": 1}


def test_expiry_at_the_threshold_is_counted_once(four: Setting) -> None:
    for _ in range(3):
        four.fail("a", Kind.AUTH_FAIL, after_s=700.0)

    assert four.entry("a").status == "expired"
    assert four.penalties.counts == {"auth_fail": 3}


def test_incident_freezes_penalties(four: Setting) -> None:
    for name in "abc":
        four.fail(name, Kind.FORBIDDEN, after_s=1.0)

    assert four.entry("c").status == "active"
    assert four.penalties.incidents.active("web")


def test_account_expires_in_the_log_once(four: Setting) -> None:
    dead = Observation(operation="survey", kind=Kind.AUTH_DEAD, stage=Stage.REFUSED)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            four.penalties.retire(four.entry("a"), dead, four.now)

    assert [line["event"] for line in logs] == ["token_expired"]
