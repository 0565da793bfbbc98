"""The table of F-TOK-11, row by row: from, event, to, evidence, reason, way back."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest
import structlog
from msgspec import Struct, structs

from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.penalty import Penalties
from grokgate.scheduler.verdict import AMBIGUOUS, Effect, judge
from grokgate.tokens.record import Status, TokenRecord
from grokgate.upstream import Kind, Observation, PoolSpec, Stage, Window

MakeToken = Callable[..., TokenRecord]
START = Moment(1000.0, 1_700_000_000_000)
THRESHOLD = 3


def seen(kind: Kind, stage: Stage = Stage.REFUSED, **said: Any) -> Observation:
    return Observation(operation="converse", kind=kind, stage=stage, **said)


def reset() -> Observation:
    return seen(Kind.TRANSIENT, Stage.SENT)


class Case(Struct, frozen=True, kw_only=True):
    """A row: what is seen on one token of a pool of four, and what becomes of it."""

    id: str
    before: Status = "active"
    seen: tuple[Observation, ...] = ()
    status: Status
    reason: str | None = None
    evidence: str | None = None
    """``last_fail_reason``."""
    ambiguous: bool = False
    fail_count: int = 0
    back_in_s: tuple[float, float] | None = None
    """Seconds within which it is active again by itself; None: not within a day."""
    units: int = 10


ROWS = [
    Case(
        id="429 with a reset empties the bucket until then",
        seen=(seen(Kind.QUOTA, reset_in_s=90),),
        status="cooling",
        reason="quota",
        evidence="quota",
        back_in_s=(89, 90),
    ),
    Case(
        id="429 without one waits for a survey, an hour at most",
        seen=(seen(Kind.QUOTA),),
        status="cooling",
        reason="quota",
        evidence="quota",
        back_in_s=(3599, 3600),
    ),
    Case(
        id="plain 401 is counted and cools down",
        seen=(seen(Kind.AUTH_FAIL, status=401),),
        status="cooling",
        reason="auth_fail",
        evidence="auth_fail",
        ambiguous=True,
        fail_count=1,
        back_in_s=(30, 37.5),
    ),
    Case(
        id="plain 401 at the threshold expires",
        seen=(seen(Kind.AUTH_FAIL, status=401),) * THRESHOLD,
        status="expired",
        reason="auth_fail",
        evidence="auth_fail",
        ambiguous=True,
        fail_count=THRESHOLD,
    ),
    Case(
        id="success between them breaks the row of 401",
        seen=(seen(Kind.AUTH_FAIL),) * 2 + (seen(Kind.OK, Stage.CONTENT), seen(Kind.AUTH_FAIL)),
        status="cooling",
        reason="auth_fail",
        evidence="auth_fail",
        ambiguous=True,
        fail_count=1,
        back_in_s=(30, 37.5),
    ),
    *(
        Case(
            id=f"death marker expires, {status}",
            before=status,
            seen=(seen(Kind.AUTH_DEAD, marker="account_marker"),),
            status="expired",
            reason="account_marker",
            evidence="auth_dead",
        )
        for status in ("active", "cooling")
    ),
    Case(
        id="death marker leaves a disabled one disabled",
        before="disabled",
        seen=(seen(Kind.AUTH_DEAD),),
        status="disabled",
        reason="operator",
        evidence="auth_dead",
    ),
    *(
        Case(
            id=f"{kind} cools down and is not counted",
            seen=(seen(kind, status=403),),
            status="cooling",
            reason=str(kind),
            evidence=str(kind),
            ambiguous=True,
            back_in_s=(30, 37.5),
        )
        for kind in (Kind.FORBIDDEN, Kind.CHALLENGE, Kind.ANTI_BOT)
    ),
    Case(
        id="403 of the plan empties the bucket until the next survey",
        seen=(seen(Kind.PLAN, status=403),),
        status="cooling",
        reason="quota",
        evidence="plan",
    ),
    *(
        Case(
            id=f"{name} is counted for display only",
            seen=(fault,) * 2,
            status="active",
            evidence=str(fault.kind),
            ambiguous=True,
        )
        for name, fault in (("reset", reset()), ("timeout", seen(Kind.TIMEOUT, Stage.SENT)))
    ),
    Case(
        id="third reset or timeout in a row cools down",
        seen=(reset(), seen(Kind.TIMEOUT, Stage.SENT), reset()),
        status="cooling",
        reason="transient",
        evidence="transient",
        ambiguous=True,
        back_in_s=(30, 37.5),
    ),
    Case(
        id="success between them breaks the row of resets",
        seen=(reset(), reset(), seen(Kind.OK, Stage.CONTENT), reset()),
        status="active",
        evidence="transient",
        ambiguous=True,
    ),
    *(
        Case(
            id=f"{observation.kind} at {observation.stage} is nothing",
            status="active",
            seen=(observation,) * 5,
        )
        for observation in (
            seen(Kind.TRANSIENT, Stage.SENT, status=503),
            seen(Kind.CONNECT, Stage.UNSENT),
            seen(Kind.CANCELLED, Stage.UNSENT),
            seen(Kind.CANCELLED, Stage.CONTENT),
            seen(Kind.BAD_REQUEST, status=400),
            seen(Kind.TOO_LONG, status=400),
            seen(Kind.MODERATION),
            seen(Kind.NOT_ENTITLED, status=403),
            seen(Kind.MALFORMED, Stage.CONTENT),
            seen(Kind.EMPTY, Stage.SENT),
            seen(Kind.TRUNCATED, Stage.CONTENT),
            seen(Kind.TIMEOUT, Stage.SENT, total_timeout=True),
        )
    ),
]


class Pool:
    """Four tokens; the first is looked at."""

    def __init__(self, token: MakeToken, *, before: Status = "active", units: int = 10) -> None:
        self.at = START
        self.ledger = Ledger(max_inflight=8)
        self.ledger.declare("web", PoolSpec(name="basic", tier="basic"))
        for name in "abcd":
            self.ledger.put(token(name, units), START)
        log = structlog.get_logger()
        self.penalties = Penalties(self.ledger, Random(1), log)
        self.entry: Entry = self.ledger.entries["a"]
        self._before = before

    def see(self, observations: Iterable[Observation], *, penalize: bool = True) -> list[bool]:
        """End one attempt after the other; each is a request of its own, a cool-down apart."""
        return [self._end(observation, penalize=penalize) for observation in observations]

    def wait(self, seconds: float) -> None:
        self.at = Moment(self.at.s + seconds, self.at.ms + int(seconds * 1000))
        self.ledger.drain(self.at)

    def edit(self, status: Status, reason: str | None = None) -> None:
        """Change the status as an operator does."""
        before = self.entry.state(self.at)
        after = structs.replace(before, status=status, state_reason=reason, cooldown_until_ms=None)
        self.ledger.override(self.entry, before, after, self.at)

    def _end(self, observation: Observation, *, penalize: bool) -> bool:
        if self.entry.status == "cooling":
            self.wait(601)
        grant = self.ledger.reserve(self.entry, ("default",), 1, self.at)
        if self._before == "cooling":
            self.ledger.cool(self.entry, "forbidden", self.at, jitter=0)
        if self._before == "disabled":
            self.edit("disabled", "operator")
        verdict = judge(observation)
        self.ledger.settle(grant.id, units=1 if verdict.charged else 0, unsure=verdict.unsure)
        return self.penalties.apply(
            verdict.effect,
            observation,
            grant,
            self.at,
            penalize=penalize,
            fail_threshold=THRESHOLD,
        )


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
def test_row(token: MakeToken, case: Case) -> None:
    pool = Pool(token, before=case.before)

    pool.see(case.seen)

    state = pool.entry.state(pool.at)
    assert (state.status, state.state_reason) == (case.status, case.reason)
    assert (state.last_fail_reason, state.fail_count) == (case.evidence, case.fail_count)
    assert (judge(case.seen[-1]).effect in AMBIGUOUS) is case.ambiguous


@pytest.mark.parametrize("case", [row for row in ROWS if row.back_in_s], ids=lambda row: row.id)
def test_cool_down_ends_by_itself(token: MakeToken, case: Case) -> None:
    assert case.back_in_s is not None
    earliest_s, latest_s = case.back_in_s
    pool = Pool(token)
    pool.see(case.seen)

    statuses = []
    for seconds in (earliest_s - 0.01, latest_s - earliest_s + 0.02):
        pool.wait(seconds)
        statuses.append(pool.entry.status)

    assert statuses == ["cooling", "active"]


LASTING = [row for row in ROWS if row.status != "active" and row.back_in_s is None]


@pytest.mark.parametrize("case", LASTING, ids=lambda row: row.id)
def test_other_ways_out_of_service_last(token: MakeToken, case: Case) -> None:
    pool = Pool(token, before=case.before)
    pool.see(case.seen)

    pool.wait(86_400)

    assert pool.entry.status == case.status


@pytest.mark.parametrize(
    "case", [row for row in ROWS if row.status != "active"], ids=lambda row: row.id
)
def test_operator_ends_every_state_but_want_of_quota(token: MakeToken, case: Case) -> None:
    pool = Pool(token, before=case.before)
    pool.see(case.seen)

    pool.edit("active")

    quota = case.reason == "quota"
    assert pool.entry.status == ("cooling" if quota else "active")


@pytest.mark.parametrize(
    "case", [row for row in ROWS if row.status == "cooling"], ids=lambda row: row.id
)
def test_survey_that_finds_quota_ends_a_cool_down(token: MakeToken, case: Case) -> None:
    pool = Pool(token)
    pool.see(case.seen)

    _survey(pool, 7)

    assert (pool.entry.status, pool.entry.reason) == ("active", None)


def test_every_way_out_and_back_is_told_with_its_time_and_evidence(token: MakeToken) -> None:
    pool = Pool(token)
    told = []

    def tell() -> None:
        state = pool.entry.state(pool.at)
        told.append((state.status, state.evidence, state.state_since_at_ms == pool.at.ms))

    pool.see(
        [Observation(operation="converse", kind=Kind.FORBIDDEN, stage=Stage.REFUSED, status=403)]
    )
    tell()
    pool.wait(40)
    tell()
    pool.edit("disabled", "operator")
    tell()

    assert told == [
        ("cooling", "converse forbidden 403", True),
        ("active", "time", True),
        ("disabled", "operator", True),
    ]


@pytest.mark.parametrize("status", ["expired", "disabled"])
def test_no_survey_ends_what_only_an_operator_may(token: MakeToken, status: Status) -> None:
    pool = Pool(token)
    pool.edit(status)

    _survey(pool, 7)

    assert pool.entry.status == status


def test_last_unit_spent_is_a_cool_down_until_the_reset(token: MakeToken) -> None:
    pool = Pool(token)
    _survey(pool, 1, reset_in_s=50)
    pool.see([seen(Kind.OK, Stage.CONTENT)])
    assert (pool.entry.status, pool.entry.state(pool.at).state_reason) == ("cooling", "quota")

    pool.wait(50)

    assert pool.entry.status == "active"


def test_token_with_another_bucket_left_stays_active(token: MakeToken) -> None:
    pool = Pool(token)
    pool.ledger.learn(pool.entry, {"heavy": Window(remaining=3)}, START, since=0)

    pool.see([seen(Kind.QUOTA, buckets=("default",), reset_in_s=90)])

    assert (pool.entry.status, pool.entry.last_fail_reason) == ("active", "quota")


def test_success_forgets_the_failure_but_not_its_time(token: MakeToken) -> None:
    pool = Pool(token)
    pool.see([seen(Kind.AUTH_FAIL), seen(Kind.OK, Stage.CONTENT)])

    state = pool.entry.state(pool.at)
    assert (state.fail_count, state.last_fail_reason) == (0, None)
    assert state.last_fail_at_ms == START.ms


@pytest.mark.parametrize("kind", [Kind.AUTH_FAIL, Kind.FORBIDDEN, Kind.CHALLENGE])
def test_request_that_has_had_its_penalty_changes_no_other_token(
    token: MakeToken, kind: Kind
) -> None:
    pool = Pool(token)

    assert pool.see([seen(kind)], penalize=False) == [False]
    assert (pool.entry.status, pool.entry.fail_count) == ("active", 0)


def test_cool_downs_grow_to_ten_minutes(token: MakeToken) -> None:
    pool = Pool(token)
    lengths = []
    for _ in range(7):
        pool.see([seen(Kind.FORBIDDEN)])
        assert pool.entry.cool_until is not None
        lengths.append(pool.entry.cool_until - pool.at.s)

    assert lengths == sorted(lengths)
    assert (30 <= lengths[0] <= 37.5, lengths[-1]) == (True, 600)


def test_every_effect_has_a_row() -> None:
    effects = {judge(observation).effect for row in ROWS for observation in row.seen}

    assert effects == set(Effect)


def _survey(pool: Pool, remaining: int, *, reset_in_s: float | None = None) -> None:
    since = pool.ledger.survey(pool.entry)
    window = Window(remaining=remaining, reset_in_s=reset_in_s)
    pool.ledger.learn(
        pool.entry, {"default": window}, pool.at, since=since, asked=frozenset({"default"})
    )
