"""A look at every token, in steps between which the ledger may change."""

from collections.abc import Callable
from typing import Any

import pytest

from core.scheduler.memory_world import Setting
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.walk import Walk
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import PoolSpec

pytestmark = pytest.mark.anyio
MakeToken = Callable[..., TokenRecord]


def _ledger(*records: TokenRecord, now: Moment) -> Ledger:
    ledger = Ledger(max_inflight=1)
    ledger.declare("web", PoolSpec(name="basic", tier="basic"))
    for record in records:
        ledger.put(record, now)
    return ledger


def _walk(ledger: Ledger, now: Moment, **options: Any) -> Walk:
    want = Want(
        request_id="r",
        key_id="k",
        model="grok-4",
        deadline=0.0,
        upstream="web",
        pools=("basic",),
        buckets=("default",),
        units=1,
    )
    return Walk(ledger, want, now, **options)


def test_each_reason_has_its_own_examples(token: MakeToken, now: Moment) -> None:
    empty = [token(f"empty-{number}", 0) for number in range(5)]
    ledger = _ledger(*empty, token("off", status="disabled"), token("good"), now=now)

    walk = _walk(ledger, now, examples=2)
    list(walk.steps())

    assert walk.decision().out == {"disabled": 1, "empty": 5}
    assert [one.token for one in walk.ruled_out()] == ["off", "empty-0", "empty-1"]


def test_best_of_all_steps_are_found(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(*(token(f"t{number}", number) for number in range(2500)), now=now)

    walk = _walk(ledger, now, most=2)

    assert len(list(walk.steps())) == 3
    assert [one.token for one in walk.decision().best] == ["t2499", "t2498"]


def test_what_was_lost_between_two_steps_is_no_candidate(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(*(token(f"t{number}", number) for number in range(1500)), now=now)
    walk = _walk(ledger, now, most=2)

    for place, _ in enumerate(walk.steps()):
        if place == 1:
            ledger.remove("t1499")

    assert [one.token for one in walk.decision().best] == ["t1498"]


async def test_home_tells_candidates_and_those_that_are_out(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b", 0))

    told = await at.home.explain(at.want(), examples=1)

    assert told.decision.chosen == "a"
    assert [(one.token, one.reason) for one in told.ruled_out] == [("b", "empty")]
