from typing import Any

import pytest

from grokgate import errors
from grokgate.scheduler.verdict import AMBIGUOUS, RULES, Effect, error_of, judge, may_repeat
from grokgate.upstream import Kind, Observation, Stage

_CODES = (401, 429, 403)


def _seen(kind: Kind, stage: Stage = Stage.REFUSED, **fields: Any) -> Observation:
    return Observation(operation="converse", kind=kind, stage=stage, **fields)


def test_every_kind_has_a_rule() -> None:
    assert RULES.keys() == set(Kind)


@pytest.mark.parametrize(
    ("stage", "charged", "unsure"),
    [
        (Stage.UNSENT, False, False),
        (Stage.REFUSED, False, False),
        (Stage.SENT, True, True),
        (Stage.CONTENT, True, False),
    ],
)
def test_stage_decides_the_charge(stage: Stage, *, charged: bool, unsure: bool) -> None:
    for kind in Kind:
        verdict = judge(_seen(kind, stage))
        assert (verdict.charged, verdict.unsure) == (charged, unsure)


@pytest.mark.parametrize(
    ("kind", "effect", "again", "error"),
    [
        (Kind.QUOTA, Effect.EMPTY, True, errors.NoTokenAvailable),
        (Kind.PLAN, Effect.CLOSE, True, errors.NoTokensConfigured),
        (Kind.AUTH_DEAD, Effect.RETIRE, True, errors.UpstreamError),
        (Kind.AUTH_FAIL, Effect.STRIKE, True, errors.UpstreamError),
        (Kind.FORBIDDEN, Effect.COOL, True, errors.UpstreamBlocked),
        (Kind.CHALLENGE, Effect.COOL, True, errors.UpstreamBlocked),
        (Kind.ANTI_BOT, Effect.COOL, True, errors.UpstreamBlocked),
        (Kind.NOT_ENTITLED, Effect.NONE, False, errors.NotEntitled),
        (Kind.MODERATION, Effect.NONE, False, errors.ContentRefused),
        (Kind.BAD_REQUEST, Effect.NONE, False, errors.UpstreamError),
        (Kind.TOO_LONG, Effect.NONE, False, errors.ContextTooLong),
        (Kind.CONNECT, Effect.NONE, True, errors.UpstreamError),
        (Kind.TIMEOUT, Effect.COUNT, False, errors.UpstreamTimeout),
        (Kind.TRANSIENT, Effect.NONE, True, errors.UpstreamError),
        (Kind.MALFORMED, Effect.NONE, True, errors.UpstreamError),
        (Kind.EMPTY, Effect.NONE, True, errors.EmptyResponse),
        (Kind.TRUNCATED, Effect.NONE, False, errors.UpstreamError),
    ],
)
def test_table(
    kind: Kind, effect: Effect, error: type[errors.GatewayError], *, again: bool
) -> None:
    observation = _seen(kind)

    assert judge(observation).effect is effect
    assert may_repeat(observation, repeatable=True, codes=_CODES) is again
    assert type(error_of(observation)) is error


def test_ambiguous_effects_are_the_cool_downs() -> None:
    assert {kind for kind in Kind if RULES[kind].effect in AMBIGUOUS} == {
        Kind.AUTH_FAIL,
        Kind.FORBIDDEN,
        Kind.CHALLENGE,
        Kind.ANTI_BOT,
        Kind.TIMEOUT,
    }


def test_reset_after_sending_counts_like_a_timeout() -> None:
    assert judge(_seen(Kind.TRANSIENT, Stage.SENT)).effect is Effect.COUNT
    assert judge(_seen(Kind.TRANSIENT, Stage.SENT, status=1011)).effect is Effect.COUNT
    assert judge(_seen(Kind.TRANSIENT, Stage.SENT, status=503)).effect is Effect.NONE


def test_total_limit_of_a_call_says_nothing_of_the_account() -> None:
    assert judge(_seen(Kind.TIMEOUT, Stage.SENT, total_timeout=True)).effect is Effect.NONE


def test_only_a_first_byte_timeout_is_repeated() -> None:
    first = _seen(Kind.TIMEOUT, Stage.SENT, first_byte_timeout=True)

    assert may_repeat(first, repeatable=True, codes=_CODES)


@pytest.mark.parametrize(
    ("stage", "again"),
    [(Stage.UNSENT, True), (Stage.REFUSED, True), (Stage.SENT, False), (Stage.CONTENT, False)],
)
def test_what_leaves_something_behind_is_repeated_only_if_not_accepted(
    stage: Stage, *, again: bool
) -> None:
    observation = _seen(Kind.TRANSIENT, stage)

    assert may_repeat(observation, repeatable=False, codes=_CODES) is again


@pytest.mark.parametrize(
    ("kind", "status", "again"),
    [(Kind.QUOTA, 429, False), (Kind.TRANSIENT, 503, True), (Kind.AUTH_DEAD, 400, True)],
)
def test_refusals_not_listed_are_not_repeated(kind: Kind, status: int, *, again: bool) -> None:
    assert may_repeat(_seen(kind, status=status), repeatable=True, codes=()) is again


def test_message_has_the_upstream_status() -> None:
    assert error_of(_seen(Kind.TRANSIENT, status=503)).message.endswith("(status 503).")


@pytest.mark.parametrize(("told", "answered"), [(None, 1), (0.2, 1), (77, 77), (90_000, 3600)])
def test_retry_after_is_bounded(told: float | None, answered: float) -> None:
    assert error_of(_seen(Kind.QUOTA, reset_in_s=told)).retry_after_s == answered
